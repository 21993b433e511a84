using System.Globalization;
using System.Text;
using Replicator.Core.Json;

namespace Replicator.KubeApi.Tables.Custom;

/// <summary>Values as Go prints them (<c>fmt.Print</c>) and as its <c>encoding/json</c> writes them.</summary>
static class GoText
{
    const string Hex = "0123456789abcdef";

    /// <summary>Adds a value as text: arrays and objects as JSON, all else as it would be printed.</summary>
    public static void AddPrinted(CellText text, PathValue value)
    {
        if (value.IsText)
            value.AddText(text);
        else if (value.TryGetBoolean(out var boolean))
            text.Add(boolean ? "true"u8 : "false"u8);
        else if (value.TryGetInteger(out var integer))
            text.Add(integer);
        else if (value.TryGetNumber(out var number))
            AddPrintedNumber(text, number);
        else if (value.IsNull)
            text.Add("<no value>"u8);
        else
            AddJson(text, value.Node);
    }

    /// <summary>Adds a value as compact JSON, members sorted by name.</summary>
    public static void AddJson(CellText text, TapeValue value)
    {
        switch (value.Kind)
        {
            case JsonKind.Object:
                AddObject(text, value);
                break;
            case JsonKind.Array:
                text.Add("["u8);
                var isFirst = true;
                foreach (var element in value)
                {
                    if (!isFirst)
                        text.Add(","u8);
                    isFirst = false;
                    AddJson(text, element);
                }
                text.Add("]"u8);
                break;
            case JsonKind.String:
                AddJsonString(text, value.Tape.GetString(value.Node));
                break;
            case JsonKind.Number when value.TryGetInteger(out var integer):
                text.Add(integer);
                break;
            case JsonKind.Number:
                if (new PathValue(value).TryGetNumber(out var number) && double.IsFinite(number))
                    AddJsonNumber(text, number);
                else
                    text.Add(value.Tape.RawText(value.Node));
                break;
            default:
                text.Add(value.Tape.RawText(value.Node));
                break;
        }
    }

    /// <summary>Adds a number as <c>encoding/json</c> writes a float64.</summary>
    public static void AddJsonNumber(CellText text, double number)
    {
        var size = Math.Abs(number);
        if (size is not 0 and (< 1e-6 or >= 1e21))
            AddWithExponent(text, number, leastDigits: 1);
        else
            AddWithoutExponent(text, number);
    }

    /// <summary>Adds a number as <c>fmt.Print</c> prints a float64: with an exponent from a million on and below a ten-thousandth.</summary>
    static void AddPrintedNumber(CellText text, double number)
    {
        if (!double.IsFinite(number))
        {
            text.Add(number > 0 ? "+Inf"u8 : number < 0 ? "-Inf"u8 : "NaN"u8);
            return;
        }
        var exponent = number == 0 ? 0 : Digits(number).Point - 1;
        if (exponent is < -4 or >= 6)
            AddWithExponent(text, number, leastDigits: 2);
        else
            AddWithoutExponent(text, number);
    }

    static void AddObject(CellText text, TapeValue value)
    {
        var members = new SortedList<string, TapeValue>(value.Count, StringComparer.Ordinal);
        foreach (var (name, member) in value.Members)
            members[name.Tape.GetString(name.Node)] = member;
        text.Add("{"u8);
        var isFirst = true;
        foreach (var (name, member) in members)
        {
            if (!isFirst)
                text.Add(","u8);
            isFirst = false;
            AddJsonString(text, name);
            text.Add(":"u8);
            AddJson(text, member);
        }
        text.Add("}"u8);
    }

    /// <summary>Go escapes what could end a script in a page, too.</summary>
    static void AddJsonString(CellText text, string value)
    {
        var escaped = new StringBuilder(value.Length + 2).Append('"');
        foreach (var rune in value.EnumerateRunes())
        {
            switch (rune.Value)
            {
                case '"' or '\\':
                    escaped.Append('\\').Append((char)rune.Value);
                    break;
                case '\b':
                    escaped.Append("\\b");
                    break;
                case '\f':
                    escaped.Append("\\f");
                    break;
                case '\n':
                    escaped.Append("\\n");
                    break;
                case '\r':
                    escaped.Append("\\r");
                    break;
                case '\t':
                    escaped.Append("\\t");
                    break;
                case < ' ' or '<' or '>' or '&':
                    escaped.Append("\\u00").Append(Hex[rune.Value >> 4]).Append(Hex[rune.Value & 0xF]);
                    break;
                case 0x2028 or 0x2029:
                    escaped.Append("\\u202").Append(Hex[rune.Value & 0xF]);
                    break;
                default:
                    escaped.Append(rune);
                    break;
            }
        }
        text.Add(escaped.Append('"').ToString());
    }

    static void AddWithoutExponent(CellText text, double number)
    {
        if (double.IsNegative(number))
            text.Add("-"u8);
        if (number == 0)
        {
            text.Add("0"u8);
            return;
        }
        var (digits, point) = Digits(number);
        if (point <= 0)
            text.Add("0." + new string('0', -point) + digits);
        else if (point >= digits.Length)
            text.Add(digits + new string('0', point - digits.Length));
        else
            text.Add(digits[..point] + "." + digits[point..]);
    }

    static void AddWithExponent(CellText text, double number, int leastDigits)
    {
        var (digits, point) = Digits(number);
        if (number < 0)
            text.Add("-"u8);
        text.Add(digits.Length == 1 ? digits : digits[..1] + "." + digits[1..]);
        text.Add(point > 0 ? "e+"u8 : "e-"u8);
        text.Add(Math.Abs(point - 1).ToString(CultureInfo.InvariantCulture).PadLeft(leastDigits, '0'));
    }

    /// <summary>The fewest digits that tell a number from all others, and where the point is: 0.DIGITS times ten to the power of it.</summary>
    static (string Digits, int Point) Digits(double number)
    {
        var text = Math.Abs(number).ToString("E16", CultureInfo.InvariantCulture);
        for (var precision = 0; precision < 16; precision++)
        {
            var shorter = Math.Abs(number).ToString($"E{precision}", CultureInfo.InvariantCulture);
            if (double.Parse(shorter, CultureInfo.InvariantCulture) == Math.Abs(number))
            {
                text = shorter;
                break;
            }
        }
        var exponent = text.IndexOf('E', StringComparison.Ordinal);
        var digits = text[..exponent].Replace(".", "", StringComparison.Ordinal).TrimEnd('0');
        return (digits, int.Parse(text[(exponent + 1)..], CultureInfo.InvariantCulture) + 1);
    }
}
