using System.Globalization;
using Replicator.Robustness;

const string usage = """
    Random traffic and faults between an API server that knows the truth and a collector, until something is wrong or the rounds are done.

      dotnet run -c Release --project tests/Replicator.Robustness -- [--seed N] [--steps N] [--rounds N] [--tls] [--report DIR]

      --seed N      what happens follows from it (default: a new one, which is printed)
      --steps N     how many things happen in a round (default 5000)
      --rounds N    how many rounds, each with the next seed; 0 for no end (default 1)
      --tls         over TLS and HTTP/2
      --report DIR  where to write what happened when something is wrong (default: a new temporary folder)

    Exit code 0: all held. 1: something is wrong; the report names the steps, the server's history and the log, and the seed that does it again. 2: a wrong argument.
    """;

var (seed, steps, rounds, tls) = (Random.Shared.Next(), 5000, 1, false);
string? report = null;
for (var index = 0; index < args.Length; index++)
{
    var name = args[index];
    if (name is "--help" or "-h")
    {
        Console.WriteLine(usage);
        return 0;
    }
    if (name == "--tls")
    {
        tls = true;
        continue;
    }
    var value = index + 1 < args.Length ? args[++index] : null;
    var isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
    switch (name)
    {
        case "--seed" when isNumber: seed = number; break;
        case "--steps" when isNumber: steps = number; break;
        case "--rounds" when isNumber: rounds = number; break;
        case "--report" when value is not null: report = value; break;
        default:
            Console.Error.WriteLine($"'{name}{(value is null ? "" : " " + value)}' is not understood; --help says what is.");
            return 2;
    }
}
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};
for (var round = 0; (rounds == 0 || round < rounds) && !stop.IsCancellationRequested; round++)
{
    try
    {
        if ((await RobustnessRun.RunAsync(new RobustnessOptions(seed + round, steps) { Tls = tls, ReportFolder = report }, Console.Out, stop.Token)) is { Count: > 0 } problems)
        {
            foreach (var problem in problems.Take(20))
                Console.WriteLine(problem);
            return 1;
        }
    }
    catch (OperationCanceledException) when (stop.IsCancellationRequested)
    {
        break;
    }
}
return 0;
