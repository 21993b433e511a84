using System.Text.Json;

namespace Replicator.Server.Access;

/// <summary>A user as a cluster knows him (authentication.k8s.io/v1, UserInfo).</summary>
public sealed class ReviewedUser
{
    readonly string _identity;

    /// <param name="username">The name.</param>
    /// <param name="uid">What tells him from another of that name at another time; empty for none.</param>
    /// <param name="groups">The groups.</param>
    /// <param name="extra">Whatever else authorisers look at, as JSON; null for nothing.</param>
    public ReviewedUser(string username, string uid, IReadOnlyList<string> groups, JsonElement? extra)
    {
        (Username, Uid, Groups, Extra) = (username, uid, groups, extra);
        string[] parts = [username, uid, .. groups, extra?.GetRawText() ?? ""];
        _identity = JsonSerializer.Serialize(parts);
    }

    /// <summary>Who has shown no token.</summary>
    public static ReviewedUser Anonymous { get; } = new("system:anonymous", "", ["system:unauthenticated"], null);

    /// <summary>The name.</summary>
    public string Username { get; }

    /// <summary>What tells him from another of that name at another time; empty for none.</summary>
    public string Uid { get; }

    /// <summary>The groups.</summary>
    public IReadOnlyList<string> Groups { get; }

    /// <summary>Whatever else authorisers look at; null for nothing.</summary>
    public JsonElement? Extra { get; }

    /// <summary>Everything that an authoriser could look at, as one text.</summary>
    internal string Identity => _identity;
}
