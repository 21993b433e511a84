using Replicator.Robustness;
using Replicator.TestKit;
using Xunit;

namespace Replicator.Informers.Tests;

/// <summary>The short form of <c>dotnet run -c Release --project tests/Replicator.Robustness</c>, which goes on for as long as it is told to.</summary>
public sealed class RobustnessTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(false, 900)]
    [InlineData(true, 300)]
    public async Task Random_traffic_and_faults_lose_nothing_double_nothing_and_every_gap_is_true(bool tls, int steps)
    {
        using var folder = new TemporaryFolder();
        using var text = new StringWriter();
        var problems = await RobustnessRun.RunAsync(new RobustnessOptions(Random.Shared.Next(), steps) { Tls = tls, ReportFolder = folder.Path, CheckEvery = 150 }, text, TestContext.Current.CancellationToken);
        output.WriteLine(text.ToString());
        if (problems.Count > 0)
        {
            foreach (var file in Directory.EnumerateFiles(folder.Path))
                output.WriteLine($"{Path.GetFileName(file)}:{Environment.NewLine}{await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)}");
        }
        Assert.Empty(problems);
    }
}
