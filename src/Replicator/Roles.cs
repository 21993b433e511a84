namespace Replicator;

/// <summary>What a process does. All of it by default.</summary>
[Flags]
enum Roles
{
    None = 0,
    /// <summary>Watches clusters and records.</summary>
    Collector = 1,
    /// <summary>Keeps the projection at the log's end.</summary>
    Projector = 2,
    /// <summary>Carries the log to the bus.</summary>
    Publisher = 4,
    /// <summary>Serves the HTTP API, from what the others wrote.</summary>
    Api = 8,
    All = Collector | Projector | Publisher | Api,
}
