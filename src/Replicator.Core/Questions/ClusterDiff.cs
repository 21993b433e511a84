using System.Runtime.CompilerServices;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Core.Questions;

/// <summary>What differs in a cluster between two moments, object by object and field by field.</summary>
public sealed class ClusterDiff
{
    readonly ISnapshotStore _snapshots;
    readonly ClusterDiffQuery _query;

    /// <summary>Prepares a comparison.</summary>
    public ClusterDiff(ISnapshotStore snapshots, ClusterDiffQuery query)
    {
        ArgumentNullException.ThrowIfNull(snapshots);
        ArgumentNullException.ThrowIfNull(query);
        (_snapshots, _query) = (snapshots, query);
    }

    /// <summary>How many objects differ in <see cref="Noise"/> alone, or are of a type that is noise, and were left out so far.</summary>
    public long Hidden { get; private set; }

    /// <summary>How many objects came and went between the moments, and were left out so far.</summary>
    public long Transient { get; private set; }

    /// <summary>The objects that differ, by type, namespace and name. A difference is valid until the next is asked for.</summary>
    public async IAsyncEnumerable<ObjectDifference> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (before, after) = (new JsonTape(), new JsonTape());
        var query = new ChangedQuery { Cluster = _query.Cluster, From = _query.From, To = _query.To, Types = _query.Types, Namespace = _query.Namespace };
        await foreach (var changed in _snapshots.ListChangedAsync(query, cancellationToken).ConfigureAwait(false))
        {
            if (changed.Before is { } earlier)
                before.Parse(earlier.State.Span);
            if (changed.After is { } later)
                after.Parse(later.State.Span);
            if (!IsSelected(changed, before, after))
                continue;
            // A type that was asked for by its name is none.
            if (!_query.Noise && _query.Types is null && Noise.Is(changed.Type.GroupResource))
            {
                Hidden++;
                continue;
            }
            switch (changed.Before, changed.After)
            {
                case (null, null):
                    Transient++;
                    break;
                case (null, _):
                    yield return new ObjectDifference(changed, ObjectChange.Added, []);
                    break;
                case (_, null):
                    yield return new ObjectDifference(changed, ObjectChange.Removed, []);
                    break;
                default:
                    var fields = FieldDiff.Between(before, after, _query.Noise);
                    var isOther = changed.Before.Value.Object.Uid != changed.After.Value.Object.Uid;
                    if (fields.Count > 0 || isOther)
                        yield return new ObjectDifference(changed, isOther ? ObjectChange.Recreated : ObjectChange.Changed, fields);
                    else
                        Hidden++;
                    break;
            }
        }
    }

    bool IsSelected(ChangedObject changed, JsonTape before, JsonTape after)
    {
        if (_query.Selector.Requirements.Count == 0)
            return true;
        return (changed.Before is not null && _query.Selector.Matches(Labels(before))) || (changed.After is not null && _query.Selector.Matches(Labels(after)));
    }

    static Dictionary<string, string> Labels(JsonTape tape) =>
        new JsonView(tape, tape.Root)["metadata"u8]["labels"u8].Members.Where(label => label.Value.Text is not null).ToDictionary(label => label.Name, label => label.Value.Text!);
}

/// <summary>Which objects to compare, and as of which two moments.</summary>
public sealed record ClusterDiffQuery
{
    /// <summary>The cluster.</summary>
    public required string Cluster { get; init; }
    /// <summary>The one moment.</summary>
    public required Cut From { get; init; }
    /// <summary>The other; it may be the earlier one.</summary>
    public required Cut To { get; init; }
    /// <summary>Only these types; null for all.</summary>
    public IReadOnlyCollection<GroupResource>? Types { get; init; }
    /// <summary>Only this namespace; null for all.</summary>
    public string? Namespace { get; init; }
    /// <summary>Only objects whose labels matched at one of the moments.</summary>
    public LabelSelector Selector { get; init; } = LabelSelector.Everything;
    /// <summary>Whether <see cref="Questions.Noise"/> is shown too.</summary>
    public bool Noise { get; init; }
}

/// <summary>An object that differs.</summary>
/// <param name="Object">What was there at both moments.</param>
/// <param name="Change">How it differs.</param>
/// <param name="Fields">In which fields, where it was there at both.</param>
public sealed record ObjectDifference(ChangedObject Object, ObjectChange Change, IReadOnlyList<FieldChange> Fields);

/// <summary>How an object differs.</summary>
public enum ObjectChange
{
    /// <summary>It was not there at the first moment.</summary>
    Added,
    /// <summary>It is not there at the second.</summary>
    Removed,
    /// <summary>Fields differ.</summary>
    Changed,
    /// <summary>Its name belongs to another object.</summary>
    Recreated,
}
