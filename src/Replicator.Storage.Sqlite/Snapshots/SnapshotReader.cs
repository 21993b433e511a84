using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Projecting;
using Replicator.Core.Storage;
using Replicator.Storage.Sqlite.Log;
using Replicator.Storage.Sqlite.Sqlite;

namespace Replicator.Storage.Sqlite.Snapshots;

/// <summary>One reading connection to a generation of the snapshots. Every call reads one committed state of the file and leaves no read open. Not thread-safe.</summary>
sealed class SnapshotReader : IDisposable
{
    readonly Database _database;
    readonly Statement _type, _firstAfterTime, _lastUpToTime, _firstAfterVersion, _lastUpToVersion, _epoch, _live, _liveInNamespace, _past, _pastInNamespace, _byName, _version, _history, _facetsOfType, _facetsByLabel, _facetsByOwner, _anyOwner, _facetObjects, _types, _gaps, _clusterByTime, _clusterByVersion;

    public SnapshotReader(string path)
    {
        _database = Database.Open(path, DatabaseMode.Read);
        const string keys = "SELECT id, namespace, name, uid, born, died FROM objects";
        _type = _database.Prepare("SELECT id, version FROM types WHERE cluster = ?1 AND grp = ?2 AND resource = ?3");
        _firstAfterTime = _database.Prepare("SELECT position FROM moments WHERE type = ?1 AND observed_at > ?2 ORDER BY position LIMIT 1");
        _lastUpToTime = _database.Prepare("SELECT position FROM moments WHERE type = ?1 AND observed_at <= ?2 ORDER BY position DESC LIMIT 1");
        _firstAfterVersion = _database.Prepare("SELECT position FROM moments WHERE type = ?1 AND version > ?2 AND position > ?3 AND position <= ?4 ORDER BY position LIMIT 1");
        _lastUpToVersion = _database.Prepare("SELECT position FROM moments WHERE type = ?1 AND version <= ?2 AND position > ?3 AND position <= ?4 ORDER BY position DESC LIMIT 1");
        _epoch = _database.Prepare("SELECT position, version <= ?2 FROM epochs WHERE type = ?1 ORDER BY epoch DESC");
        _live = _database.Prepare($"{keys} INDEXED BY objects_live WHERE type = ?1 AND died IS NULL AND (namespace, name) > (?2, ?3) ORDER BY namespace, name LIMIT ?4");
        _liveInNamespace = _database.Prepare($"{keys} INDEXED BY objects_live WHERE type = ?1 AND died IS NULL AND namespace = ?2 AND name > ?3 ORDER BY name LIMIT ?4");
        _past = _database.Prepare($"{keys} INDEXED BY objects_by_name WHERE type = ?1 AND (namespace, name, born) > (?2, ?3, ?7) AND born <= ?5 AND (died IS NULL OR died > ?6) ORDER BY namespace, name, born LIMIT ?4");
        _pastInNamespace = _database.Prepare($"{keys} INDEXED BY objects_by_name WHERE type = ?1 AND namespace = ?2 AND (name, born) > (?3, ?7) AND born <= ?5 AND (died IS NULL OR died > ?6) ORDER BY name, born LIMIT ?4");
        _byName = _database.Prepare($"{keys} WHERE type = ?1 AND namespace = ?2 AND name = ?3 ORDER BY born");
        _version = _database.Prepare("SELECT position, event, version, observed_at, facet FROM versions WHERE object = ?1 AND position <= ?2 ORDER BY position DESC");
        _history = _database.Prepare("SELECT v.position, v.event, v.version, v.observed_at, v.provenance, s.version, s.kind, s.namespaced FROM versions v JOIN served s ON s.id = v.served WHERE v.object = ?1 AND v.position > ?2 ORDER BY v.position LIMIT ?3");
        _facetsOfType = _database.Prepare("SELECT id, content FROM facets WHERE type = ?1");
        _facetsByLabel = _database.Prepare("SELECT f.id, f.content FROM facet_labels l JOIN facets f ON f.id = l.facet WHERE l.type = ?1 AND l.key = ?2 AND l.value = ?3");
        _facetsByOwner = _database.Prepare("SELECT f.id, f.content FROM facet_owners l JOIN facets f ON f.id = l.facet WHERE l.type = ?1 AND l.uid = ?2");
        _anyOwner = _database.Prepare("SELECT 1 FROM facet_owners WHERE type = ?1 LIMIT 1");
        _facetObjects = _database.Prepare("SELECT o.id, o.namespace, o.name, o.uid, o.born, o.died FROM facet_objects f JOIN objects o ON o.id = f.object WHERE f.facet = ?1 AND o.born <= ?2 AND (o.died IS NULL OR o.died > ?3)");
        _types = _database.Prepare("""
            SELECT t.cluster, t.grp, t.resource, s.version, s.kind, s.namespaced, t.version, t.observed_at, t.position, t.objects, t.versions, t.gaps, t.synced
            FROM types t JOIN served s ON s.id = t.served ORDER BY t.cluster, t.grp, t.resource
            """);
        _gaps = _database.Prepare("SELECT t.grp, t.resource, g.position, g.from_version, g.to_version, g.from_time, g.to_time, g.reason FROM gaps g JOIN types t ON t.id = g.type WHERE t.cluster = ?1 ORDER BY g.position");
        Statement LastOfCluster(string column) => _database.Prepare($"SELECT m.position FROM cluster_moments m JOIN clusters c ON c.id = m.cluster WHERE c.name = ?1 AND m.{column} <= ?2 ORDER BY m.position DESC LIMIT 1");
        (_clusterByTime, _clusterByVersion) = (LastOfCluster("max_observed_at"), LastOfCluster("max_version"));
    }

