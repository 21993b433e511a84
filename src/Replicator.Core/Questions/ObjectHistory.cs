using System.Runtime.CompilerServices;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Core.Questions;

/// <summary>Every version that an object ever had, with who wrote it and what it changed.</summary>
public static class ObjectHistory
{
    /// <summary>The versions of the objects that bore a name, oldest first, over deletions and re-creations.</summary>
    /// <param name="snapshots">The projection.</param>
    /// <param name="cluster">The cluster.</param>
    /// <param name="type">The type.</param>
    /// <param name="namespace">The namespace; empty for none.</param>
    /// <param name="name">The name.</param>
    /// <param name="noise">Whether changes show <see cref="Noise"/> too. A version that changed nothing else is there in any case.</param>
    /// <param name="cancellationToken">Ends the read.</param>
    public static async IAsyncEnumerable<HistoryEntry> ReadAsync(
        ISnapshotStore snapshots, string cluster, GroupResource type, string @namespace, string name, bool noise, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(snapshots);
        var (before, after, previous) = (new JsonTape(), new JsonTape(), (StoredVersion?)null);
        await foreach (var version in snapshots.GetHistoryAsync(cluster, type, @namespace, name, states: true, cancellationToken).ConfigureAwait(false))
        {
            var isFollowing = previous is not null && previous.Event != EventType.ObjectDeleted && previous.Object.Uid == version.Object.Uid;
            if (version.State.IsEmpty)
            {
                yield return new HistoryEntry(version, [], [], Hidden: 0, Born(version, previous));
                previous = version;
                continue;
            }
            after.Parse(version.State.Span);
            IReadOnlyList<FieldChange> all = isFollowing ? FieldDiff.Between(before, after, noise: true) : [];
            IReadOnlyList<FieldChange> shown = noise ? all : [.. all.Where(change => Noise.Around(change.Address) is null)];
            var summary = !isFollowing ? Born(version, previous)
                : version.Event == EventType.ObjectDeleted ? "deleted"
                : shown.Count > 0 ? ChangeText.Summary(shown)
                : all.Count > 0 ? $"only {string.Join(", ", all.Select(change => (Noise.Around(change.Address) ?? change.Address).ToString()).Distinct().Take(3))}"
                : "nothing";
            // Who deletes does not write: managedFields does not know.
            yield return new HistoryEntry(version, version.Event == EventType.ObjectDeleted ? [] : isFollowing ? Writers(new JsonView(before, before.Root), new JsonView(after, after.Root), all) : Creators(new JsonView(after, after.Root)), shown, all.Count - shown.Count, summary);
            (before, after, previous) = (after, before, version);
        }
    }

    static string Born(StoredVersion version, StoredVersion? previous) => (version.Event, version.Provenance) switch
    {
        (EventType.ObjectDeleted, _) => "deleted",
        (_, Provenance.List) => "was there when the record began",
        (_, Provenance.Relist) => "was there when the record went on after a gap",
        _ when previous is not null => "created again",
        _ => "created",
    };

    static List<string> Creators(JsonView state) => [.. new ManagedFields(state).Managers.Select(manager => manager.Name).Distinct()];

    /// <summary>Whoever's entry changed; where none did (two writes in one second leave the same time), whoever manages what changed.</summary>
    static List<string> Writers(JsonView before, JsonView after, IReadOnlyList<FieldChange> changes)
    {
        var (earlier, later) = (new ManagedFields(before), new ManagedFields(after));
        var writers = earlier.ChangedIn(later).Select(manager => manager.Name).Distinct().ToList();
        if (writers.Count > 0)
            return writers;
        var owned = FieldOwners.Of(after);
        return [.. changes.Where(change => change.To is not null).SelectMany(change => owned.At(change.Address)).Select(manager => manager.Name).Distinct()];
    }
}

/// <summary>A version of an object and what it changed.</summary>
/// <param name="Version">The version, with its state.</param>
/// <param name="Managers">Who wrote it, as <c>metadata.managedFields</c> has it; empty where that does not say.</param>
/// <param name="Changes">What differs from the version before; empty for the first of a life.</param>
/// <param name="Hidden">How many differences are noise that is not among them.</param>
/// <param name="Summary">The same in one line.</param>
public sealed record HistoryEntry(StoredVersion Version, IReadOnlyList<string> Managers, IReadOnlyList<FieldChange> Changes, int Hidden, string Summary);
