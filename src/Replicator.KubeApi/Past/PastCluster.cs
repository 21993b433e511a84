using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.KubeApi;

/// <summary>A recorded cluster at one instant, and the changes that followed it. Thread-safe; made for one request.</summary>
public sealed class PastCluster : IObjectSource
{
    const int ReadEvents = 64;
    const int PresentTries = 3;

    static readonly GroupResource Definitions = new("apiextensions.k8s.io", "customresourcedefinitions");
    static readonly TimeSpan ProjectionPoll = TimeSpan.FromMilliseconds(20);

    readonly TimeMachine _machine;
    readonly AsOf _moment;
    readonly DiscoveryHistory _discovery;
    readonly IReadOnlyList<TypeStatus> _types;

    internal PastCluster(TimeMachine machine, string cluster, AsOf moment, IReadOnlyList<TypeStatus> types, DiscoveryHistory discovery) =>
        (_machine, Cluster, _moment, _types, _discovery) = (machine, cluster, moment, types, discovery);

    /// <summary>The cluster's id.</summary>
    public string Cluster { get; }

    /// <inheritdoc/>
    public DateTimeOffset Now => _moment.Time;

    /// <summary>What the instant names.</summary>
    public Cut Cut => _moment.Cut;

    /// <inheritdoc/>
    public string Refusal => _moment.IsNow
        ? $"this is the record of cluster '{Cluster}' and not the cluster: it can be read and not changed"
        : $"this is cluster '{Cluster}' as of {_moment.Text}: the past can be read and not changed";

