using System.Globalization;
using System.Text;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;

namespace Replicator.TestKit.ApiServer;

/// <summary>
/// Holds the log of one type against what truly happened on the server: every change once and in order, or within a gap whose bounds are true; every deletion of an outage found; the state after every list that of the
/// server at the list's version.
/// </summary>
/// <remarks>
/// An etcd that is restored from a backup has several pasts. A timeline is what the server remembers in one era: the changes of that era behind those that the backup held. Each epoch of the log must fit one timeline, in
/// the order of the eras; a reflector that was still behind the backup needs no new epoch for it.
/// </remarks>
public sealed class LogValidator
{
    readonly ResourceType _type;
    readonly IReadOnlyList<RecordedEvent> _log;
    readonly List<List<ModelChange>> _timelines = [];
    readonly Dictionary<int, int> _eras = [];

    /// <summary>Prepares a check.</summary>
    /// <param name="type">The type, in the version in which it is watched.</param>
    /// <param name="history">What happened, of all types and eras.</param>
    /// <param name="restores">The revision that each era after the first began at.</param>
    /// <param name="log">The events of the type's stream.</param>
    public LogValidator(ResourceType type, IReadOnlyList<ModelChange> history, IReadOnlyList<long> restores, IEnumerable<RecordedEvent> log)
    {
        _type = type;
        _log = [.. log];
        _timelines.Add([]);
        foreach (var change in history.Where(change => change.Type == type.GroupResource))
        {
            while (_timelines.Count <= change.Era)
                _timelines.Add(Before(restores[_timelines.Count - 1]));
            _timelines[change.Era].Add(change);
        }
        while (_timelines.Count <= restores.Count)
            _timelines.Add(Before(restores[_timelines.Count - 1]));

        List<ModelChange> Before(long revision) => [.. _timelines[^1].Where(change => change.Revision <= revision)];
    }

    /// <summary>What is wrong, or nothing.</summary>
    /// <param name="caughtUp">Whether the log must hold everything up to now.</param>
    public IReadOnlyList<string> Validate(bool caughtUp)
    {
        var problems = new List<string>();
        var ids = new Dictionary<Guid, RecordedEvent>();
        foreach (var recorded in _log)
        {
            if (!ids.TryAdd(recorded.Id, recorded))
                problems.Add($"Doubled: {Text(recorded)} has the id of {Text(ids[recorded.Id])}.");
        }
        var epochs = _log.GroupBy(recorded => recorded.Metadata.Epoch).OrderBy(group => group.Key).ToList();
        if (!epochs.SelectMany(epoch => epoch).SequenceEqual(_log))
            problems.Add("The epochs of the log do not follow one another.");

        var (era, fold, covered) = (0, new Dictionary<(string, string), RecordedEvent>(), 0L);
        for (var index = 0; index < epochs.Count; index++)
        {
            var isLast = index == epochs.Count - 1;
            List<string>? first = null;
            var fits = false;
            // The last epoch must have come to the present; any other may have ended in each era that followed its own.
            for (var candidate = isLast && caughtUp ? _timelines.Count - 1 : era; candidate < _timelines.Count; candidate++)
            {
                var attempt = new Dictionary<(string, string), RecordedEvent>(fold);
                var (found, reached) = Check([.. epochs[index]], _timelines[candidate], attempt, covered, isLast && caughtUp);
                first ??= found;
                if (found.Count > 0)
                    continue;
                // Another epoch of the same era is one too many, which costs a list and nothing else.
                (era, fold, covered, fits) = (candidate, attempt, reached, true);
                _eras[epochs[index].Key] = candidate;
                break;
            }
            if (!fits)
            {
                problems.AddRange((first ?? ["There is no era that it could be of."]).Select(problem => $"Epoch {epochs[index].Key}: {problem}"));
                break;
            }
        }
        if (caughtUp && epochs.Count == 0)
            problems.Add("The log is empty.");
        return problems;
    }

