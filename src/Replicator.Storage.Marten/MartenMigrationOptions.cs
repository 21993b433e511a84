namespace Replicator.Storage.Marten;

/// <summary>What <see cref="MartenStores.MigrateAsync"/> makes.</summary>
public sealed record MartenMigrationOptions
{
    /// <summary>The schema that holds everything.</summary>
    public string Schema { get; init; } = "replicator";

    /// <summary>The role that the stores run as, which is given what it needs and no more; null to grant nothing.</summary>
    public string? GrantTo { get; init; }
}
