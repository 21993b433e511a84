using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Core.Questions;

/// <summary>An object with its owners and what it owns, as of a moment, by the uids in <c>metadata.ownerReferences</c>.</summary>
public static class OwnerTree
{
    /// <summary>More than that is shown of no tree; <see cref="TreeNode.IsCut"/> says where it ends.</summary>
    const int MaxNodes = 10_000;

    /// <summary>Reads the tree of an object; null where it did not live at the cut.</summary>
    /// <returns>The tree's uppermost object, of which one branch leads down to the one that was asked for; owners besides the controlling one are named with each node.</returns>
    public static async ValueTask<TreeNode?> ReadAsync(ISnapshotStore snapshots, string cluster, ResourceType type, string @namespace, string name, Cut cut, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(snapshots);
        ArgumentNullException.ThrowIfNull(type);
        if (await snapshots.GetAsync(cluster, type.GroupResource, @namespace, name, cut, cancellationToken).ConfigureAwait(false) is not { } found)
            return null;
        var types = (await snapshots.GetTypesAsync(cluster, cancellationToken).ConfigureAwait(false)).Select(status => status.Type).ToList();
        var builder = new Builder(snapshots, cluster, cut, types, cancellationToken);
        var node = builder.Node(type, found.Object, found.State.Span, isSubject: true);
        await builder.DescendAsync(node).ConfigureAwait(false);
        return await builder.AscendAsync(node).ConfigureAwait(false);
    }

    sealed class Builder(ISnapshotStore snapshots, string cluster, Cut cut, List<ResourceType> types, CancellationToken cancellationToken)
    {
        readonly HashSet<string> _seen = [];
        readonly JsonTape _tape = new();

        public TreeNode Node(ResourceType type, ObjectIdentity identity, ReadOnlySpan<byte> state, bool isSubject)
        {
            _seen.Add(identity.Uid);
            _tape.Parse(state);
            var view = new JsonView(_tape, _tape.Root);
            var owners = view["metadata"u8]["ownerReferences"u8].Items
                .Select(owner => new OwnerReference(owner["apiVersion"u8].Text ?? "", owner["kind"u8].Text ?? "", owner["name"u8].Text ?? "", owner["uid"u8].Text ?? "", owner["controller"u8].IsTrue)).ToList();
            return new TreeNode(type, identity, ObjectHealth.Of(view), Readiness.Of(view), view["metadata"u8]["creationTimestamp"u8].Time, owners, isSubject);
        }

        /// <summary>Level by level, a question for each type and level: there may be thousands of nodes.</summary>
        public async ValueTask DescendAsync(TreeNode root)
        {
            var isFull = false;
            for (List<TreeNode> level = [root], next = []; level.Count > 0 && !isFull; (level, next) = (next, []))
            {
                // An object with several owners hangs below the first of them.
                var places = level.Index().ToDictionary(node => node.Item.Object.Uid, node => node.Index);
                var below = new List<TreeNode>[level.Count];
                foreach (var type in types.TakeWhile(_ => !isFull))
                {
                    var query = new ObjectQuery { Cluster = cluster, Type = type.GroupResource, Cut = cut, OwnerUids = places.Keys };
                    await foreach (var dependant in snapshots.ListAsync(query, cancellationToken).ConfigureAwait(false))
                    {
                        // Two owners, or owners in a circle: each object is shown once.
                        if (_seen.Contains(dependant.Object.Uid))
                            continue;
                        isFull = _seen.Count >= MaxNodes;
                        var node = Node(type, dependant.Object, dependant.State.Span, isSubject: false);
                        var owner = node.Owners.Select(owner => places.GetValueOrDefault(owner.Uid, int.MaxValue)).Min();
                        if (isFull)
                        {
                            level[owner].IsCut = true;
                            break;
                        }
                        (below[owner] ??= []).Add(node);
                    }
                }
                foreach (var (node, dependants) in level.Zip(below))
                {
                    foreach (var dependant in dependants ?? [])
                    {
                        node.Add(dependant);
                        next.Add(dependant);
                    }
                }
            }
        }

