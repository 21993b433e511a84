using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s;
using k8s.KubeConfigModels;
using YamlDotNet.Serialization;

namespace Replicator.Informers;

/// <summary>What KubernetesClient leaves to do with kubeconfigs: merging several, paths relative to each, whole bundles of authorities, users without credentials.</summary>
static class Kubeconfig
{
    static readonly JsonSerializerOptions Readable = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Loads and merges files as kubectl does: of several entries of one name the first holds.</summary>
    public static K8SConfiguration? Load(IReadOnlyList<string> files)
    {
        K8SConfiguration? merged = null;
        foreach (var file in files)
        {
            // KubernetesClient would blame the YAML where the file cannot be opened, and fall over one without a word.
            if (File.ReadLines(file).All(line => line.Trim() is "" or "---" || line.TrimStart().StartsWith('#')))
                continue;
            if (KubernetesClientConfiguration.LoadKubeConfig(file) is not { } next)
                continue;
            MakePathsAbsolute(next, Path.GetDirectoryName(file)!);
            if (merged is null)
            {
                merged = next;
                continue;
            }
            if (string.IsNullOrEmpty(merged.CurrentContext))
                merged.CurrentContext = next.CurrentContext;
            merged.Contexts = [.. (merged.Contexts ?? []).Concat(next.Contexts ?? []).DistinctBy(entry => entry.Name)];
            merged.Clusters = [.. (merged.Clusters ?? []).Concat(next.Clusters ?? []).DistinctBy(entry => entry.Name)];
            merged.Users = [.. (merged.Users ?? []).Concat(next.Users ?? []).DistinctBy(entry => entry.Name)];
        }
        return merged;
    }

    /// <summary>kubectl takes a user without credentials for an anonymous one; KubernetesClient refuses it, but not a context without a user.</summary>
    public static void AllowAnonymous(K8SConfiguration configuration, string context)
    {
        var details = Details(configuration, context);
        if (details is null || configuration.Users?.FirstOrDefault(user => user.Name == details.User) is not { } found)
            return;
        if (found.UserCredentials is not { } credentials
            || credentials.AuthProvider is null && credentials.ExternalExecution is null
            && string.IsNullOrEmpty(credentials.Token + credentials.UserName + credentials.ClientCertificate + credentials.ClientCertificateData))
            details.User = null;
    }

    /// <summary>The whole bundle of the cluster's authorities; null where the kubeconfig has none.</summary>
    public static X509Certificate2Collection? Authorities(K8SConfiguration configuration, string context)
    {
        var endpoint = Endpoint(configuration, context);
        if (!string.IsNullOrEmpty(endpoint?.CertificateAuthorityData))
            return Certificates(Convert.FromBase64String(endpoint.CertificateAuthorityData));
        return string.IsNullOrEmpty(endpoint?.CertificateAuthority) ? null : Certificates(File.ReadAllBytes(endpoint.CertificateAuthority));
    }

    /// <summary>The file that the cluster's authorities are read from; null where they are in the kubeconfig itself.</summary>
    public static string? AuthorityFile(K8SConfiguration configuration, string context) =>
        Endpoint(configuration, context) is { CertificateAuthority.Length: > 0 } endpoint && string.IsNullOrEmpty(endpoint.CertificateAuthorityData) ? endpoint.CertificateAuthority : null;

    /// <summary>The plugin that the user's credentials come from; null where there is none.</summary>
    public static ExternalExecution? Plugin(K8SConfiguration configuration, string context)
    {
        var user = Details(configuration, context)?.User;
        return configuration.Users?.FirstOrDefault(candidate => candidate.Name == user)?.UserCredentials?.ExternalExecution;
    }

    /// <summary>The file of the user's token (<c>tokenFile</c>), of which KubernetesClient does not know; null where there is none.</summary>
    public static string? TokenFile(K8SConfiguration configuration, string context, IReadOnlyList<string> files)
    {
        if (Details(configuration, context)?.User is not { } user)
            return null;
        foreach (var file in files)
        {
            if (Read(file)?.Users?.FirstOrDefault(candidate => candidate.Name == user) is { } entry)
                return string.IsNullOrEmpty(entry.User?.TokenFile) ? null : Path.GetFullPath(entry.User.TokenFile, Path.GetDirectoryName(file)!);
        }
        return null;
    }

    /// <summary>The proxy that the cluster is reached by (<c>proxy-url</c>), of which KubernetesClient does not know; null where the kubeconfig names none: the environment may (<c>HTTPS_PROXY</c>).</summary>
    /// <exception cref="FormatException">It is no proxy's address.</exception>
    public static IWebProxy? Proxy(K8SConfiguration configuration, string context, IReadOnlyList<string> files)
    {
        var cluster = Details(configuration, context)?.Cluster;
        var url = files.Select(file => Read(file)?.Clusters?.FirstOrDefault(candidate => candidate.Name == cluster)).OfType<ClusterEntry>().FirstOrDefault()?.Cluster?.ProxyUrl;
        if (string.IsNullOrEmpty(url))
            return null;
        // What kubectl takes; the address may hold a password, which no message repeats.
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https" or "socks5"))
            throw new FormatException($"the proxy-url of cluster '{cluster}' is no http, https or socks5 URL, such as http://proxy.example:3128");
        var proxy = new WebProxy(new UriBuilder(address) { UserName = "", Password = "" }.Uri);
        if (address.UserInfo.Split(':', 2) is [{ Length: > 0 } user, .. var password])
            proxy.Credentials = new NetworkCredential(Uri.UnescapeDataString(user), password is [var secret] ? Uri.UnescapeDataString(secret) : "");
        return proxy;
    }

