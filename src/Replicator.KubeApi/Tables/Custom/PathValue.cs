using System.Globalization;
using Replicator.Core.Json;

namespace Replicator.KubeApi.Tables.Custom;

/// <summary>What a path finds: a value of the document, or a literal of the path itself.</summary>
readonly struct PathValue
{
    readonly object? _literal;

    public PathValue(TapeValue node) => Node = node;

    PathValue(object literal)
    {
        Node = TapeValue.None;
        _literal = literal;
    }

    /// <summary>The value of the document; none for a literal.</summary>
    public TapeValue Node { get; }

    public bool IsText => _literal is string || Node.IsString;

    public bool IsNull => _literal is null && Node.Kind == JsonKind.Null;

    public static PathValue Literal(string text) => new(text);

    public static PathValue Literal(long number) => new(number);

    public static PathValue Literal(double number) => new(number);

    public static PathValue Literal(bool value) => new(value);

    public string Text => _literal as string ?? (Node.IsString ? Node.Tape.GetString(Node.Node) : "");

    public void AddText(CellText text)
    {
        if (_literal is string literal)
            text.Add(literal);
        else
            text.Add(Node);
    }

    /// <summary>A number without fraction and exponent that fits 64 bits, which is what Go's decoder makes an integer of.</summary>
    public bool TryGetInteger(out long value)
    {
        if (_literal is long literal)
        {
            value = literal;
            return true;
        }
        return Node.TryGetInteger(out value);
    }

    /// <summary>Any number; one too large for a double is infinite.</summary>
    public bool TryGetNumber(out double value)
    {
        value = 0;
        switch (_literal)
        {
            case double number:
                value = number;
                return true;
            case long number:
                value = number;
                return true;
        }
        return Node.Kind == JsonKind.Number && double.TryParse(Node.Tape.RawText(Node.Node), NumberStyles.Float, CultureInfo.InvariantCulture, out value);
    }

    public bool TryGetBoolean(out bool value)
    {
        value = _literal is true || Node.IsTrue;
        return _literal is bool || Node.Kind is JsonKind.True or JsonKind.False;
    }
}
