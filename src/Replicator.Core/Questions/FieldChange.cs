namespace Replicator.Core.Questions;

/// <summary>A field that differs between two states of an object.</summary>
/// <param name="Address">Where.</param>
/// <param name="Kind">How.</param>
/// <param name="From">The value before, canonical JSON; null where it was not there. Of a list whose elements changed places, their keys in order.</param>
/// <param name="To">The value after; null where it is not there.</param>
public sealed record FieldChange(FieldAddress Address, FieldChangeKind Kind, string? From, string? To);

/// <summary>How a field differs.</summary>
public enum FieldChangeKind
{
    /// <summary>It was not there before.</summary>
    Added,
    /// <summary>It is there no more.</summary>
    Removed,
    /// <summary>It has another value.</summary>
    Changed,
    /// <summary>A list whose elements, known by their keys, are in another order.</summary>
    Reordered,
}
