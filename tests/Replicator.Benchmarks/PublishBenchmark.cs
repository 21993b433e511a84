using System.CommandLine;
using System.Globalization;
using Replicator.TestKit.Rabbit;

namespace Replicator.Benchmarks;

/// <summary><c>publish</c>: messages a second from the log to a quorum queue, against RabbitMQ's own client with confirms and bodies that are ready.</summary>
static class PublishBenchmark
{
    const double Floor = 0.45;

    public static Command Create()
    {
        var (messages, runs, seed) = (new Option<int>("--messages") { Description = "How many messages each run publishes.", HelpName = "N", DefaultValueFactory = _ => 50_000 }, CommonOptions.Runs(), CommonOptions.Seed());
        var command = new Command("publish", "Messages a second that RabbitMQ has confirmed, from the log through MassTransit, against RabbitMQ.Client.") { messages, runs, seed };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(messages), result.GetValue(runs), result.GetValue(seed), cancellationToken));
        return command;
    }

    static async Task<int> RunAsync(int messages, int runs, int seed, CancellationToken cancellationToken)
    {
        if (RabbitMqBroker.Unavailable is { } reason)
            throw new BenchmarkException(reason);
        await using var broker = await RabbitMqBroker.StartAsync(cancellationToken);
        var arguments = new[] { broker.Port, messages, seed }.Select(number => number.ToString(CultureInfo.InvariantCulture)).ToArray();
        var trials = await Trial.InterleaveAsync(runs,
            ("RabbitMQ.Client", () => Trial.RunAsync(cancellationToken, [PublishTrials.Verb, PublishTrials.Client, .. arguments])),
            ("publisher", () => Trial.RunAsync(cancellationToken, [PublishTrials.Verb, PublishTrials.Publisher, .. arguments])));
        var (client, publisher) = (trials[0], trials[1]);
        return new Report
        {
            Name = "publish",
            Parameters = new Dictionary<string, object> { ["messages"] = messages, ["bytesPerMessage"] = client[0].Values["bytes"] / messages, ["queue"] = "quorum, one node" },
            Claims =
            [
                new Claim("publish", new Measure("changes published from the log and confirmed", publisher.Select(trial => trial.PerSecond).Median(), "messages/s"),
                    new Measure("messages published by RabbitMQ.Client and confirmed", client.Select(trial => trial.PerSecond).Median(), "messages/s"),
                    publisher.Zip(client, (result, beside) => result.PerSecond / beside.PerSecond).Median(), Floor, IsFloor: true),
            ],
            Details = new Dictionary<string, object>
            {
                ["allocatedBytesPerMessage"] = publisher.Select(trial => (double)trial.AllocatedBytes / trial.Count).Median(),
                ["peakMemoryMiBOfBaseline"] = client.Max(trial => trial.PeakMemoryMiB),
            },
            PeakMemoryMiB = publisher.Max(trial => trial.PeakMemoryMiB),
            Runs = runs,
            Seed = seed,
        }.Print();
    }
}
