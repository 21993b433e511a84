using System.CommandLine;

namespace Replicator.Commands;

/// <summary><c>replicator probe</c>: for a container's health check where there is no shell and no curl.</summary>
static class ProbeCommand
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public static Command Create()
    {
        var url = new Option<string?>("--url") { Description = "The API's address [default: that of the settings].", HelpName = "URL" };
        var ready = new Option<bool>("--ready") { Description = "Whether it must also be ready: stores reachable, no part faulty." };
        var command = new Command("probe", "Asks a running replicator whether it is alive; exits with 0 where it is.") { url, ready };
        command.SetAction(async (result, cancellationToken) =>
        {
            // An address to listen on may be a wildcard; one to connect to may not.
            var address = (result.GetValue(url) ?? Settings.Load().Listen).Replace("//+", "//127.0.0.1", StringComparison.Ordinal).Replace("//*", "//127.0.0.1", StringComparison.Ordinal).Replace("//0.0.0.0", "//127.0.0.1", StringComparison.Ordinal);
            if (!Uri.TryCreate(address, UriKind.Absolute, out var @base))
                throw new CommandException($"'{address}' is not an address: write one such as http://127.0.0.1:7070 in --url.");
            using var client = new HttpClient { Timeout = Patience };
            try
            {
                using var response = await client.GetAsync(new Uri(@base, result.GetValue(ready) ? "readyz" : "healthz"), cancellationToken);
                return response.IsSuccessStatusCode ? 0 : throw new CommandException($"{@base} answered {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(cancellationToken)}");
            }
            catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new CommandException($"{@base} did not answer within {Patience.TotalSeconds} s.");
            }
        });
        return command;
    }
}
