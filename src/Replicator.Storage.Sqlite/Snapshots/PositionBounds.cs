using Replicator.Storage.Sqlite.Sqlite;

namespace Replicator.Storage.Sqlite.Snapshots;

/// <summary>A cut as positions: everything of the type up to <paramref name="Low"/> lies before it, everything after <paramref name="High"/> behind it; between them the version's own time or number decides.</summary>
readonly record struct PositionBounds(long Low, long High, long? Time, SqliteVersion? Version)
{
    public static PositionBounds Exactly(long position) => new(position, position, null, null);

    /// <summary>Whether a row (position, event, version, observed_at) is not later than the cut.</summary>
    public bool Includes(Statement row) =>
        row.Integer(0) <= Low ? true
        : Time is { } time ? row.Integer(3) <= time
        : Version is not { } version || SqliteVersion.Read(row, 2).IsAtMost(version);
}
