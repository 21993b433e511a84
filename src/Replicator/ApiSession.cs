using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Text.Json;
using Replicator.Configuration;
using Replicator.Storage.Sqlite;

namespace Replicator;

/// <summary>The HTTP API over a data folder: of the process that serves it, or, where none does, of this one for as long as the command runs.</summary>
sealed class ApiSession : IAsyncDisposable
{
    readonly ReplicatorHost? _host;
    readonly HttpClient _client;

    ApiSession(ReplicatorHost? host, Uri url, string? token)
    {
        _host = host;
        _client = new HttpClient(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, _, _, errors) => errors == SslPolicyErrors.None || IsOwn(url) } })
        {
            BaseAddress = url,
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (token is not null)
            _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <param name="data">The data folder.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <param name="prepare">Completes a host that this process starts for itself.</param>
    public static async Task<ApiSession> OpenAsync(string data, CancellationToken cancellationToken, Action<ReplicatorHost>? prepare = null)
    {
        if (DataFolder.FindOwner(data) is { } owner)
        {
            return owner.Url is { } url
                ? new ApiSession(null, new Uri(url), LocalAccess.Read(data))
                : throw new CommandException($"The data folder '{data}' is in use by process {owner.ProcessId}, which does not serve it: wait until it is done.");
        }
        // Whoever serves the folder knows where the stores are; nobody else needs the settings.
        if (Settings.Load().Store().Log == LogEngine.Sqlite && !Directory.Exists(data))
            throw new CommandException($"There is no data folder '{data}': name one with --data, or make one with 'replicator up' or 'replicator import'.");
        var host = await ReplicatorHost.StartAsync(data, "http://127.0.0.1:0", publishes: false, cancellationToken);
        prepare?.Invoke(host);
        return new ApiSession(host, host.Url, host.LocalToken);
    }

    /// <summary>The token that it is shown; null where none is known.</summary>
    public string? Token => _client.DefaultRequestHeaders.Authorization?.Parameter;

    /// <summary>The address of the API.</summary>
    public Uri Url => _client.BaseAddress!;

    /// <summary>Asks the process at an address.</summary>
    public static ApiSession Connect(string url) => Uri.TryCreate(url.EndsWith('/') ? url : $"{url}/", UriKind.Absolute, out var parsed) && (parsed.Scheme == Uri.UriSchemeHttp || parsed.Scheme == Uri.UriSchemeHttps)
        ? new ApiSession(null, parsed, Environment.GetEnvironmentVariable("REPLICATOR_TOKEN"))
        : throw new CommandException($"'{url}' is not the address of a server: write for example http://127.0.0.1:7070.");

    /// <summary>The one cluster that is recorded, or the one that is meant.</summary>
    public async Task<string> ResolveClusterAsync(string? wanted, CancellationToken cancellationToken)
    {
        using var document = await GetAsync("api/v1/clusters", cancellationToken);
        var clusters = document.RootElement.GetProperty("items").EnumerateArray().Select(cluster => cluster.GetProperty("cluster").GetString()!).ToList();
        if (wanted is not null)
            return clusters.Contains(wanted) ? wanted : throw new CommandException($"Nothing was recorded of a cluster '{wanted}': recorded are {(clusters.Count == 0 ? "none" : string.Join(", ", clusters))}.");
        return clusters.Count switch
        {
            1 => clusters[0],
            0 => throw new CommandException("The log is empty: record a cluster with 'replicator up' or bring a recording in with 'replicator import'."),
            _ => throw new CommandException($"Several clusters are recorded: choose one with --cluster ({string.Join(", ", clusters)})."),
        };
    }

    public async Task<JsonDocument> GetAsync(string path, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Get, path, "application/json", cancellationToken);
        return await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(cancellationToken), cancellationToken: cancellationToken);
    }

    /// <summary>A JSON answer as it was sent.</summary>
    public async Task<byte[]> GetBytesAsync(string path, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Get, path, "application/json", cancellationToken);
        return await response.Content.ReadAsByteArrayAsync(cancellationToken);
    }

    /// <summary>The lines of an NDJSON answer, or of another text, as they come.</summary>
    public async IAsyncEnumerable<string> ReadLinesAsync(HttpMethod method, string path, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken, string accept = "application/x-ndjson")
    {
        using var response = await SendAsync(method, path, accept, cancellationToken);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
            yield return line;
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        if (_host is not null)
            await _host.DisposeAsync();
    }

    async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string accept, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Accept.ParseAdd(accept);
        var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (response.StatusCode == HttpStatusCode.OK)
            return response;
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        response.Dispose();
        throw new CommandException(Detail(text) ?? $"{_client.BaseAddress} answered {(int)response.StatusCode} to {path}.");
    }

    /// <summary>The process is one of this machine, found by the lock that it holds; its certificate bears the name by which others know it.</summary>
    static bool IsOwn(Uri url) => IPAddress.TryParse(url.Host.Trim('[', ']'), out var address) && (IPAddress.IsLoopback(address) || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any));

    static string? Detail(string text)
    {
        try
        {
            using var problem = JsonDocument.Parse(text);
            return problem.RootElement.TryGetProperty("detail", out var detail) || problem.RootElement.TryGetProperty("message", out detail) ? detail.GetString() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
