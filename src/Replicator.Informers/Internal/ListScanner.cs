using Replicator.Core.Json;

namespace Replicator.Informers;

/// <summary>Takes a list's body (<c>{"kind":...,"metadata":{...},"items":[...]}</c>) apart item by item as it arrives. Members may come in any order: servers of custom resources write <c>items</c> before <c>metadata</c>.</summary>
sealed class ListScanner(JsonTape tape)
{
    State _state;

    /// <summary>What <see cref="Read"/> found.</summary>
    public enum Token
    {
        /// <summary>One whole item.</summary>
        Item,
        /// <summary>The text given ends within something: call again with more.</summary>
        NeedMore,
        /// <summary>The list is whole.</summary>
        End,
        /// <summary>This is no list.</summary>
        Malformed,
    }

    enum State
    {
        Start,
        Name,
        Items,
        End,
    }

    /// <summary><c>metadata.resourceVersion</c>; null until it was seen.</summary>
    public string? ResourceVersion { get; private set; }

    /// <summary><c>metadata.continue</c>; null where there is none, or it is empty: the list ends here.</summary>
    public string? Continue { get; private set; }

    /// <summary>Reads on from <paramref name="at"/>, which then stands behind what was read.</summary>
    public Token Read(ReadOnlySpan<byte> text, ref int at, out int start, out int length)
    {
        (start, length) = (0, 0);
        while (true)
        {
            var next = JsonSkim.SkipSpace(text, at);
            if (_state == State.End)
            {
                at = next;
                return next == text.Length ? Token.End : Token.Malformed;
            }
            if (next == text.Length)
                return Token.NeedMore;
            var character = text[next];
            switch (_state)
            {
                case State.Start:
                    if (character != '{')
                        return Token.Malformed;
                    at = next + 1;
                    _state = State.Name;
                    break;

                case State.Name when character is (byte)'}':
                    at = next + 1;
                    _state = State.End;
                    break;

                case State.Name when character is (byte)',':
                    at = next + 1;
                    break;

                case State.Name:
                    if (character != '"')
                        return Token.Malformed;
                    var nameEnd = JsonSkim.SkipString(text, next);
                    if (nameEnd < 0)
                        return Token.NeedMore;
                    var colon = JsonSkim.SkipSpace(text, nameEnd);
                    var value = JsonSkim.SkipSpace(text, colon + 1);
                    if (value >= text.Length)
                        return Token.NeedMore;
                    if (text[colon] != ':')
                        return Token.Malformed;
                    var name = text[(next + 1)..(nameEnd - 1)];
                    // A list without items may say null.
                    if (name.SequenceEqual("items"u8) && text[value] == '[')
                    {
                        at = value + 1;
                        _state = State.Items;
                        break;
                    }
                    var end = JsonSkim.SkipValue(text, value);
                    if (end < 0)
                        return Token.NeedMore;
                    if (name.SequenceEqual("metadata"u8) && !ReadMetadata(text[value..end]))
                        return Token.Malformed;
                    at = end;
                    break;

                case State.Items when character is (byte)']':
                    at = next + 1;
                    _state = State.Name;
                    break;

                case State.Items when character is (byte)',':
                    at = next + 1;
                    break;

                default:
                    if (character != '{')
                        return Token.Malformed;
                    var itemEnd = JsonSkim.SkipValue(text, next);
                    if (itemEnd < 0)
                        return Token.NeedMore;
                    (start, length) = (next, itemEnd - next);
                    at = itemEnd;
                    return Token.Item;
            }
        }
    }

    bool ReadMetadata(ReadOnlySpan<byte> metadata)
    {
        try
        {
            tape.Parse(metadata);
        }
        catch (JsonFormatException)
        {
            return false;
        }
        ResourceVersion = tape.Text(tape.Root, "resourceVersion"u8);
        Continue = tape.Text(tape.Root, "continue"u8);
        return true;
    }
}
