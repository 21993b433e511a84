using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Grpc.Core;
using Grpc.Net.Client;
using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb.Protocol;

namespace Replicator.Storage.EventStoreDb.Connections;

/// <summary>A connection to one node: its channel, what it can do, and the append call that all writers share.</summary>
sealed class Node : IAsyncDisposable
{
    // A page of 32 events of 1 MiB may come in one message of at most 16 MiB; the windows let the server be a few pages ahead.
    const int MaxReceiveMessageSize = 20 * 1024 * 1024;
    const int WindowSize = 4 * 1024 * 1024;

    readonly GrpcChannel _channel;
    readonly Metadata _headers;

    Node(DnsEndPoint endPoint, GrpcChannel channel, Metadata headers, EventStoreDbOptions options, TimeSpan deadline)
    {
        (EndPoint, _channel, _headers) = (endPoint, channel, headers);
        Streams = new Protocol.Streams.StreamsClient(channel);
        Appends = new BatchAppends(this, options, deadline);
    }

    public DnsEndPoint EndPoint { get; }

    public Protocol.Streams.StreamsClient Streams { get; }

    public BatchAppends Appends { get; }

    /// <summary>The server's version as it tells it; empty where it does not.</summary>
    public string Version { get; private set; } = "";

    /// <summary>Whether the server has BatchAppend (since 21.10).</summary>
    public bool HasBatchAppend { get; private set; }

    /// <summary>Whether BatchAppend takes its deadline as a duration (since 21.10.1), not as a time of the client's clock.</summary>
    public bool HasDeadlineDuration { get; private set; }

    public static Node Create(DnsEndPoint endPoint, EventStoreDbConnectionString connection, EventStoreDbOptions options)
    {
        var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = true,
            InitialHttp2StreamWindowSize = WindowSize,
            PooledConnectionIdleTimeout = System.Threading.Timeout.InfiniteTimeSpan,
            ConnectTimeout = connection.GossipTimeout,
            KeepAlivePingDelay = connection.KeepAliveInterval,
            KeepAlivePingTimeout = connection.KeepAliveTimeout,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
        };
        if (connection.Tls)
            handler.SslOptions = SslOptions(connection);
        var channel = GrpcChannel.ForAddress($"{(connection.Tls ? "https" : "http")}://{(endPoint.Host.Contains(':', StringComparison.Ordinal) && endPoint.Host[0] != '[' ? $"[{endPoint.Host}]" : endPoint.Host)}:{endPoint.Port}", new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            MaxReceiveMessageSize = MaxReceiveMessageSize,
            MaxSendMessageSize = null,
        });
        var headers = new Metadata
        {
            { "connection-name", connection.ConnectionName },
            { "requires-leader", connection.NodePreference == NodePreference.Leader ? "true" : "false" },
        };
        if (connection.User is not null)
            headers.Add("authorization", $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{connection.User}:{connection.Password}"))}");
        return new Node(endPoint, channel, headers, options, connection.DefaultDeadline);
    }

    public CallOptions Call(CancellationToken cancellationToken, DateTime? deadline = null) => new(_headers, deadline, cancellationToken);

    /// <summary>Asks who is in the cluster.</summary>
    public async Task<IReadOnlyList<MemberInfo>> GossipAsync(DateTime deadline, CancellationToken cancellationToken)
    {
        var info = await new Protocol.Gossip.GossipClient(_channel).ReadAsync(new Empty(), Call(cancellationToken, deadline)).ConfigureAwait(false);
        return info.Members;
    }

    /// <summary>Asks what the server can do. One that cannot answer is older than 21.10 and has the least.</summary>
    public async Task LearnFeaturesAsync(DateTime deadline, CancellationToken cancellationToken)
    {
        SupportedMethods supported;
        try
        {
            supported = await new Protocol.ServerFeatures.ServerFeaturesClient(_channel).GetSupportedMethodsAsync(new Empty(), Call(cancellationToken, deadline)).ConfigureAwait(false);
        }
        catch (RpcException exception) when (exception.StatusCode == StatusCode.Unimplemented)
        {
            return;
        }
        Version = supported.EventStoreServerVersion;
        var batch = supported.Methods.FirstOrDefault(method => method is { ServiceName: "event_store.client.streams.streams", MethodName: "batchappend" });
        HasBatchAppend = batch is not null;
        HasDeadlineDuration = batch?.Features.Contains("deadline_duration") == true;
    }

    public async ValueTask DisposeAsync()
    {
        await Appends.DisposeAsync().ConfigureAwait(false);
        _channel.Dispose();
    }

    static SslClientAuthenticationOptions SslOptions(EventStoreDbConnectionString connection)
    {
        var options = new SslClientAuthenticationOptions();
        if (!connection.TlsVerifyCertificate)
        {
            // Asked for by name in the connection string.
#pragma warning disable CA5359
            options.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (connection.TlsCaFile is { } authority)
        {
            options.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            Load(authority, "tlsCaFile", options.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile);
        }
        if (connection is { UserCertFile: { } certificate, UserKeyFile: { } key })
        {
            Load(certificate, "userCertFile", _ =>
            {
                // On some platforms TLS takes no key that exists in memory only; the round through PKCS #12 gives it a place.
                using var fromPem = X509Certificate2.CreateFromPemFile(certificate, key);
                options.ClientCertificates = [X509CertificateLoader.LoadPkcs12(fromPem.Export(X509ContentType.Pkcs12), null)];
            });
        }
        return options;
    }

    static void Load(string path, string option, Action<string> load)
    {
        try
        {
            load(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or System.Security.Cryptography.CryptographicException or ArgumentException)
        {
            throw new StoreUnavailableException($"The file '{path}' that the event store's connection string names as {option} cannot be used ({exception.Message}): give a PEM file.", exception);
        }
    }
}
