using System.Diagnostics;
using Microsoft.Extensions.Time.Testing;
using Replicator.KubeApi;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>The recorded shop as a live API server whose clock is the test's, so that however slow the machine is, as much of the recording plays as the test wants.</summary>
sealed class SteeredReplay : IAsyncDisposable
{
    static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);

    readonly FakeTimeProvider _clock;
    readonly ReplayServer _server;

    SteeredReplay(FakeTimeProvider clock, ReplayServer server) => (_clock, _server) = (clock, server);

    /// <summary>From the first recorded line to the last.</summary>
    public static TimeSpan Length { get; } = TimeSpan.FromSeconds(57.2);

    /// <summary>Starts it with the lists with which the recording begins, and writes a kubeconfig for it.</summary>
    public static async Task<SteeredReplay> StartAsync(string kubeconfig, string? recording = null)
    {
        var clock = new FakeTimeProvider();
        var server = await ReplayServer.StartAsync(new ReplayOptions { RecordingPath = recording ?? TestRecordings.Shop }, clock, TestContext.Current.CancellationToken);
        server.WriteKubeconfig(kubeconfig);
        return new SteeredReplay(clock, server);
    }

    public bool HasEnded => _server.Completed.IsCompleted;

    /// <summary>Plays so much of the recording, evenly over so much time.</summary>
    public async Task PlayAsync(TimeSpan recorded, TimeSpan time)
    {
        var (since, played) = (Stopwatch.StartNew(), TimeSpan.Zero);
        while (since.Elapsed < time)
        {
            await Task.Delay(Tick, TimeProvider.System, TestContext.Current.CancellationToken);
            var due = recorded * Math.Min(1, since.Elapsed / time);
            _clock.Advance(due - played);
            played = due;
        }
    }

    /// <summary>Plays the rest.</summary>
    public async Task PlayToEndAsync()
    {
        while (!HasEnded)
            await PlayAsync(TimeSpan.FromSeconds(1), Tick);
        await _server.Completed;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
