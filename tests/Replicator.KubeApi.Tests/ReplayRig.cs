using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Time.Testing;
using Replicator.TestKit;
using Xunit;

namespace Replicator.KubeApi.Tests;

/// <summary>A replay whose clock stands until the test moves it.</summary>
sealed class ReplayRig : IAsyncDisposable
{
    (DateTimeOffset Recorded, DateTimeOffset Clock)? _begin;

    ReplayRig(FakeTimeProvider clock, ReplayServer server) => (Clock, Server, Client) = (clock, server, new HttpClient { BaseAddress = server.Url, Timeout = Timeout.InfiniteTimeSpan });

    public FakeTimeProvider Clock { get; }

    public ReplayServer Server { get; }

    public HttpClient Client { get; }

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<ReplayRig> StartAsync(Func<ReplayOptions, ReplayOptions>? options = null)
    {
        var clock = new FakeTimeProvider();
        var basic = new ReplayOptions { RecordingPath = TestRecordings.Shop };
        return new ReplayRig(clock, await ReplayServer.StartAsync(options?.Invoke(basic) ?? basic, clock, Cancel));
    }

    /// <summary>Plays so much of the recording; what a stale timer delays by a step is played with the next.</summary>
    public async Task PlayAsync(TimeSpan time)
    {
        for (var step = TimeSpan.FromMilliseconds(100); time > TimeSpan.Zero; time -= step)
        {
            Clock.Advance(step);
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Cancel);
        }
    }

    /// <summary>Plays up to a moment of the recording, at its own speed; it must not have been played otherwise.</summary>
    public async Task PlayUntilAsync(DateTimeOffset moment)
    {
        await Server.Began;
        _begin ??= (Server.Now, Clock.GetUtcNow());
        var (recorded, since) = _begin.Value;
        for (var left = moment - recorded - (Clock.GetUtcNow() - since); left > TimeSpan.Zero; left -= TimeSpan.FromMilliseconds(100))
        {
            Clock.Advance(left < TimeSpan.FromMilliseconds(100) ? left : TimeSpan.FromMilliseconds(100));
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, Cancel);
        }
        // A timer that was set while the clock moved is late, and set for now.
        await Eventually.HoldsAsync(() =>
        {
            Clock.Advance(TimeSpan.Zero);
            return Server.Now >= moment;
        }, Cancel, () => $"{Server.Now:O} is played of {moment:O}.");
    }

    /// <summary>Plays all that is left.</summary>
    public async Task PlayToEndAsync()
    {
        while (!Server.Completed.IsCompleted)
            await PlayAsync(TimeSpan.FromSeconds(1));
        await Server.Completed;
    }

    public async Task<JsonNode> GetAsync(string path, string? accept = null)
    {
        var (status, answer) = await SendAsync(path, accept);
        Assert.True(status == HttpStatusCode.OK, $"{path}: {status} {answer}");
        return answer;
    }

    public async Task<(HttpStatusCode Status, JsonNode Answer)> SendAsync(string path, string? accept = null, HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, path);
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        using var response = await Client.SendAsync(request, Cancel);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancel))!);
    }

    /// <summary>Opens a watch; its answer has begun when this returns.</summary>
    public async Task<OpenWatch> WatchAsync(string path, string? accept = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        var response = await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancel);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return new OpenWatch(response, new StreamReader(await response.Content.ReadAsStreamAsync(Cancel)));
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Server.DisposeAsync();
    }
}

/// <summary>The lines of a watch as they come.</summary>
sealed class OpenWatch(HttpResponseMessage response, StreamReader reader) : IDisposable
{
    /// <summary>The next line; null where the server has ended the watch.</summary>
    public async Task<JsonNode?> ReadAsync() => await reader.ReadLineAsync(TestContext.Current.CancellationToken) is { } line ? JsonNode.Parse(line) : null;

    public async Task<List<JsonNode>> ReadAsync(int count)
    {
        var lines = new List<JsonNode>();
        while (lines.Count < count)
            lines.Add(await ReadAsync() ?? throw new InvalidDataException($"The watch ended behind line {lines.Count}."));
        return lines;
    }

    public void Dispose()
    {
        reader.Dispose();
        response.Dispose();
    }
}
