using System.CommandLine;
using System.Globalization;
using Replicator.KubeApi;

namespace Replicator.Commands;

/// <summary><c>replicator replay</c>.</summary>
static class ReplayCommand
{
    /// <summary>The recording that comes with the program.</summary>
    public static string BundledRecording => Path.Combine(AppContext.BaseDirectory, "Demo", "shop");

    public static Command Create()
    {
        var recording = new Argument<string>("RECORDING") { Description = "A folder with watch/ and discovery/." };
        var listen = new Option<string>("--listen") { Description = "Where to serve it.", HelpName = "URL", DefaultValueFactory = _ => "http://127.0.0.1:7080" };
        var speed = SpeedOption();
        var kubeconfig = new Option<string?>("--kubeconfig-out") { Description = "Writes a kubeconfig for it.", HelpName = "FILE" };
        var wait = new Option<bool>("--wait") { Description = "Holds the live part back until somebody watches." };
        var command = new Command("replay", "Serves a recording as a live, watchable Kubernetes API, with the recording's own timing. Ctrl-C ends it.") { recording, listen, speed, kubeconfig, wait };
        command.SetAction(async (result, cancellationToken) =>
        {
            await using var server = await StartAsync(new ReplayOptions
            {
                RecordingPath = result.GetValue(recording)!,
                ListenUrl = result.GetValue(listen)!,
                Speed = ParseSpeed(result.GetValue(speed)!),
                WaitForWatchers = result.GetValue(wait),
            }, cancellationToken);
            if (result.GetValue(kubeconfig) is { } path)
                WriteKubeconfig(server, path);
            Console.WriteLine($"serving {result.GetValue(recording)} at {server.Url}");
            try
            {
                await server.Began.WaitAsync(cancellationToken);
                Console.WriteLine("playing the recording");
                await server.Completed.WaitAsync(cancellationToken);
                Console.WriteLine($"the recording has ended ({server.Played} events); still serving its last state");
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                // Ctrl-C is how it ends.
            }
            return 0;
        });
        return command;
    }

    static void WriteKubeconfig(ReplayServer server, string path)
    {
        try
        {
            server.WriteKubeconfig(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"The kubeconfig cannot be written to '{path}' ({exception.Message}): choose another file with --kubeconfig-out.");
        }
    }

    public static Option<string> SpeedOption() => new("--speed") { Description = "By what the recorded times are divided; max plays as fast as the slowest watcher reads.", HelpName = "N|max", DefaultValueFactory = _ => "1" };

    public static double ParseSpeed(string text) =>
        text == "max" ? double.PositiveInfinity
        : double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var speed) && speed > 0 ? speed
        : throw new CommandException($"'{text}' is not a speed: write a number above 0, or max.");

    public static async Task<ReplayServer> StartAsync(ReplayOptions options, CancellationToken cancellationToken)
    {
        ListenUrl.Check(options.ListenUrl);
        try
        {
            return await ReplayServer.StartAsync(options, TimeProvider.System, cancellationToken);
        }
        catch (IOException exception)
        {
            throw new CommandException($"Cannot listen on {options.ListenUrl} ({exception.InnerException?.Message ?? exception.Message}): choose another address with --listen.");
        }
    }
}
