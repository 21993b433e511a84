using Replicator.Core.Json;

namespace Replicator.Informers;

/// <summary>Takes a watch line (<c>{"type":"ADDED","object":{...}}</c>, metav1.WatchEvent) apart without parsing the object.</summary>
static class WatchLine
{
    static ReadOnlySpan<byte> Start => "{\"type\":\""u8;
    static ReadOnlySpan<byte> Middle => "\",\"object\":"u8;

    /// <summary>Which part of the line is the object.</summary>
    /// <param name="line">The line without its line feed.</param>
    /// <param name="tape">Scratch for a line that is not written as the API server writes it.</param>
    /// <param name="start">Where the object starts; its text is verbatim.</param>
    /// <param name="length">How long it is.</param>
    public static WatchLineKind Read(ReadOnlySpan<byte> line, JsonTape tape, out int start, out int length)
    {
        (start, length) = (0, 0);
        if (line.Length > 0 && line[^1] == '\r')
            line = line[..^1];
        if (line.StartsWith(Start))
        {
            var quote = line[Start.Length..].IndexOf((byte)'"');
            if (quote > 0)
            {
                var kind = KindOf(line.Slice(Start.Length, quote));
                var at = Start.Length + quote;
                if (kind != WatchLineKind.Malformed && line[at..].StartsWith(Middle))
                {
                    at += Middle.Length;
                    if (line.Length >= at + 3 && line[at] == '{' && line[^1] == '}' && line[^2] == '}')
                    {
                        (start, length) = (at, line.Length - 1 - at);
                        return kind;
                    }
                }
            }
        }
        return ReadUnusual(line, tape, out start, out length);
    }

    static WatchLineKind ReadUnusual(ReadOnlySpan<byte> line, JsonTape tape, out int start, out int length)
    {
        (start, length) = (0, 0);
        try
        {
            tape.Parse(line);
        }
        catch (JsonFormatException)
        {
            return WatchLineKind.Malformed;
        }
        if (!tape.TryGetProperty(tape.Root, "type"u8, out var type) || tape.Kind(type) != JsonKind.String
            || !tape.TryGetProperty(tape.Root, "object"u8, out var value) || tape.Kind(value) != JsonKind.Object)
            return WatchLineKind.Malformed;
        tape.RawText(tape.Root).Overlaps(tape.RawText(value), out var offset);
        start = JsonSkim.SkipSpace(line, 0) + offset;
        length = tape.RawText(value).Length;
        return KindOf(tape.RawText(type)[1..^1]);
    }

    static WatchLineKind KindOf(ReadOnlySpan<byte> type) =>
        type.SequenceEqual("MODIFIED"u8) ? WatchLineKind.Modified
        : type.SequenceEqual("ADDED"u8) ? WatchLineKind.Added
        : type.SequenceEqual("DELETED"u8) ? WatchLineKind.Deleted
        : type.SequenceEqual("BOOKMARK"u8) ? WatchLineKind.Bookmark
        : type.SequenceEqual("ERROR"u8) ? WatchLineKind.Error
        : WatchLineKind.Malformed;
}
