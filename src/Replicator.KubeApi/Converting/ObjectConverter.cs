using System.Text;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.KubeApi;

/// <summary>Gives recorded objects in the version in which a client asks for them, where that loses nothing. Not thread-safe.</summary>
sealed class ObjectConverter : IDisposable
{
    static readonly GroupResource CoreEvents = new("", "events"), EventsAgain = new("events.k8s.io", "events"), Autoscalers = new("autoscaling", "horizontalpodautoscalers");

    // Built-in types of which two versions have the same fields.
    static readonly HashSet<GroupResource> Renamed =
    [
        new("batch", "cronjobs"), new("policy", "poddisruptionbudgets"), new("storage.k8s.io", "csistoragecapacities"), new("storage.k8s.io", "volumeattributesclasses"), new("scheduling.k8s.io", "priorityclasses"),
        new("node.k8s.io", "runtimeclasses"), new("admissionregistration.k8s.io", "validatingadmissionpolicies"), new("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
        new("networking.k8s.io", "ipaddresses"), new("networking.k8s.io", "servicecidrs"),
    ];

    readonly ServedResource _resource;
    readonly byte[] _wanted, _quoted;
    readonly byte[] _start, _servedStart;
    readonly JsonTape _tape = new();
    readonly JsonEdits _edits = new();
    readonly PooledBufferWriter _output = new();

    public ObjectConverter(ServedResource resource)
    {
        _resource = resource;
        _wanted = Encoding.UTF8.GetBytes(resource.Type.ApiVersion);
        _quoted = Encoding.UTF8.GetBytes($"\"{resource.Type.ApiVersion}\"");
        // Canonical JSON sorts its members, and hardly any object has one before this.
        _start = Encoding.UTF8.GetBytes($$"""{"apiVersion":"{{resource.Type.ApiVersion}}",""");
        // The API server has the kind before it.
        _servedStart = Encoding.UTF8.GetBytes($$"""{"kind":"{{resource.Type.Kind}}","apiVersion":"{{resource.Type.ApiVersion}}",""");
    }

    /// <summary>The object as it is wanted, valid until the next call.</summary>
    /// <exception cref="KubeApiException">It cannot be converted without loss.</exception>
    public ReadOnlyMemory<byte> Convert(ReadOnlyMemory<byte> state)
    {
        if (state.Span.StartsWith(_start) || state.Span.StartsWith(_servedStart))
            return state;
        _tape.Parse(state);
        if (_tape.TryGetProperty(_tape.Root, "apiVersion"u8, out var version) && _tape.StringEquals(version, _wanted))
            return state;
        _edits.Clear();
        _output.Clear();
        var type = _resource.Type.GroupResource;
        if (_resource.Custom is { IsRenamedOnly: true } || Renamed.Contains(type))
            _edits.AddMember(_tape.Root, "apiVersion"u8, _quoted);
        else if (type == EventsAgain || type == CoreEvents)
            EventConversion.Edit(_tape, _edits, toCore: type == CoreEvents);
        else if (type == Autoscalers && _resource.Type.Version == "v1" && version > 0 && _tape.StringEquals(version, "autoscaling/v2"u8))
            AutoscalerConversion.Edit(_tape, _edits);
        else
            throw NotAcceptable(version > 0 && _tape.Kind(version) == JsonKind.String ? _tape.GetString(version) : "an unknown version");
        CanonicalJson.Write(_tape, _tape.Root, _output, _edits);
        return _output.WrittenMemory;
    }

    public void Dispose()
    {
        _edits.Dispose();
        _output.Dispose();
    }

    KubeApiException NotAcceptable(string recorded) => new(406, "NotAcceptable",
        $"{_resource.Type.GroupResource} were recorded in {recorded}, and only the API server can convert them to {_resource.Type.ApiVersion}{(_resource.Custom is null ? "" : " (by a webhook)")}: ask for {recorded}");
}
