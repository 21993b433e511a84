using Replicator.Configuration;

namespace Replicator.Stores;

/// <summary>Opens the stores that the settings name. Nothing else knows which engines there are.</summary>
static class OpenedStores
{
    /// <summary>Opens them, and asks each server something, so that what is wrong with the settings is told at once.</summary>
    /// <param name="settings">Which engines, and where.</param>
    /// <param name="data">The data folder.</param>
    /// <param name="cancellationToken">Ends the wait for servers.</param>
    /// <exception cref="Core.Storage.StoreUnavailableException">The folder is in use or cannot be written; a server is away, refuses the account, or lacks the schema.</exception>
    public static async Task<IStores> OpenAsync(StoreSettings settings, string data, CancellationToken cancellationToken) =>
        settings.IsEmbedded ? await EmbeddedStores.OpenAsync(data) : await ServerStores.OpenAsync(settings, data, cancellationToken);
}
