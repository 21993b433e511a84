using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Replicator.Configuration;
using Replicator.Informers;
using Replicator.Storage.Sqlite;

namespace Replicator;

/// <summary>The HTTP API over a data folder: of the process that serves it, or, where none does, of this one for as long as the command runs.</summary>
sealed class ApiSession : IAsyncDisposable
{
    readonly ReplicatorHost? _host;
    readonly HttpClient _client;

    ApiSession(ReplicatorHost? host, Uri url, string? token, string? authority, bool isOwn)
    {
        (_host, Authority) = (host, authority);
        _client = new HttpClient(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, certificate, chain, errors) => IsTrusted(certificate, chain, errors, isOwn) } })
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
    /// <param name="user">Who asks, where it is not whoever owns the folder.</param>
    /// <param name="authority">By whom the API's certificate is known, as PEM, where that is not what its process says.</param>
    public static async Task<ApiSession> OpenAsync(string data, CancellationToken cancellationToken, Action<ReplicatorHost>? prepare = null, BearerUser? user = null, string? authority = null)
    {
        if (DataFolder.FindOwner(data) is { } owner)
        {
            return owner.Url is { } url
                ? new ApiSession(null, new Uri(url), user?.Token ?? LocalAccess.Read(data), authority ?? LocalAccess.ReadAuthority(data), isOwn: true) { User = user }
                : throw new CommandException($"The data folder '{data}' is in use by process {owner.ProcessId}, which does not serve it: wait until it is done.");
        }
        // Whoever serves the folder knows where the stores are; nobody else needs the settings.
        if (Settings.Load().Store().Log == LogEngine.Sqlite && !Directory.Exists(data))
            throw new CommandException($"There is no data folder '{data}': name one with --data, or make one with 'replicator up' or 'replicator import'.");
        var host = await ReplicatorHost.StartAsync(data, "http://127.0.0.1:0", publishes: false, cancellationToken);
        prepare?.Invoke(host);
        return new ApiSession(host, host.Url, user?.Token ?? host.LocalToken, authority ?? host.Authority, isOwn: true) { User = user };
    }

    /// <summary>Who asks, where it is not whoever owns the folder.</summary>
    public BearerUser? User { get; private init; }

    /// <summary>By whom the API's certificate is known, as PEM; null where this machine's own authorities know it.</summary>
    public string? Authority { get; }

    /// <summary>The name that the API's certificate is for, where its address is not; known once it was asked.</summary>
    public string? ServerName { get; private set; }

    /// <summary>The token that it is shown; null where none is known.</summary>
    public string? Token => _client.DefaultRequestHeaders.Authorization?.Parameter;

    /// <summary>The address of the API.</summary>
    public Uri Url => _client.BaseAddress!;

    /// <summary>Asks the process at an address.</summary>
    /// <param name="url">The address.</param>
    /// <param name="user">Who asks; null for the token of the environment.</param>
    /// <param name="authority">By whom its certificate is known, as PEM; null where this machine's own authorities know it.</param>
    public static ApiSession Connect(string url, BearerUser? user, string? authority) => Uri.TryCreate(url.EndsWith('/') ? url : $"{url}/", UriKind.Absolute, out var parsed) && (parsed.Scheme == Uri.UriSchemeHttp || parsed.Scheme == Uri.UriSchemeHttps)
        ? new ApiSession(null, parsed, user?.Token ?? Environment.GetEnvironmentVariable("REPLICATOR_TOKEN"), authority, isOwn: false) { User = user }
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

    bool IsTrusted(X509Certificate? shown, X509Chain? chain, SslPolicyErrors errors, bool isOwn)
    {
        if (errors == SslPolicyErrors.None)
            return true;
        if (shown is not X509Certificate2 certificate)
            return false;
        // The process is one of this machine, found by the lock that it holds; its certificate bears the name by which others know it.
        if (isOwn)
        {
            if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
                ServerName = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(names => names.EnumerateDnsNames()).FirstOrDefault(name => !name.Contains('*', StringComparison.Ordinal));
            return true;
        }
        if (Authority is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            return false;
        using var own = new X509Chain();
        own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        own.ChainPolicy.CustomTrustStore.ImportFromPem(Authority);
        if (chain is not null)
            own.ChainPolicy.ExtraStore.AddRange(chain.ChainPolicy.ExtraStore);
        return own.Build(certificate);
    }

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