    /// <summary>Resource versions at which the log must know the state exactly, and that state: none within a gap. After a <see cref="Validate"/> that found nothing.</summary>
    public IEnumerable<(long Version, IReadOnlyCollection<ModelChange> State)> Moments(int seed, int count)
    {
        var random = new Random(seed);
        var known = new List<(long From, long To, int Era)>();
        var newer = long.MaxValue;
        foreach (var epoch in _log.GroupBy(recorded => recorded.Metadata.Epoch).OrderByDescending(group => group.Key))
        {
            // What is known reaches from each list to the next gap; of the numbers that two epochs have, the newer one's count.
            var (from, to, first) = (0L, 0L, long.MaxValue);
            foreach (var recorded in epoch)
            {
                _ = long.TryParse(recorded.Metadata.ResourceVersion, NumberStyles.None, CultureInfo.InvariantCulture, out var version);
                if (recorded.Type == EventType.GapObserved && from > 0)
                {
                    known.Add((from, Math.Min(to, newer - 1), _eras[epoch.Key]));
                    from = 0;
                }
                else if (recorded.Type == EventType.SyncCompleted)
                {
                    (from, to, first) = (version, version, Math.Min(first, version));
                }
                else if (from > 0)
                {
                    to = Math.Max(to, version);
                }
            }
            if (from > 0)
                known.Add((from, Math.Min(to, newer - 1), _eras[epoch.Key]));
            newer = Math.Min(newer, first);
        }
        known.RemoveAll(range => range.To < range.From);
        for (var moment = 0; moment < count && known.Count > 0; moment++)
        {
            var (from, to, era) = known[random.Next(known.Count)];
            var version = random.NextInt64(from, to + 1);
            yield return (version, StateAt(_timelines[era], version).Values);
        }
    }

