using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>Every command of the recording, run by the real kubectl against an import of it as of the moment at which it was run: it prints what it printed then.</summary>
/// <remarks>
/// The recorded kubectl was of version 1.36; another may phrase by itself what the server has no part in, so the test says which one ran. Each moment was two seconds in which the commands ran one after the other while a crash loop
/// went on and ages grew: a command is tried at the instants of that time, from where in it it must have run. Each of its outputs is of one of them.
/// </remarks>
public sealed partial class KubectlGoldenTests(KubectlGoldenTests.Shop shop) : IClassFixture<KubectlGoldenTests.Shop>
{
    static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Moments => [.. Index().Select(moment => moment["folder"]!.GetValue<string>())];

    [Theory]
    [MemberData(nameof(Moments))]
    public async Task Kubectl_prints_of_the_past_what_it_printed_then(string folder)
    {
        var client = await Kubectl.FindAsync();
        var moment = Index().Single(moment => moment["folder"]!.GetValue<string>() == folder);
        var (from, to) = (Time(moment["from"]!), Time(moment["to"]!));
        var commands = moment["commands"]!.AsObject().Select((command, index) => (Name: command.Key, Line: command.Value!.GetValue<string>(), Index: index)).ToList();
        var outcomes = new (string Name, bool IsEqual, string Detail)[commands.Count];
        await Parallel.ForEachAsync(commands, new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = Cancel }, async (command, _) =>
        {
            var expected = await File.ReadAllTextAsync(Path.Combine(TestRecordings.Shop, "golden", folder, $"{command.Name}.out"), Cancel);
            var guess = from + (to - from) * (command.Index + 0.5) / commands.Count;
            var first = "";
            foreach (var instant in Instants(guess, from, to))
            {
                var (output, errors) = await client.RunAsync(shop.Url, instant, command.Line.Split(' ')[1..]);
                if (Comparable(command.Name, output) == Comparable(command.Name, expected))
                {
                    outcomes[command.Index] = (command.Name, true, "");
                    return;
                }
                if (first.Length == 0)
                    first = $"{command.Line}\n{Difference(Comparable(command.Name, expected), Comparable(command.Name, output))}{errors}";
            }
            outcomes[command.Index] = (command.Name, false, first);
        });
        TestContext.Current.TestOutputHelper!.WriteLine($"{folder}: {outcomes.Count(outcome => outcome.IsEqual)} of {outcomes.Length} by kubectl {client.Version}: {string.Join(", ", outcomes.Select(outcome => $"{outcome.Name}{(outcome.IsEqual ? "" : " DIFFERS")}"))}");
        Assert.True(outcomes.All(outcome => outcome.IsEqual), string.Join("\n\n", outcomes.Where(outcome => !outcome.IsEqual).Select(outcome => outcome.Detail)));
    }

    [Fact]
    public async Task Kubectl_says_what_it_said_of_a_type_that_was_not_there_yet()
    {
        var client = await Kubectl.FindAsync();
        var moment = Index().First();
        var (_, errors) = await client.RunAsync(shop.Url, Time(moment["from"]!), ["get", "applications.lab.example.com", "-A"]);
        Assert.Contains("the server doesn't have a resource type \"applications\"", errors, StringComparison.Ordinal);
    }

    static JsonArray Entries => JsonNode.Parse(File.ReadAllText(Path.Combine(TestRecordings.Shop, "golden", "index.json")))!.AsArray();

    static IEnumerable<JsonNode> Index() => Entries.Select(moment => moment!);

    static DateTimeOffset Time(JsonNode seconds) => DateTimeOffset.UnixEpoch.AddSeconds(seconds.GetValue<double>());

    static IEnumerable<DateTimeOffset> Instants(DateTimeOffset guess, DateTimeOffset from, DateTimeOffset to)
    {
        yield return guess;
        for (var distance = Step; guess - distance >= from || guess + distance <= to; distance += Step)
        {
            if (guess + distance <= to)
                yield return guess + distance;
            if (guess - distance >= from)
                yield return guess - distance;
        }
    }

    /// <summary>Ages that kubectl counts by itself, from its own clock, are set aside: those of events in a description, and with them the width of their column.</summary>
    static string Comparable(string name, string output)
    {
        if (name != "describe-web")
            return output;
        var events = output.IndexOf("\nEvents:", StringComparison.Ordinal);
        return events < 0 ? output : output[..events] + Blanks().Replace(Age().Replace(Rule().Replace(output[events..], "-"), "AGE"), " ");
    }

    static string Difference(string expected, string actual)
    {
        var (left, right) = (expected.Split('\n'), actual.Split('\n'));
        for (var line = 0; line < Math.Max(left.Length, right.Length); line++)
        {
            var (a, b) = (line < left.Length ? left[line] : "", line < right.Length ? right[line] : "");
            if (a != b)
                return $"line {line + 1}:\n  {a}\nbecame\n  {b}\n";
        }
        return "";
    }

    [GeneratedRegex(@"\b(\d+[smhdy])+\b")]
    private static partial Regex Age();

    [GeneratedRegex("-{3,}")]
    private static partial Regex Rule();

    [GeneratedRegex(" +")]
    private static partial Regex Blanks();

    /// <summary>The recorded shop with its discovery documents, as <c>replicator import</c> brings them in.</summary>
    public sealed class Shop : IAsyncLifetime
    {
        readonly TemporaryFolder _folder = new();
        ReplicatorHost? _host;

        public Uri Url => _host!.Url;

        public async ValueTask InitializeAsync()
        {
            var (code, _, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "import", TestRecordings.Shop, "--cluster", "shop", "--data", _folder.Path);
            Assert.True(code == 0, errors);
            _host = await ReplicatorHost.StartAsync(_folder.Path, "http://127.0.0.1:0", publishes: false, CancellationToken.None);
        }

        public async ValueTask DisposeAsync()
        {
            await _host!.DisposeAsync();
            _folder.Dispose();
        }
    }
}
