using System.CommandLine;
using System.Diagnostics;
using Replicator.Core.Copying;
using Replicator.Stores;

namespace Replicator.Commands;

/// <summary><c>replicator copy</c>.</summary>
static class CopyCommand
{
    public static Command Create()
    {
        const string stores = "sqlite:DIR, postgres:CONNECTION, esdb://HOST:PORT, or file:FILE that holds one of these";
        var from = new Option<string>("--from") { Description = $"The log to copy: {stores}.", HelpName = "STORE", Required = true };
        var to = new Option<string>("--to") { Description = "Where to: likewise.", HelpName = "STORE", Required = true };
        var command = new Command("copy", "Carries a log from one engine to another, every event with its id, revision and hash, and proves each hash on the way. Run it again to carry on one that was broken off, or a log that has grown since.") { from, to };
        command.SetAction((result, cancellationToken) => RunAsync(result.GetValue(from)!, result.GetValue(to)!, cancellationToken));
        return command;
    }

    static async Task<int> RunAsync(string from, string to, CancellationToken cancellationToken)
    {
        await using var source = await StoreAddress.OpenAsync(from, "--from", mustExist: true);
        await using var target = await StoreAddress.OpenAsync(to, "--to", mustExist: false);
        var watch = Stopwatch.StartNew();
        using var progress = new CopyProgress();
        try
        {
            var result = await LogCopy.RunAsync(source.Events, target.Events, progress, cancellationToken);
            progress.Clear();
            Console.WriteLine($"{result.Copied} events of {result.Streams} streams copied from {source.Name} to {target.Name}, {result.Held} were there already ({watch.Elapsed.TotalSeconds:F1} s)");
        }
        catch (LogCopyException exception)
        {
            progress.Clear();
            throw new CommandException(exception.Message);
        }
        CarryKey(source.RedactionKeyPath, target.RedactionKeyPath);
        return 0;
    }

    /// <summary>Under another key an unchanged secret would look changed, so the key goes with the log, or the user is told that it must.</summary>
    static void CarryKey(string? from, string? to)
    {
        if (from is null || !File.Exists(from))
            return;
        if (to is null)
            Console.WriteLine($"'{from}' makes the fingerprints of secrets in this log: whoever goes on recording it needs that file in its data folder");
        else if (!File.Exists(to))
            File.Copy(from, to);
        else if (!File.ReadAllBytes(from).AsSpan().SequenceEqual(File.ReadAllBytes(to)))
            Console.Error.WriteLine($"'{to}' is another redaction key than '{from}': secrets that did not change will look changed once to whoever goes on recording");
    }

    /// <summary>How far a copy is, of the source's positions.</summary>
    sealed class CopyProgress : IProgress<LogCopyProgress>, IDisposable
    {
        readonly ProgressLine _line = new("positions copied");

        public void Report(LogCopyProgress value)
        {
            _line.Total = value.Head;
            _line.Report(value.Position);
        }

        public void Clear() => _line.Clear();

        public void Dispose() => _line.Dispose();
    }
}
