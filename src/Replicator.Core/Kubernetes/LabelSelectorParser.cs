using System.Globalization;

namespace Replicator.Core.Kubernetes;

/// <summary>The grammar of k8s.io/apimachinery/pkg/labels.</summary>
ref struct LabelSelectorParser(string text)
{
    int _position = 0;

    public LabelSelector Parse()
    {
        var requirements = new List<LabelRequirement>();
        if (Peek().Length == 0)
            return LabelSelector.Everything;
        while (true)
        {
            requirements.Add(Requirement());
            var next = Take();
            if (next.Length == 0)
                return new LabelSelector(requirements);
            if (next != ",")
                throw Unexpected(next, "',' or the end");
            // A comma at the end is forgiven, as it is by the API server.
            if (Peek().Length == 0)
                return new LabelSelector(requirements);
        }
    }

    LabelRequirement Requirement()
    {
        if (Peek() == "!")
        {
            Take();
            return new LabelRequirement(Key(), LabelOperator.DoesNotExist, []);
        }
        var key = Key();
        switch (Peek())
        {
            case "" or ",":
                return new LabelRequirement(key, LabelOperator.Exists, []);
            case "=" or "==":
                Take();
                return new LabelRequirement(key, LabelOperator.In, [ExactValue()]);
            case "!=":
                Take();
                return new LabelRequirement(key, LabelOperator.NotIn, [ExactValue()]);
            case ">" or "<":
                var comparison = Take() == ">" ? LabelOperator.GreaterThan : LabelOperator.LessThan;
                var bound = ExactValue();
                return long.TryParse(bound, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)
                    ? new LabelRequirement(key, comparison, [bound])
                    : throw Malformed($"'{bound}' is not an integer");
            case "in":
                Take();
                return new LabelRequirement(key, LabelOperator.In, Values());
            case "notin":
                Take();
                return new LabelRequirement(key, LabelOperator.NotIn, Values());
            default:
                throw Unexpected(Peek(), "in, notin, =, ==, !=, >, <");
        }
    }

    string Key()
    {
        var key = Take();
        if (IsSymbol(key))
            throw Unexpected(key, "a label key");
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        var (prefix, name) = slash < 0 ? (null, key) : (key[..slash], key[(slash + 1)..]);
        return prefix is not "" && (prefix is null || prefix.Length <= 253) && IsName(name, mayBeEmpty: false) ? key : throw Malformed($"'{key}' is not a label key");
    }

    string ExactValue()
    {
        if (IsSymbol(Peek()))
            return Peek() is "" or "," ? "" : throw Unexpected(Peek(), "a value");
        return Value(Take());
    }

    List<string> Values()
    {
        if (Peek() != "(")
            throw Unexpected(Peek(), "'('");
        Take();
        var values = new List<string>();
        while (true)
        {
            values.Add(Peek() is "," or ")" ? "" : Value(Take()));
            var next = Take();
            if (next == ")")
                return values;
            if (next != ",")
                throw Unexpected(next, "',' or ')'");
        }
    }

    string Value(string value) => IsSymbol(value) ? throw Unexpected(value, "a value") : IsName(value, mayBeEmpty: true) ? value : throw Malformed($"'{value}' is not a label value");

    string Peek()
    {
        var start = _position;
        var token = Take();
        _position = start;
        return token;
    }

    /// <summary>The next token; empty at the end.</summary>
    string Take()
    {
        while (_position < text.Length && text[_position] is ' ' or '\t' or '\r' or '\n')
            _position++;
        if (_position == text.Length)
            return "";
        var start = _position++;
        switch (text[start])
        {
            case '=' or '!' when _position < text.Length && text[_position] == '=':
                _position++;
                break;
            case '=' or '!' or '(' or ')' or ',' or '<' or '>':
                break;
            default:
                while (_position < text.Length && text[_position] is not ('=' or '!' or '(' or ')' or ',' or '<' or '>' or ' ' or '\t' or '\r' or '\n'))
                    _position++;
                break;
        }
        return text[start.._position];
    }

    static bool IsSymbol(string token) => token.Length == 0 || token is "=" or "==" or "!" or "!=" or "(" or ")" or "," or "<" or ">";

    static bool IsName(string name, bool mayBeEmpty)
    {
        if (name.Length == 0)
            return mayBeEmpty;
        if (name.Length > 63 || !char.IsAsciiLetterOrDigit(name[0]) || !char.IsAsciiLetterOrDigit(name[^1]))
            return false;
        foreach (var character in name)
        {
            if (!char.IsAsciiLetterOrDigit(character) && character is not ('-' or '_' or '.'))
                return false;
        }
        return true;
    }

    readonly FormatException Unexpected(string token, string expected) => Malformed($"found '{token}', expected: {expected}");

    readonly FormatException Malformed(string problem) => new($"unable to parse requirement: {problem} (in label selector '{text}')");
}
