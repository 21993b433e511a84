using System.Collections.Concurrent;

namespace Replicator.Storage.Sqlite.Snapshots;

/// <summary>One file of snapshots: its writer, and readers that keep it open until the last of them is done, even when another generation has taken its place.</summary>
sealed class SnapshotGeneration(string path, int number) : IDisposable
{
    const int IdleReaders = 8;

    readonly ConcurrentBag<SnapshotReader> _readers = [];
    int _users = 1;
    bool _delete;

    public int Number { get; } = number;

    public string Path { get; } = path;

    public SnapshotWriter Writer { get; } = new(path);

    /// <summary>Counts a user in; false when the generation is closed already.</summary>
    public bool TryAcquire()
    {
        for (var users = Volatile.Read(ref _users); users > 0;)
        {
            var seen = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (seen == users)
                return true;
            users = seen;
        }
        return false;
    }

    /// <summary>Counts a user out; the last one closes the file.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _users) > 0)
            return;
        while (_readers.TryTake(out var reader))
            reader.Dispose();
        Writer.Dispose();
        if (_delete)
            Delete(Path);
    }

    public SnapshotReader Rent() => _readers.TryTake(out var reader) ? reader : new SnapshotReader(Path);

    public void Return(SnapshotReader reader)
    {
        if (_readers.Count >= IdleReaders)
            reader.Dispose();
        else
            _readers.Add(reader);
    }

    /// <summary>Has the file deleted when the last user is done.</summary>
    public void Retire()
    {
        _delete = true;
        Release();
    }

    public void Dispose() => Release();

    public static void Delete(string path)
    {
        foreach (var suffix in (string[])["", "-wal", "-shm"])
            File.Delete(path + suffix);
    }
}
