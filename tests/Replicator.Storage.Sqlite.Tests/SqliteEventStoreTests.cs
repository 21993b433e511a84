using System.Text;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.TestKit;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Storage.Sqlite.Tests;

public sealed class SqliteEventStoreTests : EventStoreConformance
{
    readonly TemporaryFolder _folder = new();

    string Path => _folder.File("log.db");

    protected override ValueTask<IEventStore> OpenAsync() => ValueTask.FromResult<IEventStore>(SqliteEventStore.Open(Path));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_full_disk_refuses_the_batch_whole_and_the_log_goes_on_when_there_is_room()
    {
        await using var store = SqliteEventStore.Open(_folder.File("small.db"), maxPages: 100);
        var writer = new Writer(store, Pods);
        var random = new Random(17);
        string Noise(int length) => string.Concat(Enumerable.Range(0, length).Select(_ => (char)random.Next('a', 'z')));
        var version = 0;
        var full = await Assert.ThrowsAsync<StoreUnavailableException>(async () =>
        {
            while (true)
                await writer.Append(("a", $"{++version}", $$"""{"noise":"{{Noise(10_000)}}"}"""));
        });
        Assert.Contains("full", full.Message, StringComparison.Ordinal);
        Assert.Contains(_folder.File("small.db"), full.Message, StringComparison.Ordinal);
        Assert.True(version > 3);

        // A small one still fits, at the place where the refused one would have gone.
        await writer.Append(("a", $"{version}", "{}"));
        Assert.Null((await LogVerifier.VerifyAsync(store, null, Cancel)).Problem);
        await store.DisposeAsync();
        await using var again = SqliteEventStore.Open(_folder.File("small.db"));
        writer.Store = again;
        await writer.Append(("a", $"{version + 1}", $$"""{"noise":"{{Noise(100_000)}}"}"""));
        Assert.Equal(new LogVerification(version + 1, null, null), await LogVerifier.VerifyAsync(again, null, Cancel));
    }

    [Fact]
    public async Task Verify_names_the_first_event_that_was_altered()
    {
        var writer = new Writer(Store, Pods);
        await writer.Append(("a", "1", "{}"), ("a", "2", """{"x":1}"""), ("a", "3", """{"x":2}"""));
        Assert.Equal(3, (await LogVerifier.VerifyAsync(Store, null, Cancel)).Events);
        using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "UPDATE events SET observed_at = observed_at + 1 WHERE position = 2";
            command.ExecuteNonQuery();
        }
        var verification = await LogVerifier.VerifyAsync(Store, null, Cancel);
        Assert.Equal((1L, 2L), (verification.Events, verification.BadPosition));
    }

    [Fact]
    public async Task A_damaged_body_is_reported_and_not_delivered()
    {
        var writer = new Writer(Store, Pods);
        await writer.Append(("a", "1", """{"text":"some text that is long enough to be compressed, compressed, compressed"}"""));
        using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "UPDATE events SET body = x'00' WHERE position = 1";
            command.ExecuteNonQuery();
        }
        await Assert.ThrowsAsync<StoreCorruptException>(ReadAll);
    }

    [Fact]
    public async Task A_long_life_reads_the_same_from_either_end_from_anywhere_within_and_across_restarts()
    {
        var writer = new Writer(Store, Pods);
        var random = new Random(29);
        string Noise(int length) => string.Concat(Enumerable.Range(0, length).Select(_ => (char)random.Next('a', 'z')));
        var (spec, lines) = (Noise(2000), new[] { Noise(40), Noise(40), Noise(40) });
        for (var version = 1; version <= 120; version++)
        {
            // Grows a status in the middle of its life, and is written on by another process from there.
            var status = version < 50 ? "" : $$""","status":{"conditions":"{{spec[..900]}}{{version}}"}""";
            await writer.Append(("a", $"{version}", $$"""{"line":"{{lines[version % 3]}}","spec":"{{spec}}{{version}}"{{status}}}"""), ("b", $"{version}", $$"""{"v":{{version}}}"""));
            if (version is 30 or 77)
            {
                await ReopenAsync();
                writer.Store = Store;
            }
        }
        var forwards = await ReadAll();
        Assert.Equal(writer.Written.Select(written => Encoding.UTF8.GetString(written.State.Span)), forwards.Select(Text));
        Assert.Equal(240, (await LogVerifier.VerifyAsync(Store, null, Cancel)).Events);
        for (var from = 239L; from >= 0; from -= 7)
        {
            var backwards = new List<string>();
            await foreach (var page in Store.ReadStreamAsync(writer.Stream, from, backwards: true, new ReadOptions(MaxCount: 40), Cancel))
            {
                using (page)
                    backwards.AddRange(page.Events.Select(Text));
            }
            Assert.Equal(forwards.Take((int)from + 1).Reverse().Take(40).Select(Text), backwards);
        }
        // As the snapshots read them: one here and one there.
        var store = (SqliteEventStore)Store;
        var positions = forwards.Select(recorded => recorded.Position).ToArray();
        random.Shuffle(positions);
        using var states = new PooledBufferWriter();
        var ends = new int[positions.Length];
        store.ReadStates(positions, states, ends);
        for (var index = 0; index < positions.Length; index++)
            Assert.Equal(Text(forwards[(int)positions[index] - 1]), Encoding.UTF8.GetString(states.WrittenSpan[(index == 0 ? 0 : ends[index - 1])..ends[index]]));

        static string Text(RecordedEvent recorded) => Encoding.UTF8.GetString(recorded.State.Span);
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_named()
    {
        var path = _folder.File("noise.db");
        await File.WriteAllTextAsync(path, new string('x', 8192), Cancel);
        Assert.Contains(path, Assert.Throws<StoreCorruptException>(() => SqliteEventStore.Open(path)).Message, StringComparison.Ordinal);
        Assert.Contains("--data", Assert.Throws<StoreUnavailableException>(() => SqliteEventStore.Open(_folder.File("none/log.db"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Appends_that_wait_together_are_each_answered()
    {
        var writers = Enumerable.Range(0, 50).Select(index => new Writer(Store, new ResourceType("", "v1", $"things{index}", "Thing", true))).ToList();
        await Task.WhenAll(writers.Select(writer => Task.Run(async () =>
        {
            for (var version = 1; version <= 10; version++)
                await writer.Append(("a", $"{version}", $$"""{"v":{{version}}}"""));
        }, Cancel)));
        Assert.Equal(500, (await LogVerifier.VerifyAsync(Store, null, Cancel)).Events);
    }

    [Fact]
    public async Task An_append_after_the_end_says_that_the_store_is_closed()
    {
        await Store.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => new Writer(Store, Pods).Append(("a", "1", "{}")));
        await ReopenAsync();
    }
}
