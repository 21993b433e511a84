namespace Replicator.Storage.Marten.Snapshots;

/// <summary>The tables of one generation of the snapshots. There are two sets, so that a generation can be built beside the one that readers use without an account that may create tables.</summary>
/// <remarks>
/// <para>A version holds its object's state, whole and verbatim (<c>json</c>, not <c>jsonb</c>), from its position to that of the object's next: the half-open intervals are implied, so that a new version changes no
/// row, and shown by the view <c>replicator_versions</c>. <c>objects</c> repeats the ends of the whole life, so that a list need not look at what was not alive. What is searched by is duplicated
/// in columns.</para>
/// <para>Labels and owner references together are a facet. Objects share facets (the pods of a ReplicaSet have one between them), so the index over labels grows with the sets that exist, not with versions.</para>
/// <para><c>epochs</c> holds, for each time that a type's resource versions ran backwards, the gap at which they did and the version of the list that closed it: the versions of an epoch count from there.</para>
/// <para>Versions are written in the order of their positions, so that a BRIN index, some bytes for sixteen pages, finds those between two moments; a tree over them would cost more than the rows.</para>
/// <para><c>moments</c> is a sparse index over each type's time and resource version, one row in 256 events, to turn a cut into bounds of position.</para>
/// </remarks>
sealed class SnapshotTables(string schema, int slot)
{
    public const int Slots = 2;

    static readonly string[] Names = ["types", "served", "objects", "versions", "facets", "facet_labels", "facet_owners", "facet_objects", "gaps", "clusters", "cluster_moments", "moments", "epochs"];

    public int Slot { get; } = slot;

    public string Types => Table("types");
    public string Served => Table("served");
    public string Objects => Table("objects");
    public string Versions => Table("versions");
    public string Facets => Table("facets");
    public string FacetLabels => Table("facet_labels");
    public string FacetOwners => Table("facet_owners");
    public string FacetObjects => Table("facet_objects");
    public string Gaps => Table("gaps");
    public string Clusters => Table("clusters");
    public string ClusterMoments => Table("cluster_moments");
    public string Moments => Table("moments");
    public string Epochs => Table("epochs");

    /// <summary>All of them, for a lock or to be emptied.</summary>
    public string All => string.Join(", ", Names.Select(Table));

    /// <summary>Which slot readers use, and how far each has come.</summary>
    public static string State(string schema) => $"{schema}.snapshot_generations";

    /// <summary>What makes them; safe to run again.</summary>
    public static string Create(string schema) => $"""
        CREATE TABLE IF NOT EXISTS {State(schema)} (slot integer PRIMARY KEY, generation bigint NOT NULL, checkpoint bigint NOT NULL, is_current boolean NOT NULL);
        INSERT INTO {State(schema)} (slot, generation, checkpoint, is_current) VALUES (0, 1, 0, true), (1, 0, 0, false) ON CONFLICT DO NOTHING;
        {string.Join("\n", Enumerable.Range(0, Slots).Select(slot => new SnapshotTables(schema, slot).Create()))}
        CREATE OR REPLACE VIEW {schema}.replicator_versions AS
            {string.Join("\n    UNION ALL ", Enumerable.Range(0, Slots).Select(slot => new SnapshotTables(schema, slot).Show(schema)))};
        """;

    string Table(string name) => $"{schema}.snapshot{Slot}_{name}";

