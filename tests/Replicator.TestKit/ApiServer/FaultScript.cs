namespace Replicator.TestKit.ApiServer;

/// <summary>Which faults befall which requests. The first that fits and is not used up is taken. Thread-safe.</summary>
public sealed class FaultScript
{
    readonly Lock _gate = new();
    readonly List<Entry> _entries = [];

    /// <summary>The next request that fits.</summary>
    public void Next(Func<ApiRequest, bool> when, Func<Fault> fault) => Add(when, fault, 1);

    /// <summary>The next request whose text (<see cref="ApiRequest.ToString"/>) starts so.</summary>
    public void Next(string start, Fault fault) => Add(request => request.ToString().StartsWith(start, StringComparison.Ordinal), () => fault, 1);

    /// <summary>The next so many requests whose text starts so; each gets a fault of its own.</summary>
    public void Next(int times, string start, Func<Fault> fault) => Add(request => request.ToString().StartsWith(start, StringComparison.Ordinal), fault, times);

    /// <summary>Every request whose text starts so, until <see cref="Clear"/>.</summary>
    public void Always(string start, Func<Fault> fault) => Add(request => request.ToString().StartsWith(start, StringComparison.Ordinal), fault, int.MaxValue);

    /// <summary>How many faults have befallen a request.</summary>
    public int Taken { get; private set; }

    public void Clear()
    {
        lock (_gate)
            _entries.Clear();
    }

    internal Fault Take(ApiRequest request)
    {
        lock (_gate)
        {
            foreach (var entry in _entries)
            {
                if (entry.Left == 0 || !entry.When(request))
                    continue;
                entry.Left--;
                Taken++;
                return entry.Fault();
            }
            return Fault.None;
        }
    }

    void Add(Func<ApiRequest, bool> when, Func<Fault> fault, int times)
    {
        lock (_gate)
            _entries.Add(new Entry(when, fault) { Left = times });
    }

    sealed class Entry(Func<ApiRequest, bool> when, Func<Fault> fault)
    {
        public Func<ApiRequest, bool> When { get; } = when;
        public Func<Fault> Fault { get; } = fault;
        public int Left { get; set; }
    }
}
