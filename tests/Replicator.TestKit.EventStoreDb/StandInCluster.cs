namespace Replicator.TestKit.EventStoreDb;

/// <summary>Stand-ins that share one log; one of them leads.</summary>
public sealed class StandInCluster
{
    readonly Lock _lock = new();
    readonly List<EventStoreDbStandIn> _members = [];
    EventStoreDbStandIn? _leader;

    /// <summary>The log that all members serve.</summary>
    public StandInLog Log { get; } = new();

    /// <summary>Who leads; <see langword="null"/> while there is an election.</summary>
    public EventStoreDbStandIn? Leader
    {
        get
        {
            lock (_lock)
                return _leader;
        }
        set
        {
            lock (_lock)
                _leader = value;
        }
    }

    /// <summary>All members, also those that are down.</summary>
    public IReadOnlyList<EventStoreDbStandIn> Members
    {
        get
        {
            lock (_lock)
                return _members.ToArray();
        }
    }

    internal void Join(EventStoreDbStandIn member)
    {
        lock (_lock)
        {
            _members.Add(member);
            _leader ??= member;
        }
    }
}
