using Replicator.Core.Kubernetes;

namespace Replicator.Informers;

/// <summary>Lists and watches a type over HTTP: all of it, one namespace, or what selectors select.</summary>
public sealed class ListerWatcher : IListerWatcher
{
    readonly HttpClient _client;
    readonly string _path, _selectors;

    /// <summary>Creates one; nothing is sent yet.</summary>
    /// <param name="client">Its base address is the server's URL, ending in a slash (<see cref="ClusterConnection.Client"/>).</param>
    /// <param name="type">What to list and watch.</param>
    /// <param name="scope">The namespace; null for all.</param>
    /// <param name="labelSelector">Which objects by their labels, as kubectl's <c>-l</c>; null for all. An object that stops matching shows as deleted.</param>
    /// <param name="fieldSelector">Which objects by their fields, as kubectl's <c>--field-selector</c>; null for all.</param>
    /// <exception cref="ArgumentException">The type has no namespaces.</exception>
    /// <exception cref="FormatException">The label selector is none.</exception>
    public ListerWatcher(HttpClient client, ResourceType type, string? scope = null, string? labelSelector = null, string? fieldSelector = null)
    {
        ArgumentNullException.ThrowIfNull(type);
        if (scope is not null && !type.Namespaced)
            throw new ArgumentException($"{type.GroupResource} have no namespaces, so that '{scope}' cannot be watched alone.", nameof(scope));
        // The server would refuse it as well, every time that it is asked.
        if (labelSelector is not null)
            LabelSelector.Parse(labelSelector);
        (_client, Type) = (client, type);
        var (root, resource) = (type.CollectionPath[..^type.Resource.Length], type.Resource);
        _path = scope is null ? type.CollectionPath : $"{root}namespaces/{Uri.EscapeDataString(scope)}/{resource}";
        _selectors = (labelSelector is null ? "" : $"&labelSelector={Uri.EscapeDataString(labelSelector)}") + (fieldSelector is null ? "" : $"&fieldSelector={Uri.EscapeDataString(fieldSelector)}");
    }

    /// <inheritdoc/>
    public ResourceType Type { get; }

    /// <inheritdoc/>
    public Task<HttpResponseMessage> ListAsync(string query, CancellationToken cancellationToken) => GetAsync(query, cancellationToken);

    /// <inheritdoc/>
    public Task<HttpResponseMessage> WatchAsync(string query, CancellationToken cancellationToken) => GetAsync(query, cancellationToken);

    Task<HttpResponseMessage> GetAsync(string query, CancellationToken cancellationToken)
    {
        var parameters = (query + _selectors).TrimStart('&');
        return _client.GetAsync(parameters.Length == 0 ? _path : $"{_path}?{parameters}", HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }
}
