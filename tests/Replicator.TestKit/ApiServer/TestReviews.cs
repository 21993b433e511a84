using System.Text;
using System.Text.Json.Nodes;

namespace Replicator.TestKit.ApiServer;

/// <summary>The tokens and rights of a test's cluster: answers TokenReview and SubjectAccessReview in the form that a real server gave (<c>tests/recordings/protocol</c>). Thread-safe.</summary>
public sealed class TestReviews
{
    const string TokenReviews = "apis/authentication.k8s.io/v1/tokenreviews";
    const string AccessReviews = "apis/authorization.k8s.io/v1/subjectaccessreviews";

    readonly Lock _gate = new();
    readonly Dictionary<string, (string Name, string[] Groups)> _users = [];
    readonly List<(string Who, string Verb, string Group, string Resource, string Namespace)> _rights = [];
    readonly List<string> _asked = [];

    /// <summary>What was asked so far: <c>token TOKEN</c> and <c>USER VERB RESOURCE[.GROUP][/NAME][@NAMESPACE]</c>.</summary>
    public IReadOnlyList<string> Asked
    {
        get
        {
            lock (_gate)
                return [.. _asked];
        }
    }

    /// <summary>Whether such a request is a review.</summary>
    public static bool Takes(string path) => path is TokenReviews or AccessReviews;

    /// <summary>Gives a user a token.</summary>
    public void AddUser(string token, string name, params string[] groups)
    {
        lock (_gate)
            _users[token] = (name, [.. groups, "system:authenticated"]);
    }

    /// <summary>Takes a token back.</summary>
    public void RemoveToken(string token)
    {
        lock (_gate)
            _users.Remove(token);
    }

    /// <summary>Gives a user or a group a right; <c>*</c> is everything, and an empty namespace is all of them. The resource of a path is the path.</summary>
    public void Allow(string who, string verb, string group, string resource, string @namespace = "")
    {
        lock (_gate)
            _rights.Add((who, verb, group, resource, @namespace));
    }

    /// <summary>Takes all rights of a user or a group back.</summary>
    public void Forbid(string who)
    {
        lock (_gate)
            _rights.RemoveAll(right => right.Who == who);
    }

    internal async Task<RecordedAnswer> AnswerAsync(string path, Stream body, CancellationToken cancellationToken)
    {
        var spec = (await JsonNode.ParseAsync(body, cancellationToken: cancellationToken))!["spec"]!;
        var recorded = RecordedAnswer.Load(path == TokenReviews ? "tokenreview" : "subjectaccessreview");
        var answer = JsonNode.Parse(recorded.Body)!;
        answer["spec"] = spec.DeepClone();
        lock (_gate)
        {
            if (path == TokenReviews)
                ReviewToken(spec["token"]!.GetValue<string>(), answer["status"]!.AsObject());
            else
                answer["status"] = new JsonObject { ["allowed"] = IsAllowed(spec) };
        }
        return recorded with { Body = Encoding.UTF8.GetBytes(answer.ToJsonString()) };
    }

    void ReviewToken(string token, JsonObject status)
    {
        _asked.Add($"token {token}");
        if (_users.TryGetValue(token, out var user))
        {
            status["user"] = new JsonObject { ["username"] = user.Name, ["uid"] = $"{user.Name}-uid", ["groups"] = new JsonArray([.. user.Groups.Select(group => (JsonNode)group)]) };
            return;
        }
        status.Clear();
        status["user"] = new JsonObject();
        status["error"] = "[invalid bearer token, token lookup failed]";
    }

    bool IsAllowed(JsonNode spec)
    {
        string[] who = [spec["user"]!.GetValue<string>(), .. spec["groups"]?.AsArray().Select(group => group!.GetValue<string>()) ?? []];
        var attributes = spec["resourceAttributes"] ?? spec["nonResourceAttributes"]!;
        string Text(string name) => attributes[name]?.GetValue<string>() ?? "";
        var (verb, group, resource, @namespace) = (Text("verb"), Text("group"), attributes["path"]?.GetValue<string>() ?? Text("resource"), Text("namespace"));
        _asked.Add($"{who[0]} {verb} {resource}{(group.Length == 0 ? "" : $".{group}")}{(Text("name").Length == 0 ? "" : $"/{Text("name")}")}{(@namespace.Length == 0 ? "" : $"@{@namespace}")}");
        return _rights.Any(right => who.Contains(right.Who) && Covers(right.Verb, verb) && Covers(right.Group, group) && Covers(right.Resource, resource) && (right.Namespace.Length == 0 || right.Namespace == @namespace));

        static bool Covers(string given, string asked) => given == "*" || given == asked;
    }
}
