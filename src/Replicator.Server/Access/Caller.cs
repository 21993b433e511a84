using Replicator.Core.Kubernetes;

namespace Replicator.Server.Access;

/// <summary>Who asks, and what he may.</summary>
abstract class Caller
{
    static readonly AsyncLocal<Caller?> Ambient = new();

    /// <summary>The one for whom the running code reads; null where nobody was asked for.</summary>
    public static Caller? Current
    {
        get => Ambient.Value;
        set => Ambient.Value = value;
    }

    /// <summary>For logs and refusals.</summary>
    public abstract string Name { get; }

    /// <summary>Whether everything is open to him, so that nothing need be looked at.</summary>
    public virtual bool SeesEverything => false;

    /// <summary>Whether he has shown who he is, to that cluster.</summary>
    public abstract ValueTask<bool> IsKnownAsync(string cluster, CancellationToken cancellationToken);

    /// <summary>Whether he may do that in a cluster.</summary>
    public abstract ValueTask<AccessVerdict> MayAsync(string cluster, AccessAttributes attributes, CancellationToken cancellationToken);

    /// <summary>Whether he may do that to the whole process: to read its metrics, to verify and to rebuild.</summary>
    public abstract ValueTask<bool> MayOperateAsync(CancellationToken cancellationToken);

    /// <summary>Whether a cluster lets him get its metrics, as it does a Prometheus.</summary>
    public virtual ValueTask<bool> MayReadMetricsAsync(CancellationToken cancellationToken) => new(SeesEverything);

    /// <summary>Whether he has shown who he is, to anybody.</summary>
    public abstract ValueTask<bool> IsKnownAnywhereAsync(CancellationToken cancellationToken);

    /// <summary>Whether he may list the objects of a type in a namespace; empty for all namespaces.</summary>
    public async ValueTask<bool> MayListAsync(string cluster, GroupResource type, string @namespace, CancellationToken cancellationToken) =>
        SeesEverything || (await MayAsync(cluster, new AccessAttributes("list", type.Group, type.Resource, @namespace), cancellationToken).ConfigureAwait(false)).Allowed;

    /// <summary>Whether he may list an object by the right over its type everywhere or in its namespace.</summary>
    public async ValueTask<bool> MaySeeAsync(string cluster, GroupResource type, string @namespace, CancellationToken cancellationToken) =>
        await MayListAsync(cluster, type, "", cancellationToken).ConfigureAwait(false)
        || @namespace.Length > 0 && await MayListAsync(cluster, type, @namespace, cancellationToken).ConfigureAwait(false);

    /// <exception cref="AccessDeniedException">He may not.</exception>
    public async ValueTask DemandAsync(string cluster, AccessAttributes attributes, CancellationToken cancellationToken)
    {
        if (SeesEverything)
            return;
        var verdict = await MayAsync(cluster, attributes, cancellationToken).ConfigureAwait(false);
        if (!verdict.Allowed)
            throw new AccessDeniedException(this, cluster, attributes, verdict.Reason);
    }
}

/// <summary>Whoever it is: nothing is guarded.</summary>
sealed class AnyCaller : Caller
{
    public static AnyCaller Instance { get; } = new();

    public override string Name => "anybody";

    public override bool SeesEverything => true;

    public override ValueTask<bool> IsKnownAsync(string cluster, CancellationToken cancellationToken) => new(true);

    public override ValueTask<AccessVerdict> MayAsync(string cluster, AccessAttributes attributes, CancellationToken cancellationToken) => new(new AccessVerdict(true, null));

    public override ValueTask<bool> MayOperateAsync(CancellationToken cancellationToken) => new(true);

    public override ValueTask<bool> IsKnownAnywhereAsync(CancellationToken cancellationToken) => new(true);
}

/// <summary>Who has shown one of the tokens that the configuration knows.</summary>
sealed class StaticCaller(StaticToken token) : Caller
{
    public override string Name => token.Name;

    public override bool SeesEverything => token.Clusters.Count == 0 && token.Namespaces.Count == 0;

    public override ValueTask<bool> IsKnownAsync(string cluster, CancellationToken cancellationToken) => new(Opens(cluster));

