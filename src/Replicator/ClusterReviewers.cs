using Replicator.Configuration;
using Replicator.Informers;

namespace Replicator;

/// <summary>Connections to the clusters that are asked who somebody is and what he may. They are opened when they are first needed; one that cannot be is tried again, and takes nothing from the others. Thread-safe.</summary>
sealed class ClusterReviewers(IReadOnlyList<(string Id, ClusterSettings Settings)> clusters) : IDisposable
{
    readonly Lock _gate = new();
    readonly Dictionary<string, ClusterConnection> _connections = [];
    bool _disposed;

    /// <summary>Those that can be asked now, by cluster.</summary>
    public IReadOnlyDictionary<string, HttpClient> Clients
    {
        get
        {
            lock (_gate)
            {
                foreach (var (id, settings) in clusters)
                {
                    if (!_disposed && !_connections.ContainsKey(id) && TryOpen(settings) is { } connection)
                        _connections[id] = connection;
                }
                return _connections.ToDictionary(connection => connection.Key, connection => connection.Value.Client);
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach (var connection in _connections.Values)
                connection.Dispose();
            _connections.Clear();
        }
    }

    static ClusterConnection? TryOpen(ClusterSettings settings)
    {
        try
        {
            return ClusterConnection.Open(new ClusterOptions { KubeconfigPath = settings.Kubeconfig, Context = settings.Context });
        }
        catch (ClusterConfigurationException)
        {
            // Whoever collects the cluster says why; to its users it is a cluster that cannot be asked.
            return null;
        }
    }
}
