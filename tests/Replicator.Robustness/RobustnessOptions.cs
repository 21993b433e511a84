namespace Replicator.Robustness;

/// <summary>What a robustness run does.</summary>
/// <param name="Seed">What happens follows from it.</param>
/// <param name="Steps">How many things happen.</param>
public sealed record RobustnessOptions(int Seed, int Steps)
{
    /// <summary>After how many steps everything is healed and held against the truth.</summary>
    public int CheckEvery { get; init; } = 250;

    /// <summary>Whether the server speaks TLS, and HTTP/2 with it.</summary>
    public bool Tls { get; init; }

    /// <summary>Where to write what happened, should anything be wrong; null for a new temporary folder.</summary>
    public string? ReportFolder { get; init; }
}
