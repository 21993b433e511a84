using System.CommandLine;
using Replicator;
using Replicator.Commands;

var root = new RootCommand("Records every change of every object of Kubernetes clusters, and answers what was when.")
{
    UpCommand.Create(),
    ImportCommand.Create(),
    ReplayCommand.Create(),
    StatusCommand.Create(),
    HistoryCommand.Create(),
    TailCommand.Create(),
    VerifyCommand.Create(),
    RebuildCommand.Create(),
    DoctorCommand.Create(),
};
try
{
    return await root.Parse(args).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(30) });
}
catch (OperationCanceledException)
{
    return ExitCodes.Interrupted;
}
catch (Exception exception) when (ExitCodes.IsExpected(exception))
{
    await Console.Error.WriteLineAsync($"replicator: {exception.Message.ReplaceLineEndings(" ")}");
    return ExitCodes.Failure;
}
