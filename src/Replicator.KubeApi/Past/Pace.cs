namespace Replicator.KubeApi;

/// <summary>The clock of a watch of the past: a change is due when as much time has passed since the watch began as had between the moment that it began with and the change, divided by the speed.</summary>
sealed class Pace(TimeProvider time, DateTimeOffset moment, double speed)
{
    readonly long _began = time.GetTimestamp();

    /// <summary>Waits until a change of that time is due.</summary>
    public async ValueTask WaitAsync(DateTimeOffset at, CancellationToken cancellationToken)
    {
        if (double.IsPositiveInfinity(speed))
            return;
        // Timers may come a little early.
        while ((at - moment) / speed - time.GetElapsedTime(_began) is var due && due > TimeSpan.FromMilliseconds(1))
            await Task.Delay(due, time, cancellationToken).ConfigureAwait(false);
    }
}