    /// <summary>Opens a read of one state of the file; dispose what it returns to end it.</summary>
    public ReadScope BeginRead()
    {
        _database.Execute("BEGIN");
        return new ReadScope(_database);
    }

    public long Checkpoint() => _database.ReadInteger("SELECT checkpoint FROM meta");

    /// <summary>The type's number, or null where nothing of it was ever recorded.</summary>
    public long? FindType(string cluster, GroupResource type)
    {
        _type.Bind(1, cluster);
        _type.Bind(2, type.Group);
        _type.Bind(3, type.Resource);
        long? id = _type.Step() ? _type.Integer(0) : null;
        _type.Reset();
        return id;
    }

    /// <summary>Turns a cut into bounds of position: what is at or before the low one lies before the cut, what is after the high one behind it; in between each version says for itself.</summary>
    /// <exception cref="FormatException">The cut is a resource version that cannot be ordered.</exception>
    public PositionBounds Bound(long type, Cut cut)
    {
        var end = Checkpoint();
        switch (cut.Kind)
        {
            case CutKind.Now:
                return PositionBounds.Exactly(end);
            case CutKind.Position:
                return PositionBounds.Exactly(Math.Min(cut.Value, end));
            case CutKind.Time:
                return new PositionBounds(Seek(_lastUpToTime, type, cut.Value) ?? 0, Math.Min(end, Seek(_firstAfterTime, type, cut.Value) - 1 ?? end), cut.Value, null);
            default:
                var version = SqliteVersion.From(cut.Version!);
                if (!version.IsComparable)
                    throw new FormatException($"Resource version '{cut.Version}' is not a decimal integer: it names no moment (KEP-5504).");
                var (first, last) = FindEpoch(type, version, end);
                return new PositionBounds(Seek(_lastUpToVersion, type, version, first, last) ?? first, Math.Min(last, Seek(_firstAfterVersion, type, version, first, last) - 1 ?? last), null, version);
        }
    }

    /// <summary>The next objects of a type that lived at the cut, in the order of namespace, name and birth.</summary>
    public List<ObjectRow> ReadObjects(long type, in PositionBounds bounds, bool isPresent, string? @namespace, in ObjectKey after, int limit)
    {
        var statement = (isPresent, @namespace) switch { (true, null) => _live, (true, _) => _liveInNamespace, (false, null) => _past, (false, _) => _pastInNamespace };
        statement.Bind(1, type);
        statement.Bind(2, @namespace is null ? after.Scoped : ObjectKey.Scope(@namespace));
        statement.Bind(3, after.Name);
        statement.Bind(4, limit);
        if (!isPresent)
        {
            statement.Bind(5, bounds.High);
            statement.Bind(6, bounds.Low);
            statement.Bind(7, after.Born);
        }
        return Objects(statement);
    }

    /// <summary>The objects that ever bore a name.</summary>
    public List<ObjectRow> ReadNamed(long type, string @namespace, string name)
    {
        _byName.Bind(1, type);
        _byName.Bind(2, ObjectKey.Scope(@namespace));
        _byName.Bind(3, name);
        return Objects(_byName);
    }

