using System.Text;
using k8s;

namespace Replicator.Informers.Caching;

/// <summary>Ready-made <see cref="ObjectReader{T}"/>s.</summary>
public static class ObjectReaders
{
    /// <summary>Reads one of KubernetesClient's models: <c>pod.Read(ObjectReaders.KubernetesModel&lt;V1Pod&gt;)</c>.</summary>
    /// <exception cref="System.Text.Json.JsonException">The object is not of that model.</exception>
    public static T KubernetesModel<T>(ReadOnlySpan<byte> json) => KubernetesJson.Deserialize<T>(Encoding.UTF8.GetString(json));
}
