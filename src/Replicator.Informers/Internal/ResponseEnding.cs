namespace Replicator.Informers;

/// <summary>How the body of an answer ended.</summary>
enum ResponseEnding
{
    /// <summary>The server ended it.</summary>
    Closed,
    /// <summary>The connection broke.</summary>
    Cut,
    /// <summary>Nothing came for too long.</summary>
    Silent,
}
