namespace Replicator.Core.Copying;

/// <summary>A log cannot be copied. The message names the stream, the event and the remedy in one line.</summary>
public sealed class LogCopyException(string message) : Exception(message);
