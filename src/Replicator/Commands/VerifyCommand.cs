using System.CommandLine;
using System.Text.Json;

namespace Replicator.Commands;

/// <summary><c>replicator verify</c>.</summary>
static class VerifyCommand
{
    public static Command Create()
    {
        var data = CommonOptions.Data();
        var command = new Command("verify", "Proves the log whole by its hash chain, or names the first event that is not.") { data };
        command.SetAction(async (result, cancellationToken) =>
        {
            await using var api = await ApiSession.OpenAsync(result.GetValue(data)!, cancellationToken);
            using var last = await LongWork.RunAsync(api, "api/v1/verify", cancellationToken);
            var events = last.RootElement.GetProperty("events").GetInt64();
            if (last.RootElement.GetProperty("whole").GetBoolean())
            {
                Console.WriteLine($"{events} events, every hash follows from its predecessor");
                return 0;
            }
            throw new CommandException($"{last.RootElement.GetProperty("problem").GetString()} ({events} events before it are whole.) Restore the log from a backup.");
        });
        return command;
    }
}

/// <summary><c>replicator rebuild</c>.</summary>
static class RebuildCommand
{
    public static Command Create()
    {
        var data = CommonOptions.Data();
        var command = new Command("rebuild", "Folds the projection anew from the log; readers keep the old one until it is done. One that was interrupted goes on.") { data };
        command.SetAction(async (result, cancellationToken) =>
        {
            await using var api = await ApiSession.OpenAsync(result.GetValue(data)!, cancellationToken);
            using var last = await LongWork.RunAsync(api, "api/v1/rebuild", cancellationToken);
            Console.WriteLine("rebuilt");
            return 0;
        });
        return command;
    }
}

/// <summary>Work that the API does with a line of progress now and then.</summary>
static class LongWork
{
    public static async Task<JsonDocument> RunAsync(ApiSession api, string path, CancellationToken cancellationToken)
    {
        using var progress = new ProgressLine("positions");
        await foreach (var line in api.ReadLinesAsync(HttpMethod.Post, path, cancellationToken))
        {
            var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            if (root.TryGetProperty("done", out _))
                return document;
            if (root.TryGetProperty("error", out var error))
                throw new CommandException(error.GetString()!);
            progress.Total = root.GetProperty("head").GetInt64();
            progress.Report(root.GetProperty("position").GetInt64());
            document.Dispose();
        }
        throw new CommandException("The server ended the work before it was done: its log says why. Start it again; it goes on where it stopped.");
    }
}
