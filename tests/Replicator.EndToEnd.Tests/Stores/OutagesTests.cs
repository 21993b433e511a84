using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Replicator.TestKit;
using Replicator.TestKit.Rabbit;
using Xunit;

namespace Replicator.EndToEnd.Tests.Stores;

/// <summary>A whole process, in all its roles, whose stores go away and come back: the network to them is cut, or lets nothing through, or they are killed. <see cref="KilledOverServersTests"/> kills the process itself.</summary>
public sealed class OutagesTests(StoreServers servers, RabbitMqFixture rabbit, ITestOutputHelper output) : IClassFixture<StoreServers>, IClassFixture<RabbitMqFixture>
{
    static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(200);

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("postgres")]
    [InlineData("eventstoredb")]
    public async Task Whatever_befalls_its_stores_a_process_says_what_is_away_and_goes_on_by_itself_in_all_its_roles(string engine)
    {
        var broker = rabbit.Required;
        using var folder = new TemporaryFolder();
        await using var place = await servers.CreateAsync(engine, folder.File("data"), wired: true);
        await using var subscriber = await RabbitSubscriber.BindAsync(broker.Port, "shop.#", Cancel);
        await using var replay = await SteeredReplay.StartAsync(folder.File("kubeconfig"));
        await using var up = ReplicatorProcess.Start(folder.Path, new Dictionary<string, string>(place.Environment)
        {
            ["REPLICATOR__BUS__TRANSPORT"] = "rabbitmq",
            ["REPLICATOR__BUS__HOST"] = "127.0.0.1",
            ["REPLICATOR__BUS__PORT"] = $"{broker.Port}",
        }, "up", "--kubeconfig", folder.File("kubeconfig"), "--cluster", "shop", "--data", folder.File("data"), "--listen", "http://127.0.0.1:0");
        using var client = new HttpClient { BaseAddress = await up.WaitForApiAsync() };
        await LiveLog.WaitForAsync(client, up, RecordedShop.FirstVersions);
        var head = await WaitUntilWellAsync(client, up, after: 0);

        var outages = place.Outages;
        var slice = SteeredReplay.Length / (outages.Count + 1);
        foreach (var outage in outages)
        {
            var lasted = Stopwatch.StartNew();
            await outage.BeginAsync();
            await replay.PlayAsync(slice / 2, Moment);
            await WaitUntilSaidAsync(client, up, outage);
            if (outage == outages[0])
            {
                var (code, _, errors) = await ReplicatorProcess.RunAsync(folder.Path, "status", "--data", folder.File("data"));
                Assert.True(code == 1 && errors.Contains(outage.Says, StringComparison.Ordinal), $"status ended with {code}: {errors}");
            }
            await replay.PlayAsync(slice / 4, Moment);
            Assert.False(up.HasExited, $"{outage.Name}: it ended by itself: {up.Output}\n{up.Errors}");
            await outage.EndAsync();
            var back = Stopwatch.StartNew();
            await replay.PlayAsync(slice / 4, Moment);
            head = await WaitUntilWellAsync(client, up, head);
            output.WriteLine($"{outage.Name}: away for {(lasted.Elapsed - back.Elapsed).TotalSeconds:F1} s, all roles at the log's end {back.Elapsed.TotalSeconds:F1} s later");
        }

        await replay.PlayToEndAsync();
        await LiveLog.WaitForAsync(client, up, RecordedShop.LastVersions);
        RecordedShop.AssertCompleteOrConfessed(await LiveLog.ReadChangesAsync(client.BaseAddress), wasNeverInterrupted: true);
        await WaitUntilWellAsync(client, up, head);
        Assert.Equal(0, await up.InterruptAsync());
        var image = await LogImage.TakeAsync(place);
        await LogImage.AssertProjectionIsAFoldAsync(place);
        var (changes, repeated) = await CarriedLog.AssertCarriedAsync(subscriber, place);
        Assert.Equal(image.Count, changes);
        output.WriteLine($"{changes} events, each once in the log; {repeated} came again on the bus");
    }

    /// <summary>Waits until readiness and status name what is away, and the process is alive all the while.</summary>
    static async Task WaitUntilSaidAsync(HttpClient client, ReplicatorProcess up, Outage outage)
    {
        await Task.WhenAll(
            SaysAsync("readyz", said => JsonNode.Parse(said)!["faults"]![outage.Part]?.GetValue<string>().Contains(outage.Says, StringComparison.Ordinal) == true),
            // Whoever answers only asks the store, and learns it as late as the store's client does.
            SaysAsync("api/v1/clusters", said => said.Contains(outage.Says, StringComparison.Ordinal)));
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(client, "healthz")).Status);

        async Task SaysAsync(string path, Predicate<string> names)
        {
            var said = "";
            await Eventually.HoldsAsync(async () =>
            {
                (var code, said) = await GetAsync(client, path);
                return code == HttpStatusCode.ServiceUnavailable && names(said);
            }, Cancel, () => $"{outage.Name}: {path} says {said}\n{up.Errors}");
        }
    }

    /// <summary>Waits until nothing is wrong, something was recorded since, and projection and bus are at the log's end. Returns where that is.</summary>
    static async Task<long> WaitUntilWellAsync(HttpClient client, ReplicatorProcess up, long after)
    {
        var (head, said) = (0L, "");
        await Eventually.HoldsAsync(async () =>
        {
            Assert.False(up.HasExited, $"It ended by itself: {up.Output}\n{up.Errors}");
            (var code, said) = await GetAsync(client, "readyz");
            if (code != HttpStatusCode.OK || JsonNode.Parse(said)!["status"]!.GetValue<string>() != "ok")
                return false;
            (code, said) = await GetAsync(client, "api/v1/clusters");
            if (code != HttpStatusCode.OK)
                return false;
            var status = JsonNode.Parse(said)!;
            head = status["head"]!.GetValue<long>();
            return head > after && status["checkpoint"]!.GetValue<long>() == head && status["published"]!.GetValue<long>() == head;
        }, Cancel, () => $"{said}\n{up.Errors}");
        return head;
    }

    static async Task<(HttpStatusCode Status, string Text)> GetAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(new Uri(path, UriKind.Relative), Cancel);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(Cancel));
    }
}
