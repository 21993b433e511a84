using System.IO.Compression;
using System.Text.Json;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;

namespace Replicator.Core.Recordings;

/// <summary>A folder with the recorded watches of an API server: <c>watch/GROUP_VERSION_PLURAL.log[.gz]</c> (the core group is <c>core</c>) and <c>discovery/</c>.</summary>
public sealed class Recording
{
    const string ExpiredReason = "410 Expired: the recorded watch was closed by the server";

    Recording(string path, IReadOnlyList<(string File, ResourceType Type)> all, IReadOnlyList<(string File, ResourceType Type)> files, IReadOnlyList<string> skipped) =>
        (Path, AllFiles, Files, Skipped) = (path, all, files, skipped);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Every file.</summary>
    public IReadOnlyList<(string File, ResourceType Type)> AllFiles { get; }

    /// <summary>The files that hold each stored object once, the preferred version of a type first.</summary>
    public IReadOnlyList<(string File, ResourceType Type)> Files { get; }

    /// <summary>The files that are left out because another group serves the same objects.</summary>
    public IReadOnlyList<string> Skipped { get; }

    /// <summary>Opens a recording.</summary>
    /// <exception cref="RecordingException">There is none, or its discovery cannot be read.</exception>
    public static Recording Open(string path)
    {
        var watch = System.IO.Path.Combine(path, "watch");
        if (!Directory.Exists(watch))
            throw new RecordingException($"'{path}' is not a recording: it has no folder 'watch' with files such as core_v1_pods.log.gz.");
        var discovery = ReadDiscovery(path);
        var files = new List<(string File, ResourceType Type, int Rank)>();
        foreach (var file in List(watch))
        {
            var name = System.IO.Path.GetFileName(file);
            if (!name.EndsWith(".log", StringComparison.Ordinal) && !name.EndsWith(".log.gz", StringComparison.Ordinal))
                continue;
            var parts = name[..name.IndexOf(".log", StringComparison.Ordinal)].Split('_');
            if (parts.Length != 3)
                throw new RecordingException($"'{file}' is not named GROUP_VERSION_PLURAL.log[.gz], such as core_v1_pods.log.gz: rename or remove it.");
            var key = (Group: parts[0] == "core" ? "" : parts[0], Version: parts[1], Resource: parts[2]);
            if (!discovery.TryGetValue(key, out var served))
                throw new RecordingException($"'{file}' records a resource that the recording's discovery documents do not name: its kind is not known. Add the documents of the same server.");
            files.Add((file, new ResourceType(key.Group, key.Version, key.Resource, served.Kind, served.Namespaced), served.Rank));
        }
        if (files.Count == 0)
            throw new RecordingException($"'{watch}' holds no watch files (GROUP_VERSION_PLURAL.log[.gz]).");
        // Events are stored once and served by two groups.
        var skipped = files.Exists(file => file.Type.GroupResource == new GroupResource("", "events"))
            ? files.Where(file => file.Type.GroupResource == new GroupResource("events.k8s.io", "events")).Select(file => file.File).ToList()
            : [];
        return new Recording(path, [.. files.Select(file => (file.File, file.Type))], [.. files.Where(file => !skipped.Contains(file.File)).OrderBy(file => file.Type.GroupResource.ToString(), StringComparer.Ordinal).ThenBy(file => file.Rank).Select(file => (file.File, file.Type))], skipped);
    }

    /// <summary>What a collector would have learned, over all files in the order of time.</summary>
    /// <remarks>
    /// Of a type that was recorded in several versions the most preferred that has begun is the one that counts; when a more preferred one begins, its list is compared with what is known. Watch lines have
    /// the provenance <see cref="Provenance.Import"/>.
    /// </remarks>
    /// <exception cref="RecordingException">A file is truncated or malformed.</exception>
    public IEnumerable<Delta> ReadDeltas()
    {
        var cursors = new List<Cursor>();
        var queue = new PriorityQueue<Cursor, (DateTimeOffset Time, int Order)>();
        try
        {
            foreach (var type in Files.GroupBy(file => file.Type.GroupResource))
            {
                var shared = new Active();
                foreach (var (index, file) in type.Index())
                {
                    var cursor = new Cursor(new RecordingFile(file.File, file.Type), index, shared);
                    cursors.Add(cursor);
                    if (cursor.Advance())
                        queue.Enqueue(cursor, (cursor.Line!.Time, cursors.Count));
                }
            }
            while (queue.TryDequeue(out var cursor, out var order))
            {
                foreach (var delta in cursor.Take())
                    yield return delta;
                if (cursor.Advance())
                    queue.Enqueue(cursor, (cursor.Line!.Time, order.Order));
            }
        }
        finally
        {
            foreach (var cursor in cursors)
                cursor.Dispose();
        }
    }

