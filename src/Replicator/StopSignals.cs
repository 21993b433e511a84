using System.Runtime.InteropServices;

namespace Replicator;

/// <summary>Ctrl-C, and the signal by which a service or a pod is stopped, as a token for what the process does.</summary>
/// <remarks>
/// System.CommandLine would do the same, but it disposes what it cancels when the command ends: for a signal that came in just then the process, which had ended well, was aborted (exit code 134, an
/// <see cref="ObjectDisposedException"/> on the signal's own thread). So nothing here is ever disposed: it lasts as long as the process.
/// </remarks>
#pragma warning disable CA1001 // See the remarks.
sealed class StopSignals(TimeProvider time)
#pragma warning restore CA1001
{
    // As long as a kubelet waits before it kills.
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    readonly CancellationTokenSource _stopping = new();
    readonly TaskCompletionSource<PosixSignal> _received = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly List<PosixSignalRegistration> _registrations = [];

    /// <summary>Takes the signals of this process from here on.</summary>
    public static StopSignals Take(TimeProvider time)
    {
        var signals = new StopSignals(time);
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM])
            signals._registrations.Add(PosixSignalRegistration.Create(signal, signals.Handle));
        return signals;
    }

    /// <summary>Runs something until it ends. The first signal cancels its token; where it has not ended 30 seconds later, it is left to itself.</summary>
    /// <returns>What it returned; or, where it was left, what a shell reports of a process that the signal ended.</returns>
    public async Task<int> RunAsync(Func<CancellationToken, Task<int>> run)
    {
        var running = run(_stopping.Token);
        if (await Task.WhenAny(running, _received.Task) == running)
            return await running;
        var patience = Task.Delay(Patience, time);
        if (await Task.WhenAny(running, patience) == running)
            return await running;
        await Console.Error.WriteLineAsync($"replicator: did not come to an end within {Patience.TotalSeconds:0} s of being told to stop. What was acknowledged is durable, and the next start goes on from there.");
        return await _received.Task == PosixSignal.SIGINT ? ExitCodes.Interrupted : ExitCodes.Terminated;
    }

    /// <summary>Handles a signal; never fails, and does not wait for what it stops.</summary>
    public void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        if (_received.TrySetResult(context.Signal))
            _ = StopAsync();
    }

    // Not on the signal's thread: what somebody's callback throws there is the end of the process.
    async Task StopAsync()
    {
        try
        {
            await _stopping.CancelAsync();
        }
        catch (AggregateException exception)
        {
            foreach (var inner in exception.Flatten().InnerExceptions)
                await Console.Error.WriteLineAsync($"replicator: while stopping: {inner}");
        }
    }
}