    /// <inheritdoc/>
    public ValueTask<ServedResources> GetResourcesAsync(CancellationToken cancellationToken) => _discovery.GetAsync(_moment, _types, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>?> GetDocumentAsync(string path, CancellationToken cancellationToken) => _discovery.FindDocumentAsync(path, _moment, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<ReadOnlyMemory<byte>?> GetDefinitionAsync(ServedResource resource, CancellationToken cancellationToken) =>
        resource.Custom is { } custom ? (await _machine.Snapshots.GetAsync(Cluster, Definitions, "", custom.Name, _moment.Cut, cancellationToken).ConfigureAwait(false))?.State : null;

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<string>> GetWarningsAsync(ServedResource resource, CancellationToken cancellationToken) =>
        [.. (await GetGapsAsync(resource.Stored, cancellationToken).ConfigureAwait(false)).Select(gap => Describe(gap))];

    /// <summary>The gaps of a type (null: of every type) in which the instant lies: the time before its record began among them.</summary>
    public async ValueTask<IReadOnlyList<GapStatus>> GetGapsAsync(GroupResource? type, CancellationToken cancellationToken) =>
        [.. (await _machine.Snapshots.GetGapsAsync(Cluster, type, cancellationToken).ConfigureAwait(false)).Where(IsWithin)];

    /// <inheritdoc/>
    public async ValueTask<StoredObject?> GetAsync(ServedResource resource, string @namespace, string name, string? notOlderThan, CancellationToken cancellationToken)
    {
        var cut = _moment.Cut;
        if (notOlderThan is not null && (await PinAsync(FindStatus(resource), new ListRequest { ResourceVersion = notOlderThan }, cancellationToken).ConfigureAwait(false)) is { Cut.Kind: CutKind.ResourceVersion } later)
            cut = later.Cut;
        return await _machine.Snapshots.GetAsync(Cluster, FindStatus(resource).Type.GroupResource, @namespace, name, cut, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<ObjectListing> ListAsync(ServedResource resource, ListRequest request, CancellationToken cancellationToken)
    {
        var status = FindStatus(resource);
        var pin = await PinAsync(status, request, cancellationToken).ConfigureAwait(false);
        var query = new ObjectQuery { Cluster = Cluster, Type = status.Type.GroupResource, Cut = pin.Cut, Namespace = request.Namespace, Selector = request.Labels, After = request.After, Limit = request.Limit };
        if (pin.Cut.Kind != CutKind.Now)
            return Open(pin, query, request.Name, null);
        // What is there now is found the fastest by asking for just that; it is of this version where the projection has not moved meanwhile.
        for (var left = PresentTries; left > 0; left--)
        {
            var objects = _machine.Snapshots.ListAsync(query, cancellationToken).GetAsyncEnumerator(cancellationToken);
            var any = false;
            try
            {
                any = await objects.MoveNextAsync().ConfigureAwait(false);
            }
            catch
            {
                await objects.DisposeAsync().ConfigureAwait(false);
                throw;
            }
            if (await _machine.Snapshots.GetCheckpointAsync(cancellationToken).ConfigureAwait(false) == pin.Position)
                return Open(pin with { Cut = Cut.AtPosition(pin.Position!.Value) }, query with { Cut = Cut.AtPosition(pin.Position!.Value) }, request.Name, (objects, any));
            await objects.DisposeAsync().ConfigureAwait(false);
            pin = await PinAsync(status, request, cancellationToken).ConfigureAwait(false);
        }
        return Open(pin, query with { Cut = Cut.AtPosition(pin.Position!.Value) }, request.Name, null);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<WatchEvent> WatchAsync(ServedResource resource, WatchRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var status = FindStatus(resource);
        var stream = new StreamId(Cluster, status.Type.GroupResource);
        long next;
        string? behind = null;
        if (request.ResourceVersion is { } version)
        {
            await CheckAsync(status, version, cancellationToken).ConfigureAwait(false);
            (next, behind) = await FindStartAsync(stream, status, version, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            var pin = await PinAsync(status, new ListRequest(), cancellationToken).ConfigureAwait(false);
            var cut = pin.Position is { } position ? Cut.AtPosition(position) : pin.Cut;
            await foreach (var item in _machine.Snapshots.ListAsync(new ObjectQuery { Cluster = Cluster, Type = status.Type.GroupResource, Cut = cut }, cancellationToken).ConfigureAwait(false))
                yield return new WatchEvent { Kind = WatchEventKind.Added, ResourceVersion = item.ResourceVersion, Object = item.Object, State = item.State, At = _moment.Time };
            yield return new WatchEvent { Kind = request.EndsInitialEvents ? WatchEventKind.InitialEventsEnd : WatchEventKind.Bookmark, ResourceVersion = pin.Version, MayResume = true, At = _moment.Time };
            (next, behind) = pin.Position is { } last ? (await _machine.Search.FindRevisionAsync(stream, last, cancellationToken).ConfigureAwait(false), null)
                : await FindStartAsync(stream, status, pin.Version, cancellationToken).ConfigureAwait(false);
        }
        await foreach (var change in FollowAsync(stream, status, next, behind, cancellationToken).ConfigureAwait(false))
            yield return change;
    }

    /// <inheritdoc/>
    public async ValueTask<StoredObject?> GetBeforeAsync(ServedResource resource, WatchEvent change, CancellationToken cancellationToken)
    {
        // A watch of the present reads the log, which the projection follows.
        while (await _machine.Snapshots.GetCheckpointAsync(cancellationToken).ConfigureAwait(false) < change.Position - 1)
            await Task.Delay(ProjectionPoll, _machine.Time, cancellationToken).ConfigureAwait(false);
        return await _machine.Snapshots.GetAsync(Cluster, FindStatus(resource).Type.GroupResource, change.Object.Namespace, change.Object.Name, Cut.AtPosition(change.Position - 1), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The changes of a stream from a revision on, each when it is due; those up to the version <paramref name="behind"/> are left out.</summary>
    async IAsyncEnumerable<WatchEvent> FollowAsync(StreamId stream, TypeStatus status, long next, string? behind, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var search = _machine.Search;
        var before = await search.ReadAsync(stream, next - 1, cancellationToken).ConfigureAwait(false);
        // Who comes back to a watch goes on at the moment of the version that he has seen.
        var pace = new Pace(_machine.Time, before is not null && before.Metadata.ObservedAt > _moment.Time ? before.Metadata.ObservedAt : _moment.Time, _moment.IsNow ? double.PositiveInfinity : _moment.Speed);
        var (epoch, isWithinList) = (before?.Metadata.Epoch ?? -1, false);
        LiveStream? live = null;
        try
        {
            while (true)
            {
                var changed = live?.Changed;
                var any = false;
                if (live?.Read(next) is { } kept)
                {
                    foreach (var recorded in kept)
                    {
                        next = recorded.Revision + 1;
                        any = true;
                        if (await TakeAsync(recorded).ConfigureAwait(false) is { } change)
                            yield return change;
                    }
                }
                else
                {
                    await foreach (var page in _machine.Events.ReadStreamAsync(stream, next, backwards: false, new ReadOptions(MaxCount: ReadEvents), cancellationToken).ConfigureAwait(false))
                    {
                        using (page)
                        {
                            foreach (var recorded in page.Events)
                            {
                                next = recorded.Revision + 1;
                                any = true;
                                if (await TakeAsync(recorded).ConfigureAwait(false) is { } change)
                                    yield return change;
                            }
                        }
                    }
                }
                if (any)
                    continue;
                if (changed is not null)
                    await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
                else
                    live = await _machine.Tail.OpenAsync(stream, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            if (live is not null)
                await _machine.Tail.CloseAsync(live).ConfigureAwait(false);
        }

        async ValueTask<WatchEvent?> TakeAsync(RecordedEvent recorded)
        {
            if (epoch >= 0 && recorded.Metadata.Epoch != epoch)
                throw KubeApiException.Expired(behind ?? "", recorded.Metadata.ResourceVersion);
            epoch = recorded.Metadata.Epoch;
            switch (recorded.Type)
            {
                case EventType.SyncStarted when behind is not null:
                    // What a list found belongs to the list's version: whoever has seen less gets all of it, for its objects come in no order.
                    isWithinList = await FindListVersionAsync(stream, recorded.Revision + 1, cancellationToken).ConfigureAwait(false) is not { } listed || ResourceVersion.Compare(listed, behind) > 0;
                    return null;
                case EventType.SyncCompleted or EventType.Progressed:
                    isWithinList = false;
                    if (IsSeen(recorded))
                        return null;
                    await pace.WaitAsync(recorded.Metadata.ObservedAt, cancellationToken).ConfigureAwait(false);
                    return new WatchEvent { Kind = WatchEventKind.Bookmark, ResourceVersion = recorded.Metadata.ResourceVersion, MayResume = true, At = recorded.Metadata.ObservedAt, Position = recorded.Position };
                case EventType.ObjectAdded or EventType.ObjectModified or EventType.ObjectDeleted:
                    if (!isWithinList && IsSeen(recorded))
                        return null;
                    await pace.WaitAsync(recorded.Metadata.ObservedAt, cancellationToken).ConfigureAwait(false);
                    return await MakeAsync(recorded, status, cancellationToken).ConfigureAwait(false);
                default:
                    return null;
            }
        }

        bool IsSeen(RecordedEvent recorded)
        {
            if (behind is null || !ResourceVersion.IsComparable(recorded.Metadata.ResourceVersion))
                return false;
            if (ResourceVersion.Compare(recorded.Metadata.ResourceVersion, behind) <= 0)
                return true;
            // Behind the first change of a watch that is newer, all are.
            if (StreamSearch.IsOrdered(recorded))
                behind = null;
            return false;
        }
    }

    async ValueTask<WatchEvent> MakeAsync(RecordedEvent recorded, TypeStatus status, CancellationToken cancellationToken)
    {
        var change = new WatchEvent
        {
            Kind = recorded.Type switch { EventType.ObjectAdded => WatchEventKind.Added, EventType.ObjectModified => WatchEventKind.Modified, _ => WatchEventKind.Deleted },
            ResourceVersion = recorded.Metadata.ResourceVersion,
            MayResume = StreamSearch.IsOrdered(recorded),
            Object = recorded.Metadata.Object,
            State = recorded.State,
            At = recorded.Metadata.ObservedAt,
            Position = recorded.Position,
        };
        if (!recorded.State.IsEmpty)
            return change;
        // A deletion that a list showed brought no state: the last one that is known stands for it, with the version up to which it was gone.
        var before = await GetBeforeAsync(new ServedResource { Type = status.Type, Stored = status.Type.GroupResource }, change, cancellationToken).ConfigureAwait(false);
        return change with { State = before is { } last ? VersionEdit.Apply(last.State, recorded.Metadata.ResourceVersion) : Encoding.UTF8.GetBytes($$$"""{"metadata":{"name":"{{{recorded.Metadata.Object.Name}}}"}}""") };
    }

    async ValueTask<string?> FindListVersionAsync(StreamId stream, long revision, CancellationToken cancellationToken)
    {
        await foreach (var page in _machine.Events.ReadStreamAsync(stream, revision, backwards: false, new ReadOptions(States: false), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                {
                    if (recorded.Type == EventType.SyncCompleted)
                        return recorded.Metadata.ResourceVersion;
                }
            }
        }
        return null;
    }

    async ValueTask<(long Next, string? Behind)> FindStartAsync(StreamId stream, TypeStatus status, string version, CancellationToken cancellationToken)
    {
        // Nothing up to that position is newer; what follows it says for itself.
        var position = await _machine.Snapshots.FindPositionAsync(Cluster, status.Type.GroupResource, Cut.AtResourceVersion(version), cancellationToken).ConfigureAwait(false);
        var next = await _machine.Search.FindRevisionAsync(stream, position, cancellationToken).ConfigureAwait(false);
        // Within a list that is newer, all of it is to be seen.
        if (await _machine.Search.ReadAsync(stream, next - 1, cancellationToken).ConfigureAwait(false) is { } before && !StreamSearch.IsOrdered(before)
            && (await FindListVersionAsync(stream, before.Revision, cancellationToken).ConfigureAwait(false) is not { } listed || ResourceVersion.Compare(listed, version) > 0))
            next = await FindListStartAsync(stream, before.Revision, cancellationToken).ConfigureAwait(false);
        return (next, version);
    }

    async ValueTask<long> FindListStartAsync(StreamId stream, long revision, CancellationToken cancellationToken)
    {
        var first = revision;
        await foreach (var page in _machine.Events.ReadStreamAsync(stream, revision, backwards: true, new ReadOptions(States: false), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                {
                    if (StreamSearch.IsOrdered(recorded))
                        return first;
                    first = recorded.Revision;
                }
            }
        }
        return first;
    }

    /// <summary>Fixes the state of which a list is, and the version that it bears.</summary>
    async ValueTask<Pin> PinAsync(TypeStatus status, ListRequest request, CancellationToken cancellationToken)
    {
        if (request.Pinned is var (anchor, pinned))
            return Pin.Parse(anchor, pinned);
        if (request.ResourceVersion is { } wanted)
        {
            await CheckAsync(status, wanted, cancellationToken, isBeginningKnown: !request.IsExact).ConfigureAwait(false);
            if (request.IsExact)
                return Pin.AtVersion(wanted);
        }
        var stream = new StreamId(Cluster, status.Type.GroupResource);
        Pin current;
        switch (_moment.Cut.Kind)
        {
            case CutKind.Now:
                var checkpoint = await _machine.Snapshots.GetCheckpointAsync(cancellationToken).ConfigureAwait(false);
                var now = (await _machine.Snapshots.GetTypesAsync(Cluster, cancellationToken).ConfigureAwait(false)).First(type => type.Type.GroupResource == status.Type.GroupResource);
                current = new Pin(Cut.Now, now.ResourceVersion, checkpoint);
                break;
            case CutKind.Time:
                var found = await _machine.Search.FindAsync(stream, _moment.Cut.Value, cancellationToken).ConfigureAwait(false);
                current = new Pin(Cut.AtPosition(found.Position), found.ResourceVersion, found.Position);
                break;
            default:
                current = Pin.AtVersion(_moment.Cut.Version!);
                break;
        }
        // A client that has followed a watch further than the instant, and lists again, must not go back in time.
        return request.ResourceVersion is { } least && ResourceVersion.IsComparable(current.Version) && ResourceVersion.Compare(least, current.Version) > 0 ? Pin.AtVersion(least) : current;
    }

    async ValueTask CheckAsync(TypeStatus status, string version, CancellationToken cancellationToken, bool isBeginningKnown = false)
    {
        if (!ResourceVersion.IsComparable(status.ResourceVersion))
            return;
        if (ResourceVersion.Compare(version, status.ResourceVersion) > 0)
        {
            // All types count by one counter: what another type has seen, this one has not changed since.
            var types = await _machine.Snapshots.GetTypesAsync(Cluster, cancellationToken).ConfigureAwait(false);
            var newest = types.Select(type => type.ResourceVersion).Where(one => ResourceVersion.IsComparable(one)).Aggregate("0", (left, right) => ResourceVersion.Compare(left, right) >= 0 ? left : right);
            if (ResourceVersion.Compare(version, newest) > 0)
                throw KubeApiException.TooLarge(version, newest);
        }
        if (isBeginningKnown)
            return;
        var gaps = await _machine.Snapshots.GetGapsAsync(Cluster, status.Type.GroupResource, cancellationToken).ConfigureAwait(false);
        if (gaps.Count > 0 && gaps[0] is { FromResourceVersion: "", ToResourceVersion: { } first } && ResourceVersion.IsComparable(first) && ResourceVersion.Compare(version, first) < 0)
            throw KubeApiException.Expired(version, first);
    }

    ObjectListing Open(Pin pin, ObjectQuery query, string? name, (IAsyncEnumerator<StoredObject> Objects, bool Any)? begun) => new()
    {
        ResourceVersion = pin.Version,
        Anchor = pin.ToString(),
        Objects = begun is var (objects, any) && name is null ? Continue(objects, any) : name is null ? _machine.Snapshots.ListAsync(query, CancellationToken.None) : One(query, name),
        CountAsync = cancellationToken => _machine.Snapshots.CountAsync(query with { After = null, Limit = long.MaxValue }, cancellationToken),
    };

    async IAsyncEnumerable<StoredObject> One(ObjectQuery query, string name, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        if (query.After is null && await _machine.Snapshots.GetAsync(query.Cluster, query.Type, query.Namespace ?? "", name, query.Cut, cancellationToken).ConfigureAwait(false) is { } found)
            yield return found;
    }

    static async IAsyncEnumerable<StoredObject> Continue(IAsyncEnumerator<StoredObject> objects, bool any)
    {
        await using (objects.ConfigureAwait(false))
        {
            for (; any; any = await objects.MoveNextAsync().ConfigureAwait(false))
                yield return objects.Current;
        }
    }

    TypeStatus FindStatus(ServedResource resource) => _types.FirstOrDefault(status => status.Type.GroupResource == resource.Stored)
        ?? throw KubeApiException.NoResource($"{resource.Type.GroupResource} were not recorded of cluster '{Cluster}'");

    bool IsWithin(GapStatus gap)
    {
        switch (_moment.Cut.Kind)
        {
            case CutKind.Now:
                return gap.To is null;
            case CutKind.ResourceVersion:
                var version = _moment.Cut.Version;
                return (gap.FromResourceVersion.Length == 0 || !ResourceVersion.IsComparable(gap.FromResourceVersion) || ResourceVersion.Compare(gap.FromResourceVersion, version) < 0)
                    && (gap.ToResourceVersion is not { } to || (ResourceVersion.IsComparable(to) && ResourceVersion.Compare(version, to) < 0));
            default:
                return (gap.From is null || gap.From < _moment.Time) && (gap.To is null || _moment.Time < gap.To);
        }
    }

    static string Describe(GapStatus gap) => (gap.From, gap.To) switch
    {
        (null, { } to) => $"{gap.Type}: the record begins at {Text(to)} (resource version {gap.ToResourceVersion}): nothing is known of the time before",
        ({ } from, { } to) => $"{gap.Type}: changes between {Text(from)} and {Text(to)} were not observed ({gap.Reason}): what is shown is what was known before",
        ({ } from, null) => $"{gap.Type}: nothing has been observed since {Text(from)} ({gap.Reason}): what is shown is what was known then",
        _ => $"{gap.Type}: no list has been completed yet: what is shown is not all",
    };

    static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>A state that stays as it is: a cut, the version that a list of it bears, and, where it is known, the position behind which it ends.</summary>
    readonly record struct Pin(Cut Cut, string Version, long? Position)
    {
        public static Pin AtVersion(string version) => new(Cut.AtResourceVersion(version), version, null);

        public override string ToString() => Position is { } position ? position.ToString(CultureInfo.InvariantCulture) : "rv";

        public static Pin Parse(string anchor, string version) => anchor == "rv" ? AtVersion(version)
            : long.TryParse(anchor, NumberStyles.None, CultureInfo.InvariantCulture, out var position) ? new Pin(Cut.AtPosition(position), version, position)
            : throw KubeApiException.BadRequest("invalid continue token: continue key is not valid: it was not made by this server");
    }
}
