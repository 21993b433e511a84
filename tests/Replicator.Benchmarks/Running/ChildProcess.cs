using System.Diagnostics;
using System.Text.Json;

namespace Replicator.Benchmarks;

/// <summary>This program once more, with another verb. Killed when disposed; its standard error is ours.</summary>
sealed class ChildProcess : IDisposable
{
    readonly Process _process;
    readonly string _verb;

    ChildProcess(Process process, string verb) => (_process, _verb) = (process, verb);

    public StreamReader Output => _process.StandardOutput;

    public static ChildProcess Start(params string[] arguments)
    {
        var host = Environment.ProcessPath!;
        var start = new ProcessStartInfo(host) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
        // Started as "dotnet Replicator.Benchmarks.dll", the host has to be told the program again.
        if (Path.GetFileNameWithoutExtension(host) == "dotnet")
            start.ArgumentList.Add(typeof(ChildProcess).Assembly.Location);
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        return new ChildProcess(Process.Start(start)!, arguments[0]);
    }

    /// <summary>Ends its standard input: the sign to stop for one that waits for it.</summary>
    public void CloseInput() => _process.StandardInput.Close();

    /// <summary>Reads the trial that it prints before its end.</summary>
    /// <exception cref="BenchmarkException">It failed, or printed something else.</exception>
    public async Task<Trial> ReadTrialAsync(CancellationToken cancellationToken)
    {
        var output = await Output.ReadToEndAsync(cancellationToken);
        await WaitForExitAsync(cancellationToken);
        try
        {
            return JsonSerializer.Deserialize<Trial>(output) ?? throw new JsonException();
        }
        catch (JsonException)
        {
            throw new BenchmarkException($"'{_verb}' printed '{output}', which is no trial.");
        }
    }

    /// <summary>Waits for its end.</summary>
    /// <exception cref="BenchmarkException">It ended with another code than 0.</exception>
    async Task WaitForExitAsync(CancellationToken cancellationToken)
    {
        await _process.WaitForExitAsync(cancellationToken);
        if (_process.ExitCode != 0)
            throw new BenchmarkException($"'{_verb}' ended with exit code {_process.ExitCode}; what it said is above.");
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }
}