    string Create() => $"""
        CREATE TABLE IF NOT EXISTS {Types} (id bigint PRIMARY KEY, cluster text NOT NULL, grp text NOT NULL, resource text NOT NULL, served bigint NOT NULL, version text NOT NULL, observed_at bigint NOT NULL, position bigint NOT NULL,
            objects bigint NOT NULL, versions bigint NOT NULL, gaps bigint NOT NULL, synced boolean NOT NULL, since_moment bigint NOT NULL, UNIQUE (cluster, grp, resource));
        CREATE TABLE IF NOT EXISTS {Served} (id bigint PRIMARY KEY, type bigint NOT NULL, version text NOT NULL, kind text NOT NULL, namespaced boolean NOT NULL);
        CREATE TABLE IF NOT EXISTS {Objects} (id bigint PRIMARY KEY, type bigint NOT NULL, scope text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL, uid text NOT NULL, born bigint NOT NULL, died bigint, facet bigint NOT NULL) WITH (fillfactor = 80);
        CREATE INDEX IF NOT EXISTS snapshot{Slot}_objects_by_name ON {Objects} (type, scope, name, born);
        CREATE INDEX IF NOT EXISTS snapshot{Slot}_objects_live ON {Objects} (type, scope, name, born) WHERE died IS NULL;
        CREATE TABLE IF NOT EXISTS {Versions} (object bigint NOT NULL, position bigint NOT NULL, event smallint NOT NULL, provenance smallint NOT NULL, served bigint NOT NULL, facet bigint NOT NULL, observed_at bigint NOT NULL,
            version text COLLATE "C" NOT NULL, version_order text COLLATE "C" NOT NULL, state json, PRIMARY KEY (object, position));
        CREATE TABLE IF NOT EXISTS {Facets} (id bigint PRIMARY KEY, type bigint NOT NULL, digest uuid NOT NULL, content bytea NOT NULL, UNIQUE (type, digest));
        CREATE TABLE IF NOT EXISTS {FacetLabels} (type bigint NOT NULL, key text NOT NULL, value text NOT NULL, facet bigint NOT NULL, PRIMARY KEY (type, key, value, facet));
        CREATE TABLE IF NOT EXISTS {FacetOwners} (type bigint NOT NULL, uid text NOT NULL, facet bigint NOT NULL, PRIMARY KEY (type, uid, facet));
        CREATE TABLE IF NOT EXISTS {FacetObjects} (facet bigint NOT NULL, object bigint NOT NULL, PRIMARY KEY (facet, object));
        CREATE TABLE IF NOT EXISTS {Gaps} (type bigint NOT NULL, position bigint NOT NULL, from_version text NOT NULL, from_time bigint, reason text NOT NULL, to_version text, to_time bigint, PRIMARY KEY (type, position));
        CREATE TABLE IF NOT EXISTS {Clusters} (id bigint PRIMARY KEY, name text NOT NULL UNIQUE, since_moment bigint NOT NULL, max_version_order text COLLATE "C" NOT NULL, max_observed_at bigint NOT NULL);
        CREATE TABLE IF NOT EXISTS {ClusterMoments} (cluster bigint NOT NULL, position bigint NOT NULL, max_version_order text COLLATE "C" NOT NULL, max_observed_at bigint NOT NULL, PRIMARY KEY (cluster, position));
        CREATE TABLE IF NOT EXISTS {Moments} (type bigint NOT NULL, position bigint NOT NULL, version_order text COLLATE "C" NOT NULL, observed_at bigint NOT NULL, PRIMARY KEY (type, position));
        CREATE TABLE IF NOT EXISTS {Epochs} (type bigint NOT NULL, epoch integer NOT NULL, position bigint NOT NULL, version_order text COLLATE "C", PRIMARY KEY (type, epoch));
        CREATE INDEX IF NOT EXISTS snapshot{Slot}_versions_by_position ON {Versions} USING brin (position) WITH (pages_per_range = 16, autosummarize = on);
        ALTER TABLE {Versions} ALTER COLUMN state SET COMPRESSION lz4;
        """;

    string Show(string owner) => $"""
        SELECT t.cluster, t.grp AS "group", t.resource, rtrim(o.scope, '/') AS namespace, o.name, o.uid, v.version AS resource_version, v.position AS from_position,
                lead(v.position) OVER (PARTITION BY v.object ORDER BY v.position) AS to_position, to_timestamp(v.observed_at / 1000000.0) AS observed_at, v.event = 3 AS is_deletion, v.state
            FROM {Versions} v JOIN {Objects} o ON o.id = v.object JOIN {Types} t ON t.id = o.type WHERE (SELECT is_current FROM {State(owner)} WHERE slot = {Slot})
        """;
}