    /// <summary>The objects that may have had one of the facets at the cut, in the order of namespace, name and birth.</summary>
    public List<ObjectRow> ReadWithFacets(IEnumerable<long> facets, in PositionBounds bounds, string? @namespace)
    {
        var found = new Dictionary<long, ObjectRow>();
        foreach (var facet in facets)
        {
            _facetObjects.Bind(1, facet);
            _facetObjects.Bind(2, bounds.High);
            _facetObjects.Bind(3, bounds.Low);
            foreach (var row in Objects(_facetObjects))
            {
                if (@namespace is null || row.Identity.Namespace == @namespace)
                    found[row.Id] = row;
            }
        }
        return [.. found.Values.OrderBy(row => row.Key)];
    }

    /// <summary>The facets of a type whose labels match and that name one of the owners.</summary>
    public HashSet<long> FindFacets(long type, LabelSelector selector, IReadOnlyCollection<string>? owners)
    {
        var facets = new HashSet<long>();
        if (owners is not null)
        {
            _anyOwner.Bind(1, type);
            var isOwned = _anyOwner.Step();
            _anyOwner.Reset();
            // Most types have no owners at all, and a tree asks for all of them.
            foreach (var owner in isOwned ? owners : [])
            {
                _facetsByOwner.Bind(1, type);
                _facetsByOwner.Bind(2, owner);
                Collect(_facetsByOwner, selector, facets);
            }
        }
        else if (selector.Requirements.FirstOrDefault(requirement => requirement.Operator == LabelOperator.In) is { } wanted)
        {
            foreach (var value in wanted.Values)
            {
                _facetsByLabel.Bind(1, type);
                _facetsByLabel.Bind(2, wanted.Key);
                _facetsByLabel.Bind(3, value);
                Collect(_facetsByLabel, selector, facets);
            }
        }
        else
        {
            _facetsOfType.Bind(1, type);
            Collect(_facetsOfType, selector, facets);
        }
        return facets;
    }

    /// <summary>The version of an object that held at the cut; null where it did not live.</summary>
    public VersionRow? FindVersion(long @object, in PositionBounds bounds)
    {
        _version.Bind(1, @object);
        _version.Bind(2, bounds.High);
        try
        {
            while (_version.Step())
            {
                if (!bounds.Includes(_version))
                    continue;
                return (EventType)_version.Integer(1) == EventType.ObjectDeleted ? null : new VersionRow(_version.Integer(0), _version.Version(2), _version.Integer(4));
            }
            return null;
        }
        finally
        {
            _version.Reset();
        }
    }

    /// <summary>Whether a version of an object began after the one cut and not after the other.</summary>
    public bool IsTouched(long @object, in PositionBounds from, in PositionBounds to)
    {
        _version.Bind(1, @object);
        _version.Bind(2, Math.Max(from.High, to.High));
        try
        {
            while (_version.Step() && _version.Integer(0) > Math.Min(from.Low, to.Low))
            {
                if (Includes(from) != Includes(to))
                    return true;
            }
            return false;
        }
        finally
        {
            _version.Reset();
        }

        bool Includes(in PositionBounds bounds) => _version.Integer(0) <= bounds.High && bounds.Includes(_version);
    }

    /// <summary>How many objects there ever were, of all types.</summary>
    public long CountObjects() => _database.ReadInteger("SELECT coalesce(max(id), 0) FROM objects");

    /// <summary>The names of a type that something bore that was born by a position and had not died by another.</summary>
    public SortedSet<ObjectKey> ReadKeys(long type, long bornBy, long diedAfter, string? @namespace)
    {
        using var keys = _database.PrepareOnce($"SELECT namespace, name FROM objects WHERE type = ?1 AND born <= ?2 AND (died IS NULL OR died > ?3){(@namespace is null ? "" : " AND namespace = ?4")}");
        keys.Bind(1, type);
        keys.Bind(2, bornBy);
        keys.Bind(3, diedAfter);
        if (@namespace is not null)
            keys.Bind(4, ObjectKey.Scope(@namespace));
        var found = new SortedSet<ObjectKey>();
        while (keys.Step())
            found.Add(new ObjectKey(keys.Text(0), keys.Text(1), 0));
        return found;
    }

