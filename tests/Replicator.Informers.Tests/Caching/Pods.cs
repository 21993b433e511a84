using System.IO.Compression;
using System.Text;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;
using Replicator.Informers.Caching;
using Replicator.TestKit;

namespace Replicator.Informers.Tests.Caching;

/// <summary>Objects and deltas to feed the caches with.</summary>
static class Pods
{
    public static ResourceType Type { get; } = new("", "v1", "pods", "Pod", Namespaced: true);

    public static byte[] Json(string scope, string name, string version, string? uid = null, string labels = "", string owners = "") => Encoding.UTF8.GetBytes(
        $$$"""{"kind":"Pod","apiVersion":"v1","metadata":{"name":"{{{name}}}","namespace":"{{{scope}}}","uid":"{{{uid ?? $"uid-{scope}-{name}"}}}","resourceVersion":"{{{version}}}","labels":{ {{{labels}}} },"ownerReferences":[{{{owners}}}]},"spec":{"nodeName":"node-1"}}""");

    public static Unstructured Object(string scope, string name, string version = "1", string? uid = null, string labels = "", string owners = "") =>
        Unstructured.Create(Type, Json(scope, name, version, uid, labels, owners));

    public static Delta Delta(DeltaKind kind, string version, byte[]? json = null) => new()
    {
        Kind = kind,
        ResourceVersion = version,
        ObservedAt = DateTimeOffset.UnixEpoch,
        Provenance = kind is DeltaKind.Listed or DeltaKind.ListStarted or DeltaKind.ListCompleted or DeltaKind.ListAborted ? Provenance.List : Provenance.Watch,
        Type = Type,
        Object = json,
    };

    public static Delta Delta(DeltaKind kind, string scope, string name, string version, string? uid = null) => Delta(kind, version, Json(scope, name, version, uid));

    /// <summary>The objects of the recorded watch of a type, in their order.</summary>
    public static IReadOnlyList<byte[]> Recorded(string file)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(Path.Combine(TestRecordings.Shop, "watch", file)), CompressionMode.Decompress));
        var all = new List<byte[]>();
        const string start = "\"object\":";
        while (reader.ReadLine() is { } line)
        {
            if (!line.Contains("\"type\":\"BOOKMARK\"", StringComparison.Ordinal))
                all.Add(Encoding.UTF8.GetBytes(line[(line.IndexOf(start, StringComparison.Ordinal) + start.Length)..^1]));
        }
        return all;
    }
}
