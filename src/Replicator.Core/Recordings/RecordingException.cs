namespace Replicator.Core.Recordings;

/// <summary>A recording cannot be read. The message names the file, the line and the remedy.</summary>
public sealed class RecordingException(string message, Exception? inner = null) : Exception(message, inner);
