namespace Replicator.Server.Access;

/// <summary>Who asks, or what he may, could not be found out: the cluster that would know does not answer. Nothing is given out meanwhile.</summary>
public sealed class ReviewUnavailableException : Exception
{
    /// <summary>Creates one without a message of its own.</summary>
    public ReviewUnavailableException()
    {
    }

    /// <summary>Creates one.</summary>
    public ReviewUnavailableException(string message) : base(message)
    {
    }

    /// <summary>Creates one.</summary>
    public ReviewUnavailableException(string message, Exception inner) : base(message, inner)
    {
    }
}
