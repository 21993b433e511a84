namespace Replicator.KubeApi;

/// <summary>How a recording is played.</summary>
public sealed record ReplayOptions
{
    /// <summary>The recording's folder.</summary>
    public required string RecordingPath { get; init; }
    /// <summary>Where to listen; port 0 takes a free one.</summary>
    public string ListenUrl { get; init; } = "http://127.0.0.1:0";
    /// <summary>By what the recording's own times are divided; <see cref="double.PositiveInfinity"/> plays as fast as the slowest watcher reads.</summary>
    public double Speed { get; init; } = 1;
    /// <summary>Whether to hold the live part back until somebody watches, and no further watch has been opened for <see cref="QuietPeriod"/>.</summary>
    public bool WaitForWatchers { get; init; }
    /// <summary>See <see cref="WaitForWatchers"/>.</summary>
    public TimeSpan QuietPeriod { get; init; } = TimeSpan.FromSeconds(1);
    /// <summary>How many events of a type a watch may go back; before that it is 410 Gone.</summary>
    public int HistoryEvents { get; init; } = 100_000;
    /// <summary>How far a watcher may be behind before a replay at full speed waits for it, in events.</summary>
    public int MaxLead { get; init; } = 20_000;
    /// <summary>How often a bookmark is sent where the recording has none.</summary>
    public TimeSpan BookmarkPeriod { get; init; } = TimeSpan.FromMinutes(1);
}
