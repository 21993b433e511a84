namespace Replicator.Informers;

/// <summary>How a list or watch ended, and so what comes next.</summary>
readonly record struct Outcome(OutcomeKind Kind, string Message = "", TimeSpan? RetryAfter = null);

/// <summary>The kinds of <see cref="Outcome"/>.</summary>
enum OutcomeKind
{
    /// <summary>The list is whole: watch from its version.</summary>
    Listed,
    /// <summary>The watch ended as watches do, or its connection broke: go on from the last version at once.</summary>
    Ended,
    /// <summary>The watch ended at once and brought nothing new, as it would again.</summary>
    EndedAtOnce,
    /// <summary>Nothing came, not even a bookmark: go on from the last version.</summary>
    Silent,
    /// <summary>The server no longer knows the version.</summary>
    Expired,
    /// <summary>The server does not know the version yet.</summary>
    TooLarge,
    /// <summary>The server is behind the version: its storage was restored from a backup.</summary>
    Restored,
    /// <summary>Another type's reflector found that.</summary>
    RestoredElsewhere,
    /// <summary>What the watch brought does not follow from what is recorded: list.</summary>
    Incomplete,
    /// <summary>The server is busy and says for how long.</summary>
    Throttled,
    /// <summary>The server knows no streaming list: take pages.</summary>
    NoStreaming,
    /// <summary>The token of the next page has expired: take the list in one piece.</summary>
    NoPaging,
    /// <summary>The sink could not read an object: open it again.</summary>
    SinkRefused,
    /// <summary>No answer came at all: wait and try again.</summary>
    Unanswered,
    /// <summary>Anything else: wait and try again.</summary>
    Failed,
}
