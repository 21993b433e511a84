using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Replicator.KubeApi.Tables.Custom;

/// <summary>Reads a path in the grammar of client-go's parser, its liberties included.</summary>
struct JsonPathParser(string text)
{
    readonly List<PathStep> _steps = [];
    int _position;

    /// <summary>Reads up to the end or to a closing brace, which would end the expression in a template.</summary>
    public bool TryParse([NotNullWhen(true)] out JsonPathExpression? expression)
    {
        expression = null;
        while (_position < text.Length && text[_position] != '}')
        {
            if (!TryReadStep())
                return false;
        }
        expression = new JsonPathExpression([.. _steps]);
        return true;
    }

    bool TryReadStep()
    {
        if (At("[?("))
            return TryReadFilter();
        if (At(".."))
            return TryReadRecursive();
        var c = text[_position];
        switch (c)
        {
            case ' ' or '@' or '$':
                _position++;
                return true;
            case '[':
                return TryReadBrackets();
            case '"' or '\'':
                return TryReadQuoted(c);
            case '.':
                _position++;
                ReadField();
                return true;
            case '+' or '-' or (>= '0' and <= '9'):
                return TryReadNumber();
            default:
                if (!IsWord(c))
                    return false;
                ReadWord();
                return true;
        }
    }

    bool TryReadRecursive()
    {
        if (_steps is [.., RecursiveStep])
            return false;
        _position += 2;
        _steps.Add(new RecursiveStep());
        if (_position < text.Length && IsWord(text[_position]))
            ReadField();
        return true;
    }

    /// <summary>Reads a name up to where one ends; a backslash takes the next character into it.</summary>
    void ReadField()
    {
        var name = new StringBuilder();
        while (_position < text.Length && !IsTerminator(text[_position]))
        {
            if (text[_position] == '\\' && ++_position == text.Length)
                break;
            name.Append(text[_position++]);
        }
        _steps.Add(name is { Length: 1 } && name[0] == '*' ? new WildcardStep() : new FieldStep(name.ToString()));
    }

    void ReadWord()
    {
        var start = _position;
        while (_position < text.Length && !IsTerminator(text[_position]))
            _position++;
        var word = text[start.._position];
        _steps.Add(word is "true" or "false" ? new LiteralStep(PathValue.Literal(word == "true")) : new IdentifierStep());
    }

    bool TryReadNumber()
    {
        var start = _position++;
        while (_position < text.Length && (text[_position] == '.' || char.IsAsciiDigit(text[_position])))
            _position++;
        var number = text.AsSpan(start, _position - start);
        if (long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer))
            _steps.Add(new LiteralStep(PathValue.Literal(integer)));
        else if (double.TryParse(number, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var real))
            _steps.Add(new LiteralStep(PathValue.Literal(real)));
        else
            return false;
        return true;
    }

    bool TryReadQuoted(char quote)
    {
        var value = new StringBuilder();
        while (++_position < text.Length && text[_position] != quote)
        {
            var c = text[_position];
            if (c == '\n')
                return false;
            if (c == '\\')
            {
                if (++_position == text.Length)
                    return false;
                c = text[_position] switch
                {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    'b' => '\b',
                    'f' => '\f',
                    'v' => '\v',
                    'a' => '\a',
                    '\\' or '"' or '\'' => text[_position],
                    _ => '\0',
                };
                if (c == '\0')
                    return false;
            }
            value.Append(c);
        }
        if (_position == text.Length)
            return false;
        _position++;
        _steps.Add(new LiteralStep(PathValue.Literal(value.ToString())));
        return true;
    }

    bool TryReadBrackets()
    {
        var end = text.IndexOf(']', _position);
        var content = end < 0 ? "" : text[(_position + 1)..end];
        if (end < 0 || content.Contains('\n', StringComparison.Ordinal))
            return false;
        _position = end + 1;
        if (content == "*")
            content = ":";

        var parts = content.Split(',');
        if (parts.Length > 1)
        {
            var paths = new List<JsonPathExpression>();
            foreach (var part in parts)
            {
                if (!new JsonPathParser($"[{part.Trim(' ')}]").TryParse(out var path))
                    return false;
                paths.Add(path);
            }
            _steps.Add(new UnionStep([.. paths]));
            return true;
        }
        if (content is ['\'', .., '\''] && content.IndexOf('\'', 1) == content.Length - 1)
        {
            // A name in quotes is read as a path: its dots are to be escaped here, too.
            if (!new JsonPathParser("." + content[1..^1]).TryReadInto(_steps))
                return false;
            return true;
        }
        return TryReadSlice(content);
    }

    /// <summary>Reads all steps into those of another path.</summary>
    bool TryReadInto(List<PathStep> steps)
    {
        while (_position < text.Length && text[_position] != '}')
        {
            if (!TryReadStep())
                return false;
        }
        steps.AddRange(_steps);
        return true;
    }

    readonly bool TryReadSlice(string content)
    {
        var parts = content.Split(':');
        if (parts.Length > 3)
            return false;
        var numbers = new int?[3];
        for (var i = 0; i < parts.Length; i++)
        {
            if (parts[i].Length == 0)
                continue;
            if (!parts[i].All(c => c == '-' || char.IsAsciiDigit(c)) || !int.TryParse(parts[i], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
                return false;
            numbers[i] = number;
        }
        _steps.Add(new SliceStep(numbers[0], numbers[1], isIndex: parts.Length == 1, numbers[2]));
        return true;
    }

    bool TryReadFilter()
    {
        var start = _position + 3;
        var (quote, isClosed) = ('\0', false);
        for (_position = start; ; _position++)
        {
            if (_position >= text.Length || text[_position] == '\n')
                return false;
            var c = text[_position];
            if (c is '"' or '\'')
            {
                if (quote == '\0')
                    quote = c;
                else if (c == quote && text[_position - 1] != '\\')
                    isClosed = true;
            }
            else if (c == ')' && quote == '\0' == !isClosed)
            {
                break;
            }
        }
        var condition = text[start.._position];
        _position++;
        if (_position >= text.Length || text[_position] != ']')
            return false;
        _position++;

        // LEFT OPERATOR RIGHT, the operator being what first looks like one.
        var from = condition.AsSpan().IndexOfAny("!<>=");
        if (from <= 0)
            return TryAddFilter(condition, null, "exists");
        var to = from;
        while (to < condition.Length && "!<>=".Contains(condition[to], StringComparison.Ordinal))
            to++;
        return to == condition.Length ? TryAddFilter(condition, null, "exists") : TryAddFilter(condition[..from], condition[to..], condition[from..to]);
    }

    readonly bool TryAddFilter(string left, string? right, string comparison)
    {
        if (!new JsonPathParser(left).TryParse(out var leftPath))
            return false;
        JsonPathExpression? rightPath = null;
        if (right is not null && !new JsonPathParser(right).TryParse(out rightPath))
            return false;
        _steps.Add(new FilterStep(leftPath, rightPath, comparison));
        return true;
    }

    readonly bool At(string token) => string.CompareOrdinal(text, _position, token, 0, token.Length) == 0;

    static bool IsWord(char c) => c == '_' || char.IsLetter(c) || char.IsDigit(c);

    static bool IsTerminator(char c) => c is ' ' or '\t' or '\r' or '\n' or '.' or ',' or '[' or ']' or '$' or '@' or '{' or '}';
}