    /// <summary>The next versions of an object after a position; <see cref="StoredVersion.To"/> and the state are left open.</summary>
    public List<StoredVersion> ReadVersions(GroupResource type, in ObjectRow row, long after, int limit)
    {
        _history.Bind(1, row.Id);
        _history.Bind(2, after);
        _history.Bind(3, limit);
        var versions = new List<StoredVersion>();
        while (_history.Step())
        {
            versions.Add(new StoredVersion
            {
                Object = row.Identity,
                Type = new ResourceType(type.Group, _history.Text(5), type.Resource, _history.Text(6), _history.Integer(7) != 0),
                Event = (EventType)_history.Integer(1),
                ResourceVersion = _history.Version(2),
                Position = _history.Integer(0),
                From = HashChain.FromMicroseconds(_history.Integer(3)),
                Provenance = (Provenance)_history.Integer(4),
            });
        }
        _history.Reset();
        return versions;
    }

    public List<TypeStatus> ReadTypes(string? cluster)
    {
        var types = _types;
        var statuses = new List<TypeStatus>();
        while (types.Step())
        {
            if (cluster is not null && types.Text(0) != cluster)
                continue;
            statuses.Add(new TypeStatus
            {
                Cluster = types.Text(0),
                Type = new ResourceType(types.Text(1), types.Text(3), types.Text(2), types.Text(4), types.Integer(5) != 0),
                ResourceVersion = types.Version(6),
                LastObservedAt = HashChain.FromMicroseconds(types.Integer(7)),
                LastPosition = types.Integer(8),
                Objects = types.Integer(9),
                Versions = types.Integer(10),
                Gaps = types.Integer(11),
                Synced = types.Integer(12) != 0,
            });
        }
        types.Reset();
        return statuses;
    }

    public List<GapStatus> ReadGaps(string cluster, GroupResource? type)
    {
        var gaps = _gaps;
        gaps.Bind(1, cluster);
        var statuses = new List<GapStatus>();
        while (gaps.Step())
        {
            var of = new GroupResource(gaps.Text(0), gaps.Text(1));
            if (type is { } wanted && wanted != of)
                continue;
            statuses.Add(new GapStatus(of, gaps.Integer(2), gaps.Text(3), gaps.IsNull(4) ? null : gaps.Text(4),
                gaps.IsNull(5) ? null : HashChain.FromMicroseconds(gaps.Integer(5)), gaps.IsNull(6) ? null : HashChain.FromMicroseconds(gaps.Integer(6)), gaps.Text(7)));
        }
        gaps.Reset();
        return statuses;
    }

    /// <summary>The last position up to which nothing of the cluster is later than the cut, as far as the sparse index knows.</summary>
    public long FindClusterPosition(string cluster, Cut cut)
    {
        if (cut.Kind is CutKind.Now or CutKind.Position)
            return Math.Min(Checkpoint(), cut.Value);
        var moment = cut.Kind == CutKind.Time ? _clusterByTime : _clusterByVersion;
        moment.Bind(1, cluster);
        if (cut.Kind == CutKind.Time)
            moment.Bind(2, cut.Value);
        else
            moment.Bind(2, SqliteVersion.From(cut.Version!));
        var position = moment.Step() ? moment.Integer(0) : 0;
        moment.Reset();
        return position;
    }

