using Replicator.Core.Storage;
using Replicator.Storage.Sqlite.Sqlite;

namespace Replicator.Storage.Sqlite.Log;

/// <summary>The tables of <c>log.db</c>.</summary>
/// <remarks>
/// An index over events costs more than the rows (measured), so events have none: a position is the row's key, and a stream finds its events through <c>appends</c>, one row for each batch, whose events
/// have consecutive positions. Event ids are derived from what the row says; one that cannot be is kept in <c>extra</c>. <c>back</c> says what a body was compressed against: 0 for the stream's sample, n for the state
/// n positions before, −n for the sample and that state behind it.
/// </remarks>
static class LogSchema
{
    const int Version = 1;

    public static void Ensure(Database database)
    {
        var version = database.ReadInteger("PRAGMA user_version");
        if (version == Version)
            return;
        if (version != 0)
            throw new StoreUnavailableException($"'{database.Path}' has log format {version}; this Replicator reads format {Version}: use the version of Replicator that wrote it.");
        database.Execute($"""
            BEGIN IMMEDIATE;
            CREATE TABLE IF NOT EXISTS streams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last_revision INTEGER NOT NULL, last_position INTEGER NOT NULL, bytes INTEGER NOT NULL, sample_length INTEGER NOT NULL, sample BLOB);
            CREATE TABLE IF NOT EXISTS types (id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, cluster TEXT NOT NULL, grp TEXT NOT NULL, version TEXT NOT NULL, resource TEXT NOT NULL, kind TEXT NOT NULL, namespaced INTEGER NOT NULL);
            CREATE TABLE IF NOT EXISTS objects (id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, uid NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL);
            CREATE INDEX IF NOT EXISTS objects_by_uid ON objects (uid);
            CREATE TABLE IF NOT EXISTS appends (stream INTEGER NOT NULL, first_revision INTEGER NOT NULL, first_position INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (stream, first_revision)) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS events (
                position INTEGER PRIMARY KEY, type INTEGER NOT NULL, revision INTEGER NOT NULL, event INTEGER NOT NULL, object INTEGER, version NOT NULL, observed_at INTEGER NOT NULL,
                provenance INTEGER NOT NULL, epoch INTEGER NOT NULL, back INTEGER, length INTEGER NOT NULL, hash BLOB NOT NULL, body BLOB, trace BLOB, extra TEXT);
            PRAGMA user_version = {Version};
            COMMIT;
            """);
    }
}
