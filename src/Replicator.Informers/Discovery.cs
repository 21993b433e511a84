using System.Net;
using System.Net.Http.Headers;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.Informers;

/// <summary>Asks a server what it serves: aggregated discovery (KEP-3352) in two requests, plain discovery where the server has no other. What one group's server gets wrong costs that group only.</summary>
/// <param name="client">Its base address is the server's URL, ending in a slash (<see cref="ClusterConnection.Client"/>).</param>
/// <param name="time">The clock.</param>
/// <param name="excluded">Types to leave out, on top of <c>events.events.k8s.io</c>, which are the core group's events once more.</param>
public sealed class Discovery(HttpClient client, TimeProvider time, IReadOnlyCollection<GroupResource>? excluded = null)
{
    const string Aggregated =
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList, application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList;q=0.9, application/json;q=0.8";

    static readonly GroupResource CoreEvents = new("", "events");
    static readonly GroupResource EventsAgain = new("events.k8s.io", "events");
    static readonly TimeSpan AnswerTimeout = TimeSpan.FromMinutes(1);

    readonly JsonTape _tape = new();

    /// <summary>Asks. Not for concurrent use.</summary>
    /// <exception cref="ClusterUnreachableException">The server cannot be reached, or tells us neither its core nor its other groups.</exception>
    public async Task<DiscoverySnapshot> DiscoverAsync(CancellationToken cancellationToken)
    {
        using var activity = InformersTelemetry.Source.StartActivity("replicator.informer.discovery");
        var observedAt = time.GetUtcNow();
        var found = new Found();
        await DiscoverRootAsync("api", found, cancellationToken).ConfigureAwait(false);
        await DiscoverRootAsync("apis", found, cancellationToken).ConfigureAwait(false);
        // What kubectl asks first; it says which server wrote the rest.
        if (await GetAsync("version", found, group: null, cancellationToken).ConfigureAwait(false) is { } version && TryParse(version, found, group: null))
            found.Documents.Add(version);

        var types = found.Types;
        if (types.ContainsKey(CoreEvents))
            types.Remove(EventsAgain);
        foreach (var type in excluded ?? [])
            types.Remove(type);
        return new DiscoverySnapshot
        {
            Types = [.. types.Values.OrderBy(type => type.Group, StringComparer.Ordinal).ThenBy(type => type.Resource, StringComparer.Ordinal)],
            Documents = [.. found.Documents.OrderBy(document => document.Path, StringComparer.Ordinal)],
            Problems = found.Problems,
            ObservedAt = observedAt,
        };
    }

    async ValueTask DiscoverRootAsync(string root, Found found, CancellationToken cancellationToken)
    {
        var document = await RequireAsync(root, cancellationToken).ConfigureAwait(false);
        if (!TryParse(document, found, group: null))
            return;
        // What is no JSON is a problem, and never history.
        found.Documents.Add(document);
        if (document.MediaType.Contains("as=APIGroupDiscoveryList", StringComparison.OrdinalIgnoreCase))
        {
            ReadAggregated(found);
            return;
        }
        foreach (var (group, version) in root == "api" ? ReadCoreVersions() : ReadGroups())
        {
            var path = group.Length == 0 ? $"api/{version}" : $"apis/{group}/{version}";
            if (await GetAsync(path, found, group, cancellationToken).ConfigureAwait(false) is not { } resources)
                continue;
            if (!TryParse(resources, found, group))
                continue;
            found.Documents.Add(resources);
            ReadResources(group, version, found);
        }
    }

    void ReadAggregated(Found found)
    {
        foreach (var item in _tape.Elements(_tape.Root, "items"u8))
        {
            // The core group's document has no name.
            var group = _tape.TryGetProperty(item, "metadata"u8, out var metadata) ? _tape.Text(metadata, "name"u8) ?? "" : "";
            // Versions come in the server's order of preference.
            foreach (var served in _tape.Elements(item, "versions"u8))
            {
                if (_tape.Text(served, "version"u8) is not { } version)
                    continue;
                if (_tape.Text(served, "freshness"u8) == "Stale")
                    found.Problems.Add(new DiscoveryProblem(group, $"The server behind {group}/{version} does not answer: what is known of its types is stale. See 'kubectl get apiservice {version}.{group}'."));
                foreach (var resource in _tape.Elements(served, "resources"u8))
                {
                    if (_tape.Text(resource, "resource"u8) is not { } name || !CanBeWatched(resource))
                        continue;
                    var kind = _tape.TryGetProperty(resource, "responseKind"u8, out var response) ? _tape.Text(response, "kind"u8) : null;
                    found.Add(group, version, name, kind, _tape.Text(resource, "scope"u8) == "Namespaced");
                }
            }
        }
    }

    List<(string Group, string Version)> ReadCoreVersions()
    {
        var versions = new List<(string, string)>();
        foreach (var version in _tape.Elements(_tape.Root, "versions"u8))
        {
            if (_tape.Kind(version) == JsonKind.String)
                versions.Add(("", _tape.GetString(version)));
        }
        return versions;
    }

