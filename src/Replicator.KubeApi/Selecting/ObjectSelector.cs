using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.KubeApi;

/// <summary>Which objects of a collection a client wants. Not thread-safe.</summary>
sealed class ObjectSelector(string? @namespace, LabelSelector labels, FieldSelector fields)
{
    readonly JsonTape _tape = new();

    public string? Namespace { get; } = @namespace;

    public LabelSelector Labels { get; } = labels;

    public FieldSelector Fields { get; } = fields;

    /// <summary>Whether an object that it shows may stop to be shown while it lives.</summary>
    public bool MayChange => Labels.Requirements.Count > 0 || !Fields.IsOfIdentity;

    /// <summary>Whether an object matches.</summary>
    public bool Matches(in ObjectIdentity identity, ReadOnlyMemory<byte> state) => MatchesIdentity(identity) && MatchesState(identity, state, labels: true);

    /// <summary>Whether an object whose labels match already does.</summary>
    public bool MatchesFields(in ObjectIdentity identity, ReadOnlyMemory<byte> state) => MatchesIdentity(identity) && MatchesState(identity, state, labels: false);

    public bool MatchesIdentity(in ObjectIdentity identity) => Namespace is null || identity.Namespace == Namespace;

    bool MatchesState(in ObjectIdentity identity, ReadOnlyMemory<byte> state, bool labels)
    {
        labels &= Labels.Requirements.Count > 0;
        if (Fields.IsOfIdentity && !labels)
            return Fields.Matches(identity, _tape);
        _tape.Parse(state);
        return Fields.Matches(identity, _tape) && (!labels || Labels.Matches(ReadLabels()));
    }

    Dictionary<string, string> ReadLabels()
    {
        var labels = new Dictionary<string, string>();
        if (_tape.TryGetProperty(_tape.Root, "metadata"u8, out var metadata) && _tape.TryGetProperty(metadata, "labels"u8, out var node) && _tape.Kind(node) == JsonKind.Object)
        {
            foreach (var member in _tape.Members(node))
            {
                if (_tape.Kind(member.Value) == JsonKind.String)
                    labels[_tape.GetString(member.Name)] = _tape.GetString(member.Value);
            }
        }
        return labels;
    }
}
