namespace Replicator.Informers;

/// <summary>What the reflectors of one server share of their snapshots: how many are taken at a time, and whether streaming lists come to an end there. Thread-safe.</summary>
sealed class ListTurns(int concurrent) : IDisposable
{
    volatile bool _streamsStall;
    int _refusals;

    public SemaphoreSlim Slots { get; } = new(concurrent);

    /// <summary>
    /// Whether a streaming list fell silent before its end. A server whose watch cache cannot ask etcd how far it is (before Kubernetes 1.30, or an etcd before 3.4.25) sends the last bookmark minutes later: to find
    /// that out once is enough.
    /// </summary>
    public bool StreamsStall => _streamsStall;

    public void ReportStall() => _streamsStall = true;

    /// <summary>Whether it is the first streaming list that the server refuses: what follows is the same for every type, and worth one line.</summary>
    public bool IsFirstRefusal() => Interlocked.Increment(ref _refusals) == 1;

    public void Dispose() => Slots.Dispose();
}
