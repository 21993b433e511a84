using System.Diagnostics;

namespace Replicator.Benchmarks;

/// <summary>Measures a trial from its warm-up on: time, processor time and allocation.</summary>
sealed class TrialClock
{
    readonly long _started = Stopwatch.GetTimestamp();
    readonly TimeSpan _cpu = Environment.CpuUsage.TotalTime;
    readonly long _allocated = GC.GetTotalAllocatedBytes();
    TimeSpan? _elapsed;

    /// <summary>Ends the measurement of time, where what follows is not part of the trial.</summary>
    public void Stop() => _elapsed ??= Stopwatch.GetElapsedTime(_started);

    /// <summary>Prints the trial as what <see cref="Trial.RunAsync"/> reads.</summary>
    public void Print(long count)
    {
        Stop();
        Trial.Print(new Trial(count, _elapsed!.Value.TotalSeconds, ProcessMemory.PeakMiB(), (Environment.CpuUsage.TotalTime - _cpu).TotalSeconds, GC.GetTotalAllocatedBytes() - _allocated, new Dictionary<string, double>()));
    }
}
