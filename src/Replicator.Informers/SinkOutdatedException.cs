namespace Replicator.Informers;

/// <summary>Says of an <see cref="IDeltaSink"/> that somebody else has written to what is behind it, so that it does not know any more where that stands: one that is opened anew does.</summary>
/// <param name="message">What has happened, for whoever looks at the reflector's health.</param>
/// <param name="inner">How it was found.</param>
public sealed class SinkOutdatedException(string message, Exception? inner = null) : Exception(message, inner);
