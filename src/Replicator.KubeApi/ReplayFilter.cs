using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.KubeApi;

/// <summary>Which objects of a collection a client wants: a namespace, a label selector, and of field selectors those over name and namespace, which every type has. Not thread-safe.</summary>
sealed class ReplayFilter
{
    readonly string? _scope;
    readonly LabelSelector _labels;
    readonly List<(string Field, bool IsEqual, string Value)> _fields = [];
    readonly JsonTape _tape = new();

    public ReplayFilter(string? scope, LabelSelector labels, string fields)
    {
        (_scope, _labels) = (scope, labels);
        foreach (var term in fields.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = term.IndexOf('=', StringComparison.Ordinal);
            var isEqual = equals > 0 && term[equals - 1] != '!';
            var field = equals > 0 ? term[..(isEqual ? equals : equals - 1)] : term;
            if (equals <= 0 || field is not ("metadata.name" or "metadata.namespace"))
                throw new FormatException($"\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"");
            _fields.Add((field, isEqual, term[(equals + 1)..].TrimStart('=')));
        }
    }

    public bool IsEverything => _scope is null && _labels.Requirements.Count == 0 && _fields.Count == 0;

    public bool Matches(string key, ReadOnlyMemory<byte> json)
    {
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        var (scope, name) = (slash < 0 ? "" : key[..slash], key[(slash + 1)..]);
        if (_scope is not null && _scope != scope)
            return false;
        foreach (var (field, isEqual, value) in _fields)
        {
            if ((field == "metadata.name" ? name : scope) == value != isEqual)
                return false;
        }
        if (_labels.Requirements.Count == 0)
            return true;
        _tape.Parse(json);
        var labels = new Dictionary<string, string>();
        if (_tape.TryGetProperty(_tape.Root, "metadata"u8, out var metadata) && _tape.TryGetProperty(metadata, "labels"u8, out var node))
        {
            foreach (var member in _tape.Members(node))
                labels[_tape.GetString(member.Name)] = _tape.GetString(member.Value);
        }
        return _labels.Matches(labels);
    }
}
