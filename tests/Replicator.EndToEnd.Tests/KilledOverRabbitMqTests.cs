using System.Globalization;
using System.Text.Json.Nodes;
using Replicator.Core.Storage;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using Replicator.TestKit.Rabbit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>The promise as a subscriber sees it: whoever is killed, publisher or broker, no change is missing on the bus, and an object's come in order.</summary>
/// <remarks>The test prints the seed of its instants; <c>REPLICATOR_TEST_SEED</c> repeats them.</remarks>
public sealed class KilledOverRabbitMqTests(ITestOutputHelper output)
{
    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // By command until it has been seen to end often enough: -explicit only -class '*KilledOverRabbitMqTests'.
    [Fact(Explicit = true)]
    public async Task A_pipeline_killed_again_and_again_and_its_broker_too_leaves_out_no_change_and_reorders_none()
    {
        Assert.SkipWhen(RabbitMqBroker.Unavailable is not null, RabbitMqBroker.Unavailable ?? "");
        const int kills = 10;
        const int killOfBroker = 5;
        var random = Seeded();
        using var folder = new TemporaryFolder();
        var data = folder.File("data");
        await using var broker = await RabbitMqBroker.StartAsync(Cancel);
        await using var subscriber = await RabbitSubscriber.BindAsync(broker.Port, "shop.#", Cancel);
        await using var replay = await SteeredReplay.StartAsync(folder.File("kubeconfig"));
        for (var kill = 0; kill < kills; kill++)
        {
            await using var up = Up(folder.Path, data, broker.Port);
            using var client = new HttpClient { BaseAddress = await up.WaitForApiAsync() };
            var before = await PositionAsync(client, "published");
            await replay.PlayAsync(SteeredReplay.Length / (kills + 1), TimeSpan.FromMilliseconds(200));
            if (kill == killOfBroker)
            {
                await broker.KillAsync();
                await replay.PlayAsync(TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(200));
                await broker.StartAgainAsync(Cancel);
            }
            // In the midst of publishing, or soon after.
            await Eventually.HoldsAsync(async () => await PositionAsync(client, "published") is var published && (published > before || published == await PositionAsync(client, "head")), Cancel, () => up.Errors);
            await Task.Delay(TimeSpan.FromMilliseconds(50) * random.NextDouble(), TimeProvider.System, Cancel);
            Assert.False(up.HasExited, $"It ended by itself: {up.Output}\n{up.Errors}");
            await up.KillAsync();
        }
        Assert.False(replay.HasEnded);
        await replay.PlayToEndAsync();
        await using (var up = Up(folder.Path, data, broker.Port))
        {
            using var client = new HttpClient { BaseAddress = await up.WaitForApiAsync() };
            await LiveLog.WaitForAsync(client, up, RecordedShop.LastVersions);
            await Eventually.HoldsAsync(async () => await PositionAsync(client, "published") == await PositionAsync(client, "head"), Cancel, () => up.Errors);
            Assert.Equal(0, await up.InterruptAsync());
        }

        var log = await ReadLogAsync(data);
        await subscriber.ConsumeAsync(Cancel);
        await Eventually.HoldsAsync(() => subscriber.Received.Select(message => message.Id).Distinct().Count() >= log.Count, Cancel);
        var (bodies, latest, repeated) = (new Dictionary<string, string>(), new Dictionary<string, long>(), 0);
        foreach (var message in subscriber.Received)
        {
            Assert.Equal(log[message.Position], message.Id);
            if (!bodies.TryAdd(message.Id!, message.Body.GetRawText()))
            {
                repeated++;
                Assert.Equal(bodies[message.Id!], message.Body.GetRawText());
                continue;
            }
            Assert.True(message.Revision > latest.GetValueOrDefault(message.Object, -1), $"{message.Object}: revision {message.Revision} came after {latest.GetValueOrDefault(message.Object, -1)}.");
            latest[message.Object] = message.Revision;
        }
        Assert.Equal(log.Values.Order(StringComparer.Ordinal), bodies.Keys.Order(StringComparer.Ordinal));
        output.WriteLine($"{log.Count} events on the bus after {kills} kills, {repeated} of them came again");
    }

    static ReplicatorProcess Up(string folder, string data, int port) => ReplicatorProcess.Start(folder, new Dictionary<string, string>
    {
        ["REPLICATOR__BUS__TRANSPORT"] = "rabbitmq",
        ["REPLICATOR__BUS__HOST"] = "127.0.0.1",
        ["REPLICATOR__BUS__PORT"] = $"{port}",
    }, "up", "--kubeconfig", Path.Combine(folder, "kubeconfig"), "--cluster", "shop", "--data", data, "--listen", "http://127.0.0.1:0");

    static async Task<long> PositionAsync(HttpClient client, string name) =>
        JsonNode.Parse(await client.GetStringAsync(new Uri("api/v1/clusters", UriKind.Relative), Cancel))![name]!.GetValue<long>();

    /// <summary>The ids of the log's events by position.</summary>
    static async Task<Dictionary<long, string>> ReadLogAsync(string data)
    {
        await using var opened = await SqliteDataFolder.OpenAsync(data);
        var ids = new Dictionary<long, string>();
        await foreach (var page in opened.Events.ReadAllAsync(0, new ReadOptions(States: false), Cancel))
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                    ids.Add(recorded.Position, recorded.Id.ToString());
            }
        }
        return ids;
    }

    Random Seeded()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("REPLICATOR_TEST_SEED"), NumberStyles.None, CultureInfo.InvariantCulture, out var given) ? given : Random.Shared.Next();
        output.WriteLine($"REPLICATOR_TEST_SEED={seed}");
        return new Random(seed);
    }
}
