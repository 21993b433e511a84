using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Replicator.TestKit.Network;
using Xunit;

namespace Replicator.TestKit.Servers;

/// <summary>A PostgreSQL server of a test's own: a cluster in a temporary folder that listens on a Unix socket in it, to be killed and started at will.</summary>
/// <param name="syncs">Whether a commit waits for the disk (<c>fsync</c>). What is killed are processes, which lose nothing that they gave to the system, so that most tests need not.</param>
/// <remarks>Where no server is installed (Debian's package <c>postgresql</c>), <see cref="Unavailable"/> says so and tests are skipped with that reason.</remarks>
public sealed class PostgresServer(bool syncs) : IAsyncLifetime
{
    const string Superuser = "replicator";
    const int Port = 5432;
    // Linux's numbers.
    const int Stop = 19, Continue = 18;

    readonly string? _binaries = FindBinaries();
    readonly string _folder = Directory.CreateTempSubdirectory("rep-pg-").FullName;
    Process? _server;

    /// <summary>Why there is none; null where there is one.</summary>
    public string? Unavailable { get; private set; }

    /// <summary>Skips the test where there is no server.</summary>
    public void Require() => Assert.SkipWhen(Unavailable is not null, Unavailable ?? "");

    /// <summary>Where a database of the server is, for its owner or another role (nobody needs a password).</summary>
    public string ConnectionString(string database, string username = Superuser) =>
        $"Host={_folder};Port={Port};Database={database};Username={username};Timeout=15;Command Timeout=60;Include Error Detail=true";

    /// <summary>The same by way of a wire to <see cref="EndPoint"/>.</summary>
    public string ConnectionString(string database, TcpProxy wire) => ConnectionString(database).Replace($"Host={_folder};Port={Port};", $"Host=127.0.0.1;Port={wire.Port};", StringComparison.Ordinal);

    /// <summary>Where it listens.</summary>
    public EndPoint EndPoint => new UnixDomainSocketEndPoint(Path.Combine(_folder, $".s.PGSQL.{Port}"));

    /// <summary>Its process.</summary>
    public int ProcessId => _server!.Id;

    /// <summary>Whether it runs.</summary>
    public bool IsRunning => _server is { HasExited: false };

    public async ValueTask InitializeAsync()
    {
        if (_binaries is null)
        {
            Unavailable = "No PostgreSQL server is installed: 'apt-get install postgresql' makes these tests run.";
            return;
        }
        if (Environment.IsPrivilegedProcess)
        {
            if (!await TryRunAsync("chown", ["postgres", _folder]))
            {
                Unavailable = "PostgreSQL does not run as root, and there is no user 'postgres' to run it as.";
                return;
            }
        }
        var data = Path.Combine(_folder, "data");
        if (!await TryRunAsync(Path.Combine(_binaries, "initdb"), ["-D", data, "-U", Superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]))
            throw new InvalidOperationException($"initdb failed in '{data}'.");
        await StartAsync();
    }

    /// <summary>Starts it, with what it held when it was stopped or killed, and returns when it takes connections.</summary>
    public async Task StartAsync()
    {
        while (true)
        {
            _server?.Dispose();
            _server = Start(Path.Combine(_binaries!, "postgres"),
                ["-D", Path.Combine(_folder, "data"), "-k", _folder, "-p", Port.ToString(CultureInfo.InvariantCulture), "-c", "listen_addresses=", "-c", syncs ? "fsync=on" : "fsync=off", "-c", "max_connections=100", "-c", "shared_buffers=64MB"]);
            var ready = new TaskCompletionSource();
            _server.ErrorDataReceived += (_, line) =>
            {
                if (line.Data?.Contains("ready to accept connections", StringComparison.Ordinal) == true)
                    ready.TrySetResult();
            };
            _server.BeginOutputReadLine();
            _server.BeginErrorReadLine();
            var exit = _server.WaitForExitAsync();
            if (await Task.WhenAny(ready.Task, exit) == ready.Task)
                return;
            // The processes of a server that was killed hold its shared memory until the last of them is gone.
            if (!File.Exists(Path.Combine(_folder, "data", "postmaster.pid")))
                throw new InvalidOperationException($"PostgreSQL does not start in '{_folder}' (exit code {_server.ExitCode}).");
        }
    }

