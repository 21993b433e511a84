using System.Globalization;
using System.Text;
using Replicator.Core.Json;

namespace Replicator.Core.Yaml;

/// <summary>Writes one value as block YAML, line by line.</summary>
sealed class YamlWriter(JsonTape tape)
{
    const int Width = 80;
    const int Step = 2;

    readonly StringBuilder _line = new();
    int _column;
    int _node;

    public List<YamlLine> Lines { get; } = [];

    public void Write(int node)
    {
        _node = node;
        switch (tape.Kind(node))
        {
            case JsonKind.Object when tape.ChildCount(node) > 0:
                WriteObject(node, 0);
                break;
            case JsonKind.Array when tape.ChildCount(node) > 0:
                WriteList(node, 0);
                break;
            default:
                // What a text goes on with is indented even where nothing is around it: a line of it may look like a marker ("---").
                WriteScalar(node, Step);
                EndLine();
                break;
        }
    }

    /// <summary>Writes members; the first goes on where the line stands.</summary>
    void WriteObject(int node, int indent)
    {
        var members = new SortedList<string, int>(NaturalOrder.Comparer);
        foreach (var member in tape.Members(node))
            members[tape.GetString(member.Name)] = member.Value;
        foreach (var (name, value) in members)
        {
            Indent(indent);
            _node = value;
            Append(YamlScalar.Key(name));
            Append(":");
            switch (tape.Kind(value))
            {
                case JsonKind.Object when tape.ChildCount(value) > 0:
                    EndLine();
                    WriteObject(value, indent + Step);
                    break;
                case JsonKind.Array when tape.ChildCount(value) > 0:
                    // A list below a name is not indented.
                    EndLine();
                    WriteList(value, indent);
                    break;
                default:
                    Append(" ");
                    WriteScalar(value, indent + Step);
                    EndLine();
                    break;
            }
        }
    }

    void WriteList(int node, int indent)
    {
        foreach (var element in tape.Elements(node))
        {
            Indent(indent);
            _node = element;
            Append("- ");
            switch (tape.Kind(element))
            {
                case JsonKind.Object when tape.ChildCount(element) > 0:
                    WriteObject(element, indent + Step);
                    break;
                case JsonKind.Array when tape.ChildCount(element) > 0:
                    WriteList(element, indent + Step);
                    break;
                default:
                    WriteScalar(element, indent + Step);
                    EndLine();
                    break;
            }
        }
    }

    void WriteScalar(int node, int indent)
    {
        switch (tape.Kind(node))
        {
            case JsonKind.Object:
                Append("{}");
                break;
            case JsonKind.Array:
                Append("[]");
                break;
            case JsonKind.String:
                WriteString(tape.GetString(node), indent);
                break;
            default:
                Append(Encoding.UTF8.GetString(tape.RawText(node)));
                break;
        }
    }

    void WriteString(string value, int indent)
    {
        switch (YamlScalar.StyleOf(value))
        {
            case YamlStyle.Literal:
                WriteLiteral(value, indent);
                break;
            case YamlStyle.Plain:
                Fold(value, indent, isQuoted: false);
                break;
            case YamlStyle.SingleQuoted:
                Append("'");
                Fold(value, indent, isQuoted: true);
                Append("'");
                break;
            default:
                WriteDoubleQuoted(value, indent);
                break;
        }
    }

    void WriteLiteral(string value, int indent)
    {
        Append("|");
        if (value[0] is ' ' or '\n')
            Append(Step.ToString(CultureInfo.InvariantCulture));
        if (value[^1] != '\n')
            Append("-");
        else if (value.Length == 1 || value[^2] == '\n')
            Append("+");
        foreach (var line in (value[^1] == '\n' ? value[..^1] : value).Split('\n'))
        {
            EndLine();
            if (line.Length > 0)
            {
                Indent(indent);
                Append(line);
            }
        }
    }

    void Fold(string value, int indent, bool isQuoted)
    {
        var spaces = false;
        for (var index = 0; index < value.Length; index++)
        {
            var character = value[index];
            if (character == ' ')
            {
                var isInside = !isQuoted || (index > 0 && index < value.Length - 1);
                if (!spaces && _column > Width && isInside && index + 1 < value.Length && value[index + 1] != ' ')
                {
                    EndLine();
                    Indent(indent);
                }
                else
                {
                    Put(character);
                }
                spaces = true;
                continue;
            }
            if (isQuoted && character == '\'')
                Put(character);
            Put(character);
            spaces = false;
        }
    }

    void WriteDoubleQuoted(string value, int indent)
    {
        Append("\"");
        var spaces = false;
        for (var index = 0; index < value.Length; index++)
        {
            var rune = Rune.TryGetRuneAt(value, index, out var whole) ? whole : Rune.ReplacementChar;
            if (rune.Value == ' ')
            {
                if (!spaces && _column > Width && index > 0 && index < value.Length - 1)
                {
                    EndLine();
                    Indent(indent);
                    if (value[index + 1] == ' ')
                        Put('\\');
                }
                else
                {
                    Put(' ');
                }
                spaces = true;
            }
            else
            {
                Append(YamlScalar.Escaped(rune));
                spaces = false;
            }
            index += whole.Utf16SequenceLength > 1 ? 1 : 0;
        }
        Append("\"");
    }

    void Indent(int indent)
    {
        if (_column > 0)
            return;
        _line.Append(' ', indent);
        _column = indent;
    }

    void Append(string text)
    {
        foreach (var character in text)
            Put(character);
    }

    void Put(char character)
    {
        _line.Append(character);
        // Columns are characters, of which a pair of surrogates is one.
        if (!char.IsLowSurrogate(character))
            _column++;
    }

    void EndLine()
    {
        Lines.Add(new YamlLine(_line.ToString(), _node));
        _line.Clear();
        _column = 0;
    }
}
