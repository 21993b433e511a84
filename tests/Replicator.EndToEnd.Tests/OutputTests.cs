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
        Assert.Superset(new HashSet<string> { "up", "import", "replay", "status", "history", "tail", "verify", "rebuild", "doctor" }, commands.ToHashSet());
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
        Directory.CreateDirectory(_folder.File("data"));
        await File.WriteAllBytesAsync(_folder.File("data/redaction.key"), new byte[Core.Redaction.RedactionKey.Length], Cancel);
        var (code, _, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "import", TestRecordings.Shop, "--cluster", "shop", "--data", "data");
        Assert.True(code == 0, errors);
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
        AssertNone(wrong);
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
