using System.Text;
using CsCheck;

namespace Replicator.Core.Tests.Json;

/// <summary>Random JSON texts: odd numbers, any Unicode, superfluous escapes and whitespace, duplicate names, keyed lists, deep nesting.</summary>
static class RandomJson
{
    static readonly string[] Numbers =
        ["0", "-0", "1", "1.0", "-1.50", "1e21", "1E+2", "2e-07", "9007199254740993", "123456789012345678901234567890", "0.1e1", "10", "-7"];

    static readonly string[] Names =
        ["", "a", "b", "aa", "name", "type", "uid", "manager", "operation", "spec", "a/b", "m~n", "~1", "é", "日本", "\U0001F600", "\uFFFD", "a\0", "\"q\"", "0", "-", "resourceVersion",
            "resourceVersionMatch", "\uD7FF", "k:{\"name\":\"a\"}", "k:{\"name\":\"b\"}", "k:{\"name\":\"é\"}"];

    static readonly Gen<char> Whitespace = Gen.OneOf(' ', '\n', '\r', '\t');

    static readonly Gen<string> Gap = Gen.Frequency(
        (6, Gen.Const("")),
        (1, Whitespace.Array[0, 3].Select(spaces => new string(spaces))));

    static readonly Gen<string> Content = Gen.Frequency(
        (5, Gen.OneOf(Names)),
        (2, Gen.String.AlphaNumeric),
        (1, Gen.Int[0, 70].Select(length => new string('x', length) + "\"")),
        (2, Gen.OneOf(
            Gen.Int[0, 0xD7FF], Gen.Int[0xE000, 0x10FFFF], Gen.Int[0, 0x7F], Gen.Int[0, 0x7F], Gen.OneOf('"', '\\', '\n', '/', '\u001f', '\u007f', '<').Select(c => (int)c))
            .Array[0, 40].Select(points => string.Concat(points.Select(char.ConvertFromUtf32)))));

    static readonly Gen<string> String = Gen.Select(Content, Gen.Int[0, 3], Gen.Int, Quote);

    public static Gen<string> Value { get; } = Gen.Recursive<string>((depth, inner) =>
        depth > 5 ? Scalar : Gen.Frequency((3, Scalar), (4, Object(inner)), (3, Array(inner)))).Select(Gap, Gap, (value, before, after) => before + value + after);

    /// <summary>Two values: either unrelated, or two versions of a keyed list of which elements came, went, moved and changed.</summary>
    public static Gen<(string From, string To)> Pair { get; } = Gen.OneOf(
        Gen.Select(Value, Value),
        Gen.Select(Keyed(), Keyed()));

    static Gen<string> Scalar => Gen.Frequency(
        (3, String),
        (2, Gen.OneOf(Numbers)),
        (1, Gen.OneOf("true", "false", "null")));

    static Gen<string> Object(Gen<string> inner) =>
        Gen.Select(Gen.Select(String, Gap, Gap, inner, (name, before, after, value) => $"{before}{name}{after}:{value}").Array[0, 7], Gap, Join('{', '}'));

    static Gen<string> Array(Gen<string> inner) => Gen.Select(inner.Array[0, 5], Gap, Join('[', ']'));

    /// <summary>A list of objects that have names, as containers, conditions and managed fields do.</summary>
    static Gen<string> Keyed() => Gen.Select(
        Gen.Select(Gen.OneOf("a", "b", "c", "d", "e"), Gen.Int[0, 3], Scalar, (name, number, value) =>
            $$"""{"name":"{{name}}","n":{{number}},"long":"a text that makes replacing the whole dearer than its parts","value":{{value}}}""").Array[0, 6],
        Gap, Join('[', ']')).Select(list => $$"""{"items":{{list}}}""");

    static Func<string[], string, string> Join(char open, char close) => (parts, gap) =>
        open + (parts.Length == 0 ? gap : string.Join(",", parts)) + close;

    static string Quote(string content, int style, int seed)
    {
        var random = new Random(seed);
        var text = new StringBuilder("\"");
        foreach (var c in content)
        {
            if (style == 0 && random.Next(3) == 0)
                text.Append("\\u").Append(((int)c).ToString(random.Next(2) == 0 ? "x4" : "X4", System.Globalization.CultureInfo.InvariantCulture));
            else
                text.Append(c switch
                {
                    '"' => "\\\"",
                    '\\' => "\\\\",
                    '\n' => "\\n",
                    '/' when style == 1 => "\\/",
                    < ' ' => "\\u" + ((int)c).ToString("X4", System.Globalization.CultureInfo.InvariantCulture),
                    _ => c.ToString(),
                });
        }

        // Half of a pair escaped and half raw would be no Unicode text.
        var quoted = text.Append('"').ToString();
        return style == 0 && content.Any(char.IsSurrogate) ? Quote(content, 2, seed) : quoted;
    }
}
