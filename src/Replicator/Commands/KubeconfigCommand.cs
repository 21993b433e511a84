using System.CommandLine;
using Replicator.Storage.Sqlite;

namespace Replicator.Commands;

/// <summary><c>replicator kubeconfig</c>.</summary>
static class KubeconfigCommand
{
    public static Command Create()
    {
        var asOf = AsOfOption();
        var (data, cluster, server) = (CommonOptions.Data(), CommonOptions.Cluster(), ServerOption());
        var command = new Command("kubeconfig", "Prints a kubeconfig whose cluster is the past. A running 'replicator up' serves it.") { asOf, cluster, server, data };
        command.SetAction(async (result, cancellationToken) =>
        {
            await using var api = await OpenAsync(result.GetValue(server), result.GetValue(data)!, mayServe: false, cancellationToken);
            Console.Write(await PastKubeconfig.CreateAsync(api, result.GetValue(cluster), result.GetValue(asOf)!, cancellationToken));
            return 0;
        });
        return command;
    }

    public static Option<string> AsOfOption() => new("--as-of") { Description = "The moment: an RFC 3339 time, -15m, -2h, -3d, rv:N or now; @10x behind it makes watches ten times as fast.", HelpName = "INSTANT", Required = true };

    public static Option<string?> ServerOption() => new("--server") { Description = "The address of a running Replicator; otherwise the one that serves the data folder.", HelpName = "URL" };

    /// <param name="server">The address of a process that serves, or null for that of the data folder's.</param>
    /// <param name="data">The data folder.</param>
    /// <param name="mayServe">Whether this process may serve the folder itself where no other does.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public static async Task<ApiSession> OpenAsync(string? server, string data, bool mayServe, CancellationToken cancellationToken)
    {
        if (server is not null)
            return ApiSession.Connect(server);
        if (!mayServe && Directory.Exists(data) && DataFolder.FindOwner(data) is null)
            throw new CommandException($"Nothing serves the data folder '{data}', so that a kubeconfig would lead nowhere: start 'replicator up --data {data}', name a running one with --server, or use 'replicator kubectl', which serves the folder while it runs.");
        return await ApiSession.OpenAsync(data, cancellationToken);
    }
}
