namespace Replicator.Core.Storage;

/// <summary>What a writer believes of a stream; the store refuses the append where it is wrong.</summary>
public readonly record struct ExpectedRevision
{
    const long AnyValue = -2, ExistsValue = -4, NoStreamValue = -1;

    ExpectedRevision(long value) => Value = value;

    /// <summary>The last revision, or a negative code.</summary>
    public long Value { get; }

    /// <summary>The stream may be anywhere.</summary>
    public static ExpectedRevision Any { get; } = new(AnyValue);
    /// <summary>The stream has no event yet.</summary>
    public static ExpectedRevision NoStream { get; } = new(NoStreamValue);
    /// <summary>The stream has at least one event.</summary>
    public static ExpectedRevision StreamExists { get; } = new(ExistsValue);

    /// <summary>The stream's last event has this revision; −1 is <see cref="NoStream"/>.</summary>
    public static ExpectedRevision Exactly(long revision) =>
        revision >= NoStreamValue ? new(revision) : throw new ArgumentOutOfRangeException(nameof(revision), revision, "A revision is -1 (no stream) or more.");

    /// <summary>Whether the stream must be at exactly <see cref="Value"/>.</summary>
    public bool IsExact => Value >= NoStreamValue;

    /// <summary>Whether a stream whose last revision is <paramref name="last"/> (−1 for none) fits.</summary>
    public bool Accepts(long last) => Value switch { AnyValue => true, ExistsValue => last >= 0, _ => last == Value };

    /// <inheritdoc/>
    public override string ToString() => Value switch { AnyValue => "any", ExistsValue => "exists", NoStreamValue => "no stream", _ => $"revision {Value}" };
}
