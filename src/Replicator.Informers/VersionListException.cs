using System.Net;

namespace Replicator.Informers;

/// <summary>A server did not give a whole list. The message says why, in one line.</summary>
public sealed class VersionListException(HttpStatusCode? status, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The status of the answer; null where there was none, or its body is at fault.</summary>
    public HttpStatusCode? Status { get; } = status;
}
