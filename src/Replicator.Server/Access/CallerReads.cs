using Replicator.KubeApi;

namespace Replicator.Server.Access;

/// <summary>What a caller may read of a cluster, for whoever asks it of himself: as his requests would be judged.</summary>
sealed class CallerReads(Caller caller, string cluster) : IReadAuthorizer
{
    public async ValueTask<ReadVerdict> MayAsync(ReadQuestion question, CancellationToken cancellationToken)
    {
        var attributes = question.Path.Length > 0 ? AccessAttributes.OfPath(question.Verb, question.Path)
            : new AccessAttributes(question.Verb, question.Group, question.Resource, question.Namespace, question.Name) { Version = question.Version, Subresource = question.Subresource };
        var verdict = await caller.MayAsync(cluster, attributes, cancellationToken).ConfigureAwait(false);
        return new ReadVerdict(verdict.Allowed, verdict.Reason);
    }
}
