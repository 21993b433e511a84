using System.CommandLine;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Replicator.Informers;
using Replicator.Storage.Sqlite;

namespace Replicator.Commands;

/// <summary>Which process serves the past, and as whom it is asked.</summary>
sealed class ApiOptions
{
    readonly Option<string?> _server = new("--server") { Description = "The address of a running Replicator; otherwise the one that serves the data folder.", HelpName = "URL" };
    readonly Option<string?> _authority = new("--certificate-authority") { Description = "A file of the authorities that know the server's certificate (PEM); otherwise those that it says, or this machine's.", HelpName = "FILE" };
    readonly Option<string?> _kubeconfig = new("--kubeconfig") { Description = "Whose user's token is shown, where the API asks the cluster who somebody is: a kubeconfig.", HelpName = "FILE" };
    readonly Option<string?> _context = new("--context") { Description = "The context of it whose user is meant; by itself, of kubectl's own kubeconfig.", HelpName = "NAME" };
    readonly Option<string> _data = CommonOptions.Data();

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[_server, _authority, _kubeconfig, _context, _data])
            command.Options.Add(option);
    }

    /// <param name="result">The command line.</param>
    /// <param name="mayServe">Whether this process may serve the folder itself where no other does.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    public async Task<ApiSession> OpenAsync(ParseResult result, bool mayServe, CancellationToken cancellationToken)
    {
        var (data, kubeconfig, context) = (result.GetValue(_data)!, result.GetValue(_kubeconfig), result.GetValue(_context));
        var authority = result.GetValue(_authority) is { } file ? ReadAuthority(file) : null;
        var user = kubeconfig is null && context is null ? null : await BearerUser.ReadAsync(new ClusterOptions { KubeconfigPath = kubeconfig, Context = context }, cancellationToken);
        if (result.GetValue(_server) is { } server)
            return ApiSession.Connect(server, user, authority);
        if (!mayServe && Directory.Exists(data) && DataFolder.FindOwner(data) is null)
            throw new CommandException($"Nothing serves the data folder '{data}', so that a kubeconfig would lead nowhere: start 'replicator up --data {data}', name a running one with --server, or use 'replicator kubectl', which serves the folder while it runs.");
        return await ApiSession.OpenAsync(data, cancellationToken, user: user, authority: authority);
    }

    static string ReadAuthority(string file)
    {
        try
        {
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(file);
            return authorities.Count > 0 ? File.ReadAllText(file) : throw new CommandException($"'{file}' holds no certificate: name a PEM file with --certificate-authority.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new CommandException($"The certificates in '{file}' cannot be read ({exception.Message}): name a PEM file with --certificate-authority.");
        }
    }
}
