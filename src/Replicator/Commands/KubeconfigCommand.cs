using System.CommandLine;

namespace Replicator.Commands;

/// <summary><c>replicator kubeconfig</c>.</summary>
static class KubeconfigCommand
{
    public static Command Create()
    {
        var (asOf, cluster, server) = (AsOfOption(), CommonOptions.Cluster(), new ApiOptions());
        var command = new Command("kubeconfig", "Prints a kubeconfig whose cluster is the past. A running 'replicator up' serves it.") { asOf, cluster };
        server.AddTo(command);
        command.SetAction(async (result, cancellationToken) =>
        {
            await using var api = await server.OpenAsync(result, mayServe: false, cancellationToken);
            Console.Write(await PastKubeconfig.CreateAsync(api, result.GetValue(cluster), result.GetValue(asOf)!, cancellationToken));
            return 0;
        });
        return command;
    }

    public static Option<string> AsOfOption() => new("--as-of") { Description = "The moment: an RFC 3339 time, -15m, -2h, -3d, rv:N or now; @10x behind it makes watches ten times as fast.", HelpName = "INSTANT", Required = true };
}
