using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recordings;
using Replicator.Core.Storage;

namespace Replicator.KubeApi;

/// <summary>The cluster of a recording, as far as it has been played, and what follows. Thread-safe.</summary>
/// <remarks>
/// A type is served from when its list has been played, custom resources as their definitions say at that moment. Lists, gets and watches are of the one version in which a type was recorded; where it was
/// recorded in several, each is played by itself.
/// </remarks>
sealed class ReplayedCluster(Recording recording, ReplayPlayer player) : IObjectSource
{
    const int WatchBatch = 256;

    static readonly GroupResource Definitions = new("apiextensions.k8s.io", "customresourcedefinitions");
    static readonly ImmutableSortedDictionary<string, ReplayObject> NoDefinitions = ImmutableSortedDictionary<string, ReplayObject>.Empty;

    readonly Dictionary<(string Group, string Version, string Resource), ReplayType> _types = player.Types.ToDictionary(type => (type.Type.Group, type.Type.Version, type.Type.Resource));
    readonly Dictionary<string, ReadOnlyMemory<byte>> _documents = recording.ReadDiscoveryDocuments().ToDictionary(document => document.Path, document => document.Json);
    readonly string _name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(recording.Path)));
    readonly Lock _lock = new();
    readonly HashSet<string> _definedNames = [];
    (int Types, ImmutableSortedDictionary<string, ReplayObject>? Definitions) _served;
    ServedResources? _resources;

    /// <inheritdoc/>
    public DateTimeOffset Now => player.Now;

    /// <inheritdoc/>
    public string Refusal => $"this is a replay of the recording '{_name}': it can be read and not changed";

    /// <inheritdoc/>
    public ValueTask<ServedResources> GetResourcesAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            var definitions = FindDefinitions();
            var served = (player.Types.Count(type => type.IsServed), definitions);
            if (_resources is null || served != _served)
                (_resources, _served) = (Create(definitions), served);
            return new(_resources);
        }
    }

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>?> GetDocumentAsync(string path, CancellationToken cancellationToken) =>
        new(_documents.TryGetValue(path, out var document) ? document : default(ReadOnlyMemory<byte>?));

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>?> GetDefinitionAsync(ServedResource resource, CancellationToken cancellationToken) =>
        new(FindDefinitions().GetValueOrDefault(resource.Type.GroupResource.ToString())?.Json);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> GetWarningsAsync(ServedResource resource, CancellationToken cancellationToken) => new([]);

    /// <inheritdoc/>
    public ValueTask<StoredObject?> GetAsync(ServedResource resource, string @namespace, string name, string? notOlderThan, CancellationToken cancellationToken)
    {
        var snapshot = Current(Find(resource), notOlderThan);
        return new(snapshot.Objects.GetValueOrDefault(Key(@namespace, name)) is { } found ? Stored(found) : null);
    }

    /// <inheritdoc/>
    public ValueTask<ObjectListing> ListAsync(ServedResource resource, ListRequest request, CancellationToken cancellationToken)
    {
        var snapshot = Open(Find(resource), request);
        var after = request.After is var (scope, name) ? Key(scope, name) : null;
        return new(new ObjectListing
        {
            ResourceVersion = snapshot.Version,
            Anchor = snapshot.Position.ToString(CultureInfo.InvariantCulture),
            Objects = Select(snapshot, resource, request, after).Select(Stored).ToAsyncEnumerable(),
            CountAsync = _ => new(Select(snapshot, resource, request with { Limit = long.MaxValue }, after: null).LongCount()),
        });
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<WatchEvent> WatchAsync(ServedResource resource, WatchRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var type = Find(resource);
        var position = Open(type, request.ResourceVersion, out var snapshot);
        player.Watched();
        try
        {
            if (request.ResourceVersion is null)
            {
                var now = Now;
                foreach (var item in snapshot.Objects.Values)
                    yield return new WatchEvent { Kind = WatchEventKind.Added, ResourceVersion = item.Version, Object = item.Identity, State = item.Json, At = now };
                yield return new WatchEvent { Kind = request.EndsInitialEvents ? WatchEventKind.InitialEventsEnd : WatchEventKind.Bookmark, ResourceVersion = snapshot.Version, MayResume = true, At = now };
            }
            while (true)
            {
                var next = position.Next;
                if (type.Take(position, WatchBatch, out var wait) is not { } events)
                    throw KubeApiException.Expired(request.ResourceVersion ?? snapshot.Version, type.Version);
                foreach (var recorded in events)
                    yield return Show(recorded, next++);
                if (events.Count == 0)
                    await wait.WaitAsync(cancellationToken).ConfigureAwait(false);
                else
                    cancellationToken.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            type.End(position);
        }
    }

    /// <inheritdoc/>
    public ValueTask<StoredObject?> GetBeforeAsync(ServedResource resource, WatchEvent change, CancellationToken cancellationToken) =>
        new(Find(resource).FindBefore(change.Position - 1) is { } before ? Stored(before) : null);

    ImmutableSortedDictionary<string, ReplayObject> FindDefinitions() => player.Types.FirstOrDefault(type => type.Type.GroupResource == Definitions)?.Snapshot().Objects ?? NoDefinitions;

    ServedResources Create(ImmutableSortedDictionary<string, ReplayObject> definitions)
    {
        _definedNames.UnionWith(definitions.Keys);
        var withheld = player.Types.Where(type => !type.IsServed).Select(type => (type.Type.Group, type.Type.Version, type.Type.Resource)).ToHashSet();
        return ServedResources.Create(
            _documents,
            [.. definitions.Values.Select(definition => CustomResource.Read(definition.Json)).OfType<CustomResource>()],
            _definedNames.ToHashSet(),
            player.Types.Where(type => type.IsServed).Select(type => type.Type),
            // The documents were fetched at the recording's end: what has not begun is not served, whatever they say.
            withheld);
    }

    ReplayType Find(ServedResource resource)
    {
        var type = resource.Type;
        if (_types.TryGetValue((type.Group, type.Version, type.Resource), out var exact))
            return exact;
        // Another version of it, or the other group of events: the handler converts what can be converted.
        return player.Types.FirstOrDefault(other => other.IsServed && other.Type.GroupResource == resource.Stored)
            ?? throw KubeApiException.NoResource($"{type.GroupResource} were not recorded: the recording has no file 'watch/{(type.Group.Length == 0 ? "core" : type.Group)}_{type.Version}_{type.Resource}.log[.gz]'");
    }

    ReplaySnapshot Open(ReplayType type, ListRequest request)
    {
        if (request.Pinned is var (anchor, pinned))
        {
            if (!long.TryParse(anchor, NumberStyles.None, CultureInfo.InvariantCulture, out var position))
                throw KubeApiException.BadRequest("invalid continue token: continue key is not valid: it was not made by this server");
            return type.SnapshotAt(position, pinned) ?? throw new KubeApiException(StatusCodes.Status410Gone, "Expired",
                "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.");
        }
        if (request is not { IsExact: true, ResourceVersion: { } wanted })
            return Current(type, request.ResourceVersion);
        CheckPlayed(type, wanted);
        return type.SnapshotAt(wanted, out var oldest) ?? throw KubeApiException.Expired(wanted, oldest);
    }

    WatchPosition Open(ReplayType type, string? version, out ReplaySnapshot snapshot)
    {
        if (version is not null)
            CheckPlayed(type, version);
        return type.Watch(version, out snapshot, out var oldest) ?? throw KubeApiException.Expired(version!, oldest);
    }

    /// <summary>What the type holds now. A list bears the version of its own type, so that one that must not be older than another type's version has to wait.</summary>
    static ReplaySnapshot Current(ReplayType type, string? notOlderThan)
    {
        var snapshot = type.Snapshot();
        return notOlderThan is null || ResourceVersion.Compare(notOlderThan, snapshot.Version) <= 0 ? snapshot : throw KubeApiException.TooLarge(notOlderThan, snapshot.Version);
    }

    /// <summary>All types count by one counter: a version that another type has seen is one of this type too.</summary>
    void CheckPlayed(ReplayType type, string version)
    {
        if (ResourceVersion.Compare(version, type.Version) <= 0)
            return;
        var newest = player.Types.Where(one => one.IsServed).Select(one => one.Version).Aggregate((left, right) => ResourceVersion.Compare(left, right) >= 0 ? left : right);
        if (ResourceVersion.Compare(version, newest) > 0)
            throw KubeApiException.TooLarge(version, newest);
    }

    static IEnumerable<ReplayObject> Select(ReplaySnapshot snapshot, ServedResource resource, ListRequest request, string? after)
    {
        var selector = new ObjectSelector(request.Namespace, request.Labels, FieldSelector.Parse("", resource));
        var chosen = request.Name is null ? snapshot.Objects.Values
            : snapshot.Objects.GetValueOrDefault(Key(request.Namespace ?? "", request.Name)) is { } one ? (IEnumerable<ReplayObject>)[one] : [];
        var left = request.Limit;
        foreach (var item in chosen)
        {
            if (left <= 0)
                yield break;
            if ((after is not null && string.CompareOrdinal(item.Key, after) <= 0) || !selector.Matches(item.Identity, item.Json))
                continue;
            left--;
            yield return item;
        }
    }

    static WatchEvent Show(ReplayEvent recorded, long position)
    {
        var line = recorded.Line;
        return new WatchEvent
        {
            Kind = recorded.Object is null ? WatchEventKind.Bookmark : line.Type switch { "ADDED" => WatchEventKind.Added, "DELETED" => WatchEventKind.Deleted, _ => WatchEventKind.Modified },
            ResourceVersion = line.ResourceVersion,
            MayResume = true,
            Object = recorded.Object?.Identity ?? default,
            State = recorded.Object is null ? default : line.Object,
            At = line.Time,
            // What has one begins at 1.
            Position = position + 1,
        };
    }

    static StoredObject Stored(ReplayObject item) => new(item.Identity, item.Version, item.Json);

    static string Key(string @namespace, string name) => @namespace.Length == 0 ? name : $"{@namespace}/{name}";
}
