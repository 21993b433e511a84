using Replicator.Storage.Sqlite.Sqlite;

namespace Replicator.Storage.Sqlite.Snapshots;

/// <summary>The tables of a generation of the snapshots.</summary>
/// <remarks>
/// <para>A version is a row of numbers; its body lies in the log, by position, so that bodies are stored once. Validity intervals are half-open and implied: a version holds from its position to that of
/// the object's next. <c>objects</c> repeats the ends of the whole life, so that a list need not look at what was not alive.</para>
/// <para>Labels and owner references together are a facet. Objects share facets (the pods of a ReplicaSet have one between them), so the index over labels grows with the sets that exist, not with versions.</para>
/// <para><c>epochs</c> holds, for each time that a type's resource versions ran backwards, the gap at which they did and the version of the list that closed it: the versions of an epoch count from there.</para>
/// <para><c>moments</c> is a sparse index over each type's time and resource version, one row in 256 events, to turn a cut into bounds of position.</para>
/// </remarks>
static class SnapshotSchema
{
    /// <summary>Counts up with every change of the tables: a file of another version is rebuilt from the log. 3: the same tables, without moments at events that have no version.</summary>
    public const int Version = 3;

    public static void Create(Database database) => database.Execute($"""
        BEGIN IMMEDIATE;
        CREATE TABLE meta (checkpoint INTEGER NOT NULL);
        INSERT INTO meta (checkpoint) VALUES (0);
        CREATE TABLE types (id INTEGER PRIMARY KEY, cluster TEXT NOT NULL, grp TEXT NOT NULL, resource TEXT NOT NULL, served INTEGER NOT NULL, version NOT NULL, observed_at INTEGER NOT NULL, position INTEGER NOT NULL,
            objects INTEGER NOT NULL, versions INTEGER NOT NULL, gaps INTEGER NOT NULL, synced INTEGER NOT NULL, since_moment INTEGER NOT NULL, UNIQUE (cluster, grp, resource));
        CREATE TABLE served (id INTEGER PRIMARY KEY, type INTEGER NOT NULL, version TEXT NOT NULL, kind TEXT NOT NULL, namespaced INTEGER NOT NULL, UNIQUE (type, version, kind, namespaced));
        CREATE TABLE objects (id INTEGER PRIMARY KEY, type INTEGER NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, uid NOT NULL, born INTEGER NOT NULL, died INTEGER, facet INTEGER NOT NULL);
        CREATE INDEX objects_by_name ON objects (type, namespace, name, born, died);
        CREATE INDEX objects_live ON objects (type, namespace, name) WHERE died IS NULL;
        CREATE TABLE versions (object INTEGER NOT NULL, position INTEGER NOT NULL, event INTEGER NOT NULL, served INTEGER NOT NULL, version NOT NULL, observed_at INTEGER NOT NULL, provenance INTEGER NOT NULL, facet INTEGER NOT NULL,
            PRIMARY KEY (object, position)) WITHOUT ROWID;
        CREATE TABLE facets (id INTEGER PRIMARY KEY, type INTEGER NOT NULL, content BLOB NOT NULL, UNIQUE (type, content));
        CREATE TABLE facet_labels (type INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, facet INTEGER NOT NULL, PRIMARY KEY (type, key, value, facet)) WITHOUT ROWID;
        CREATE TABLE facet_owners (type INTEGER NOT NULL, uid TEXT NOT NULL, facet INTEGER NOT NULL, PRIMARY KEY (type, uid, facet)) WITHOUT ROWID;
        CREATE TABLE facet_objects (facet INTEGER NOT NULL, object INTEGER NOT NULL, PRIMARY KEY (facet, object)) WITHOUT ROWID;
        CREATE TABLE gaps (type INTEGER NOT NULL, position INTEGER NOT NULL, from_version TEXT NOT NULL, from_time INTEGER, reason TEXT NOT NULL, to_version TEXT, to_time INTEGER, PRIMARY KEY (type, position)) WITHOUT ROWID;
        CREATE TABLE clusters (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, since_moment INTEGER NOT NULL, max_version NOT NULL, max_observed_at INTEGER NOT NULL);
        CREATE TABLE cluster_moments (cluster INTEGER NOT NULL, position INTEGER NOT NULL, max_version NOT NULL, max_observed_at INTEGER NOT NULL, PRIMARY KEY (cluster, position)) WITHOUT ROWID;
        CREATE TABLE moments (type INTEGER NOT NULL, position INTEGER NOT NULL, version NOT NULL, observed_at INTEGER NOT NULL, PRIMARY KEY (type, position)) WITHOUT ROWID;
        CREATE TABLE epochs (type INTEGER NOT NULL, epoch INTEGER NOT NULL, position INTEGER NOT NULL, version, PRIMARY KEY (type, epoch)) WITHOUT ROWID;
        PRAGMA user_version = {Version};
        COMMIT;
        """);
}
