using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Projecting;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using Replicator.TestKit.Amplified;

namespace Replicator.Benchmarks;

/// <summary>A data folder into which an amplified watch was recorded and projected; closed, and gone when disposed.</summary>
sealed class RecordedFeed : IDisposable
{
    public const string Cluster = "feed";

    const int BatchDeltas = 512;

    public static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);

    readonly TemporaryFolder _folder = new();

    RecordedFeed()
    {
    }

    public string Path => _folder.File("data");

    /// <summary>How many lines told of an object.</summary>
    public long Lines { get; private set; }

    /// <summary>How long the lines are.</summary>
    public long Bytes { get; private set; }

    /// <summary>The resource version of the change in the middle.</summary>
    public string MiddleVersion { get; private set; } = "";

    /// <summary>The time of the change in the middle.</summary>
    public DateTimeOffset MiddleTime { get; private set; }

    /// <summary>The resource version and time behind which the last of the changes lie, <see cref="LateChanges"/> of them (or all, where there are fewer).</summary>
    public (string Version, DateTimeOffset Time) Late { get; private set; } = ("", default);

    public const int LateChanges = 20_000;

    /// <summary>Records it.</summary>
    /// <param name="pods">See <see cref="PodAmplifier"/>.</param>
    /// <param name="changes">See <see cref="PodAmplifier"/>.</param>
    /// <param name="seed">See <see cref="PodAmplifier"/>.</param>
    /// <param name="raw">Told every line, where the raw stream is wanted too.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<RecordedFeed> RecordAsync(int pods, int changes, int seed, Action<ReadOnlyMemory<byte>>? raw, CancellationToken cancellationToken)
    {
        await Console.Error.WriteLineAsync($"recording {pods} pods and {changes} changes (seed {seed})");
        var feed = new RecordedFeed();
        await using var data = await SqliteDataFolder.OpenAsync(feed.Path);
        using var recorder = await StreamRecorder.OpenAsync(data.Events, Cluster, Pods.GroupResource, new Redactor(RedactionKey.LoadOrCreate(data.RedactionKeyPath)), TimeProvider.System, cancellationToken);
        var batch = new List<Delta>();
        foreach (var line in new PodAmplifier(TestRecordings.Shop, pods, changes, seed).ReadLines())
        {
            raw?.Invoke(line.Json);
            var delta = Read(line);
            if (feed.Lines == 0)
                batch.Add(delta with { Kind = DeltaKind.ListStarted, ResourceVersion = "", Object = default });
            batch.Add(delta);
            if (!delta.Object.IsEmpty)
            {
                feed.Lines++;
                feed.Bytes += line.Json.Length;
                if (feed.Lines == pods + (changes / 2))
                    (feed.MiddleVersion, feed.MiddleTime) = (delta.ResourceVersion, delta.ObservedAt);
            }
            if (feed.Lines == pods + Math.Max(0, changes - LateChanges) && !delta.Object.IsEmpty)
                feed.Late = (delta.ResourceVersion, delta.ObservedAt);
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

    public void Dispose() => _folder.Dispose();

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
}
