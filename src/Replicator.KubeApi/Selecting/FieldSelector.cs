using System.Text;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.KubeApi;

/// <summary>A field selector over one resource: all terms must hold (k8s.io/apimachinery/pkg/fields).</summary>
sealed class FieldSelector
{
    readonly List<Term> _terms;

    FieldSelector(List<Term> terms) => _terms = terms;

    public bool IsEverything => _terms.Count == 0;

    /// <summary>Whether it asks for nothing that an object may change: then what it shows it always shows.</summary>
    public bool IsOfIdentity => _terms.TrueForAll(term => term.Field.IsOfIdentity);

    /// <summary>The one name that it lets through, or null.</summary>
    public string? Name => _terms.Find(term => term is { IsEqual: true, Field.Name: "metadata.name" })?.Value;

    /// <summary>The one namespace that it lets through, or null.</summary>
    public string? Namespace => _terms.Find(term => term is { IsEqual: true, Field.Name: "metadata.namespace" })?.Value;

    /// <exception cref="KubeApiException">It is malformed, or names a field that the resource cannot be selected by.</exception>
    public static FieldSelector Parse(string text, ServedResource resource)
    {
        var terms = new List<Term>();
        foreach (var part in Split(text))
        {
            if (part.Length == 0)
                continue;
            var (field, isEqual, value) = Cut(part) ?? throw KubeApiException.BadRequest($"invalid selector: '{text}'; can't understand '{part}'");
            terms.Add(new Term(SelectableFields.Find(resource, field), isEqual, Unescape(value, text)));
        }
        return new FieldSelector(terms);
    }

    /// <summary>Whether an object matches; the tape holds it where <see cref="IsOfIdentity"/> is false.</summary>
    public bool Matches(in ObjectIdentity identity, JsonTape tape)
    {
        foreach (var term in _terms)
        {
            if (term.Field.Read(identity, tape) == term.Value != term.IsEqual)
                return false;
        }
        return true;
    }

    // A comma within a value is escaped, as are '=' and the backslash.
    static IEnumerable<string> Split(string text)
    {
        var start = 0;
        for (var index = 0; index < text.Length; index++)
        {
            if (text[index] == '\\')
            {
                index++;
            }
            else if (text[index] == ',')
            {
                yield return text[start..index];
                start = index + 1;
            }
        }
        yield return text[start..];
    }

    static (string Field, bool IsEqual, string Value)? Cut(string part)
    {
        for (var index = 0; index < part.Length; index++)
        {
            if (part[index] == '!' && index + 1 < part.Length && part[index + 1] == '=')
                return (part[..index], false, part[(index + 2)..]);
            if (part[index] == '=')
                return (part[..index], true, part[(index + (index + 1 < part.Length && part[index + 1] == '=' ? 2 : 1))..]);
        }
        return null;
    }

    static string Unescape(string value, string selector)
    {
        if (value.AsSpan().IndexOfAny('\\', '=') < 0)
            return value;
        var text = new StringBuilder();
        for (var index = 0; index < value.Length; index++)
        {
            var character = value[index];
            if (character == '\\')
                character = ++index < value.Length && value[index] is '\\' or ',' or '=' ? value[index] : throw KubeApiException.BadRequest($"invalid field selector: invalid escape sequence in '{selector}'");
            else if (character == '=')
                throw KubeApiException.BadRequest($"invalid field selector: unescaped character in value of '{selector}'");
            text.Append(character);
        }
        return text.ToString();
    }

    sealed record Term(SelectableField Field, bool IsEqual, string Value);
}
