using System.Diagnostics;
using System.Globalization;

namespace Replicator.Benchmarks;

static class ProcessMemory
{
    /// <summary>The most memory that this process ever had resident, in MiB (<c>VmHWM</c> of proc(5) where there is one).</summary>
    public static double PeakMiB()
    {
        if (File.Exists("/proc/self/status"))
        {
            foreach (var line in File.ReadLines("/proc/self/status"))
            {
                if (line.StartsWith("VmHWM:", StringComparison.Ordinal))
                    return double.Parse(line.AsSpan(6, line.Length - 6 - " kB".Length), CultureInfo.InvariantCulture) / 1024;
            }
        }
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64 / 1024.0 / 1024;
    }
}