    /// <summary>Kills it and all its processes at once (SIGKILL), as the loss of a machine would.</summary>
    public async Task KillAsync()
    {
        var children = Children(_server!.Id);
        _server.Kill();
        foreach (var child in children)
        {
            try
            {
                using var process = Process.GetProcessById(child);
                process.Kill();
            }
            catch (Exception exception) when (exception is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
            {
                // It is gone already.
                Debug.WriteLine(exception.Message);
            }
        }
        await _server.WaitForExitAsync();
    }

    /// <summary>Stops it and all its processes where they are (SIGSTOP): connections stay open and are not answered.</summary>
    public void Freeze() => Signal(Stop);

    /// <summary>Lets them go on (SIGCONT).</summary>
    public void Thaw() => Signal(Continue);

    void Signal(int signal)
    {
        // The parent first: it makes no more children then.
        foreach (var process in (int[])[_server!.Id, .. Children(_server.Id)])
            _ = kill(process, signal);
    }

    /// <summary>Makes a database; of a template where one is named.</summary>
    public async Task CreateDatabaseAsync(string name, string? template = null)
    {
        string[] arguments = ["-h", _folder, "-p", Port.ToString(CultureInfo.InvariantCulture), "-U", Superuser, .. template is null ? Array.Empty<string>() : ["-T", template], name];
        if (!await TryRunAsync(Path.Combine(_binaries!, "createdb"), arguments))
            throw new InvalidOperationException($"createdb {name} failed.");
    }

    public async ValueTask DisposeAsync()
    {
        if (IsRunning)
            await KillAsync();
        _server?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    static List<int> Children(int parent)
    {
        var children = new List<int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
                continue;
            try
            {
                // pid (name) state parent ...; the name may hold anything but its last parenthesis.
                var stat = File.ReadAllText(Path.Combine(folder, "stat"));
                if (int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture) == parent)
                    children.Add(id);
            }
            catch (IOException exception)
            {
                // It ended meanwhile.
                Debug.WriteLine(exception.Message);
            }
        }
        return children;
    }

    static async Task<bool> TryRunAsync(string program, string[] arguments)
    {
        try
        {
            using var process = Start(program, arguments);
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            await Task.WhenAll(output, errors);
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    /// <summary>Starts a program; PostgreSQL's own as the user 'postgres' where this process is root.</summary>
    static Process Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        if (Environment.IsPrivilegedProcess && program != "chown")
        {
            // Executes the program in its own place, so that the process is the server's.
            start.FileName = "setpriv";
            foreach (var argument in (string[])["--reuid=postgres", "--regid=postgres", "--clear-groups", program])
                start.ArgumentList.Add(argument);
        }
        else
        {
            start.FileName = program;
        }
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    static string? FindBinaries()
    {
        if (!OperatingSystem.IsLinux())
            return null;
        var installed = Directory.Exists("/usr/lib/postgresql")
            ? Directory.EnumerateDirectories("/usr/lib/postgresql").Select(folder => Path.Combine(folder, "bin")).Where(folder => File.Exists(Path.Combine(folder, "postgres")))
                .OrderByDescending(folder => int.TryParse(Path.GetFileName(Path.GetDirectoryName(folder)), NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : 0)
            : Enumerable.Empty<string>();
        string[] others = ["/usr/local/bin", "/usr/local/pgsql/bin", "/usr/bin"];
        return installed.Concat(others).FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "postgres")));
    }

#pragma warning disable SYSLIB1054, CA5392 // libc needs no search path, and a source generator would need unsafe code in the tests.
    [DllImport("libc", SetLastError = true)]
    static extern int kill(int pid, int signal);
#pragma warning restore SYSLIB1054, CA5392
}
