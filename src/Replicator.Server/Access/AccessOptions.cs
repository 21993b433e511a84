namespace Replicator.Server.Access;

/// <summary>Who may read. With nothing set, everybody may: that is for a loopback address only, which whoever composes the process has to see to.</summary>
public sealed record AccessOptions
{
    /// <summary>Tokens that this process knows itself, for stacks without a cluster and for programs.</summary>
    public IReadOnlyList<StaticToken> Tokens { get; init; } = [];

    /// <summary>What asks the clusters whose a token is and what he may read; null where none is asked.</summary>
    public IClusterReviews? Reviews { get; init; }

    /// <summary>A token for the commands of this machine, who read the data folder anyway; it is not a way in by itself. Null for none.</summary>
    public StaticToken? LocalToken { get; init; }

    /// <summary>Whether anything tells one caller from another.</summary>
    public bool IsOpen => Tokens.Count == 0 && Reviews is null;
}
