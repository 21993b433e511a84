using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Replicator.Core.Yaml;

/// <summary>How a text must be written so that YAML 1.1 reads the same text: what <c>yaml_emitter_analyze_scalar</c> and <c>resolve</c> of go.yaml.in/yaml/v2 decide.</summary>
static partial class YamlScalar
{
    static readonly HashSet<string> Words =
    [
        "", "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF",
        "~", "null", "Null", "NULL", ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", "<<",
    ];

    public static YamlStyle StyleOf(string text)
    {
        var allowed = Analyze(text);
        if (text.Contains('\n', StringComparison.Ordinal))
            return allowed.Literal ? YamlStyle.Literal : YamlStyle.DoubleQuoted;
        if (ReadsAsSomethingElse(text))
            return YamlStyle.DoubleQuoted;
        return allowed.Plain ? YamlStyle.Plain : allowed.Single ? YamlStyle.SingleQuoted : YamlStyle.DoubleQuoted;
    }

    /// <summary>A name before its colon.</summary>
    public static string Key(string name)
    {
        return StyleOf(name) switch
        {
            YamlStyle.Plain => name,
            YamlStyle.SingleQuoted => $"'{name.Replace("'", "''", StringComparison.Ordinal)}'",
            _ => $"\"{string.Concat(name.EnumerateRunes().Select(Escaped))}\"",
        };
    }

    /// <summary>A character as it stands between double quotes.</summary>
    public static string Escaped(Rune rune) => rune.Value switch
    {
        0x00 => "\\0",
        0x07 => "\\a",
        0x08 => "\\b",
        0x09 => "\\t",
        0x0A => "\\n",
        0x0B => "\\v",
        0x0C => "\\f",
        0x0D => "\\r",
        0x1B => "\\e",
        '"' => "\\\"",
        '\\' => "\\\\",
        0x85 => "\\N",
        0x2028 => "\\L",
        0x2029 => "\\P",
        _ when IsPrintable(rune) => rune.ToString(),
        <= 0xFF => string.Create(CultureInfo.InvariantCulture, $"\\x{rune.Value:X2}"),
        <= 0xFFFF => string.Create(CultureInfo.InvariantCulture, $"\\u{rune.Value:X4}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"\\U{rune.Value:X8}"),
    };

    public static bool IsPrintable(Rune rune) => rune.Value is 0x0A or (>= 0x20 and <= 0x7E) or (>= 0xA0 and <= 0xFFFF and not 0xFEFF and not 0xFFFE and not 0xFFFF);

    static bool ReadsAsSomethingElse(string text) =>
        Words.Contains(text) || (text[0] is (>= '0' and <= '9') or '+' or '-' or '.' && (Number().IsMatch(text) || Radix().IsMatch(text) || Sexagesimal().IsMatch(text) || Timestamp().IsMatch(text)));

    static (bool Plain, bool Single, bool Literal) Analyze(string text)
    {
        if (text.Length == 0)
            return (true, true, false);
        bool indicators = text.StartsWith("---", StringComparison.Ordinal) || text.StartsWith("...", StringComparison.Ordinal), breaks = false, special = false;
        bool leadingSpace = false, leadingBreak = false, trailingSpace = false, trailingBreak = false, breakSpace = false, spaceBreak = false;
        bool afterSpace = false, afterBreak = false, afterBlank = true;
        for (var index = 0; index < text.Length;)
        {
            var rune = Rune.TryGetRuneAt(text, index, out var whole) ? whole : new Rune(0);
            var length = Math.Max(1, whole.Utf16SequenceLength);
            var (first, last) = (index == 0, index + length >= text.Length);
            var beforeBlank = last || text[index + length] is ' ' or '\t';
            var character = rune.IsBmp ? (char)rune.Value : '\uFFFF';
            if (first)
                indicators |= character is '#' or ',' or '[' or ']' or '{' or '}' or '&' or '*' or '!' or '|' or '>' or '\'' or '"' or '%' or '@' or '`' || (character is '?' or ':' or '-' && beforeBlank);
            else
                indicators |= (character == ':' && beforeBlank) || (character == '#' && afterBlank);
            // The library writes a line or paragraph separator as the end of a line, which only YAML 1.1 reads back as the text it was; escaped, every version does.
            special |= !IsPrintable(rune) || character is '\u2028' or '\u2029';
            var isBreak = character is '\r' or '\n' or '\u0085';
            breaks |= isBreak;
            if (character == ' ')
            {
                leadingSpace |= first;
                trailingSpace |= last;
                breakSpace |= afterBreak;
            }
            else if (isBreak)
            {
                leadingBreak |= first;
                trailingBreak |= last;
                spaceBreak |= afterSpace;
            }
            (afterSpace, afterBreak) = (character == ' ', isBreak);
            afterBlank = character is ' ' or '\t' || isBreak;
            index += length;
        }
        return (!(leadingSpace || leadingBreak || trailingSpace || trailingBreak || breakSpace || spaceBreak || special || breaks || indicators), !(breakSpace || spaceBreak || special), !(trailingSpace || spaceBreak || special));
    }

    [GeneratedRegex(@"^[-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?$")]
    private static partial Regex Number();

    [GeneratedRegex("^[-+]?0(b[01_]+|o?[0-7_]+|x[0-9a-fA-F_]+)$")]
    private static partial Regex Radix();

    [GeneratedRegex(@"^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$")]
    private static partial Regex Sexagesimal();

    [GeneratedRegex(@"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]*)?([ \t]*(Z|[-+][0-9]{1,2}(:?[0-9]{2})?))?)?$")]
    private static partial Regex Timestamp();
}

/// <summary>How a text is written.</summary>
enum YamlStyle
{
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}
