using System.CommandLine;

namespace Replicator.Benchmarks;

/// <summary><c>record</c>: makes the history that <c>kubeapi</c> and <c>diff</c> ask, and keeps it in a folder, so that they need not each make one of their own.</summary>
static class RecordCommand
{
    public static Command Create()
    {
        var (pods, changes, seed) = (CommonOptions.Pods(), CommonOptions.Changes(), CommonOptions.Seed());
        var folder = CommonOptions.Folder();
        folder.Required = true;
        var command = new Command("record", "Records the history that 'kubeapi' and 'diff' ask into a folder, for their --folder.") { folder, pods, changes, seed };
        command.SetAction(async (result, cancellationToken) =>
        {
            using var feed = await RecordedFeed.OpenAsync(result.GetValue(folder), result.GetValue(pods), result.GetValue(changes), result.GetValue(seed), KubeApiBenchmark.PodsPerTenant, cancellationToken);
            await Console.Error.WriteLineAsync($"{feed.Path}: {feed.Lines} versions");
        });
        return command;
    }
}