    public override ValueTask<AccessVerdict> MayAsync(string cluster, AccessAttributes attributes, CancellationToken cancellationToken)
    {
        // Discovery and versions, which every authenticated user of a cluster may read, belong to no namespace.
        var isInside = token.Namespaces.Count == 0 || attributes.Path.Length > 0 || token.Namespaces.Contains(attributes.Namespace);
        var reason = !Opens(cluster) ? $"the token '{token.Name}' is not for cluster '{cluster}'" : isInside ? null : $"the token '{token.Name}' is for the namespaces {string.Join(", ", token.Namespaces)}";
        return new(new AccessVerdict(reason is null, reason));
    }

    public override ValueTask<bool> MayOperateAsync(CancellationToken cancellationToken) => new(SeesEverything);

    public override ValueTask<bool> IsKnownAnywhereAsync(CancellationToken cancellationToken) => new(true);

    bool Opens(string cluster) => token.Clusters.Count == 0 || token.Clusters.Contains(cluster);
}

/// <summary>Who has shown no token. What clusters let everybody do, such as to ask their version, he may do here too.</summary>
sealed class AnonymousCaller(IClusterReviews? reviews) : Caller
{
    public override string Name => ReviewedUser.Anonymous.Username;

    public override ValueTask<bool> IsKnownAsync(string cluster, CancellationToken cancellationToken) => new(true);

    public override ValueTask<AccessVerdict> MayAsync(string cluster, AccessAttributes attributes, CancellationToken cancellationToken) =>
        reviews is null ? new(new AccessVerdict(false, null)) : reviews.ReviewAccessAsync(cluster, ReviewedUser.Anonymous, attributes, cancellationToken);

    public override ValueTask<bool> MayOperateAsync(CancellationToken cancellationToken) => new(false);

    public override ValueTask<bool> IsKnownAnywhereAsync(CancellationToken cancellationToken) => new(false);
}

/// <summary>Who has shown a token that only clusters may know; each is asked for itself, and only where it matters.</summary>
sealed class ReviewedCaller(string token, IClusterReviews reviews) : Caller
{
    string? _name;

    public override string Name => _name ?? "unknown";

    public override async ValueTask<bool> IsKnownAsync(string cluster, CancellationToken cancellationToken) => await FindAsync(cluster, cancellationToken).ConfigureAwait(false) is not null;

    public override async ValueTask<AccessVerdict> MayAsync(string cluster, AccessAttributes attributes, CancellationToken cancellationToken) =>
        await FindAsync(cluster, cancellationToken).ConfigureAwait(false) is { } user
            ? await reviews.ReviewAccessAsync(cluster, user, attributes, cancellationToken).ConfigureAwait(false)
            : new AccessVerdict(false, null);

    /// <summary>An administrator of every cluster that is collected here operates the process too.</summary>
    public override async ValueTask<bool> MayOperateAsync(CancellationToken cancellationToken)
    {
        var clusters = reviews.Clusters;
        foreach (var cluster in clusters)
        {
            if (!(await MayAsync(cluster, AccessAttributes.Everything, cancellationToken).ConfigureAwait(false)).Allowed)
                return false;
        }
        return clusters.Count > 0;
    }

    public override async ValueTask<bool> MayReadMetricsAsync(CancellationToken cancellationToken)
    {
        foreach (var cluster in reviews.Clusters)
        {
            if ((await MayAsync(cluster, AccessAttributes.OfPath("get", "/metrics"), cancellationToken).ConfigureAwait(false)).Allowed)
                return true;
        }
        return false;
    }

    public override async ValueTask<bool> IsKnownAnywhereAsync(CancellationToken cancellationToken)
    {
        ReviewUnavailableException? away = null;
        foreach (var cluster in reviews.Clusters)
        {
            try
            {
                if (await IsKnownAsync(cluster, cancellationToken).ConfigureAwait(false))
                    return true;
            }
            catch (ReviewUnavailableException exception)
            {
                // Another cluster may know him all the same.
                away = exception;
            }
        }
        return away is null ? false : throw away;
    }

    async ValueTask<ReviewedUser?> FindAsync(string cluster, CancellationToken cancellationToken)
    {
        var user = await reviews.ReviewTokenAsync(cluster, token, cancellationToken).ConfigureAwait(false);
        _name = user?.Username ?? _name;
        return user;
    }
}