    /// <summary>A user with a token, as a kubeconfig has him.</summary>
    public static string TokenMembers(string token) => new JsonObject { ["token"] = token }.ToJsonString(Readable);

    /// <summary>A user whose token is in a file.</summary>
    public static string TokenFileMembers(string file) => new JsonObject { ["tokenFile"] = file }.ToJsonString(Readable);

    /// <summary>A user whose credentials come from a plugin (client.authentication.k8s.io, ExecConfig).</summary>
    public static string PluginMembers(ExternalExecution plugin)
    {
        var exec = new JsonObject { ["apiVersion"] = plugin.ApiVersion, ["command"] = plugin.Command, ["interactiveMode"] = "IfAvailable" };
        if (plugin.Arguments is { Count: > 0 } arguments)
            exec["args"] = new JsonArray([.. arguments.Select(argument => (JsonNode)argument)]);
        if (plugin.EnvironmentVariables is { Count: > 0 } variables)
            exec["env"] = new JsonArray([.. variables.Select(variable => (JsonNode)new JsonObject { ["name"] = variable.GetValueOrDefault("name"), ["value"] = variable.GetValueOrDefault("value") })]);
        return new JsonObject { ["exec"] = exec }.ToJsonString(Readable);
    }

    /// <summary>The certificate that we show the server; null where the configuration has none.</summary>
    public static X509Certificate2? ClientCertificate(KubernetesClientConfiguration configuration)
    {
        var certificate = Pem(configuration.ClientCertificateData, configuration.ClientCertificateFilePath);
        var key = Pem(configuration.ClientCertificateKeyData, configuration.ClientKeyFilePath);
        if (certificate is null || key is null)
            return null;
        using var loaded = X509Certificate2.CreateFromPem(certificate, key);
        // TLS on Windows takes no key that is in memory only.
        return X509CertificateLoader.LoadPkcs12(loaded.Export(X509ContentType.Pfx), password: null);
    }

    static ContextDetails? Details(K8SConfiguration configuration, string context) => configuration.Contexts.First(candidate => candidate.Name == context).ContextDetails;

    /// <summary>Those members of a kubeconfig of which KubernetesClient does not know.</summary>
    static UnknownMembers? Read(string file) => KubernetesYaml.Deserialize<UnknownMembers>(File.ReadAllText(file));

    static ClusterEndpoint? Endpoint(K8SConfiguration configuration, string context)
    {
        var cluster = Details(configuration, context)?.Cluster;
        return configuration.Clusters?.FirstOrDefault(candidate => candidate.Name == cluster)?.ClusterEndpoint;
    }

    static string? Pem(string? data, string? file) =>
        !string.IsNullOrEmpty(data) ? Encoding.UTF8.GetString(Convert.FromBase64String(data)) : !string.IsNullOrEmpty(file) ? File.ReadAllText(file) : null;

    static X509Certificate2Collection Certificates(byte[] content)
    {
        var text = Encoding.UTF8.GetString(content);
        var bundle = new X509Certificate2Collection();
        if (text.Contains("-----BEGIN", StringComparison.Ordinal))
            bundle.ImportFromPem(text);
        else
            bundle.Add(X509CertificateLoader.LoadCertificate(content));
        return bundle;
    }

    static void MakePathsAbsolute(K8SConfiguration configuration, string directory)
    {
        foreach (var cluster in configuration.Clusters ?? [])
        {
            if (cluster.ClusterEndpoint is { } endpoint)
                endpoint.CertificateAuthority = Absolute(endpoint.CertificateAuthority);
        }
        foreach (var user in configuration.Users ?? [])
        {
            if (user.UserCredentials is { } credentials)
            {
                credentials.ClientCertificate = Absolute(credentials.ClientCertificate);
                credentials.ClientKey = Absolute(credentials.ClientKey);
            }
        }

        string? Absolute(string? path) => string.IsNullOrEmpty(path) ? path : Path.GetFullPath(path, directory);
    }

    // Made and filled by the YAML reader.
#pragma warning disable CA1812
    sealed class UnknownMembers
    {
        public List<ClusterEntry>? Clusters { get; set; }
        public List<UserEntry>? Users { get; set; }
    }

    sealed class ClusterEntry
    {
        public string? Name { get; set; }
        public ClusterDetails? Cluster { get; set; }
    }

    sealed class ClusterDetails
    {
        [YamlMember(Alias = "proxy-url", ApplyNamingConventions = false)]
        public string? ProxyUrl { get; set; }
    }

    sealed class UserEntry
    {
        public string? Name { get; set; }
        public UserDetails? User { get; set; }
    }

    sealed class UserDetails
    {
        public string? TokenFile { get; set; }
    }
#pragma warning restore CA1812
}
