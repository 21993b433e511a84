using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Replicator.Server.Access;

/// <summary>
/// Reviews by the clusters' own API servers: TokenReview (authentication.k8s.io/v1) and SubjectAccessReview (authorization.k8s.io/v1). Replicator needs the right to create both: the cluster role <c>system:auth-delegator</c>.
/// </summary>
/// <remarks>Answers are kept for a few seconds, at most 10,000 of each kind; a request that fails is not. A cluster that does not answer within five seconds counts as away. Thread-safe.</remarks>
/// <param name="clients">The clusters that can be asked now, each with a client whose base address is its API server.</param>
/// <param name="time">The clock of the cached answers and of the patience.</param>
/// <param name="lifetime">How long an answer holds: how long after a right is withdrawn it may still be used.</param>
public sealed class KubernetesReviews(Func<IReadOnlyDictionary<string, HttpClient>> clients, TimeProvider time, TimeSpan lifetime) : IClusterReviews
{
    const int CachedAnswers = 10_000;

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    readonly BoundedCache<(string Cluster, string TokenHash), ReviewedUser?> _users = new(CachedAnswers, time);
    readonly BoundedCache<(string Cluster, string User, AccessAttributes Attributes), AccessVerdict> _verdicts = new(CachedAnswers, time);

    /// <inheritdoc/>
    public IReadOnlyList<string> Clusters => [.. clients().Keys.Order(StringComparer.Ordinal)];

    /// <inheritdoc/>
    public async ValueTask<ReviewedUser?> ReviewTokenAsync(string cluster, string token, CancellationToken cancellationToken)
    {
        var key = (cluster, Convert.ToHexString(StaticToken.Hash(token)));
        if (_users.TryGet(key, out var known))
            return known;
        if (!clients().TryGetValue(cluster, out var client))
            return null;
        using var answer = await CreateAsync(client, cluster, "apis/authentication.k8s.io/v1/tokenreviews", "TokenReview", "authentication.k8s.io/v1", json => json.WriteString("token"u8, token), cancellationToken).ConfigureAwait(false);
        var user = ReadUser(answer.RootElement);
        _users.Set(key, user, lifetime);
        return user;
    }

    /// <inheritdoc/>
    public async ValueTask<AccessVerdict> ReviewAccessAsync(string cluster, ReviewedUser user, AccessAttributes attributes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(user);
        var key = (cluster, user.Identity, attributes);
        if (_verdicts.TryGet(key, out var known))
            return known;
        if (!clients().TryGetValue(cluster, out var client))
            return new AccessVerdict(false, null);
        using var answer = await CreateAsync(client, cluster, "apis/authorization.k8s.io/v1/subjectaccessreviews", "SubjectAccessReview", "authorization.k8s.io/v1", json => WriteSpec(json, user, attributes), cancellationToken).ConfigureAwait(false);
        var status = answer.RootElement.TryGetProperty("status", out var found) ? found : default;
        var isAllowed = status.ValueKind == JsonValueKind.Object && status.TryGetProperty("allowed", out var allowed) && allowed.ValueKind == JsonValueKind.True;
        var reason = status.ValueKind == JsonValueKind.Object && status.TryGetProperty("reason", out var text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;
        var verdict = new AccessVerdict(isAllowed, reason);
        _verdicts.Set(key, verdict, lifetime);
        return verdict;
    }

    static void WriteSpec(Utf8JsonWriter json, ReviewedUser user, AccessAttributes attributes)
    {
        json.WriteString("user"u8, user.Username);
        if (user.Uid.Length > 0)
            json.WriteString("uid"u8, user.Uid);
        json.WriteStartArray("groups"u8);
        foreach (var group in user.Groups)
            json.WriteStringValue(group);
        json.WriteEndArray();
        if (user.Extra is { } extra)
        {
            json.WritePropertyName("extra"u8);
            extra.WriteTo(json);
        }
        if (attributes.Path.Length > 0)
        {
            json.WriteStartObject("nonResourceAttributes"u8);
            json.WriteString("verb"u8, attributes.Verb);
            json.WriteString("path"u8, attributes.Path);
        }
        else
        {
            json.WriteStartObject("resourceAttributes"u8);
            json.WriteString("verb"u8, attributes.Verb);
            json.WriteString("group"u8, attributes.Group);
            json.WriteString("resource"u8, attributes.Resource);
            WriteUnlessEmpty(json, "version", attributes.Version);
            WriteUnlessEmpty(json, "subresource", attributes.Subresource);
            WriteUnlessEmpty(json, "namespace", attributes.Namespace);
            WriteUnlessEmpty(json, "name", attributes.Name);
        }
        json.WriteEndObject();
    }

    static void WriteUnlessEmpty(Utf8JsonWriter json, string name, string value)
    {
        if (value.Length > 0)
            json.WriteString(name, value);
    }

    static ReviewedUser? ReadUser(JsonElement review)
    {
        if (!review.TryGetProperty("status", out var status) || !status.TryGetProperty("authenticated", out var authenticated) || authenticated.ValueKind != JsonValueKind.True
            || !status.TryGetProperty("user", out var user) || !user.TryGetProperty("username", out var username) || username.GetString() is not { Length: > 0 } name)
            return null;
        return new ReviewedUser(name,
            user.TryGetProperty("uid", out var uid) ? uid.GetString() ?? "" : "",
            user.TryGetProperty("groups", out var groups) && groups.ValueKind == JsonValueKind.Array ? [.. groups.EnumerateArray().Select(group => group.GetString() ?? "")] : [],
            user.TryGetProperty("extra", out var extra) && extra.ValueKind == JsonValueKind.Object ? extra.Clone() : null);
    }

    async Task<JsonDocument> CreateAsync(HttpClient client, string cluster, string path, string kind, string apiVersion, Action<Utf8JsonWriter> writeSpec, CancellationToken cancellationToken)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("kind"u8, kind);
            json.WriteString("apiVersion"u8, apiVersion);
            json.WriteStartObject("spec"u8);
            writeSpec(json);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        using var patience = new CancellationTokenSource(Patience, time);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            using var content = new ByteArrayContent(body.ToArray());
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var response = await client.PostAsync(new Uri(path, UriKind.Relative), content, ending.Token).ConfigureAwait(false);
            if (response.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized)
            {
                throw new ReviewUnavailableException(
                    $"cluster '{cluster}' does not let Replicator create a {kind} ({(int)response.StatusCode}): bind the cluster role system:auth-delegator to Replicator's own user");
            }
            if (!response.IsSuccessStatusCode)
                throw new ReviewUnavailableException($"cluster '{cluster}' answered {(int)response.StatusCode} to a {kind}");
            return await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(ending.Token).ConfigureAwait(false), cancellationToken: ending.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ReviewUnavailableException($"cluster '{cluster}' did not answer a {kind} within {Patience.TotalSeconds:0} s");
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or JsonException or ObjectDisposedException)
        {
            throw new ReviewUnavailableException($"cluster '{cluster}' could not be asked for a {kind}: {exception.Message}", exception);
        }
    }
}
