using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using k8s;
using k8s.Authentication;
using k8s.Exceptions;
using k8s.KubeConfigModels;

namespace Replicator.Informers;

/// <summary>An authenticated way to one API server: HTTP/2 where the server offers it, kept alive by pings, without a limit on how long an answer may last.</summary>
/// <remarks>
/// <para>Configuration and credentials (client certificates, tokens, exec plugins, service accounts) are KubernetesClient's; the connection is our own, for two reasons. Its check of server certificates accepts a wrong host
/// name once the chain alone needs the configured authority, and it reads only the first certificate of a bundle.</para>
/// <para>What is rotated by writing files anew (authorities, client certificates, tokens) is taken up without a restart: within seconds, and at once after a request that was refused or failed. Plugins are asked again
/// before their token expires and after a 401. Safe for concurrent use.</para>
/// </remarks>
public sealed class ClusterConnection : IDisposable
{
    const string ServiceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token";

    ClusterConnection(Uri server, string context, HttpClient client) => (ServerUrl, ContextName, Client) = (server, context, client);

    /// <summary>The server's address with the path prefix that the kubeconfig may give it; ends with a slash.</summary>
    public Uri ServerUrl { get; }

    /// <summary>The context that was chosen; <c>in-cluster</c> where a pod's service account was.</summary>
    public string ContextName { get; }

    /// <summary>The client. Its base address is <see cref="ServerUrl"/>, so that relative paths (<c>api/v1/pods</c>, no leading slash) keep the prefix.</summary>
    public HttpClient Client { get; }

