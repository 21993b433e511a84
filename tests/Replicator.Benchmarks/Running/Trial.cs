using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Replicator.Benchmarks;

/// <summary>What one side of a benchmark measured in one run, in a process of its own.</summary>
/// <param name="Count">How many things it did.</param>
/// <param name="Seconds">How long they took.</param>
/// <param name="PeakMemoryMiB">The most memory that its process had resident.</param>
/// <param name="CpuSeconds">How much processor time its process took since its warm-up: what a busy machine changes least.</param>
/// <param name="AllocatedBytes">What its managed heap had to find room for since its warm-up.</param>
/// <param name="Values">What else it measured.</param>
sealed record Trial(long Count, double Seconds, double PeakMemoryMiB, double CpuSeconds, long AllocatedBytes, IReadOnlyDictionary<string, double> Values)
{
    [JsonIgnore]
    public double PerSecond => Count / Seconds;

    [JsonIgnore]
    public double CpuMicroseconds => CpuSeconds * 1e6 / Count;

    /// <summary>Measures this process from its start and prints the trial as what <see cref="RunAsync"/> reads.</summary>
    public static void Print(long count, TimeSpan elapsed, IReadOnlyDictionary<string, double>? values = null) =>
        Print(new Trial(count, elapsed.TotalSeconds, ProcessMemory.PeakMiB(), Environment.CpuUsage.TotalTime.TotalSeconds, GC.GetTotalAllocatedBytes(), values ?? new Dictionary<string, double>()));

    /// <summary>Prints the trial as what <see cref="RunAsync"/> reads.</summary>
    public static void Print(Trial trial) => Console.WriteLine(JsonSerializer.Serialize(trial));

    /// <summary>Runs a hidden verb of this program in a process of its own, and reads the trial that it prints.</summary>
    /// <exception cref="BenchmarkException">It failed.</exception>
    public static async Task<Trial> RunAsync(CancellationToken cancellationToken, params string[] arguments)
    {
        using var child = ChildProcess.Start(arguments);
        return await child.ReadTrialAsync(cancellationToken);
    }

    /// <summary>Runs the sides in turns, A B A B ..., so that whatever else the machine does befalls all of them.</summary>
    /// <returns>The trials by side, in the order of the runs.</returns>
    public static async Task<Trial[][]> InterleaveAsync(int runs, params (string Name, Func<Task<Trial>> Run)[] sides)
    {
        var trials = sides.Select(_ => new Trial[runs]).ToArray();
        for (var run = 0; run < runs; run++)
        {
            for (var side = 0; side < sides.Length; side++)
            {
                var trial = trials[side][run] = await sides[side].Run();
                await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
                    $"run {run + 1} of {runs}, {sides[side].Name}: {trial.Count} in {trial.Seconds:F2} s, {trial.PerSecond:F0}/s, {trial.CpuSeconds / Math.Max(1, trial.Count) * 1e6:F1} us of processor each, peak {trial.PeakMemoryMiB:F0} MiB, allocated {trial.AllocatedBytes / Math.Max(1, trial.Count)} B each"));
            }
        }
        return trials;
    }
}