    (List<string> Problems, long Covered) Check(IReadOnlyList<RecordedEvent> events, List<ModelChange> timeline, Dictionary<(string, string), RecordedEvent> fold, long before, bool caughtUp)
    {
        var problems = new List<string>();
        var byVersion = timeline.ToDictionary(change => change.Revision);
        var (covered, gap, gapFrom) = (0L, false, 0L);
        for (var index = 0; index < events.Count; index++)
        {
            var recorded = events[index];
            var metadata = recorded.Metadata;
            var version = long.TryParse(metadata.ResourceVersion, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
            var key = (metadata.Object.Namespace, metadata.Object.Name);
            switch (recorded.Type)
            {
                case EventType.GapObserved:
                    // The first gap of an epoch is bounded by a version of the one before.
                    var bound = metadata.GapFrom!.Length == 0 ? 0 : long.Parse(metadata.GapFrom, CultureInfo.InvariantCulture);
                    if (index == 0 && metadata.Epoch > 0)
                    {
                        if (bound < before)
                            problems.Add($"{Text(recorded)} begins before version {before}, which is recorded.");
                        (covered, gapFrom) = (0, 0);
                    }
                    else
                    {
                        if (timeline.Any(change => change.Revision > covered && change.Revision <= bound) && !gap)
                            problems.Add($"{Text(recorded)} claims to begin at {bound}, but what happened after {covered} is not recorded.");
                        if (bound < covered)
                            problems.Add($"{Text(recorded)} claims to begin at {bound}, but all up to {covered} is recorded.");
                        gapFrom = gap ? Math.Min(gapFrom, bound) : bound;
                    }
                    gap = true;
                    break;

                case EventType.SyncStarted when !gap:
                    problems.Add($"{Text(recorded)}: a list without a gap that it would close.");
                    break;

                case EventType.SyncStarted:
                    break;

                case EventType.SyncCompleted:
                    var truth = StateAt(timeline, version);
                    foreach (var (name, change) in truth)
                    {
                        if (!fold.TryGetValue(name, out var held))
                            problems.Add($"{Text(recorded)}: {change} is missing.");
                        else if (held.Metadata.Object.Uid != change.Object.Uid || held.Metadata.ResourceVersion != Number(change.Revision) || held.Metadata.Epoch != metadata.Epoch)
                            problems.Add($"{Text(recorded)}: {Text(held)} stands where the server had {change}.");
                    }
                    foreach (var (name, held) in fold.Where(pair => !truth.ContainsKey(pair.Key)))
                        problems.Add($"{Text(recorded)}: {Text(held)} still lives; the server had it no more at {version}.");
                    (covered, gap) = (version, false);
                    break;

                case EventType.Progressed:
                    if (gap)
                        problems.Add($"{Text(recorded)} within a gap.");
                    problems.AddRange(timeline.Where(change => change.Revision > covered && change.Revision <= version).Select(change => $"{Text(recorded)} passes over {change}."));
                    covered = Math.Max(covered, version);
                    break;

                case EventType.ObjectDeleted when metadata.Provenance == Provenance.Relist:
                    if (!fold.Remove(key, out var last) || last.Metadata.Object.Uid != metadata.Object.Uid)
                        problems.Add($"{Text(recorded)}: nothing of that uid lived.");
                    var end = timeline.LastOrDefault(change => change.Object.Uid == metadata.Object.Uid);
                    // In a new epoch the object may never have been.
                    if (end is not null && (end.Change != WatchChange.Deleted || end.Revision > version || metadata.Epoch == 0 && end.Revision <= gapFrom))
                        problems.Add($"{Text(recorded)}: it is said to have gone in ({gapFrom}, {version}], but the last that happened to it is {end}.");
                    break;

                default:
                    if (!byVersion.TryGetValue(version, out var happened) || happened.Object != metadata.Object)
                    {
                        problems.Add($"{Text(recorded)}: no such thing happened.");
                        break;
                    }
                    if (!recorded.State.Span.SequenceEqual(happened.Canonical(metadata.Type)))
                        problems.Add($"{Text(recorded)}: its state is not that of {happened}: {Encoding.UTF8.GetString(recorded.State.Span)}");
                    if (metadata.Provenance == Provenance.Watch)
                    {
                        if (!gap)
                        {
                            problems.AddRange(timeline.Where(change => change.Revision > covered && change.Revision < version).Select(change => $"{Text(recorded)} comes after a change that is not recorded: {change}."));
                            if (version <= covered)
                                problems.Add($"{Text(recorded)} is out of order: all up to {covered} is recorded.");
                            if (Expected(happened.Change) != recorded.Type)
                                problems.Add($"{Text(recorded)}: it was {happened}.");
                        }
                        covered = Math.Max(covered, version);
                    }
                    if (recorded.Type == EventType.ObjectDeleted)
                        fold.Remove(key);
                    else
                        fold[key] = recorded;
                    break;
            }
        }
        if (caughtUp)
        {
            if (gap)
                problems.Add("The last gap is open.");
            problems.AddRange(timeline.Where(change => change.Revision > covered).Select(change => $"Not recorded: {change}."));
        }
        return (problems, covered);
    }

    static Dictionary<(string Namespace, string Name), ModelChange> StateAt(List<ModelChange> timeline, long revision)
    {
        var state = new Dictionary<(string, string), ModelChange>();
        foreach (var change in timeline.TakeWhile(change => change.Revision <= revision))
        {
            if (change.Change == WatchChange.Deleted)
                state.Remove((change.Object.Namespace, change.Object.Name));
            else
                state[(change.Object.Namespace, change.Object.Name)] = change;
        }
        return state;
    }

    static EventType Expected(WatchChange change) => change switch
    {
        WatchChange.Added => EventType.ObjectAdded,
        WatchChange.Modified => EventType.ObjectModified,
        _ => EventType.ObjectDeleted,
    };

    static string Number(long revision) => revision.ToString(CultureInfo.InvariantCulture);

    /// <summary>An event in a line: its revision, what it says, of what, and how it is known.</summary>
    public static string Text(RecordedEvent recorded)
    {
        var metadata = recorded.Metadata;
        var epoch = metadata.Epoch > 0 ? $" epoch {metadata.Epoch}" : "";
        var gap = recorded.Type == EventType.GapObserved ? $" from '{metadata.GapFrom}' ({metadata.Reason})" : "";
        return $"[{recorded.Revision}] {recorded.Type} {metadata.Object} {metadata.Object.Uid} at '{metadata.ResourceVersion}' by {metadata.Provenance}{epoch}{gap}";
    }
}
