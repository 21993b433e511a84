using System.CommandLine;
using System.CommandLine.Invocation;
using Replicator;
using Replicator.Commands;

var root = new RootCommand("Records every change of every object of Kubernetes clusters, and answers what was when.")
{
    UpCommand.Create(),
    ImportCommand.Create(),
    ReplayCommand.Create(),
    StatusCommand.Create(),
    HistoryCommand.Create(),
    DiffCommand.Create(),
    BlameCommand.Create(),
    ImagesCommand.Create(),
    ImagesCommand.CreateRuntimes(),
    TreeCommand.Create(),
    TreeCommand.CreateApps(),
    ExportCommand.Create(),
    TailCommand.Create(),
    VerifyCommand.Create(),
    RebuildCommand.Create(),
    CopyCommand.Create(),
    MigrateCommand.Create(),
    DoctorCommand.Create(),
    ProbeCommand.Create(),
    KubeconfigCommand.Create(),
    KubectlCommand.Create(),
    CompletionCommand.Create(),
    CommonOptions.Utc,
};
try
{
    var parsed = root.Parse(args.Length == 0 ? ["--help"] : args);
    if (UsageError(parsed) is { } error)
        throw new CommandException(error);
    return await StopSignals.Take(TimeProvider.System).RunAsync(stopping => parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, stopping));
}
catch (OperationCanceledException)
{
    return ExitCodes.Interrupted;
}
catch (Exception exception) when (ExitCodes.IsExpected(exception))
{
    await Console.Error.WriteLineAsync($"replicator: {exception.Message.ReplaceLineEndings(" ")}");
    // What diff(1) calls trouble is not to be taken for a difference.
    return args is [DiffCommand.Name, ..] ? ExitCodes.Trouble : ExitCodes.Failure;
}

// One line, and where to read on: the whole help would push it out of sight.
static string? UsageError(ParseResult parsed)
{
    if (parsed.Errors.Count == 0 || parsed.Action is not ParseErrorAction)
        return null;
    var command = parsed.CommandResult.Command is RootCommand ? "replicator" : $"replicator {parsed.CommandResult.Command.Name}";
    var problem = parsed.UnmatchedTokens is [var token, ..]
        ? $"'{token}' is no {(token.StartsWith('-') ? "option" : parsed.CommandResult.Command is RootCommand ? "command" : "argument")} of '{command}'."
        : parsed.Errors[0].Message;
    return $"{problem} See '{command} --help'.";
}
