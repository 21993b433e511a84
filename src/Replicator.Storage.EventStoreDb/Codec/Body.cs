namespace Replicator.Storage.EventStoreDb.Codec;

/// <summary>How and where the body of an event is stored.</summary>
/// <param name="Form">What it says.</param>
/// <param name="Base">For a patch: the revision of the event whose state it starts from.</param>
/// <param name="Depth">How many patches lie between it and a whole state, itself included.</param>
/// <param name="Size">Its length before compression; 0 where it is not compressed.</param>
/// <param name="At">Where it is; <see langword="null"/> for the event's own data.</param>
readonly record struct Body(BodyForm Form, long Base, int Depth, int Size, BodyPlace? At)
{
    public static Body None => default;

    public static Body Whole => new(BodyForm.Whole, 0, 0, 0, null);
}

/// <summary>A part of the data of consecutive events of another stream.</summary>
/// <param name="Stream">The stream.</param>
/// <param name="From">The first event's revision.</param>
/// <param name="Count">How many events.</param>
/// <param name="Offset">Where in their joined data it begins.</param>
/// <param name="Length">How long it is.</param>
sealed record BodyPlace(string Stream, long From, int Count, int Offset, int Length);
