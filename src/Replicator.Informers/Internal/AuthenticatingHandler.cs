using k8s.Authentication;

namespace Replicator.Informers;

/// <summary>Puts KubernetesClient's credentials on every request; those from plugins and files renew themselves when asked.</summary>
sealed class AuthenticatingHandler(ServiceClientCredentials? credentials, string? tlsServerName, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (credentials is not null)
            await credentials.ProcessHttpRequestAsync(request, cancellationToken).ConfigureAwait(false);
        // SocketsHttpHandler takes the name that TLS sends and checks from the Host header, and from nowhere else.
        if (tlsServerName is not null)
            request.Headers.Host = tlsServerName;
        return await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
    }
}
