using System.Text;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.TestKit.ApiServer;

/// <summary>One change as it truly happened on the server.</summary>
/// <param name="Era">Counts the restores of etcd from a backup: revisions of different eras say nothing of each other.</param>
/// <param name="Revision">etcd's revision, the object's resource version.</param>
/// <param name="Type">The type.</param>
/// <param name="Change">What happened.</param>
/// <param name="Object">To which object.</param>
/// <param name="Body">The object without <c>kind</c> and <c>apiVersion</c>: <c>"metadata":{...},...</c>.</param>
public sealed record ModelChange(int Era, long Revision, GroupResource Type, WatchChange Change, ObjectIdentity Object, string Body)
{
    /// <summary>The object as a watch sends it.</summary>
    public byte[] Json(ResourceType type) => Encoding.UTF8.GetBytes($"{{\"kind\":\"{type.Kind}\",\"apiVersion\":\"{type.ApiVersion}\",{Body}}}");

    /// <summary>The object as an item of a list: those of built-in types lack kind and version.</summary>
    public byte[] Item(ResourceType type, bool isCustom) => isCustom ? Json(type) : Encoding.UTF8.GetBytes($"{{{Body}}}");

    /// <summary>The object in canonical form: what the log must hold.</summary>
    public byte[] Canonical(ResourceType type) => CanonicalJson.ToArray(Json(type));

    /// <inheritdoc/>
    public override string ToString() => $"{Change} {Type} {Object} {Object.Uid} at {Revision}{(Era > 0 ? $" of era {Era}" : "")}";
}
