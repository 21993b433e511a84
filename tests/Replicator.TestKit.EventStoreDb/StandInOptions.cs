namespace Replicator.TestKit.EventStoreDb;

/// <summary>What a stand-in is from its start.</summary>
public sealed record StandInOptions
{
    /// <summary>The log to serve; a new one by default.</summary>
    public StandInLog? Log { get; init; }
    /// <summary>The cluster that it is a member of.</summary>
    public StandInCluster? Cluster { get; init; }
    /// <summary>Whether it speaks TLS, with a certificate of its own making.</summary>
    public bool Tls { get; init; }
    /// <summary>The thumbprint of the certificate that clients must show, with <see cref="Tls"/>; none by default.</summary>
    public string? UserCertificate { get; init; }
    /// <summary>Whether it has BatchAppend; servers before 21.10 have not.</summary>
    public bool BatchAppend { get; init; } = true;
    /// <summary>Whether it says what it can do; servers before 21.10 do not.</summary>
    public bool ServerFeatures { get; init; } = true;
    /// <summary>Who may use it; everybody by default.</summary>
    public (string User, string Password)? User { get; init; }
    /// <summary>The largest append in bytes.</summary>
    public int MaxAppendSize { get; init; } = 1024 * 1024;
}
