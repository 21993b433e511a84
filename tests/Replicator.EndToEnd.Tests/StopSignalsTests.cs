using System.Runtime.InteropServices;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>A process that is told to stop ends in good order, whenever the signal comes.</summary>
public sealed class StopSignalsTests
{
    readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task A_signal_cancels_what_runs_and_its_own_exit_code_stands()
    {
        var signals = new StopSignals(_time);
        var running = signals.RunAsync(async stopping =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return 7;
        });
        var context = new PosixSignalContext(PosixSignal.SIGTERM);
        signals.Handle(context);
        Assert.True(context.Cancel, "The system would have ended the process at once.");
        Assert.Equal(7, await running);
    }

    [Fact]
    public async Task A_signal_that_comes_once_all_is_done_changes_nothing()
    {
        var signals = new StopSignals(_time);
        Assert.Equal(0, await signals.RunAsync(_ => Task.FromResult(0)));
        signals.Handle(new PosixSignalContext(PosixSignal.SIGTERM));
        signals.Handle(new PosixSignalContext(PosixSignal.SIGINT));
    }

    [Fact]
    public async Task What_a_callback_throws_keeps_nobody_else_from_being_told()
    {
        var signals = new StopSignals(_time);
        var running = signals.RunAsync(async stopping =>
        {
            var told = new TaskCompletionSource();
            await using var first = stopping.Register(told.SetResult);
            await using var second = stopping.Register(() => throw new InvalidOperationException("the callback's own failure"));
            await told.Task;
            return 0;
        });
        signals.Handle(new PosixSignalContext(PosixSignal.SIGINT));
        Assert.Equal(0, await running);
    }

    [Theory]
    [InlineData(PosixSignal.SIGINT, 130)]
    [InlineData(PosixSignal.SIGTERM, 143)]
    public async Task What_does_not_end_in_30_seconds_is_left(PosixSignal signal, int code)
    {
        var signals = new StopSignals(_time);
        var hung = new TaskCompletionSource<int>();
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var running = signals.RunAsync(stopping =>
        {
            stopping.Register(cancelled.SetResult);
            return hung.Task;
        });
        signals.Handle(new PosixSignalContext(signal));
        await cancelled.Task;
        while (!running.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(31));
            await Task.Yield();
        }
        Assert.Equal(code, await running);
    }
}