    /// <summary>The recorded discovery documents by the paths under which a server serves them, as far as they are there.</summary>
    /// <exception cref="RecordingException">One cannot be read.</exception>
    public IReadOnlyList<(string Path, ReadOnlyMemory<byte> Json)> ReadDiscoveryDocuments()
    {
        var documents = new List<(string, ReadOnlyMemory<byte>)>();
        foreach (var (path, name) in (ReadOnlySpan<(string, string)>)[("api", "api.aggregated.json"), ("apis", "apis.aggregated.json"), ("version", "version.json"), ("openapi/v3", "openapi-v3.json")])
        {
            var file = System.IO.Path.Combine(Path, "discovery", name);
            if (!File.Exists(file))
                file += ".gz";
            if (!File.Exists(file))
                continue;
            try
            {
                using Stream raw = File.OpenRead(file);
                using var stream = file.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(raw, CompressionMode.Decompress) : raw;
                using var copy = new MemoryStream();
                stream.CopyTo(copy);
                documents.Add((path, copy.ToArray()));
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException)
            {
                throw new RecordingException($"'{file}' cannot be read ({exception.Message}): check the file and its permissions.", exception);
            }
        }
        return documents;
    }

    static List<string> List(string watch)
    {
        try
        {
            return [.. Directory.EnumerateFiles(watch).Order(StringComparer.Ordinal)];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new RecordingException($"'{watch}' cannot be read ({exception.Message}): check the folder and its permissions.", exception);
        }
    }

    static Dictionary<(string Group, string Version, string Resource), (string Kind, bool Namespaced, int Rank)> ReadDiscovery(string path)
    {
        var served = new Dictionary<(string, string, string), (string, bool, int)>();
        foreach (var name in (string[])["api.aggregated.json", "apis.aggregated.json"])
        {
            var file = System.IO.Path.Combine(path, "discovery", name);
            if (!File.Exists(file))
                file += ".gz";
            try
            {
                using Stream raw = File.OpenRead(file);
                using var stream = file.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(raw, CompressionMode.Decompress) : raw;
                using var document = JsonDocument.Parse(stream);
                foreach (var group in document.RootElement.GetProperty("items").EnumerateArray())
                {
                    var groupName = group.GetProperty("metadata").TryGetProperty("name", out var named) ? named.GetString()! : "";
                    foreach (var (rank, version) in group.GetProperty("versions").EnumerateArray().Index())
                    {
                        foreach (var resource in version.GetProperty("resources").EnumerateArray())
                        {
                            served[(groupName, version.GetProperty("version").GetString()!, resource.GetProperty("resource").GetString()!)] =
                                (resource.GetProperty("responseKind").GetProperty("kind").GetString()!, resource.GetProperty("scope").GetString() == "Namespaced", rank);
                        }
                    }
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException or KeyNotFoundException or InvalidDataException or InvalidOperationException)
            {
                throw new RecordingException($"'{file}' is not an aggregated discovery document ({exception.Message}): a recording needs discovery/{name}[.gz].", exception);
            }
        }
        return served;
    }

    /// <summary>Which of a type's files counts: its rank, the lower the better.</summary>
    sealed class Active
    {
        public int Rank { get; set; } = int.MaxValue;
    }

    sealed class Cursor(RecordingFile file, int rank, Active active) : IDisposable
    {
        bool _begun, _listing;

        public RecordedLine? Line { get; private set; }

        public bool Advance()
        {
            Line = file.Read();
            return Line is not null;
        }

        public IEnumerable<Delta> Take()
        {
            var line = Line!;
            if (rank > active.Rank)
                yield break;
            if (!_begun)
            {
                (_begun, _listing, active.Rank) = (true, true, rank);
                yield return Make(line, DeltaKind.ListStarted);
            }
            switch (line.Type)
            {
                case "ADDED" when _listing:
                    yield return Make(line, DeltaKind.Listed);
                    break;
                case "ADDED" or "MODIFIED" or "DELETED":
                    yield return Make(line, line.Type switch { "ADDED" => DeltaKind.Added, "MODIFIED" => DeltaKind.Modified, _ => DeltaKind.Deleted });
                    break;
                case "BOOKMARK":
                    yield return Make(line, _listing && line.EndsList ? DeltaKind.ListCompleted : DeltaKind.Bookmark);
                    _listing &= !line.EndsList;
                    break;
                case "ERROR":
                    // What follows in this file, or in a more preferred one, begins with a list.
                    yield return Make(line, DeltaKind.Gap) with { Reason = ExpiredReason };
                    (_begun, active.Rank) = (false, int.MaxValue);
                    break;
                default:
                    throw new RecordingException($"'{file.Path}' holds a watch event of the unknown type '{line.Type}'.");
            }
        }

        public void Dispose() => file.Dispose();

        Delta Make(RecordedLine line, DeltaKind kind) => new()
        {
            Kind = kind,
            ResourceVersion = line.ResourceVersion,
            ObservedAt = line.Time,
            Provenance = kind == DeltaKind.Listed ? Provenance.List : Provenance.Import,
            Type = file.Type,
            Object = kind is DeltaKind.Added or DeltaKind.Modified or DeltaKind.Deleted or DeltaKind.Listed ? line.Object : default,
        };
    }
}
