using System.CommandLine;
using Replicator.Core.Json;
using Replicator.Core.Projecting;
using Replicator.Core.Recordings;
using Replicator.Core.Redaction;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using ZstdSharp;

namespace Replicator.Benchmarks;

/// <summary><c>storage</c>: bytes on disk for each change, log and snapshots together.</summary>
static class StorageBenchmark
{
    const double RawClaim = 0.08;
    const double DictionaryClaim = 1.5;
    const int ZstdLevel = 3;

    public static Command Create()
    {
        var (pods, changes, seed) = (CommonOptions.Pods(), CommonOptions.Changes(), CommonOptions.Seed());
        var command = new Command("storage", "Bytes on disk for each change, log and snapshots together, against the raw JSON, and on recordings/shop against zstd -3 with the previous version as dictionary.") { pods, changes, seed };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(pods), result.GetValue(changes), result.GetValue(seed), cancellationToken));
        return command;
    }

    static async Task<int> RunAsync(int pods, int changes, int seed, CancellationToken cancellationToken)
    {
        using var sink = new CountingStream();
        var zstd = new CompressionStream(sink, ZstdLevel);
        using var feed = await RecordedFeed.RecordAsync(pods, changes, seed, line =>
        {
            zstd.Write(line.Span);
            zstd.WriteByte((byte)'\n');
        }, cancellationToken);
        await zstd.DisposeAsync();
        var (log, snapshots) = Sizes(feed.Path);
        double Each(long bytes) => (double)bytes / feed.Lines;

        var shop = await MeasureShopAsync(cancellationToken);
        return new Report
        {
            Name = "storage",
            Parameters = new Dictionary<string, object> { ["pods"] = pods, ["changes"] = changes },
            Claims =
            [
                new Claim("raw", new Measure("log and snapshots", Each(log + snapshots), "bytes/change"), new Measure("raw JSON", Each(feed.Bytes), "bytes/change"), (double)(log + snapshots) / feed.Bytes, RawClaim, IsFloor: false),
                new Claim("shop", new Measure("log and snapshots of recordings/shop", (double)shop.Bytes / shop.Changes, "bytes/change"),
                    new Measure("zstd -3 of each change of recordings/shop, its previous version as dictionary", (double)shop.Zstd / shop.Changes, "bytes/change"), (double)shop.Bytes / shop.Zstd, DictionaryClaim, IsFloor: false),
            ],
            Details = new Dictionary<string, object>
            {
                ["logBytesPerChange"] = Each(log),
                ["snapshotBytesPerChange"] = Each(snapshots),
                ["zstdOfTheWholeStreamBytesPerChange"] = Each(sink.Length),
                ["ratioToZstdOfTheWholeStream"] = (double)(log + snapshots) / sink.Length,
                ["shopChanges"] = shop.Changes,
            },
            PeakMemoryMiB = ProcessMemory.PeakMiB(),
            Runs = 1,
            Seed = seed,
        }.Print();
    }

    static async Task<(long Changes, long Bytes, long Zstd)> MeasureShopAsync(CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        await using (var data = await SqliteDataFolder.OpenAsync(folder.Path))
        {
            await RecordingImport.RunAsync(Recording.Open(TestRecordings.Shop), data.Events, "shop", new Redactor(RedactionKey.LoadOrCreate(data.RedactionKeyPath)), TimeProvider.System, null, cancellationToken);
            using var projector = new Projector(data.Events, data.Snapshots);
            await projector.CatchUpAsync(cancellationToken);
        }
        var (changes, zstd) = (0L, 0L);
        var tape = new JsonTape();
        var last = new Dictionary<string, ReadOnlyMemory<byte>>();
        foreach (var delta in Recording.Open(TestRecordings.Shop).ReadDeltas())
        {
            if (delta.Object.IsEmpty)
                continue;
            tape.Parse(delta.Object);
            _ = tape.TryGetProperty(tape.Root, "metadata"u8, out var metadata) && tape.TryGetProperty(metadata, "uid"u8, out metadata);
            var uid = tape.GetString(metadata);
            using var compressor = new Compressor(ZstdLevel);
            if (last.TryGetValue(uid, out var previous))
                compressor.LoadDictionary(previous.Span);
            zstd += compressor.Wrap(delta.Object.Span).Length;
            last[uid] = delta.Object;
            changes++;
        }
        var (log, snapshots) = Sizes(folder.Path);
        return (changes, log + snapshots, zstd);
    }

    /// <summary>What the files take; closing the folder has brought the write-ahead logs into them.</summary>
    static (long Log, long Snapshots) Sizes(string folder)
    {
        long Size(string pattern) => new DirectoryInfo(folder).EnumerateFiles(pattern).Sum(file => file.Length);
        return (Size("log.db*"), Size("snapshots-*.db*"));
    }

    /// <summary>Counts what is written and keeps none of it.</summary>
    sealed class CountingStream : Stream
    {
        long _length;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => _length;

        public override long Position { get => _length; set => throw new NotSupportedException(); }

        public override void Write(byte[] buffer, int offset, int count) => _length += count;

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
