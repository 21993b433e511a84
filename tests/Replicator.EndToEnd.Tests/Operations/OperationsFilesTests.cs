using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests.Operations;

/// <summary>The files under ops/ agree with each other and with the program.</summary>
public sealed partial class OperationsFilesTests
{
    static readonly string Ops = Path.Combine(TestRecordings.Repository, "ops");

    public static TheoryData<string> Alerts => [.. AlertName().Matches(File.ReadAllText(Path.Combine(Ops, "prometheus", "rules.yml"))).Select(match => match.Groups["name"].Value)];

    public static TheoryData<string> Dashboards => [.. Directory.EnumerateFiles(Path.Combine(Ops, "grafana", "dashboards"), "*.json").Select(file => Path.GetFileName(file)!)];

    [Theory]
    [MemberData(nameof(Alerts))]
    public void Every_alert_has_a_runbook_that_says_what_it_means_how_to_confirm_it_and_what_to_do_and_a_test(string alert)
    {
        var runbook = File.ReadAllText(Path.Combine(Ops, "runbooks", $"{alert}.md"));
        Assert.StartsWith($"# {alert}\n", runbook);
        foreach (var section in (string[])["What it means", "How to confirm", "What to do"])
        {
            var start = runbook.IndexOf($"## {section}\n\n", StringComparison.Ordinal);
            Assert.True(start > 0 && runbook.Length > start + section.Length + 60, $"The runbook of {alert} says nothing under '{section}'.");
        }
        Assert.Contains($"runbook_url: ops/runbooks/{alert}.md", File.ReadAllText(Path.Combine(Ops, "prometheus", "rules.yml")));
        Assert.Contains($"alertname: {alert}", File.ReadAllText(Path.Combine(Ops, "prometheus", "rules.test.yml")));
    }

    [Fact]
    public void Every_runbook_is_of_an_alert() => Assert.Equal(
        Alerts.Select(row => row.Data).Order(StringComparer.Ordinal),
        Directory.EnumerateFiles(Path.Combine(Ops, "runbooks"), "*.md").Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal));

    [Fact]
    public void Alerts_ask_only_for_metrics_that_exist() => AssertKnown(File.ReadAllText(Path.Combine(Ops, "prometheus", "rules.yml")), "rules.yml");

    [Theory]
    [MemberData(nameof(Dashboards))]
    public void A_dashboard_asks_only_for_metrics_that_exist(string file)
    {
        using var dashboard = JsonDocument.Parse(File.ReadAllText(Path.Combine(Ops, "grafana", "dashboards", file)));
        var panels = dashboard.RootElement.GetProperty("panels").EnumerateArray().ToList();
        Assert.Equal(panels.Count, panels.Select(panel => panel.GetProperty("id").GetInt32()).Distinct().Count());
        foreach (var target in panels.SelectMany(panel => panel.GetProperty("targets").EnumerateArray()))
            AssertKnown(target.GetProperty("expr").GetString()!, file);
    }

    [Theory]
    [InlineData("rules.test.yml", "test", "rules")]
    [InlineData("rules.yml", "check", "rules")]
    // The files that it names are there when the stack runs.
    [InlineData("prometheus.yml", "check", "config", "--syntax-only")]
    public async Task Promtool_accepts_the_rules_and_their_tests(string file, params string[] command)
    {
        const string promtool = "/usr/bin/promtool";
        Assert.SkipUnless(File.Exists(promtool), "There is no promtool on this machine: 'apt-get install prometheus' (tests/run does so as root).");
        using var process = Process.Start(new ProcessStartInfo(promtool, [.. command, Path.Combine(Ops, "prometheus", file)]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, await output + await errors);
    }

    static void AssertKnown(string text, string where)
    {
        var known = MetricsReference.Rows.SelectMany(row => row.PrometheusNames).ToHashSet();
        var used = PrometheusName().Matches(text).Select(match => match.Value).Distinct().ToList();
        Assert.True(used.TrueForAll(known.Contains), $"{where} asks for {string.Join(", ", used.Where(name => !known.Contains(name)))}, which ops/README.md does not list.");
    }

    [GeneratedRegex(@"^ +- alert: (?<name>\w+)$", RegexOptions.Multiline)]
    private static partial Regex AlertName();

    [GeneratedRegex(@"\breplicator_[a-z_]+\b")]
    private static partial Regex PrometheusName();
}
