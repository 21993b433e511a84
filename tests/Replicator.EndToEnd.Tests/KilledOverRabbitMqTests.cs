using System.Text.Json.Nodes;
using Replicator.EndToEnd.Tests.Stores;
using Replicator.TestKit;
using Replicator.TestKit.Rabbit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>The promise as a subscriber sees it, over each combination of engines: whoever is killed, publisher or broker, no change is missing on the bus, and an object's come in order.</summary>
/// <remarks>The test prints the seed of its instants; <c>REPLICATOR_TEST_SEED</c> repeats them. <c>REPLICATOR_TEST_KILLS</c> says how many kills there are.</remarks>
public sealed class KilledOverRabbitMqTests(StoreServers servers, RabbitMqFixture rabbit, ITestOutputHelper output) : IClassFixture<StoreServers>, IClassFixture<RabbitMqFixture>
{
    const int UsualKills = 2;

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    [InlineData("eventstoredb")]
    public async Task A_pipeline_killed_again_and_again_and_its_broker_too_leaves_out_no_change_and_reorders_none(string engine)
    {
        var broker = rabbit.Required;
        var kills = Killing.Times(UsualKills);
        var random = Killing.Seeded(output);
        using var folder = new TemporaryFolder();
        var place = await servers.CreateAsync(engine, folder.File("data"));
        await using var subscriber = await RabbitSubscriber.BindAsync(broker.Port, "shop.#", Cancel);
        await using var replay = await SteeredReplay.StartAsync(folder.File("kubeconfig"));
        var brokerBack = Task.CompletedTask;
        for (var kill = 0; kill < kills; kill++)
        {
            await using var up = Up(folder.Path, place, broker.Port);
            using var client = new HttpClient { BaseAddress = await up.WaitForApiAsync() };
            await brokerBack;
            var before = await PositionAsync(client, "published");
            await replay.PlayAsync(SteeredReplay.Length / (kills + 1), TimeSpan.FromMilliseconds(200));
            // In the midst of publishing, or soon after.
            await Eventually.HoldsAsync(async () => await PositionAsync(client, "published") is var published && (published > before || published == await PositionAsync(client, "head")), Cancel, () => up.Errors);
            await Task.Delay(TimeSpan.FromMilliseconds(50) * random.NextDouble(), TimeProvider.System, Cancel);
            if (kill % 2 == 1)
            {
                await broker.KillAsync();
                await replay.PlayAsync(TimeSpan.FromSeconds(1), TimeSpan.FromMilliseconds(200) * random.NextDouble());
                brokerBack = broker.StartAgainAsync(Cancel);
            }
            Assert.False(up.HasExited, $"It ended by itself: {up.Output}\n{up.Errors}");
            await up.KillAsync();
        }
        await brokerBack;
        Assert.False(replay.HasEnded);
        await replay.PlayToEndAsync();
        await using (var up = Up(folder.Path, place, broker.Port))
        {
            using var client = new HttpClient { BaseAddress = await up.WaitForApiAsync() };
            await LiveLog.WaitForAsync(client, up, RecordedShop.LastVersions);
            await Eventually.HoldsAsync(async () => await PositionAsync(client, "published") == await PositionAsync(client, "head"), Cancel, () => up.Errors);
            Assert.Equal(0, await up.InterruptAsync());
        }

        var (events, repeated) = await CarriedLog.AssertCarriedAsync(subscriber, place);
        output.WriteLine($"{events} events on the bus after {kills} kills, {repeated} of them came again");
    }

    static ReplicatorProcess Up(string folder, StorePlace place, int port) => ReplicatorProcess.Start(folder, new Dictionary<string, string>(place.Environment)
    {
        ["REPLICATOR__BUS__TRANSPORT"] = "rabbitmq",
        ["REPLICATOR__BUS__HOST"] = "127.0.0.1",
        ["REPLICATOR__BUS__PORT"] = $"{port}",
    }, "up", "--kubeconfig", Path.Combine(folder, "kubeconfig"), "--cluster", "shop", "--data", Path.Combine(folder, "data"), "--listen", "http://127.0.0.1:0");

    static async Task<long> PositionAsync(HttpClient client, string name) =>
        JsonNode.Parse(await client.GetStringAsync(new Uri("api/v1/clusters", UriKind.Relative), Cancel))![name]!.GetValue<long>();
}