        /// <summary>Climbs by the controlling owner, else the first.</summary>
        public async ValueTask<TreeNode> AscendAsync(TreeNode node)
        {
            while ((node.Owners.FirstOrDefault(owner => owner.IsController) ?? (node.Owners is [var first, ..] ? first : null)) is { } reference)
            {
                var slash = reference.ApiVersion.IndexOf('/', StringComparison.Ordinal);
                var group = slash > 0 ? reference.ApiVersion[..slash] : "";
                var type = types.Find(one => one.Group == group && one.Kind == reference.Kind);
                var owner = type is null ? null : await snapshots.GetAsync(cluster, type.GroupResource, type.Namespaced ? node.Object.Namespace : "", reference.Name, cut, cancellationToken).ConfigureAwait(false);
                if (owner is not { } found || found.Object.Uid != reference.Uid || _seen.Contains(reference.Uid))
                {
                    if (_seen.Contains(reference.Uid))
                        return node;
                    // An owner that is gone, or that was never recorded, is part of the answer.
                    var identity = new ObjectIdentity(type?.Namespaced == false ? "" : node.Object.Namespace, reference.Name, reference.Uid);
                    var missing = new TreeNode(type ?? new ResourceType(group, reference.ApiVersion[(slash + 1)..], reference.Kind.ToLowerInvariant(), reference.Kind, Namespaced: true), identity,
                        new ObjectHealth(HealthStatus.Missing, type is null ? "its type is not recorded" : "not there at that moment"), "", null, [], isSubject: false);
                    missing.Add(node);
                    return missing;
                }
                var above = Node(type!, found.Object, found.State.Span, isSubject: false);
                above.Add(node);
                node = above;
            }
            return node;
        }
    }
}

/// <summary>An object in a tree of owners.</summary>
/// <param name="type">Its type.</param>
/// <param name="identity">Which.</param>
/// <param name="health">How it fares.</param>
/// <param name="ready">How much of it is ready, such as <c>2/3</c>; empty where that means nothing.</param>
/// <param name="created">When it was created.</param>
/// <param name="owners">Its owners as it names them.</param>
/// <param name="isSubject">Whether it is the one that was asked for.</param>
public sealed class TreeNode(ResourceType type, ObjectIdentity identity, ObjectHealth health, string ready, DateTimeOffset? created, IReadOnlyList<OwnerReference> owners, bool isSubject)
{
    readonly List<TreeNode> _dependants = [];

    /// <summary>Its type.</summary>
    public ResourceType Type { get; } = type;
    /// <summary>Which.</summary>
    public ObjectIdentity Object { get; } = identity;
    /// <summary>How it fares.</summary>
    public ObjectHealth Health { get; } = health;
    /// <summary>How much of it is ready.</summary>
    public string Ready { get; } = ready;
    /// <summary>When it was created.</summary>
    public DateTimeOffset? Created { get; } = created;
    /// <summary>Its owners as it names them.</summary>
    public IReadOnlyList<OwnerReference> Owners { get; } = owners;
    /// <summary>Whether it is the one that was asked for.</summary>
    public bool IsSubject { get; } = isSubject;
    /// <summary>What it owns; of the owners of the one that was asked for, only what leads to it.</summary>
    public IReadOnlyList<TreeNode> Dependants => _dependants;
    /// <summary>Whether more is there than is shown.</summary>
    public bool IsCut { get; internal set; }

    internal void Add(TreeNode dependant) => _dependants.Add(dependant);
}

/// <summary>An owner as an object names it.</summary>
/// <param name="ApiVersion">The owner's API version.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="Name">Its name.</param>
/// <param name="Uid">Its uid.</param>
/// <param name="IsController">Whether it manages the object.</param>
public sealed record OwnerReference(string ApiVersion, string Kind, string Name, string Uid, bool IsController);
