using System.Globalization;
using System.Net;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.SelfChecking;

namespace Replicator.Informers;

/// <summary>Lists of a type what a self-check needs: namespace, name and resource version of every object, as of one resource version. Asks for metadata only; a server that ignores that sends whole objects, which are read and let go.</summary>
/// <param name="client">Its base address is the server's URL, ending in a slash (<see cref="ClusterConnection.Client"/>).</param>
/// <param name="time">The clock of its timeouts.</param>
public sealed class VersionLister(HttpClient client, TimeProvider time)
{
    const int PageSize = 500;
    const int ReadSize = 64 * 1024;
    const int Tries = 3;
    const int LongestStatus = 64 * 1024;
    const string MetadataOnly = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

    // An API server gives up at one minute; a page of whole objects over a slow line may take as long again.
    static readonly TimeSpan PageTimeout = TimeSpan.FromMinutes(2);

    readonly JsonTape _tape = new();

    /// <summary>Lists the type. Not for concurrent use.</summary>
    /// <param name="type">The type.</param>
    /// <param name="exactly">The resource version as of which; null for the server's newest.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="VersionListException">The server did not answer with a whole list.</exception>
    public async Task<(IReadOnlyList<ObjectVersion> Objects, string ResourceVersion)> ListAsync(ResourceType type, string? exactly, CancellationToken cancellationToken)
    {
        for (var left = Tries; ; left--)
        {
            var objects = new List<ObjectVersion>();
            string? version = null, next = null;
            try
            {
                do
                {
                    var query = next is not null ? $"&continue={Uri.EscapeDataString(next)}" : exactly is not null ? $"&resourceVersion={Uri.EscapeDataString(exactly)}&resourceVersionMatch=Exact" : "";
                    var page = await ReadPageAsync(string.Create(CultureInfo.InvariantCulture, $"{type.CollectionPath}?limit={PageSize}{query}"), objects, cancellationToken).ConfigureAwait(false);
                    version ??= page.ResourceVersion;
                    if (page.ResourceVersion is null || page.ResourceVersion != version)
                        throw new VersionListException(null, $"a page of version '{page.ResourceVersion}' came in a list of version '{version}'");
                    next = page.Continue;
                }
                while (next is not null);
                return (objects, version!);
            }
            // A token lives about five minutes; the list is begun anew.
            catch (VersionListException exception) when (exception.Status == HttpStatusCode.Gone && next is not null && left > 1)
            {
            }
        }
    }

    async Task<ListScanner> ReadPageAsync(string uri, List<ObjectVersion> objects, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(PageTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, uri) { Version = client.DefaultRequestVersion, VersionPolicy = client.DefaultVersionPolicy };
            request.Headers.TryAddWithoutValidation("Accept", MetadataOnly);
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token).ConfigureAwait(false);
            var body = await response.Content.ReadAsStreamAsync(either.Token).ConfigureAwait(false);
            await using var disposal = body.ConfigureAwait(false);
            if (response.IsSuccessStatusCode)
                return await ReadItemsAsync(body, objects, either.Token).ConfigureAwait(false);
            var buffer = new byte[LongestStatus];
            var length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, either.Token).ConfigureAwait(false);
            throw new VersionListException(response.StatusCode, $"the server answered the list with {ApiStatus.Read(_tape, buffer.AsSpan(0, length), (int)response.StatusCode)}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new VersionListException(null, $"the server did not finish a page of the list within {PageTimeout.TotalSeconds:0} s");
        }
        // Whatever transport and credential plugins throw.
        catch (Exception exception) when (exception is not (OperationCanceledException or VersionListException))
        {
            throw new VersionListException(null, $"the list failed: {OneLine.Of(exception)}", exception);
        }
    }

    async Task<ListScanner> ReadItemsAsync(Stream body, List<ObjectVersion> objects, CancellationToken cancellationToken)
    {
        var scanner = new ListScanner(_tape);
        var text = new PooledBufferWriter();
        var rest = new PooledBufferWriter();
        try
        {
            while (true)
            {
                var read = await body.ReadAsync(text.GetMemory(ReadSize), cancellationToken).ConfigureAwait(false);
                text.Advance(read);
                var at = 0;
                ListScanner.Token token;
                while ((token = scanner.Read(text.WrittenSpan, ref at, out var start, out var length)) == ListScanner.Token.Item)
                    objects.Add(ReadItem(text.WrittenSpan.Slice(start, length)));
                if (token == ListScanner.Token.Malformed || (read == 0 && token != ListScanner.Token.End))
                    throw new VersionListException(null, read == 0 ? "the list broke off" : "the server sent what is no list");
                if (read == 0)
                    return scanner;
                rest.Clear();
                text.WrittenSpan[at..].CopyTo(rest.GetSpan(Math.Max(1, text.WrittenCount - at)));
                rest.Advance(text.WrittenCount - at);
                (text, rest) = (rest, text);
            }
        }
        finally
        {
            text.Dispose();
            rest.Dispose();
        }
    }

    ObjectVersion ReadItem(ReadOnlySpan<byte> item)
    {
        _tape.Parse(item);
        if (!_tape.TryGetProperty(_tape.Root, "metadata"u8, out var metadata) || _tape.Text(metadata, "name"u8) is not { } name || _tape.Text(metadata, "resourceVersion"u8) is not { } version)
            throw new VersionListException(null, "the server listed an object without metadata.name or metadata.resourceVersion");
        return new ObjectVersion(_tape.Text(metadata, "namespace"u8) ?? "", name, version);
    }
}
