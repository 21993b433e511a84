using System.Diagnostics;
using System.Runtime.InteropServices;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>The real executable as a process of its own: what it prints, how it ends, and the signals that end it.</summary>
sealed class ReplicatorProcess : IAsyncDisposable
{
    /// <summary>Nothing that a test waits for takes so long, however busy the machine: what lasts longer has hung.</summary>
    public static readonly TimeSpan Hung = TimeSpan.FromMinutes(3);

    const int Terminate = 15;

    readonly Process _process;
    readonly Lock _lock = new();
    readonly List<string> _output = [], _errors = [];
    readonly TaskCompletionSource _outputEnded = new(TaskCreationOptions.RunContinuationsAsynchronously), _errorsEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    TaskCompletionSource _printed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    ReplicatorProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Add(_output, line.Data, _outputEnded);
        process.ErrorDataReceived += (_, line) => Add(_errors, line.Data, _errorsEnded);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>What it has printed on standard output.</summary>
    public string Output => Text(_output);

    /// <summary>What it has printed on standard error.</summary>
    public string Errors => Text(_errors);

    /// <summary>Starts it in a folder, with nothing of this machine's own configuration in reach.</summary>
    public static ReplicatorProcess Start(string folder, params IEnumerable<string> arguments) => Start(folder, new Dictionary<string, string>(), arguments);

    /// <summary>Starts it with variables besides.</summary>
    public static ReplicatorProcess Start(string folder, IReadOnlyDictionary<string, string> environment, params IEnumerable<string> arguments) =>
        new(new Process { StartInfo = StartInfo(folder, environment, "dotnet", [Path.Combine(AppContext.BaseDirectory, "replicator.dll"), .. arguments]) });

    /// <summary>Starts it by way of another program, which is given the command line behind its own arguments.</summary>
    public static ReplicatorProcess StartThrough(string program, IEnumerable<string> programArguments, string folder, params IEnumerable<string> arguments) =>
        new(new Process { StartInfo = StartInfo(folder, new Dictionary<string, string>(), program, [.. programArguments, "dotnet", Path.Combine(AppContext.BaseDirectory, "replicator.dll"), .. arguments]) });

    /// <summary>Runs it to its end.</summary>
    public static async Task<(int ExitCode, string Output, string Errors)> RunAsync(string folder, params IEnumerable<string> arguments)
    {
        await using var process = Start(folder, arguments);
        var code = await process.WaitForExitAsync();
        return (code, process.Output, process.Errors);
    }

    /// <summary>Waits for a line of standard output that begins so, and returns it.</summary>
    public Task<string> WaitForOutputAsync(string start) => WaitForAsync(_output, line => line.StartsWith(start, StringComparison.Ordinal), $"'{start}...'");

    /// <summary>Waits for a line of standard error that contains the text, and returns it.</summary>
    public Task<string> WaitForErrorAsync(string text) => WaitForAsync(_errors, line => line.Contains(text, StringComparison.Ordinal), $"'...{text}...' on standard error");

    /// <summary>Waits until <c>up</c> serves its API, and returns where.</summary>
    public async Task<Uri> WaitForApiAsync()
    {
        var line = await WaitForOutputAsync("replicating ");
        return new Uri(line[(line.IndexOf("API at ", StringComparison.Ordinal) + "API at ".Length)..]);
    }

    public async Task<int> WaitForExitAsync()
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        try
        {
            await Task.WhenAll(_process.WaitForExitAsync(cancellationToken), _outputEnded.Task, _errorsEnded.Task).WaitAsync(Hung, cancellationToken);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"{Describe()} does not end.");
        }
        return _process.ExitCode;
    }

    /// <summary>Ends it as a kubelet does, and Ctrl-C does the same, and returns its exit code. Whoever starts the tests in the background has its children ignore Ctrl-C's signal.</summary>
    public Task<int> InterruptAsync()
    {
        Assert.True(TryInterrupt(), $"{Describe()} has ended by itself.");
        return WaitForExitAsync();
    }

    /// <summary>The same for one that may be ending by itself; false where it has ended.</summary>
    public bool TryInterrupt() => kill(_process.Id, Terminate) == 0;

    /// <summary>SIGKILL: it learns nothing of it.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
    }

    static ProcessStartInfo StartInfo(string folder, IReadOnlyDictionary<string, string> environment, string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("REPLICATOR", StringComparison.Ordinal) || name.StartsWith("KUBE", StringComparison.Ordinal) || name.StartsWith("OTEL_", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(name);
        start.Environment["HOME"] = folder;
        // What was recorded is to be found again, leases too.
        start.Environment["REPLICATOR__RULES__EXCLUDE"] = "[]";
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return start;
    }

    async Task<string> WaitForAsync(List<string> lines, Predicate<string> wanted, string what)
    {
        while (true)
        {
            Task printed;
            lock (_lock)
            {
                if (lines.Find(wanted) is { } found)
                    return found;
                printed = _printed.Task;
            }
            var ended = Task.WhenAll(_outputEnded.Task, _errorsEnded.Task);
            try
            {
                if (await Task.WhenAny(printed, ended).WaitAsync(Hung, TestContext.Current.CancellationToken) == ended && !printed.IsCompleted)
                    Assert.Fail($"{Describe()} ended before it printed {what}.");
            }
            catch (TimeoutException)
            {
                Assert.Fail($"{Describe()} does not print {what}.");
            }
        }
    }

    void Add(List<string> lines, string? line, TaskCompletionSource ended)
    {
        lock (_lock)
        {
            if (line is null)
            {
                ended.TrySetResult();
                return;
            }
            lines.Add(line);
            _printed.TrySetResult();
            _printed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    string Text(List<string> lines)
    {
        lock (_lock)
            return string.Join('\n', lines);
    }

    string Describe() => $"replicator {string.Join(' ', _process.StartInfo.ArgumentList.Skip(1))}, which printed\n{Output}\nand on standard error\n{Errors}\n";

#pragma warning disable SYSLIB1054, CA5392 // libc needs no search path, and a source generator would need unsafe code in the tests.
    [DllImport("libc", SetLastError = true)]
    static extern int kill(int pid, int signal);
#pragma warning restore SYSLIB1054, CA5392
}
