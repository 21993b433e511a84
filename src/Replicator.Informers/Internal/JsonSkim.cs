using System.Buffers;

namespace Replicator.Informers;

/// <summary>Finds its way through JSON without checking it: the recorder parses every object afterwards, and says so where it cannot.</summary>
static class JsonSkim
{
    /// <summary>The text ends before the value does.</summary>
    public const int Incomplete = -1;

    static readonly SearchValues<byte> Structure = SearchValues.Create("\"{}[]"u8);
    static readonly SearchValues<byte> AfterScalar = SearchValues.Create(",]} \t\r\n"u8);

    public static int SkipSpace(ReadOnlySpan<byte> json, int at)
    {
        while (at < json.Length && json[at] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
            at++;
        return at;
    }

    /// <summary>The offset after the value that starts at <paramref name="at"/>, or <see cref="Incomplete"/>. A number or literal at the very end of the text counts as incomplete: more digits may follow.</summary>
    public static int SkipValue(ReadOnlySpan<byte> json, int at)
    {
        if (at >= json.Length)
            return Incomplete;
        switch (json[at])
        {
            case (byte)'"':
                return SkipString(json, at);
            case (byte)'{' or (byte)'[':
                for (var depth = 0; ;)
                {
                    var found = json[at..].IndexOfAny(Structure);
                    if (found < 0)
                        return Incomplete;
                    at += found;
                    switch (json[at])
                    {
                        case (byte)'"':
                            at = SkipString(json, at);
                            if (at < 0)
                                return Incomplete;
                            continue;
                        case (byte)'{' or (byte)'[':
                            depth++;
                            break;
                        default:
                            depth--;
                            break;
                    }
                    at++;
                    if (depth == 0)
                        return at;
                }
            default:
                var end = json[at..].IndexOfAny(AfterScalar);
                return end < 0 ? Incomplete : at + end;
        }
    }

    /// <summary>The offset after the string whose opening quote is at <paramref name="at"/>, or <see cref="Incomplete"/>.</summary>
    public static int SkipString(ReadOnlySpan<byte> json, int at)
    {
        for (at++; ; at += 2)
        {
            var found = json[at..].IndexOfAny((byte)'"', (byte)'\\');
            if (found < 0)
                return Incomplete;
            at += found;
            if (json[at] == '"')
                return at + 1;
            if (at + 2 > json.Length)
                return Incomplete;
        }
    }

    /// <summary>Reads <c>metadata.resourceVersion</c> of an object and stops there. False where it is absent, empty, escaped, or the text is not what it should be.</summary>
    public static bool TryReadResourceVersion(ReadOnlySpan<byte> json, out ReadOnlySpan<byte> version)
    {
        version = default;
        var members = new Members(json);
        while (members.Next(out var name, out var value))
        {
            if (!name.SequenceEqual("metadata"u8))
                continue;
            var inner = new Members(json[value..]);
            while (inner.Next(out name, out var at))
            {
                if (name.SequenceEqual("resourceVersion"u8))
                    return TryReadPlainString(json[(value + at)..], out version);
            }
            return false;
        }
        return false;
    }

    /// <summary>Which of the members that a list item may lack it has. The item must be complete.</summary>
    public static (bool ApiVersion, bool Kind) HeaderOf(ReadOnlySpan<byte> item)
    {
        var (apiVersion, kind) = (false, false);
        var members = new Members(item);
        while (members.Next(out var name, out _))
        {
            apiVersion |= name.SequenceEqual("apiVersion"u8);
            kind |= name.SequenceEqual("kind"u8);
        }
        return (apiVersion, kind);
    }

    /// <summary>Reads the string at the start of a text, without its quotes. False where it is none, empty, or has an escape.</summary>
    public static bool TryReadPlainString(ReadOnlySpan<byte> json, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (json.Length < 2 || json[0] != '"')
            return false;
        var end = json[1..].IndexOfAny((byte)'"', (byte)'\\');
        if (end <= 0 || json[1 + end] != '"')
            return false;
        text = json.Slice(1, end);
        return true;
    }

    /// <summary>The members of the object at the start of a text. A name is given as it is written, escapes and all: no name that we look for has one.</summary>
    public ref struct Members(ReadOnlySpan<byte> json)
    {
        readonly ReadOnlySpan<byte> _json = json;
        int _value = -1, _name;

        /// <summary>The last name with its quotes, and what follows.</summary>
        public readonly ReadOnlySpan<byte> NameText => _json[_name..];

        public bool Next(out ReadOnlySpan<byte> name, out int value)
        {
            name = default;
            value = 0;
            int at;
            if (_value < 0)
            {
                at = SkipSpace(_json, 0);
                if (at >= _json.Length || _json[at] != '{')
                    return false;
            }
            else
            {
                at = SkipValue(_json, _value);
                if (at < 0)
                    return false;
                at = SkipSpace(_json, at);
                if (at >= _json.Length || _json[at] != ',')
                    return false;
            }
            at = SkipSpace(_json, at + 1);
            if (at >= _json.Length || _json[at] != '"')
                return false;
            var end = SkipString(_json, at);
            if (end < 0)
                return false;
            _name = at;
            name = _json[(at + 1)..(end - 1)];
            at = SkipSpace(_json, end);
            if (at >= _json.Length || _json[at] != ':')
                return false;
            _value = value = SkipSpace(_json, at + 1);
            return value < _json.Length;
        }
    }
}
