namespace Replicator.KubeApi;

/// <summary>Who guards the API, asked for one caller: what he may read, for those who ask it of themselves (<c>kubectl auth can-i</c>).</summary>
public interface IReadAuthorizer
{
    /// <summary>Whether the caller may do that.</summary>
    ValueTask<ReadVerdict> MayAsync(ReadQuestion question, CancellationToken cancellationToken);
}

/// <summary>What somebody wants to read: the attributes of a SelfSubjectAccessReview (authorization.k8s.io/v1).</summary>
public sealed record ReadQuestion
{
    /// <summary><c>get</c>, <c>list</c> or <c>watch</c>.</summary>
    public required string Verb { get; init; }
    /// <summary>The API group; empty for the core group.</summary>
    public string Group { get; init; } = "";
    /// <summary>The version asked for; may be empty.</summary>
    public string Version { get; init; } = "";
    /// <summary>The plural; empty for a path.</summary>
    public string Resource { get; init; } = "";
    /// <summary>The subresource; empty for the object itself.</summary>
    public string Subresource { get; init; } = "";
    /// <summary>The namespace; empty for all of them and for what is in none.</summary>
    public string Namespace { get; init; } = "";
    /// <summary>The object; empty for a collection.</summary>
    public string Name { get; init; } = "";
    /// <summary>A path that is no resource; empty for a resource.</summary>
    public string Path { get; init; } = "";
}

/// <summary>The answer.</summary>
/// <param name="Allowed">Whether he may.</param>
/// <param name="Reason">Why, where that is known.</param>
public readonly record struct ReadVerdict(bool Allowed, string? Reason);
