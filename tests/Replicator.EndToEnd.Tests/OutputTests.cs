using Replicator.Commands;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>What the commands print, as the real executable prints it over the recorded shop, against the files <c>OutputTests/*.golden</c>; <c>tests/README.md</c> says how those are written anew.</summary>
/// <remarks>Times and positions are the recording's. The redaction key is the test's own, so that fingerprints, and the bytes that they take, are always the same; no file shows one.</remarks>
public sealed class OutputTests : IDisposable
{
    const string UpdateVariable = "REPLICATOR_TEST_UPDATE_GOLDENS";

    static readonly string Goldens = Path.Combine(TestRecordings.Repository, "tests", "Replicator.EndToEnd.Tests", nameof(OutputTests));
    static readonly bool Updates = Environment.GetEnvironmentVariable(UpdateVariable) is { Length: > 0 };

    readonly TemporaryFolder _folder = new();

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Each_command_says_what_it_does_and_takes()
    {
        var help = await PrintedAsync("--help");
        var wrong = new List<string?> { await CompareAsync("help", help) };
        var commands = help.Split('\n').SkipWhile(line => line != "Commands:").Skip(1).TakeWhile(line => line.StartsWith("  ", StringComparison.Ordinal)).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0]).ToList();
        Assert.Superset(new HashSet<string> { "up", "import", "replay", "status", "history", "diff", "blame", "images", "runtimes", "tree", "apps", "export", "tail", "verify", "rebuild", "doctor", "completion" }, commands.ToHashSet());
        foreach (var command in commands)
            wrong.Add(await CompareAsync($"help-{command}", await PrintedAsync(command, "--help")));
        foreach (var file in Directory.EnumerateFiles(Goldens, "help-*.golden").Where(file => !commands.Contains(Path.GetFileNameWithoutExtension(file)["help-".Length..])))
        {
            if (Updates)
                File.Delete(file);
            else
                wrong.Add($"{Path.GetFileName(file)} is of a command that 'replicator --help' does not list.");
        }
        AssertNone(wrong);
    }

    [Fact]
    public async Task Commands_over_an_imported_recording_print_what_they_always_printed()
    {
        await ImportAsync();
        var wrong = new List<string?>();
        foreach (var (name, arguments) in ((string, string[])[])
        [
            ("status", ["status"]),
            ("history", ["history", "deploy/web", "-n", "shop"]),
            ("tail", ["tail", "--from", "0", "--no-follow", "--resource", "secrets"]),
            ("verify", ["verify"]),
            ("rebuild", ["rebuild"]),
            ("status-rebuilt", ["status"]),
        ])
        {
            var printed = await PrintedAsync([.. arguments, "--data", "data"]);
            // A rebuilt projection shows what the first one showed.
            wrong.Add(await CompareAsync(name == "status-rebuilt" ? "status" : name, printed));
            Assert.All(printed.Split('\n'), line => Assert.Equal(line.TrimEnd(), line));
        }
        // Served, as it usually is: the commands then need not open the folder.
        await using var host = await ReplicatorHost.StartAsync(_folder.File("data"), "http://127.0.0.1:0", publishes: false, Cancel);
        foreach (var (name, arguments) in ((string, string[])[])
        [
            ("history-wide", ["history", "deploy/web", "-n", "shop", "-o", "wide"]),
            ("history-diff", ["history", "deploy/web", "-n", "shop", "--diff"]),
            ("history-reborn", ["history", "cm/phoenix", "-n", "shop"]),
            ("history-at", ["history", "deploy/web", "-n", "shop", "--at", "rv:997"]),
            ("history-at-json", ["history", "node/node-001", "--at", "rv:997", "-o", "json", "--show-managed-fields"]),
            ("blame", ["blame", "deploy/web", "-n", "shop", "--at", "rv:997"]),
            ("blame-node", ["blame", "no/node-002"]),
            ("images", ["images", "-n", "shop", "--at", "rv:997"]),
            ("images-wide", ["images", "-l", "app=web", "--at", "rv:997", "-o", "wide"]),
            ("images-digest", ["images", "--digest", "sha256:c1884fe787f3ab1bd39d8796e71388c7bbba0a1c649a70513a41ec2a54306602"]),
            ("images-digest-yaml", ["images", "--digest", "d2226d98c4a2", "-o", "yaml"]),
            ("runtimes", ["runtimes"]),
            ("tree", ["tree", "deploy/web", "-n", "shop", "--at", "rv:997"]),
            ("tree-up", ["tree", "rs/web-7d5c44fdd7", "-n", "shop", "--at", "rv:997"]),
            ("apps", ["apps", "--at", "rv:1147"]),
            ("apps-end", ["apps", "-n", "shop"]),
            ("export", ["export", "--as-of", "rv:997", "-n", "shop", "deploy,svc,sa", "cm", "-l", "app.kubernetes.io/part-of=storefront"]),
            ("export-crd", ["export", "--as-of", "rv:1147", "crd,applications,ns"]),
        ])
        {
            wrong.Add(await CompareAsync(name, await PrintedAsync([.. arguments, "--data", "data"])));
        }
        foreach (var (name, arguments) in ((string, string[])[])
        [
            ("diff", ["--from", "rv:997", "--to", "rv:1085", "-n", "shop"]),
            ("diff-kinds", ["deploy,rs", "hpa", "--from", "rv:582", "--to", "rv:997", "-l", "app.kubernetes.io/name=web"]),
            ("diff-unified", ["deploy", "--from", "rv:582", "--to", "rv:997", "-n", "shop", "-o", "diff"]),
            ("diff-noise", ["lease", "--from", "rv:582", "--to", "rv:997", "--noise"]),
            ("diff-yaml", ["nodes", "--from", "rv:997", "--to", "rv:1085", "-o", "yaml"]),
        ])
        {
            // As diff(1) does, it says by its exit code that something differs.
            var (ended, printed, problem) = await ReplicatorProcess.RunAsync(_folder.Path, [DiffCommand.Name, .. arguments, "--data", "data"]);
            Assert.True(ended == 1, problem);
            wrong.Add(await CompareAsync(name, printed));
        }
        AssertNone(wrong);
    }

    [Fact]
    public async Task Diff_ends_with_0_where_nothing_differs_and_with_2_on_trouble()
    {
        await ImportAsync();
        var (code, output, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "diff", "--from", "rv:997", "--to", "rv:997", "--data", "data");
        Assert.True(code == 0, errors);
        Assert.Equal("nothing differs from rv:997 to rv:997", output);
        foreach (var wrong in (string[][])[["diff", "--from", "yesterday", "--data", "data"], ["diff", "--data", "data"], ["diff", "--from", "-1h", "gadgets", "--data", "data"], ["diff", "--from", "-1h", "--data", "nowhere"], ["diff", "--from", "-1h", "-o", "xml", "--data", "data"]])
        {
            (code, output, errors) = await ReplicatorProcess.RunAsync(_folder.Path, wrong);
            Assert.True(code == 2 && output.Length == 0 && errors.Split('\n').Length == 1, $"{string.Join(' ', wrong)}: {code}\n{output}\n{errors}");
        }
    }

    [Fact]
    public async Task Times_are_in_the_zone_of_the_user_unless_utc_is_asked_for_and_the_same_instant_when_given_back()
    {
        await ImportAsync();
        var zone = new Dictionary<string, string> { ["TZ"] = "Asia/Kathmandu" };
        await using var local = ReplicatorProcess.Start(_folder.Path, zone, ["runtimes", "--data", "data"]);
        await local.WaitForExitAsync();
        Assert.Contains("2026-11-23T15:37:11+05:45", local.Output, StringComparison.Ordinal);
        await using var utc = ReplicatorProcess.Start(_folder.Path, zone, ["runtimes", "--utc", "--data", "data"]);
        await utc.WaitForExitAsync();
        Assert.Contains("2026-11-23T09:52:11Z", utc.Output, StringComparison.Ordinal);
        Assert.Equal(await PrintedAsync("images", "--at", "2026-11-23T15:37:40+05:45", "-o", "json", "--data", "data"), (await PrintedAsync("images", "--at", "2026-11-23T09:52:40Z", "-o", "json", "--data", "data")));
    }

    [Fact]
    public async Task What_is_left_out_of_an_export_is_counted_on_standard_error_and_no_secret_is_exported()
    {
        await ImportAsync();
        var (code, output, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "export", "--as-of", "rv:997", "--data", "data");
        Assert.Equal(0, code);
        Assert.Contains("left out 2: Secrets: their values are not recorded, only fingerprints", errors, StringComparison.Ordinal);
        Assert.Contains("made by a controller from its owner", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("kind: Secret\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain("\n  uid:", output, StringComparison.Ordinal);
        // What others need comes before them.
        var kinds = output.Split('\n').Where(line => line.StartsWith("kind: ", StringComparison.Ordinal)).Select(line => line["kind: ".Length..]).ToList();
        Assert.Equal("CustomResourceDefinition", kinds[0]);
        Assert.True(kinds.LastIndexOf("CustomResourceDefinition") < kinds.IndexOf("Namespace"));
        Assert.True(kinds.LastIndexOf("Namespace") < kinds.IndexOf("ServiceAccount") || !kinds.Contains("ServiceAccount"));
        Assert.Equal("Application", kinds[^1]);
    }

    async Task ImportAsync()
    {
        Directory.CreateDirectory(_folder.File("data"));
        await File.WriteAllBytesAsync(_folder.File("data/redaction.key"), new byte[Core.Redaction.RedactionKey.Length], Cancel);
        var (code, _, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "import", TestRecordings.Shop, "--cluster", "shop", "--data", "data");
        Assert.True(code == 0, errors);
    }

    async Task<string> PrintedAsync(params string[] arguments)
    {
        var (code, output, errors) = await ReplicatorProcess.RunAsync(_folder.Path, arguments);
        Assert.True(code == 0, errors);
        return output;
    }

    /// <summary>What is wrong with it; null where it is as it was, or where the file is written anew.</summary>
    static async Task<string?> CompareAsync(string name, string printed)
    {
        var file = Path.Combine(Goldens, $"{name}.golden");
        if (Updates)
        {
            Directory.CreateDirectory(Goldens);
            await File.WriteAllTextAsync(file, printed + "\n", Cancel);
            return null;
        }
        if (!File.Exists(file))
            return $"There is no {name}.golden. Printed was:\n{printed}";
        var expected = (await File.ReadAllTextAsync(file, Cancel)).Split('\n')[..^1];
        var actual = printed.Split('\n');
        if (expected.SequenceEqual(actual))
            return null;
        var line = expected.Zip(actual).TakeWhile(pair => pair.First == pair.Second).Count();
        return $"{name}.golden, line {line + 1}:\n- {expected.ElementAtOrDefault(line) ?? "(the end)"}\n+ {actual.ElementAtOrDefault(line) ?? "(the end)"}";
    }

    static void AssertNone(IEnumerable<string?> wrong)
    {
        var all = wrong.OfType<string>().ToList();
        Assert.True(all.Count == 0, $"{string.Join("\n\n", all)}\n\nWhere this was meant, run the test with {UpdateVariable}=1 and read the difference.");
    }
}
