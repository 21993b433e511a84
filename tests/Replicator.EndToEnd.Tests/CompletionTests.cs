using System.Diagnostics;
using Replicator.Commands;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>What shells offer: commands and options always, clusters, kinds and names while something serves the data folder.</summary>
public sealed class CompletionTests(ImportedShop shop) : IClassFixture<ImportedShop>, IDisposable
{
    // A busy machine must not look like an API that is away.
    static readonly Dictionary<string, string> Patient = new() { [Completions.TimeoutVariable] = "60000" };

    readonly TemporaryFolder _folder = new();

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("replicator hist", "history")]
    [InlineData("replicator history --n", "--namespace", "--noise")]
    [InlineData("replicator completion ", "bash", "fish", "zsh")]
    [InlineData("replicator images -o ", "json", "table", "wide", "yaml")]
    public async Task Commands_options_and_their_values_are_offered(string line, params string[] expected) =>
        Assert.Superset(expected.ToHashSet(), (await SuggestAsync(line)).ToHashSet());

    [Theory]
    [InlineData("history deployments.apps/w", "deployments.apps/web")]
    [InlineData("history deployment/w", "deployment/web")]
    [InlineData("blame po", "pods/", "poddisruptionbudgets/")]
    [InlineData("diff conf", "configmaps")]
    [InlineData("history --cluster s", "shop")]
    [InlineData("history -n mon", "monitoring")]
    [InlineData("tree -n kube-system configmaps/", "configmaps/kube-root-ca.crt")]
    public async Task What_is_recorded_is_offered_while_something_serves_it(string line, params string[] expected)
    {
        var whole = $"replicator {line.Split(' ')[0]} --data {shop.Folder} {string.Join(' ', line.Split(' ').Skip(1))}";
        Assert.Superset(expected.ToHashSet(), (await SuggestAsync(whole)).ToHashSet());
    }

    [Fact]
    public async Task Nothing_is_offered_and_nothing_said_where_nothing_serves_the_folder()
    {
        foreach (var line in (string[])[$"replicator blame --data {_folder.File("none")} po", $"replicator history --data {_folder.Path} deploy/"])
            Assert.DoesNotContain(await SuggestAsync(line), word => word.Contains('/', StringComparison.Ordinal));
    }

    [Fact]
    public async Task Bash_completes_by_the_script()
    {
        await InstallAsync();
        var words = await RunAsync("bash", $$"""
            set -u
            source <(replicator completion bash)
            complete -p replicator
            ask() { COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=($*); COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 )); _replicator 2>/dev/null; printf '%s\n' "${COMPREPLY[@]}"; }
            ask replicator dif
            ask replicator history --data {{shop.Folder}} deployment/w
            """);
        Assert.Equal(["complete -o default -F _replicator replicator", "diff", "deployment/web"], words);
    }

    [Theory]
    [InlineData("zsh", "-n")]
    [InlineData("fish", "--no-execute")]
    public async Task Other_shells_accept_their_script(string shell, string check)
    {
        SkipWithout(shell);
        await InstallAsync();
        var (code, script, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "completion", shell);
        Assert.True(code == 0, errors);
        await File.WriteAllTextAsync(_folder.File("script"), script, Cancel);
        Assert.Empty(await RunAsync(shell, check, _folder.File("script")));
    }

    [Fact]
    public async Task Zsh_completes_by_the_script()
    {
        SkipWithout("zsh");
        await InstallAsync();
        var words = await RunAsync("zsh", "-f", "-c", $$"""
            autoload -Uz compinit && compinit -u -d {{_folder.File("zcompdump")}}
            source <(replicator completion zsh)
            print -- $_comps[replicator]
            compadd() { shift ${@[(i)--]}; print -l -- "$@" }
            ask() { words=(${=1}); LBUFFER=$1; _replicator }
            ask 'replicator dif'
            ask 'replicator history --data {{shop.Folder}} deployment/w'
            """);
        Assert.Equal(["_replicator", "diff", "deployment/web"], words);
    }

    [Fact]
    public async Task Fish_completes_by_the_script()
    {
        SkipWithout("fish");
        await InstallAsync();
        var words = await RunAsync("fish", "--no-config", "-c", $$"""
            replicator completion fish | source
            complete -C 'replicator dif'
            complete -C 'replicator history --data {{shop.Folder}} deployment/w'
            """);
        Assert.Equal(["diff", "deployment/web"], words);
    }

    static void SkipWithout(string shell) => Assert.SkipUnless(Executables.AreOnPath(shell), $"{shell} is not installed, so its script was not read by it: 'apt-get install {shell}' (tests/run does so as root).");

    [Fact]
    public async Task A_shell_that_is_unknown_is_refused_by_name()
    {
        var (code, _, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "completion", "csh");
        Assert.Equal((1, "replicator: 'csh' is not a shell that completion is written for: write bash, zsh or fish."), (code, errors));
    }

    async Task<string[]> SuggestAsync(string line)
    {
        await using var process = ReplicatorProcess.Start(_folder.Path, Patient, $"[suggest:{line.Length}]", line);
        Assert.True(await process.WaitForExitAsync() == 0 && process.Errors.Length == 0, process.Errors);
        return process.Output.Split('\n');
    }

    /// <summary>A program <c>replicator</c> on the path.</summary>
    async Task InstallAsync()
    {
        await File.WriteAllTextAsync(_folder.File("replicator"), $"#!/bin/sh\nexec dotnet {Path.Combine(AppContext.BaseDirectory, "replicator.dll")} \"$@\"\n", Cancel);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_folder.File("replicator"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    Task<string[]> RunAsync(string shell, string script) => RunAsync(shell, "-c", script);

    async Task<string[]> RunAsync(string shell, params string[] arguments)
    {
        var start = new ProcessStartInfo(shell, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _folder.Path };
        start.Environment[Completions.TimeoutVariable] = Patient[Completions.TimeoutVariable];
        start.Environment["PATH"] = $"{_folder.Path}:{Environment.GetEnvironmentVariable("PATH")}";
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(Cancel), process.StandardError.ReadToEndAsync(Cancel));
        await process.WaitForExitAsync(Cancel);
        Assert.True(process.ExitCode == 0, await errors);
        return (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
