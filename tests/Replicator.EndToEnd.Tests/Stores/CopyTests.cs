using Replicator.Core.Copying;
using Replicator.Core.Recordings;
using Replicator.Core.Redaction;
using Replicator.Core.Storage;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests.Stores;

/// <summary>Moving house: <c>replicator copy</c> between every pair of engines.</summary>
public sealed class CopyTests(StoreServers servers) : IClassFixture<StoreServers>, IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // The command itself is under test below: what it does is the same for all nine pairs.
    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    [InlineData("eventstoredb")]
    public async Task A_log_moves_into_every_engine_with_every_event_id_and_hash_and_a_second_copy_finds_it_there(string from)
    {
        var source = await servers.CreateAsync(from, _folder.File("from"));
        await ImportAsync(source);
        var whole = await EventsAsync(source);
        Assert.True(whole.Count > 1_400);
        foreach (var to in (string[])["sqlite", "postgres", "eventstoredb"])
        {
            var target = await servers.CreateAsync(to, _folder.File(to));
            foreach (var (copied, held) in ((int, int)[])[(whole.Count, 0), (0, whole.Count)])
            {
                var (log, _, _, opened) = await source.OpenAsync();
                await using (opened)
                {
                    var (copy, _, _, openedCopy) = await target.OpenAsync();
                    await using (openedCopy)
                    {
                        var result = await LogCopy.RunAsync(log, copy, null, TestContext.Current.CancellationToken);
                        Assert.Equal((copied, held), (result.Copied, result.Held));
                    }
                }
            }
            Assert.Equal(whole, await EventsAsync(target));
        }
    }

    [Theory]
    [InlineData("sqlite", "postgres")]
    [InlineData("postgres", "eventstoredb")]
    [InlineData("eventstoredb", "sqlite")]
    public async Task A_killed_copy_is_carried_on_by_copying_again(string from, string to)
    {
        var (source, target) = (await servers.CreateAsync(from, _folder.File("from")), await servers.CreateAsync(to, _folder.File("to")));
        for (var copy = 0; copy < 4; copy++)
            await ImportAsync(source, $"shop-{copy}");
        var whole = await EventsAsync(source);
        await using (var killed = ReplicatorProcess.Start(_folder.Path, "copy", "--from", source.Address, "--to", target.Address))
        {
            while (!killed.HasExited && !await HasBegunAsync(target, to))
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, TestContext.Current.CancellationToken);
            await killed.KillAsync();
        }
        var begun = await EventsAsync(target);
        Assert.True(begun.Count > 0);
        var (code, output, errors) = await CopyAsync(source, target);
        Assert.True(code == 0, errors);
        Assert.Contains($"{whole.Count - begun.Count} events ", output, StringComparison.Ordinal);
        Assert.Contains($" {begun.Count} were there already", output, StringComparison.Ordinal);
        Assert.Equal(whole, await EventsAsync(target));
        (code, output, errors) = await CopyAsync(source, target);
        Assert.True(code == 0, errors);
        Assert.StartsWith("0 events", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_copied_is_one_line()
    {
        var (one, other) = (await servers.CreateAsync("sqlite", _folder.File("one")), await servers.CreateAsync("sqlite", _folder.File("other")));
        await ImportAsync(one);
        await ImportAsync(other);
        foreach (var (from, to, expected) in ((string, string, string)[])
            [
                ("sqlite:nowhere", other.Address, "There is no log in the folder 'nowhere'"),
                ("mysql:Host=x;Password=hidden-secret", other.Address, "--from starts with 'mysql'"),
                ("file:nofile", other.Address, "The file that --from names cannot be read"),
                (one.Address, "esdb://admin:hidden-secret@127.0.0.1:1?tls=false&maxDiscoverAttempts=1", "127.0.0.1:1"),
                (one.Address, "postgres:Port=1;Password=hidden-secret", "malformed"),
                // Observed at the same times, but not under the same key.
                (one.Address, other.Address, "another history"),
            ])
        {
            var (code, _, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "copy", "--from", from, "--to", to);
            Assert.Equal(1, code);
            Assert.Contains(expected, Assert.Single(errors.Split('\n')), StringComparison.Ordinal);
            Assert.DoesNotContain("hidden-secret", errors, StringComparison.Ordinal);
        }
    }

    static async Task<bool> HasBegunAsync(StorePlace target, string engine)
    {
        // A folder belongs to the process that copies: by then its log has grown.
        if (engine == "sqlite")
            return new FileInfo(Path.Combine(target.Address["sqlite:".Length..], "log.db-wal")) is { Exists: true, Length: > 200_000 };
        var (events, _, _, opened) = await target.OpenAsync();
        await using (opened)
            return await events.GetHeadAsync(CancellationToken.None) > 0;
    }

    async Task<(int Code, string Output, string Errors)> CopyAsync(StorePlace from, StorePlace to) => await ReplicatorProcess.RunAsync(_folder.Path, "copy", "--from", from.Address, "--to", to.Address);

    /// <summary>Every import has a key of its own, as two installations do.</summary>
    static async Task ImportAsync(StorePlace place, string cluster = "shop")
    {
        var key = System.Security.Cryptography.RandomNumberGenerator.GetBytes(RedactionKey.Length);
        var (events, _, _, opened) = await place.OpenAsync();
        await using (opened)
            await RecordingImport.RunAsync(Recording.Open(TestRecordings.Shop), events, cluster, new Redactor(key), TimeProvider.System, null, CancellationToken.None);
    }

    static async Task<List<string>> EventsAsync(StorePlace place)
    {
        var (events, _, _, opened) = await place.OpenAsync();
        await using (opened)
        {
            Assert.Null((await LogVerifier.VerifyAsync(events, null, CancellationToken.None)).Problem);
            var all = new List<string>();
            await foreach (var page in events.ReadAllAsync(0, new ReadOptions(), CancellationToken.None))
            {
                using (page)
                    all.AddRange(page.Events.Select(recorded => $"{recorded.Stream} {recorded.Revision:00000} {recorded.Id} {recorded.Type} {recorded.Metadata} {Convert.ToHexString(recorded.Hash.Span)} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(recorded.State.Span))}"));
            }
            all.Sort(StringComparer.Ordinal);
            return all;
        }
    }
}