    /// <summary>Reads the configuration; speaks to no server yet.</summary>
    /// <exception cref="ClusterConfigurationException">There is no configuration, it cannot be read, or it does not say what is needed.</exception>
    public static ClusterConnection Open(ClusterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var (configuration, context, authorities, credentials, files, proxy, _) = Load(options);
        if (!Uri.TryCreate(configuration.Host, UriKind.Absolute, out var server) || server.Scheme is not ("http" or "https"))
            throw new ClusterConfigurationException($"The server address '{configuration.Host}' of context '{context}' is no http or https URL.");
        if (!server.AbsoluteUri.EndsWith('/'))
            server = new Uri(server.AbsoluteUri + "/");

        HttpMessageHandler? handler = null;
        try
        {
            handler = new RotatingHandler(() => NewHandler(options, configuration, authorities(), proxy), files, options.Time);
            var client = new HttpClient(new AuthenticatingHandler(credentials, configuration.TlsServerName, handler, options.Time))
            {
                BaseAddress = server,
                Timeout = Timeout.InfiniteTimeSpan,
                DefaultRequestVersion = configuration.DisableHttp2 ? HttpVersion.Version11 : HttpVersion.Version20,
                DefaultVersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
            };
            client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue(options.UserAgent, typeof(ClusterConnection).Assembly.GetName().Version?.ToString(3)));
            client.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
            return new ClusterConnection(server, context, client);
        }
        catch (Exception exception) when (IsOfConfiguration(exception))
        {
            handler?.Dispose();
            throw new ClusterConfigurationException($"The certificates or credentials of context '{context}' cannot be used: {exception.Message}", exception);
        }
    }

    /// <summary>See <see cref="BearerUser"/>.</summary>
    internal static async Task<BearerUser> ReadUserAsync(ClusterOptions options, CancellationToken cancellationToken)
    {
        var loaded = Load(options);
        using var request = new HttpRequestMessage(HttpMethod.Get, loaded.Configuration.Host);
        try
        {
            if (loaded.Credentials() is { } credentials)
                await credentials.ProcessHttpRequestAsync(request, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (IsOfConfiguration(exception))
        {
            throw new ClusterConfigurationException($"The credentials of context '{loaded.Context}' cannot be used: {exception.Message}", exception);
        }
        if (request.Headers.Authorization is not { Scheme: "Bearer", Parameter: { Length: > 0 } token })
            throw new ClusterConfigurationException($"The user of context '{loaded.Context}' shows no token (a client certificate or a password is for his own API server only): name a context whose user has a token or a plugin with --context, or set REPLICATOR_TOKEN.");
        return new BearerUser(token, loaded.Members ?? Kubeconfig.TokenMembers(token));
    }

    /// <inheritdoc/>
    public void Dispose() => Client.Dispose();

    static SocketsHttpHandler NewHandler(ClusterOptions options, KubernetesClientConfiguration configuration, X509Certificate2Collection? authorities, IWebProxy? proxy)
    {
        var handler = new SocketsHttpHandler
        {
            AutomaticDecompression = DecompressionMethods.GZip,
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(30),
            // A hundred watches share a connection, and a server limits how many requests may.
            EnableMultipleHttp2Connections = !configuration.DisableHttp2,
            // As client-go: a connection on which nothing came for 30 s is asked, and given up 15 s later. It is what finds a half-open connection first.
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            KeepAlivePingDelay = options.KeepAlivePing.Delay,
            KeepAlivePingTimeout = options.KeepAlivePing.Timeout,
            PlaintextStreamFilter = static (context, _) => ValueTask.FromResult<Stream>(new ReadAheadStream(context.PlaintextStream)),
        };
        if (proxy is not null)
            handler.Proxy = proxy;
        SetTls(handler, configuration, authorities);
        return handler;
    }

    static Loaded Load(ClusterOptions options)
    {
        var files = Files(options, out var origin);
        if (files.Count == 0)
            return InCluster(options);

        var names = string.Join(", ", files.Select(file => $"'{file}'"));
        K8SConfiguration loaded;
        try
        {
            loaded = Kubeconfig.Load(files)
                ?? throw new ClusterConfigurationException($"The kubeconfig {names} ({origin}) is empty.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ClusterConfigurationException($"The kubeconfig {names} ({origin}) cannot be read: {exception.Message}", exception);
        }
        catch (Exception exception) when (exception is not ClusterConfigurationException)
        {
            throw new ClusterConfigurationException($"The kubeconfig {names} ({origin}) is not valid YAML of a kubeconfig: {exception.Message}", exception);
        }

        var known = loaded.Contexts?.Select(context => context.Name).Where(name => name is not null).ToList() ?? [];
        var choices = known.Count == 0 ? "It has no contexts." : $"It has: {string.Join(", ", known)}.";
        var chosen = options.Context ?? loaded.CurrentContext;
        if (string.IsNullOrEmpty(chosen))
            throw new ClusterConfigurationException($"The kubeconfig {names} ({origin}) has no current-context; name one with --context. {choices}");
        // KubernetesClient would ignore case, which kubectl does not.
        if (!known.Contains(chosen, StringComparer.Ordinal))
            throw new ClusterConfigurationException($"The kubeconfig {names} ({origin}) has no context '{chosen}'. {choices}");
        try
        {
            var tokenFile = Kubeconfig.TokenFile(loaded, chosen, files);
            Kubeconfig.AllowAnonymous(loaded, chosen);
            var configuration = KubernetesClientConfiguration.BuildConfigFromConfigObject(loaded, chosen);
            if (tokenFile is not null)
            {
                using (File.OpenRead(tokenFile))
                {
                }
            }
            // Made anew, providers forget the token that was refused.
            var plugin = Kubeconfig.Plugin(loaded, chosen);
            Func<ServiceClientCredentials?> credentials = tokenFile is not null ? () => new TokenCredentials(new TokenFileAuth(tokenFile))
                : plugin is not null && configuration.TokenProvider is ExecTokenProvider ? () => new TokenCredentials(new ExecTokenProvider(plugin))
                : () => Kubernetes.CreateCredentials(configuration);
            var rotated = new[] { Kubeconfig.AuthorityFile(loaded, chosen), configuration.ClientCertificateFilePath, configuration.ClientKeyFilePath };
            return new Loaded(configuration, chosen, () => Kubeconfig.Authorities(loaded, chosen), credentials, [.. rotated.OfType<string>().Where(file => file.Length > 0)], Kubeconfig.Proxy(loaded, chosen, files),
                tokenFile is not null ? Kubeconfig.TokenFileMembers(tokenFile) : plugin is not null ? Kubeconfig.PluginMembers(plugin) : null);
        }
        catch (Exception exception) when (IsOfConfiguration(exception) || exception is NullReferenceException or ArgumentException)
        {
            throw new ClusterConfigurationException($"Context '{chosen}' of the kubeconfig {names} ({origin}) cannot be used: {exception.Message}", exception);
        }
    }

    static Loaded InCluster(ClusterOptions options)
    {
        const string looked = "There is no kubeconfig (looked at $KUBECONFIG and ~/.kube/config) and this is no pod; name one with --kubeconfig.";
        if (string.IsNullOrEmpty(options.Environment("KUBERNETES_SERVICE_HOST")) || !KubernetesClientConfiguration.IsInCluster())
            throw new ClusterConfigurationException(looked);
        if (options.Context is not null)
            throw new ClusterConfigurationException($"Context '{options.Context}' was asked for, but there is no kubeconfig to hold it (looked at $KUBECONFIG and ~/.kube/config); name one with --kubeconfig.");
        try
        {
            var configuration = KubernetesClientConfiguration.InClusterConfig();
            return new Loaded(configuration, "in-cluster", () => configuration.SslCaCerts, () => new TokenCredentials(new TokenFileAuth(ServiceAccountToken)), [], null, Kubeconfig.TokenFileMembers(ServiceAccountToken));
        }
        catch (Exception exception) when (IsOfConfiguration(exception))
        {
            throw new ClusterConfigurationException($"The pod's service account cannot be used: {exception.Message}", exception);
        }
    }

    static List<string> Files(ClusterOptions options, out string origin)
    {
        if (options.KubeconfigPath is { } path)
        {
            origin = "from --kubeconfig";
            return File.Exists(path) ? [Path.GetFullPath(path)]
                : throw new ClusterConfigurationException(Directory.Exists(path) ? $"The kubeconfig '{path}' is a directory; name a file." : $"The kubeconfig '{path}' does not exist.");
        }
        if (options.Environment("KUBECONFIG") is { Length: > 0 } variable)
        {
            // As kubectl: what the list names and does not exist is passed over, and files are merged, the first having the last word.
            origin = "from $KUBECONFIG";
            var existing = variable.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Select(file => file.Trim('"')).Where(File.Exists).Select(Path.GetFullPath).ToList();
            return existing.Count > 0 ? existing : throw new ClusterConfigurationException($"$KUBECONFIG names '{variable}', which does not exist; name a kubeconfig with --kubeconfig or unset the variable.");
        }
        origin = "the default";
        var home = options.Environment(OperatingSystem.IsWindows() ? "USERPROFILE" : "HOME");
        var file = Path.Combine(string.IsNullOrEmpty(home) ? "/" : home, ".kube", "config");
        return File.Exists(file) ? [file] : [];
    }

    static void SetTls(SocketsHttpHandler handler, KubernetesClientConfiguration configuration, X509Certificate2Collection? authorities)
    {
        if (configuration.SkipTlsVerify)
        {
            // The user's own word: insecure-skip-tls-verify.
#pragma warning disable CA5359
            handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (authorities is { Count: > 0 })
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.AddRange(authorities);
            handler.SslOptions.CertificateChainPolicy = policy;
        }
        // Chosen by us: SslStream would hold it back where the server names no issuer that it recognises.
        if (Kubeconfig.ClientCertificate(configuration) is { } certificate)
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
    }

    /// <summary>What a configuration says; authorities and credentials are read anew at each call. The members are those of a user whose token is renewed by itself.</summary>
    sealed record Loaded(KubernetesClientConfiguration Configuration, string Context, Func<X509Certificate2Collection?> Authorities, Func<ServiceClientCredentials?> Credentials, IReadOnlyList<string> Files, IWebProxy? Proxy, string? Members);

    static bool IsOfConfiguration(Exception exception) =>
        exception is KubeConfigException or KubernetesClientException or FormatException or CryptographicException or IOException or UnauthorizedAccessException
            or NotSupportedException or InvalidOperationException or System.ComponentModel.Win32Exception or TimeoutException;
}
