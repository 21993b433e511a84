using System.Text.Json;
using System.Text.Json.Serialization;
using Replicator.Core.Storage;

namespace Replicator.Storage.Sqlite;

/// <summary>A folder that a process has for itself: whatever it keeps lies in it, and commands on the same machine find the process by it.</summary>
/// <remarks><c>replicator.lock</c> is locked while a process uses the folder, and <c>replicator.json</c> says which one and where it listens; <c>redaction.key</c> belongs to whoever records.</remarks>
public sealed class DataFolder : IAsyncDisposable
{
    const string LockFile = "replicator.lock";
    const string OwnerFile = "replicator.json";
    // EROFS, the same number on Linux and macOS.
    const int ReadOnlyFileSystem = 30;

    readonly FileStream _lock;

    DataFolder(string path, FileStream @lock) => (Path, _lock) = (path, @lock);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Where the redaction key lies.</summary>
    public string RedactionKeyPath => RedactionKeyIn(Path);

    /// <summary>Where the redaction key of a folder lies.</summary>
    public static string RedactionKeyIn(string path) => System.IO.Path.Combine(path, "redaction.key");

    /// <summary>Takes a folder, and makes it where there is none.</summary>
    /// <exception cref="StoreUnavailableException">Another process uses it (the message names it), or it cannot be made or written.</exception>
    public static DataFolder Open(string path)
    {
        var folder = System.IO.Path.GetFullPath(path);
        var held = Lock(folder);
        try
        {
            File.Delete(System.IO.Path.Combine(folder, OwnerFile));
            var opened = new DataFolder(folder, held);
            opened.Announce(null);
            return opened;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            held.Dispose();
            throw Unwritable(folder, exception);
        }
    }

    /// <summary>Who uses a folder now, or null where nobody does.</summary>
    public static DataFolderOwner? FindOwner(string path)
    {
        var folder = System.IO.Path.GetFullPath(path);
        var file = System.IO.Path.Combine(folder, LockFile);
        if (!File.Exists(file))
            return null;
        try
        {
            using var free = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return null;
        }
        catch (IOException exception) when (exception.HResult != ReadOnlyFileSystem)
        {
            return ReadOwner(folder) ?? new DataFolderOwner(0, null);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(folder, exception);
        }
    }

    /// <summary>Writes down where this process serves the folder.</summary>
    public void Announce(string? url)
    {
        var file = System.IO.Path.Combine(Path, OwnerFile);
        File.WriteAllText(file + ".new", JsonSerializer.Serialize(new DataFolderOwner(Environment.ProcessId, url), DataFolderOwnerContext.Default.DataFolderOwner));
        File.Move(file + ".new", file, overwrite: true);
    }

    /// <summary>Lets the folder go.</summary>
    public async ValueTask DisposeAsync()
    {
        File.Delete(System.IO.Path.Combine(Path, OwnerFile));
        await _lock.DisposeAsync().ConfigureAwait(false);
    }

    static FileStream Lock(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
            return new FileStream(System.IO.Path.Combine(folder, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException) when (Directory.Exists(folder) && FindOwner(folder) is { } owner)
        {
            var who = owner.ProcessId == 0 ? "another process" : $"process {owner.ProcessId}{(owner.Url is null ? "" : $", which serves it at {owner.Url}")}";
            throw new StoreUnavailableException($"The data folder '{folder}' is in use by {who}: stop it, or choose another folder with --data.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(folder, exception);
        }
    }

    internal static StoreUnavailableException Unwritable(string folder, Exception exception) =>
        new($"The data folder '{folder}' cannot be used ({exception.Message}): make it writable for this user, or choose another with --data.", exception);

    static DataFolderOwner? ReadOwner(string folder)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(System.IO.Path.Combine(folder, OwnerFile)), DataFolderOwnerContext.Default.DataFolderOwner);
        }
        catch (Exception exception) when (exception is IOException or JsonException)
        {
            return null;
        }
    }
}

/// <summary>The process that uses a data folder.</summary>
/// <param name="ProcessId">Its id; 0 where it has not said so yet.</param>
/// <param name="Url">Where it serves the folder; null where it does not.</param>
public sealed record DataFolderOwner(int ProcessId, string? Url);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(DataFolderOwner))]
sealed partial class DataFolderOwnerContext : JsonSerializerContext;
