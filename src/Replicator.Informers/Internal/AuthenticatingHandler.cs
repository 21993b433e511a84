using System.Net;
using k8s.Authentication;

namespace Replicator.Informers;

/// <summary>
/// Puts KubernetesClient's credentials on every request. Those from plugins and files renew themselves before they expire; after a 401 they are made anew, for the request that follows.
/// </summary>
/// <param name="create">Makes the credentials; null for an anonymous user.</param>
/// <param name="tlsServerName">The name that TLS sends and checks in the place of the URL's host.</param>
/// <param name="inner">The transport.</param>
/// <param name="time">The clock.</param>
sealed class AuthenticatingHandler(Func<ServiceClientCredentials?> create, string? tlsServerName, HttpMessageHandler inner, TimeProvider time) : DelegatingHandler(inner)
{
    // A hundred reflectors are refused at once, and a plugin is a process.
    static readonly TimeSpan RenewalPeriod = TimeSpan.FromSeconds(10);

    readonly Lock _gate = new();
    readonly SemaphoreSlim _asking = new(1, 1);
    ServiceClientCredentials? _credentials = create();
    long _renewed = time.GetTimestamp();

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var credentials = Volatile.Read(ref _credentials);
        if (credentials is not null)
        {
            // One at a time: what the first is given the others get from its memory.
            await _asking.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                await credentials.ProcessHttpRequestAsync(request, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                _asking.Release();
            }
        }
        // SocketsHttpHandler takes the name that TLS sends and checks from the Host header, and from nowhere else.
        if (tlsServerName is not null)
            request.Headers.Host = tlsServerName;
        var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.Unauthorized)
            Renew(credentials);
        return response;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _asking.Dispose();
        base.Dispose(disposing);
    }

    void Renew(ServiceClientCredentials? refused)
    {
        lock (_gate)
        {
            if (refused != _credentials || time.GetElapsedTime(_renewed) < RenewalPeriod)
                return;
            _renewed = time.GetTimestamp();
            _credentials = create();
        }
    }
}
