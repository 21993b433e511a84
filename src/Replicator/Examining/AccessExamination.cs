using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Rules;
using Replicator.Informers;
using Replicator.Server;

namespace Replicator.Examining;

/// <summary>Looks at what a collector needs of a cluster: a server that answers, a clock that agrees with ours, and the right to list and watch every type that is to be recorded.</summary>
sealed class AccessExamination(string cluster, HttpClient client, RecordingRules rules, TimeProvider time)
{
    const string ReviewPath = "apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

    // A Date header has whole seconds, and the answer took some time.
    static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(5);
    static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(30);

    static readonly string[] Verbs = ["list", "watch"];

    /// <summary>The types that are to be recorded, once they are known.</summary>
    public IReadOnlyList<ResourceType> Types { get; private set; } = [];

    public async IAsyncEnumerable<Finding> ExamineAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        try
        {
            var snapshot = await new Discovery(client, time).DiscoverAsync(cancellationToken);
            Types = [.. snapshot.Types.Where(rules.Records)];
            findings.Add(new Finding("server", cluster, FindingLevel.Ok, $"{client.BaseAddress} answers; {Types.Count} of {snapshot.Types.Count} types are to be recorded"));
            findings.AddRange(snapshot.Problems.Select(problem => new Finding("server", cluster, FindingLevel.Warning, problem.Message, "Types that discovery cannot show are not recorded until it can: mend the API service, or delete it.")));
            findings.Add(await ClockAsync(cancellationToken));
            findings.AddRange(await RightsAsync(cancellationToken));
        }
        catch (Exception exception) when (exception is ClusterUnreachableException or HttpRequestException or IOException or TimeoutException)
        {
            findings.Add(new Finding("server", cluster, FindingLevel.Problem, exception.Message, "See that the address in the kubeconfig is right, that the server runs, and that the credentials are still valid."));
        }
        foreach (var finding in findings)
            yield return finding;
    }

    async Task<Finding> ClockAsync(CancellationToken cancellationToken)
    {
        using var response = await SendAsync(new HttpRequestMessage(HttpMethod.Get, "version"), cancellationToken);
        return response.Headers.Date is { } date ? JudgeClock(date - time.GetUtcNow())
            : new Finding("clock", cluster, FindingLevel.Note, "the server does not say what time it is");
    }

    Finding JudgeClock(TimeSpan skew) => skew.Duration() <= Tolerance
        ? new Finding("clock", cluster, FindingLevel.Ok, "ours and the server's agree within 5 s")
        : new Finding("clock", cluster, FindingLevel.Warning, $"the server's is {skew.Duration().TotalSeconds:0} s {(skew > TimeSpan.Zero ? "ahead of" : "behind")} ours",
            "Let both follow a time server (NTP): observedAt is our time, and as-of by time answers by it.");

    async Task<IReadOnlyList<Finding>> RightsAsync(CancellationToken cancellationToken)
    {
        var missing = new List<(ResourceType Type, string Verb)>();
        foreach (var verb in Verbs)
        {
            var all = await MayAsync("*", "*", verb, cancellationToken);
            if (all is null)
                return [new Finding("rights", cluster, FindingLevel.Note, "the server cannot be asked for them (no SelfSubjectAccessReview); what it refuses shows in 'replicator status'")];
            if (all.Value)
                continue;
            foreach (var type in Types)
            {
                if (await MayAsync(type.Group, type.Resource, verb, cancellationToken) == false)
                    missing.Add((type, verb));
            }
        }
        if (missing.Count == 0)
            return [new Finding("rights", cluster, FindingLevel.Ok, $"every one of {Types.Count} types may be listed and watched")];
        return [.. missing.GroupBy(lack => lack.Type).Select(lack => new Finding("rights", cluster, FindingLevel.Problem,
            $"{lack.Key.GroupResource} may not be {string.Join(" or ", lack.Select(one => one.Verb == "list" ? "listed" : "watched"))}",
            $"Bind the user to a ClusterRole with apiGroups: [\"{lack.Key.Group}\"], resources: [\"{lack.Key.Resource}\"], verbs: [list, watch]; or exclude the type (rules.exclude)."))];
    }

    /// <summary>Whether we may; null where the server has no such review.</summary>
    async Task<bool?> MayAsync(string group, string resource, string verb, CancellationToken cancellationToken)
    {
        var review = JsonSerializer.Serialize(new { apiVersion = "authorization.k8s.io/v1", kind = "SelfSubjectAccessReview", spec = new { resourceAttributes = new { group, resource, verb } } });
        using var response = await SendAsync(new HttpRequestMessage(HttpMethod.Post, ReviewPath) { Content = new StringContent(review, Encoding.UTF8, "application/json") }, cancellationToken);
        if (response.StatusCode is not (HttpStatusCode.Created or HttpStatusCode.OK))
            return null;
        using var answer = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(cancellationToken));
        return answer.RootElement.TryGetProperty("status", out var status) && status.TryGetProperty("allowed", out var allowed) && allowed.ValueKind == JsonValueKind.True;
    }

    async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(AnswerTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        request.Version = client.DefaultRequestVersion;
        request.VersionPolicy = client.DefaultVersionPolicy;
        using (request)
        {
            try
            {
                return await client.SendAsync(request, either.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"{client.BaseAddress}{request.RequestUri} did not answer within {AnswerTimeout.TotalSeconds:0} s.");
            }
        }
    }
}
