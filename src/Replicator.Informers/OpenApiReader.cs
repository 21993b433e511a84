using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Replicator.Informers;

/// <summary>
/// Reads a server's OpenAPI documents as JSON, each once and again when it has changed: those of version 3 (KEP-2896), whose index names a hash for every document, or, where a server has none, the one of version 2. What
/// <c>kubectl explain</c> shows comes from them. Not for concurrent use.
/// </summary>
/// <remarks>A document above <see cref="MaxDocumentBytes"/> is left out and is a problem; those of Kubernetes itself are below 2 MB each, the one of version 2 is below 10 MB.</remarks>
sealed class OpenApiReader(HttpClient client, TimeProvider time)
{
    public const int MaxDocumentBytes = 16 * 1024 * 1024;

    const string Root = "openapi/v3", Former = "openapi/v2";

    static readonly TimeSpan AnswerTimeout = TimeSpan.FromMinutes(1);

    // The URL of a document has its hash in it.
    readonly Dictionary<string, string> _known = [];
    byte[] _index = [];
    string _formerTag = "";

    /// <summary>Reads what has changed since the last time, the index behind the documents that it names.</summary>
    /// <param name="problems">Gets what could not be read, and why; it is tried again the next time.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async IAsyncEnumerable<DiscoveryDocument> ReadChangedAsync(List<DiscoveryProblem> problems, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (status, index, _) = await GetAsync(Root, Root, "", problems, cancellationToken).ConfigureAwait(false);
        if (status == HttpStatusCode.NotFound)
        {
            var (_, former, tag) = await GetAsync(Former, Former, _formerTag, problems, cancellationToken).ConfigureAwait(false);
            if (former is not null)
            {
                yield return new DiscoveryDocument(Former, MediaType, former);
                _formerTag = tag;
            }
            yield break;
        }
        if (index is null || index.AsSpan().SequenceEqual(_index))
            yield break;
        var complete = true;
        foreach (var (path, url) in ReadIndex(index, problems))
        {
            if (_known.GetValueOrDefault(path) == url)
                continue;
            var (_, document, _) = await GetAsync(url.TrimStart('/'), path, "", problems, cancellationToken).ConfigureAwait(false);
            if (document is null)
            {
                complete = false;
                continue;
            }
            yield return new DiscoveryDocument($"{Root}/{path}", MediaType, document);
            _known[path] = url;
        }
        yield return new DiscoveryDocument(Root, MediaType, index);
        _index = complete ? index : [];
    }

    const string MediaType = "application/json";

    static List<(string Path, string Url)> ReadIndex(byte[] index, List<DiscoveryProblem> problems)
    {
        var documents = new List<(string, string)>();
        using var json = JsonDocument.Parse(index);
        if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty("paths", out var paths) || paths.ValueKind != JsonValueKind.Object)
        {
            problems.Add(new DiscoveryProblem(null, $"What the server serves at /{Root} names no OpenAPI documents."));
            return documents;
        }
        foreach (var path in paths.EnumerateObject())
        {
            if (path.Value.ValueKind == JsonValueKind.Object && path.Value.TryGetProperty("serverRelativeURL", out var url) && url.ValueKind == JsonValueKind.String && url.GetString()!.StartsWith($"/{Root}/", StringComparison.Ordinal))
                documents.Add((path.Name, url.GetString()!));
        }
        return documents;
    }

    async ValueTask<(HttpStatusCode? Status, byte[]? Content, string Tag)> GetAsync(string url, string path, string tag, List<DiscoveryProblem> problems, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(AnswerTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        string problem;
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url) { Version = client.DefaultRequestVersion, VersionPolicy = client.DefaultVersionPolicy };
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(MediaType));
            if (tag.Length > 0)
                request.Headers.TryAddWithoutValidation("If-None-Match", tag);
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token).ConfigureAwait(false);
            // A server that has no such document is none to complain of.
            if (response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.NotModified)
                return (response.StatusCode, null, tag);
            if (response.IsSuccessStatusCode)
            {
                using var content = new MemoryStream();
                var body = await response.Content.ReadAsStreamAsync(either.Token).ConfigureAwait(false);
                await using var disposal = body.ConfigureAwait(false);
                var buffer = new byte[64 * 1024];
                while (content.Length <= MaxDocumentBytes && await body.ReadAsync(buffer, either.Token).ConfigureAwait(false) is > 0 and var read)
                    content.Write(buffer, 0, read);
                if (content.Length <= MaxDocumentBytes)
                {
                    var bytes = content.ToArray();
                    using (JsonDocument.Parse(bytes))
                        return (response.StatusCode, bytes, response.Headers.ETag?.ToString() ?? "");
                }
                problem = $"it is larger than {MaxDocumentBytes / 1024 / 1024} MiB";
            }
            else
            {
                problem = $"the server answered {(int)response.StatusCode}";
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            problem = $"no answer within {AnswerTimeout.TotalSeconds:0} s";
        }
        // Transport, TLS and credential plugins each have exceptions of their own; all mean the same here.
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            problem = OneLine.Of(exception);
        }
        problems.Add(new DiscoveryProblem(null, $"The OpenAPI document {path} is not recorded: {problem}"));
        return (null, null, tag);
    }
}
