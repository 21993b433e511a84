namespace Replicator.Server.Access;

/// <summary>The caller may not do what his request comes down to.</summary>
sealed class AccessDeniedException(Caller caller, string? cluster, AccessAttributes attributes, string? reason) : Exception(attributes.Refusal(caller.Name, reason))
{
    public Caller Caller => caller;

    public string? Cluster => cluster;

    public AccessAttributes Attributes => attributes;
}
