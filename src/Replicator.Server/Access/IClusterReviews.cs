namespace Replicator.Server.Access;

/// <summary>Asks a cluster who somebody is and what he may do.</summary>
public interface IClusterReviews
{
    /// <summary>The clusters that can be asked now.</summary>
    IReadOnlyList<string> Clusters { get; }

    /// <summary>Whose a token is (TokenReview); null where the cluster does not know it, or where there is no such cluster to ask.</summary>
    /// <exception cref="ReviewUnavailableException">The cluster does not answer.</exception>
    ValueTask<ReviewedUser?> ReviewTokenAsync(string cluster, string token, CancellationToken cancellationToken);

    /// <summary>Whether a user may do something (SubjectAccessReview); no, where there is no such cluster to ask.</summary>
    /// <exception cref="ReviewUnavailableException">The cluster does not answer.</exception>
    ValueTask<AccessVerdict> ReviewAccessAsync(string cluster, ReviewedUser user, AccessAttributes attributes, CancellationToken cancellationToken);
}

/// <summary>Whether something may be done, and why not if the cluster says.</summary>
public readonly record struct AccessVerdict(bool Allowed, string? Reason);