    /// <summary>A digest over all types, objects and versions in an order that does not depend on how the file was built.</summary>
    public string ComputeDigest()
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        void Append(FormattableString line) => sha.AppendData(Encoding.UTF8.GetBytes(line.ToString(CultureInfo.InvariantCulture)));
        foreach (var type in ReadTypes(null))
        {
            Append($"type {type.Cluster} {type.Type} {type.ResourceVersion} {type.LastPosition} {type.Objects} {type.Versions} {type.Gaps} {type.Synced}\n");
            foreach (var gap in ReadGaps(type.Cluster, type.Type.GroupResource))
                Append($"gap {gap}\n");
        }
        using var epochs = _database.PrepareOnce("SELECT t.cluster, t.grp, t.resource, e.epoch, e.position, e.version FROM epochs e JOIN types t ON t.id = e.type ORDER BY e.position");
        while (epochs.Step())
            Append($"epoch {epochs.Text(0)} {epochs.Text(1)} {epochs.Text(2)} {epochs.Integer(3)} {epochs.Integer(4)} {(epochs.IsNull(5) ? "" : epochs.Version(5))}\n");
        using var versions = _database.PrepareOnce("""
            SELECT t.cluster, t.grp, t.resource, o.namespace, o.name, o.uid, o.born, o.died, v.position, v.event, v.version, v.observed_at, v.provenance, s.version, s.kind, f.content
            FROM versions v JOIN objects o ON o.id = v.object JOIN types t ON t.id = o.type JOIN served s ON s.id = v.served LEFT JOIN facets f ON f.id = v.facet ORDER BY v.position
            """);
        while (versions.Step())
        {
            Append($"version {versions.Text(0)} {versions.Text(1)} {versions.Text(2)} {versions.Text(3)} {versions.Text(4)} {PackedText.ReadUid(versions, 5)} {versions.Integer(6)} {versions.Integer(7)} ");
            Append($"{versions.Integer(8)} {versions.Integer(9)} {versions.Version(10)} {versions.Integer(11)} {versions.Integer(12)} {versions.Text(13)} {versions.Text(14)} ");
            sha.AppendData(versions.Blob(15));
            Append($"\n");
        }
        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }

    public void Dispose() => _database.Dispose();

    static long? Seek(Statement statement, long type, long value)
    {
        statement.Bind(2, value);
        return Seek(statement, type);
    }

    static long? Seek(Statement statement, long type, in SqliteVersion value, long first, long last)
    {
        statement.Bind(2, value);
        statement.Bind(3, first);
        statement.Bind(4, last);
        return Seek(statement, type);
    }

    /// <summary>The positions of the epoch that a resource version is of: the newest whose first list is not newer than it. Everything before them lies before the cut, everything after them behind it.</summary>
    (long First, long Last) FindEpoch(long type, in SqliteVersion version, long end)
    {
        _epoch.Bind(1, type);
        _epoch.Bind(2, version);
        var (first, last) = (0L, end);
        while (_epoch.Step())
        {
            if (!_epoch.IsNull(1) && _epoch.Integer(1) != 0)
            {
                first = _epoch.Integer(0);
                break;
            }
            last = Math.Min(last, _epoch.Integer(0) - 1);
        }
        _epoch.Reset();
        return (first, last);
    }

    static long? Seek(Statement statement, long type)
    {
        statement.Bind(1, type);
        long? position = statement.Step() ? statement.Integer(0) : null;
        statement.Reset();
        return position;
    }

    static void Collect(Statement rows, LabelSelector selector, HashSet<long> facets)
    {
        while (rows.Step())
        {
            if (selector.Requirements.Count == 0 || selector.Matches(Facet.Read(rows.Blob(1)).Labels))
                facets.Add(rows.Integer(0));
        }
        rows.Reset();
    }

    static List<ObjectRow> Objects(Statement statement)
    {
        var rows = new List<ObjectRow>();
        while (statement.Step())
        {
            rows.Add(new ObjectRow(statement.Integer(0), new ObjectIdentity(ObjectKey.Unscope(statement.Text(1)), statement.Text(2), PackedText.ReadUid(statement, 3)), statement.Integer(4), statement.IsNull(5)));
        }
        statement.Reset();
        return rows;
    }

    public readonly struct ReadScope(Database database) : IDisposable
    {
        public void Dispose() => database.Rollback();
    }
}

/// <summary>A row of <c>objects</c>.</summary>
readonly record struct ObjectRow(long Id, ObjectIdentity Identity, long Born, bool IsLive)
{
    public ObjectKey Key => new(ObjectKey.Scope(Identity.Namespace), Identity.Name, Born);
}

/// <summary>The order of a list: etcd's own, by the bytes of <c>namespace/name</c>; of one name by birth.</summary>
/// <param name="Scoped">The namespace with its slash; empty for cluster-scoped objects.</param>
/// <param name="Name">The name.</param>
/// <param name="Born">The position of the first version.</param>
readonly record struct ObjectKey(string Scoped, string Name, long Born) : IComparable<ObjectKey>
{
    public static ObjectKey First { get; } = new("", "", -1);

    public static string Scope(string @namespace) => @namespace.Length == 0 ? "" : $"{@namespace}/";

    public static string Unscope(string scoped) => scoped.Length == 0 ? "" : scoped[..^1];

    // Names are ASCII (RFC 1123), for which the order of UTF-16 is that of the bytes.
    public int CompareTo(ObjectKey other)
    {
        var order = string.CompareOrdinal(Scoped, other.Scoped);
        if (order == 0)
            order = string.CompareOrdinal(Name, other.Name);
        return order == 0 ? Born.CompareTo(other.Born) : order;
    }
}

/// <summary>A version that held at a cut.</summary>
readonly record struct VersionRow(long Position, string ResourceVersion, long Facet);
