using System.Net;
using System.Security.Cryptography;

namespace Replicator.Informers;

/// <summary>
/// Sends over a transport that is made anew once the files that it is made from have other contents: certificates are rotated by writing new ones in the place of the old. Requests that are under way end on the transport
/// on which they began.
/// </summary>
/// <param name="create">Makes a transport from what the files hold now.</param>
/// <param name="files">The files.</param>
/// <param name="time">The clock.</param>
sealed class RotatingHandler(Func<HttpMessageHandler> create, IReadOnlyList<string> files, TimeProvider time) : HttpMessageHandler
{
    static readonly TimeSpan Period = TimeSpan.FromSeconds(10);

    readonly Lock _gate = new();
    HttpMessageInvoker _current = new(create());
    byte[] _contents = Digest(files) ?? [];
    long _looked = time.GetTimestamp();
    bool _doubtful;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            var response = await Current().SendAsync(request, cancellationToken).ConfigureAwait(false);
            // An expired certificate is refused by TLS or, on a connection that outlived it, with a 401.
            if (response.StatusCode == HttpStatusCode.Unauthorized)
                Volatile.Write(ref _doubtful, true);
            return response;
        }
        catch (HttpRequestException)
        {
            Volatile.Write(ref _doubtful, true);
            throw;
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _current.Dispose();
        base.Dispose(disposing);
    }

    HttpMessageInvoker Current()
    {
        if (files.Count == 0)
            return _current;
        lock (_gate)
        {
            if (!_doubtful && time.GetElapsedTime(_looked) < Period)
                return _current;
            (_looked, _doubtful) = (time.GetTimestamp(), false);
            // Files that are being written just now are looked at again; until then the old certificate is as good as it was.
            if (Digest(files) is not { } contents || contents.AsSpan().SequenceEqual(_contents))
                return _current;
            try
            {
                // The last one is not disposed of, which would break its watches: its connections close as they fall idle.
                (_current, _contents) = (new HttpMessageInvoker(create()), contents);
            }
            catch (Exception exception) when (exception is CryptographicException or IOException or UnauthorizedAccessException or FormatException)
            {
                _doubtful = true;
            }
            return _current;
        }
    }

    static byte[]? Digest(IReadOnlyList<string> files)
    {
        try
        {
            using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var file in files)
                sha.AppendData(SHA256.HashData(File.ReadAllBytes(file)));
            return sha.GetHashAndReset();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