    List<(string Group, string Version)> ReadGroups()
    {
        var versions = new List<(string, string)>();
        foreach (var item in _tape.Elements(_tape.Root, "groups"u8))
        {
            if (_tape.Text(item, "name"u8) is not { } group)
                continue;
            var preferred = _tape.TryGetProperty(item, "preferredVersion"u8, out var chosen) ? _tape.Text(chosen, "version"u8) : null;
            if (preferred is not null)
                versions.Add((group, preferred));
            foreach (var served in _tape.Elements(item, "versions"u8))
            {
                if (_tape.Text(served, "version"u8) is { } version && version != preferred)
                    versions.Add((group, version));
            }
        }
        return versions;
    }

    void ReadResources(string group, string version, Found found)
    {
        foreach (var resource in _tape.Elements(_tape.Root, "resources"u8))
        {
            // A slash names a subresource.
            if (_tape.Text(resource, "name"u8) is not { } name || name.Contains('/', StringComparison.Ordinal) || !CanBeWatched(resource))
                continue;
            var namespaced = _tape.TryGetProperty(resource, "namespaced"u8, out var value) && _tape.Kind(value) == JsonKind.True;
            found.Add(group, version, name, _tape.Text(resource, "kind"u8), namespaced);
        }
    }

    bool CanBeWatched(int resource)
    {
        var (list, watch) = (false, false);
        foreach (var verb in _tape.Elements(resource, "verbs"u8))
        {
            list |= _tape.StringEquals(verb, "list"u8);
            watch |= _tape.StringEquals(verb, "watch"u8);
        }
        return list && watch;
    }

    bool TryParse(DiscoveryDocument document, Found found, string? group)
    {
        try
        {
            _tape.Parse(document.Content);
            if (_tape.Kind(_tape.Root) == JsonKind.Object)
                return true;
            found.Problems.Add(new DiscoveryProblem(group, $"What the server serves at /{document.Path} is no discovery document."));
        }
        catch (JsonFormatException exception)
        {
            found.Problems.Add(new DiscoveryProblem(group, OneLine.Of($"What the server serves at /{document.Path} cannot be read: {exception.Message}")));
        }
        return false;
    }

    async ValueTask<DiscoveryDocument> RequireAsync(string path, CancellationToken cancellationToken)
    {
        var (document, status, error) = await TryGetAsync(path, cancellationToken).ConfigureAwait(false);
        if (document is not null)
            return document;
        throw new ClusterUnreachableException(status switch
        {
            null => $"The API server at {client.BaseAddress} cannot be reached: {error}",
            HttpStatusCode.Unauthorized => $"The API server at {client.BaseAddress} does not accept the credentials (401): renew those of the kubeconfig's user, or choose another --context.",
            HttpStatusCode.Forbidden => $"The API server at {client.BaseAddress} forbids discovery (403): bind the user to the cluster role system:discovery.",
            _ => $"The API server at {client.BaseAddress} answered /{path} with {error}; is the address that of a Kubernetes API server?",
        });
    }

    async ValueTask<DiscoveryDocument?> GetAsync(string path, Found found, string? group, CancellationToken cancellationToken)
    {
        var (document, _, error) = await TryGetAsync(path, cancellationToken).ConfigureAwait(false);
        if (document is null)
            found.Problems.Add(new DiscoveryProblem(group, OneLine.Of($"The server did not serve /{path}: {error}")));
        return document;
    }

    async ValueTask<(DiscoveryDocument? Document, HttpStatusCode? Status, string Error)> TryGetAsync(string path, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(AnswerTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path) { Version = client.DefaultRequestVersion, VersionPolicy = client.DefaultVersionPolicy };
            if (path is "api" or "apis")
                request.Headers.TryAddWithoutValidation("Accept", Aggregated);
            else
                request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseContentRead, either.Token).ConfigureAwait(false);
            var content = await response.Content.ReadAsByteArrayAsync(either.Token).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
                return (null, response.StatusCode, ApiStatus.Read(_tape, content, (int)response.StatusCode).ToString());
            return (new DiscoveryDocument(path, response.Content.Headers.ContentType?.ToString() ?? "", content), response.StatusCode, "");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, null, $"no answer within {AnswerTimeout.TotalSeconds:0} s");
        }
        // Transport, TLS and credential plugins each have exceptions of their own; all mean the same here.
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return (null, null, OneLine.Of(exception));
        }
    }

    sealed class Found
    {
        public Dictionary<GroupResource, ResourceType> Types { get; } = [];
        public List<DiscoveryDocument> Documents { get; } = [];
        public List<DiscoveryProblem> Problems { get; } = [];

        /// <summary>Adds a type unless a version that the server prefers has it already.</summary>
        public void Add(string group, string version, string resource, string? kind, bool namespaced)
        {
            if (kind is null)
                Problems.Add(new DiscoveryProblem(group, $"The server does not say of which kind '{new GroupResource(group, resource)}' is in version {version}."));
            else
                Types.TryAdd(new GroupResource(group, resource), new ResourceType(group, version, resource, kind, namespaced));
        }
    }
}
