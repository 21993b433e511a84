using System.CommandLine;
using Replicator.Benchmarks.Feed;

namespace Replicator.Benchmarks;

/// <summary>
/// <c>dotnet run -c Release --project tests/Replicator.Benchmarks -- NAME</c>: one line of JSON on standard output, progress on standard error, exit code 1 where a claim does not hold.
/// </summary>
static class BenchmarkProgram
{
    static async Task<int> Main(string[] args)
    {
        var root = new RootCommand("Measures the claims of the project, each against its baseline in the same run. The answer is one line of JSON; the exit code is 1 where a claim does not hold.")
        {
            IngestBenchmark.Create(),
            StorageBenchmark.Create(),
            AsOfBenchmark.Create(),
            KubeApiBenchmark.Create(),
            DiffBenchmark.Create(),
            RebuildBenchmark.Create(),
            InformerBenchmark.Create(),
            ColdStartBenchmark.Create(),
            SqliteAppendBenchmark.Create(),
            MartenBenchmarks.CreateAppend(),
            EventStoreDbAppendBenchmark.Create(),
            MartenBenchmarks.CreateProject(),
            PublishBenchmark.Create(),
            // What a benchmark runs as a process of its own, so that neither heap nor compiled code is shared with the other side.
            FeedCommand.Create(),
            RecordCommand.Create(),
            IngestTrials.Create(),
            AsOfBenchmark.CreateServer(),
            KubeApiBenchmark.CreateFileServer(),
            RebuildBenchmark.CreateTrial(),
            InformerTrials.Create(),
            SqliteAppendBenchmark.CreateTrial(),
            MartenTrials.Create(),
            EventStoreDbAppendBenchmark.CreateTrial(),
            PublishTrials.Create(),
        };
        try
        {
            return await root.Parse(args).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (BenchmarkException exception)
        {
            await Console.Error.WriteLineAsync($"benchmarks: {exception.Message}");
            return 2;
        }
    }
}
