using System.CommandLine;

namespace Replicator.Benchmarks.Feed;

/// <summary>The hidden verb that serves a feed.</summary>
static class FeedCommand
{
    const string Verb = "serve-feed";

    public static Command Create()
    {
        var file = new Argument<string>("FILE");
        var command = new Command(Verb) { file };
        command.Hidden = true;
        command.SetAction(result => FeedServer.Run(result.GetValue(file)!));
        return command;
    }

    /// <summary>Starts it in a process of its own.</summary>
    public static async Task<(ChildProcess Process, string Url)> StartAsync(FeedFile feed, CancellationToken cancellationToken)
    {
        var process = ChildProcess.Start(Verb, feed.Path);
        return await process.Output.ReadLineAsync(cancellationToken) is { } url ? (process, url) : throw new BenchmarkException("The feed server ended before it said where it listens.");
    }
}
