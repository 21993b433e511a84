using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Replicator.TestKit.Network;

namespace Replicator.TestKit.Rabbit;

/// <summary>A RabbitMQ broker of a test's own: its own node name, ports, database folder and epmd, all gone when it is disposed. It can be killed, restarted and short of disk.</summary>
public sealed class RabbitMqBroker : IAsyncDisposable
{
    static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(3);
    static readonly TimeSpan PollPeriod = TimeSpan.FromMilliseconds(100);

    readonly TemporaryFolder _folder = new();
    readonly string _scripts;
    readonly int _epmdPort, _distributionPort;
    readonly StringBuilder _output = new();
    Process? _epmd, _broker;

    RabbitMqBroker(string scripts)
    {
        _scripts = scripts;
        var ports = FreePort.Find(3);
        (Port, _epmdPort, _distributionPort) = (ports[0], ports[1], ports[2]);
    }

    /// <summary>Why no broker can be started on this machine; null where one can.</summary>
    public static string? Unavailable { get; } = OperatingSystem.IsLinux()
        ? FindScripts() is null ? "There is no RabbitMQ on this machine: 'apt-get install rabbitmq-server' (tests/run does so as root)." : null
        : "A RabbitMQ of the test's own is started on Linux only.";

    /// <summary>Where it listens for AMQP 0-9-1, on the loopback address, as user <c>guest</c>.</summary>
    public int Port { get; }

    /// <summary>What it printed, for a test that fails.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    /// <summary>Starts one and returns when it serves.</summary>
    public static async Task<RabbitMqBroker> StartAsync(CancellationToken cancellationToken)
    {
        var broker = new RabbitMqBroker(FindScripts() ?? throw new InvalidOperationException(Unavailable));
        try
        {
            await File.WriteAllTextAsync(broker._folder.File("enabled_plugins"), "[].", cancellationToken);
            await File.WriteAllTextAsync(broker._folder.File("rabbitmq.conf"), "log.file = false\nlog.console = true\nlog.console.level = warning\n", cancellationToken);
            Directory.CreateDirectory(broker._folder.File("home"));
            // In the foreground, and ours: the one that a node would start for itself outlives it.
            broker._epmd = broker.Start("epmd", ["-port", $"{broker._epmdPort}"]);
            await broker.StartAgainAsync(cancellationToken);
            return broker;
        }
        catch
        {
            await broker.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it again over the same data and returns when it serves.</summary>
    public async Task StartAgainAsync(CancellationToken cancellationToken)
    {
        _broker = Start(Path.Combine(_scripts, "rabbitmq-server"), []);
        var since = Stopwatch.StartNew();
        while (!await ListensAsync(cancellationToken))
        {
            if (_broker.HasExited || since.Elapsed > StartTimeout)
                throw new InvalidOperationException($"RabbitMQ did not start: {Output}");
            await Task.Delay(PollPeriod, cancellationToken);
        }
    }

    /// <summary>Has it write what was declared to disk.</summary>
    /// <remarks>
    /// It does so by itself, but only twice a second: of a quorum queue that is younger when its broker is killed (3.10.8), the definition is there afterwards and its Raft server is not, so that nothing that is routed to it is ever confirmed
    /// again, and much later it is refused. Tests that kill a broker ask about changes, not about queues that are declared at that moment.
    /// </remarks>
    public Task FlushAsync(CancellationToken cancellationToken) => EvaluateAsync("mnesia:sync_log(), [dets:sync(Table) || Table <- dets:all()].", cancellationToken);

    /// <summary>Kills it as the kernel would (SIGKILL).</summary>
    public async Task KillAsync()
    {
        if (_broker is null)
            return;
        _broker.Kill(entireProcessTree: true);
        await _broker.WaitForExitAsync();
        _broker.Dispose();
        _broker = null;
    }

    /// <summary>Raises the disk alarm, by a limit that no disk has room for, or takes it back: while it stands, the broker reads nothing from connections that publish.</summary>
    public Task SetDiskAlarmAsync(bool raised, CancellationToken cancellationToken) =>
        EvaluateAsync($"rabbit_disk_monitor:set_disk_free_limit({(raised ? "1000000000000000" : "1000000")}), rabbit_disk_monitor ! update, " +
            $"Wait = fun W() -> case rabbit_alarm:get_alarms() of [] when {(raised ? "true" : "false")} -> timer:sleep(50), W(); [_ | _] when {(raised ? "false" : "true")} -> timer:sleep(50), W(); _ -> ok end end, Wait().", cancellationToken);

    /// <summary>Evaluates an Erlang expression in the broker and returns what it printed.</summary>
    public async Task<string> EvaluateAsync(string expression, CancellationToken cancellationToken)
    {
        using var process = Process.Start(Describe(Path.Combine(_scripts, "rabbitmqctl"), ["-q", "eval", expression]))!;
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0 ? (await output).Trim() : throw new InvalidOperationException($"rabbitmqctl failed: {await output} {await errors}");
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        if (_epmd is not null)
        {
            _epmd.Kill();
            await _epmd.WaitForExitAsync();
            _epmd.Dispose();
        }
        _folder.Dispose();
    }

    static string? FindScripts()
    {
        // Debian's scripts on the PATH change to a user of their own; those beside the plug-ins do not.
        const string root = "/usr/lib/rabbitmq/lib";
        return Directory.Exists(root)
            ? Directory.EnumerateDirectories(root, "rabbitmq_server-*").Select(version => Path.Combine(version, "sbin")).Where(scripts => File.Exists(Path.Combine(scripts, "rabbitmq-server"))).Order(StringComparer.Ordinal).LastOrDefault()
            : null;
    }

    async ValueTask<bool> ListensAsync(CancellationToken cancellationToken)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync("127.0.0.1", Port, cancellationToken);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    Process Start(string program, string[] arguments)
    {
        var process = new Process { StartInfo = Describe(program, arguments) };
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    void Keep(string? line)
    {
        lock (_output)
            _output.AppendLine(line);
    }

    ProcessStartInfo Describe(string program, string[] arguments)
    {
        var info = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder.Path };
        foreach (var (name, value) in (ReadOnlySpan<(string, string)>)
        [
            ("HOME", _folder.File("home")),
            ("RABBITMQ_NODENAME", $"replicator-{Port}@localhost"),
            ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1"),
            ("RABBITMQ_NODE_PORT", $"{Port}"),
            ("RABBITMQ_DIST_PORT", $"{_distributionPort}"),
            ("RABBITMQ_MNESIA_BASE", _folder.File("mnesia")),
            ("RABBITMQ_LOG_BASE", _folder.File("log")),
            ("RABBITMQ_PID_FILE", _folder.File("pid")),
            ("RABBITMQ_CONFIG_FILE", _folder.File("rabbitmq.conf")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", _folder.File("enabled_plugins")),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}"),
            ("ERL_EPMD_PORT", $"{_epmdPort}"),
            ("ERL_EPMD_ADDRESS", "127.0.0.1"),
        ])
            info.Environment[name] = value;
        return info;
    }
}
