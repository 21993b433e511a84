using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>The kubectl of this machine.</summary>
sealed class Kubectl(string version)
{
    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public string Version { get; } = version;

    public static async Task<Kubectl> FindAsync()
    {
        Assert.SkipUnless(Executables.AreOnPath("kubectl"), "There is no kubectl on this machine's path: 'apt-get install kubernetes-client' (tests/run does so as root).");
        using var folder = new TemporaryFolder();
        var (_, output, _) = await RunAsync(folder.Path, ["version", "--client", "-o", "json"]);
        var version = JsonNode.Parse(output)!["clientVersion"]!;
        // Managed fields are shown on request since 1.21.
        Assert.SkipWhen(int.TryParse(version["minor"]!.GetValue<string>().TrimEnd('+'), NumberStyles.None, CultureInfo.InvariantCulture, out var minor) && minor < 21,
            $"kubectl {version["gitVersion"]} is older than the options that the recorded commands have: install 1.21 or later.");
        return new Kubectl(version["gitVersion"]!.GetValue<string>());
    }

    public async Task<(string Output, string Errors)> RunAsync(Uri server, DateTimeOffset instant, string[] arguments)
    {
        var (_, output, errors) = await RunAsync(server, "shop", instant.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture), arguments);
        return (output, errors);
    }

    /// <summary>Runs it to its end against a cluster at an instant.</summary>
    public async Task<(int ExitCode, string Output, string Errors)> RunAsync(Uri server, string cluster, string instant, params string[] arguments)
    {
        // Discovery is kept in the home folder, by the server's address.
        using var folder = new TemporaryFolder();
        return await RunAsync(folder.Path, [.. Against(server, cluster, instant), .. arguments]);
    }

    /// <summary>Runs it to its end with a kubeconfig of its own.</summary>
    public async Task<(int ExitCode, string Output, string Errors)> RunAsync(TemporaryFolder home, string kubeconfig, params string[] arguments) => await RunAsync(home.Path, [$"--kubeconfig={kubeconfig}", .. arguments]);

    /// <summary>Runs it until it has printed so many lines, and ends it.</summary>
    /// <param name="server">The server.</param>
    /// <param name="cluster">The cluster.</param>
    /// <param name="instant">The instant.</param>
    /// <param name="lines">How many.</param>
    /// <param name="printed">Told each line as it comes.</param>
    /// <param name="arguments">What it is to do.</param>
    public async Task<List<string>> ReadLinesAsync(Uri server, string cluster, string instant, int lines, Func<int, Task>? printed, params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        using var process = Create(folder.Path, [.. Against(server, cluster, instant), .. arguments]);
        process.Start();
        var errors = process.StandardError.ReadToEndAsync(Cancel);
        var read = new List<string>();
        try
        {
            while (read.Count < lines)
            {
                read.Add(await process.StandardOutput.ReadLineAsync(Cancel) ?? throw new InvalidDataException($"kubectl ended behind line {read.Count}: {await errors}"));
                if (printed is not null)
                    await printed(read.Count);
            }
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
        }
        return read;
    }

    static string[] Against(Uri server, string cluster, string instant) => [$"--server={server.AbsoluteUri.TrimEnd('/')}/clusters/{cluster}/as-of/{instant}", "--token=none"];

    static async Task<(int ExitCode, string Output, string Errors)> RunAsync(string home, string[] arguments)
    {
        using var process = Create(home, arguments);
        process.Start();
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(Cancel), process.StandardError.ReadToEndAsync(Cancel));
        await process.WaitForExitAsync(Cancel);
        return (process.ExitCode, await output, await errors);
    }

    static Process Create(string home, string[] arguments)
    {
        var process = new Process { StartInfo = new ProcessStartInfo("kubectl", arguments) { RedirectStandardOutput = true, RedirectStandardError = true } };
        process.StartInfo.Environment["HOME"] = home;
        process.StartInfo.Environment["KUBECONFIG"] = Path.Combine(home, "none");
        return process;
    }
}
