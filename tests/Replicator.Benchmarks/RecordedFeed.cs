using System.Text.Json;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Projecting;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using Replicator.TestKit.Amplified;

namespace Replicator.Benchmarks;

/// <summary>A data folder into which an amplified watch was recorded and projected; closed, and gone when disposed, unless it is to be kept.</summary>
sealed class RecordedFeed : IDisposable
{
    public const string Cluster = "feed";

    const int BatchDeltas = 512;

    public static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);

    const string FactsFile = "feed.json";

    readonly TemporaryFolder? _temporary;
    readonly string _folder;
    readonly Facts _facts;

    RecordedFeed(string? folder, Facts facts)
    {
        _temporary = folder is null ? new TemporaryFolder() : null;
        _folder = folder ?? _temporary!.Path;
        _facts = facts;
    }

    public string Path => System.IO.Path.Combine(_folder, "data");

    /// <summary>How many lines told of an object.</summary>
    public long Lines => _facts.Lines;

    /// <summary>How long the lines are.</summary>
    public long Bytes => _facts.Bytes;

    /// <summary>The first change behind the list.</summary>
    public Mark First => _facts.First;

    /// <summary>The change in the middle.</summary>
    public Mark Middle => _facts.Middle;

    /// <summary>The change behind which the last of them lie, <see cref="LateChanges"/> of them (or all, where there are fewer).</summary>
    public Mark Late => _facts.Late;

    /// <summary>The last change.</summary>
    public Mark Last => _facts.Last;

    public const int LateChanges = 20_000;

    /// <summary>Opens the one that a folder holds already, or records it there; without a folder it is a temporary one.</summary>
    /// <exception cref="BenchmarkException">The folder holds another one.</exception>
    public static async Task<RecordedFeed> OpenAsync(string? folder, int pods, int changes, int seed, int podsPerTenant, CancellationToken cancellationToken)
    {
        var file = folder is null ? null : System.IO.Path.Combine(folder, FactsFile);
        if (!File.Exists(file))
        {
            var recorded = await RecordAsync(pods, changes, seed, raw: null, cancellationToken, folder, podsPerTenant);
            if (file is not null)
                await File.WriteAllBytesAsync(file, JsonSerializer.SerializeToUtf8Bytes(recorded._facts), cancellationToken);
            return recorded;
        }
        var facts = JsonSerializer.Deserialize<Facts>(await File.ReadAllBytesAsync(file, cancellationToken))!;
        return (facts.Pods, facts.Changes, facts.Seed, facts.PodsPerTenant) == (pods, changes, seed, podsPerTenant) ? new RecordedFeed(folder, facts)
            : throw new BenchmarkException($"'{folder}' holds a feed of {facts.Pods} pods ({facts.PodsPerTenant} a tenant) and {facts.Changes} changes with the seed {facts.Seed}: name another folder, or delete it.");
    }

    /// <summary>Records it.</summary>
    /// <param name="pods">See <see cref="PodAmplifier"/>.</param>
    /// <param name="changes">See <see cref="PodAmplifier"/>.</param>
    /// <param name="seed">See <see cref="PodAmplifier"/>.</param>
    /// <param name="raw">Told every line, where the raw stream is wanted too.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="folder">Where it is kept; null for a temporary folder.</param>
    /// <param name="podsPerTenant">See <see cref="PodAmplifier"/>.</param>
    public static async Task<RecordedFeed> RecordAsync(int pods, int changes, int seed, Action<ReadOnlyMemory<byte>>? raw, CancellationToken cancellationToken, string? folder = null, int podsPerTenant = 40)
    {
        await Console.Error.WriteLineAsync($"recording {pods} pods and {changes} changes (seed {seed})");
        var facts = new Facts { Pods = pods, Changes = changes, Seed = seed, PodsPerTenant = podsPerTenant };
        var feed = new RecordedFeed(folder, facts);
        await using var data = await SqliteDataFolder.OpenAsync(feed.Path);
        using var recorder = await StreamRecorder.OpenAsync(data.Events, Cluster, Pods.GroupResource, new Redactor(RedactionKey.LoadOrCreate(data.RedactionKeyPath)), TimeProvider.System, cancellationToken);
        var batch = new List<Delta>();
        foreach (var line in new PodAmplifier(TestRecordings.Shop, pods, changes, seed, podsPerTenant).ReadLines())
        {
            raw?.Invoke(line.Json);
            var delta = Read(line);
            if (facts.Lines == 0)
                batch.Add(delta with { Kind = DeltaKind.ListStarted, ResourceVersion = "", Object = default });
            batch.Add(delta);
            if (!delta.Object.IsEmpty)
            {
                facts.Lines++;
                facts.Bytes += line.Json.Length;
                facts.Last = new Mark(delta.ResourceVersion, delta.ObservedAt);
                if (facts.Lines == pods + 1)
                    facts.First = facts.Last;
                if (facts.Lines == pods + changes / 2)
                    facts.Middle = facts.Last;
                if (facts.Lines == pods + Math.Max(0, changes - LateChanges))
                    facts.Late = facts.Last;
            }
            if (batch.Count < BatchDeltas)
                continue;
            await recorder.HandleAsync(batch, cancellationToken);
            batch.Clear();
        }
        await recorder.HandleAsync(batch, cancellationToken);
        using var projector = new Projector(data.Events, data.Snapshots);
        await projector.CatchUpAsync(cancellationToken);
        return feed;
    }

    public void Dispose() => _temporary?.Dispose();

    static Delta Read(AmplifiedLine line)
    {
        var json = line.Json.Span;
        var value = json.IndexOf("\"object\":"u8) + "\"object\":".Length;
        var text = json[(json.IndexOf("\"resourceVersion\":\""u8) + "\"resourceVersion\":\"".Length)..];
        return new Delta
        {
            Kind = (line.Type, line.IsInitial) switch
            {
                ("BOOKMARK", _) => DeltaKind.ListCompleted,
                (_, true) => DeltaKind.Listed,
                ("ADDED", _) => DeltaKind.Added,
                ("MODIFIED", _) => DeltaKind.Modified,
                _ => DeltaKind.Deleted,
            },
            ResourceVersion = System.Text.Encoding.ASCII.GetString(text[..text.IndexOf((byte)'"')]),
            ObservedAt = HashChain.FromMicroseconds(line.Microseconds),
            Provenance = line.IsInitial ? Provenance.List : Provenance.Watch,
            Type = Pods,
            // The line is overwritten by the next, and the batch holds several.
            Object = line.Type == "BOOKMARK" ? default : json[value..^1].ToArray(),
        };
    }

    /// <summary>A change, and so the moment after it.</summary>
    /// <param name="Version">Its resource version.</param>
    /// <param name="Time">When it was observed.</param>
    public sealed record Mark(string Version, DateTimeOffset Time);

    sealed record Facts
    {
        static readonly Mark None = new("", default);

        public required int Pods { get; init; }
        public required int Changes { get; init; }
        public required int Seed { get; init; }
        public required int PodsPerTenant { get; init; }
        public long Lines { get; set; }
        public long Bytes { get; set; }
        public Mark First { get; set; } = None;
        public Mark Middle { get; set; } = None;
        public Mark Late { get; set; } = None;
        public Mark Last { get; set; } = None;
    }
}
