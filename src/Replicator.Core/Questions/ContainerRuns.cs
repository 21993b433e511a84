using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.Core.Questions;

/// <summary>Follows the pods of a stream and notes from when to when each container ran a certain image.</summary>
sealed class ContainerRuns(ImageDigest digest)
{
    readonly JsonTape _tape = new();
    readonly Dictionary<string, Dictionary<string, Open>> _open = [];
    readonly List<Open> _all = [];
    DateTimeOffset? _gapSince;

    public void Add(RecordedEvent recorded)
    {
        var (metadata, time) = (recorded.Metadata, recorded.Metadata.ObservedAt);
        switch (recorded.Type)
        {
            case EventType.GapObserved:
                _gapSince = metadata.GapFromTime ?? time;
                foreach (var run in _open.Values.SelectMany(runs => runs.Values))
                    run.HasGap = true;
                break;
            case EventType.SyncCompleted:
                _gapSince = null;
                break;
            case EventType.ObjectDeleted:
                if (!_open.Remove(metadata.Object.Uid, out var ended))
                    break;
                var last = Read(metadata.Object, recorded.State.Span);
                foreach (var run in ended.Values)
                    End(run, last.FirstOrDefault(container => container.ContainerId == run.Container.ContainerId)?.FinishedAt, time, metadata.Provenance);
                break;
            case EventType.ObjectAdded or EventType.ObjectModified:
                Follow(metadata, recorded.State.Span, time);
                break;
        }
    }

    public IReadOnlyList<ContainerRun> Complete(DateTimeOffset? from, DateTimeOffset? to)
    {
        var runs = _all.Where(run => (from is null || run.End is null || run.End > from) && (to is null || run.Start <= to));
        return [.. runs.OrderBy(run => run.Start).ThenBy(run => run.Container.Pod.ToString(), StringComparer.Ordinal).ThenBy(run => run.Container.Container, StringComparer.Ordinal)
            .Select(run => new ContainerRun(run.Container, run.Start, run.IsStartBefore, run.End, run.IsEndBefore, run.HasGap))];
    }

    void Follow(EventMetadata metadata, ReadOnlySpan<byte> state, DateTimeOffset time)
    {
        _open.TryGetValue(metadata.Object.Uid, out var open);
        if (open is null && !digest.MayBeIn(state))
            return;
        var containers = Read(metadata.Object, state);
        // A run that is there no more has ended; the one behind it says when.
        foreach (var (key, run) in open?.ToList() ?? [])
        {
            var successor = containers.Find(container => container.Kind == run.Container.Kind && container.Container == run.Container.Container);
            if (successor is { } same && same.ContainerId == run.Container.ContainerId && digest.Matches(same.ImageId))
            {
                if (same.FinishedAt is { } finished && same.State != "running")
                {
                    End(run, finished, time, metadata.Provenance);
                    open!.Remove(key);
                }
                continue;
            }
            End(run, successor?.Last is { } before && before.ContainerId == run.Container.ContainerId ? before.FinishedAt : null, time, metadata.Provenance);
            open!.Remove(key);
        }
        foreach (var container in containers.Where(container => digest.Matches(container.ImageId)))
        {
            var key = $"{container.Kind}/{container.Container}/{container.ContainerId}";
            if (open?.ContainsKey(key) == true || _all.Exists(run => run.Container.Pod.Uid == metadata.Object.Uid && run.Key == key))
                continue;
            // A container that only waits has not run.
            if (container.Since is null && container.State == "waiting" && container.ContainerId.Length == 0)
                continue;
            var isFound = metadata.Provenance is Provenance.List or Provenance.Relist;
            var run = new Open { Key = key, Container = container, Start = container.Since ?? time, IsStartBefore = container.Since is null && isFound, HasGap = _gapSince is { } gap && container.Since >= gap };
            _all.Add(run);
            if (container.State == "running" || container.FinishedAt is null)
            {
                if (open is null)
                    _open[metadata.Object.Uid] = open = [];
                open[key] = run;
            }
            else
            {
                run.End = container.FinishedAt;
            }
        }
        if (open?.Count == 0)
            _open.Remove(metadata.Object.Uid);
    }

    // What a list found ended at some time before it.
    static void End(Open run, DateTimeOffset? finished, DateTimeOffset observed, Provenance provenance) =>
        (run.End, run.IsEndBefore) = (finished ?? observed, finished is null && provenance is Provenance.List or Provenance.Relist);

    List<ContainerImage> Read(ObjectIdentity pod, ReadOnlySpan<byte> state)
    {
        if (state.IsEmpty)
            return [];
        _tape.Parse(state);
        return [.. ContainerImages.Read(pod, new JsonView(_tape, _tape.Root))];
    }

    sealed class Open
    {
        public required string Key { get; init; }
        public required ContainerImage Container { get; init; }
        public required DateTimeOffset Start { get; init; }
        public required bool IsStartBefore { get; init; }
        public DateTimeOffset? End { get; set; }
        public bool IsEndBefore { get; set; }
        public bool HasGap { get; set; }
    }
}

/// <summary>From when to when a container ran.</summary>
/// <param name="Container">The container as it was first seen.</param>
/// <param name="From">When it started, as the kubelet says; where it does not, when it was observed.</param>
/// <param name="IsFromBefore">Whether it started at some time before: it ran already when the record began, or went on after a gap.</param>
/// <param name="To">When it ended: as the kubelet says, or when it was observed to be gone; null where it ran to the end.</param>
/// <param name="IsToBefore">Whether it ended at some time before: a list after a gap found it gone.</param>
/// <param name="HasGap">Whether the record has a gap within the run, in which it may have stopped and started.</param>
public sealed record ContainerRun(ContainerImage Container, DateTimeOffset From, bool IsFromBefore, DateTimeOffset? To, bool IsToBefore, bool HasGap);
