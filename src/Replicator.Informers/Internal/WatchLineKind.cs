namespace Replicator.Informers;

/// <summary>What a watch line says it is.</summary>
enum WatchLineKind
{
    Malformed,
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}
