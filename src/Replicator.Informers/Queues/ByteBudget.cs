using System.Diagnostics.Metrics;

namespace Replicator.Informers.Queues;

/// <summary>
/// How many bytes all reflectors of a process together may have read that are not durable yet. At the limit they stop reading, the servers keep what is to come, and nothing is dropped: a watch that is cut off for it resumes
/// where it was.
/// </summary>
/// <remarks>
/// <para>It can be exceeded, by what no sink can be given yet: a reflector whose sink waits for the rest of an object always reads on, or all of them could wait for each other. So the most that can be in use is the limit, and
/// for each reflector one read (64 KB) and the object that is under way.</para>
/// <para>So a sink that takes nothing holds up no other type: at the limit each goes on a read at a time, whenever its sink has taken what there was. Safe for concurrent use.</para>
/// </remarks>
public sealed class ByteBudget
{
    static readonly Meter Meter = new(InformersTelemetry.Name);
    static readonly UpDownCounter<long> Buffered = Meter.CreateUpDownCounter<long>("replicator.informer.buffered", "By", "Bytes read and not yet durable, within budgets.");
    static readonly UpDownCounter<long> Limits = Meter.CreateUpDownCounter<long>("replicator.informer.buffered.limit", "By", "How many bytes may have been read that are not durable.");
    static readonly Counter<long> WaitsTotal = Meter.CreateCounter<long>("replicator.informer.buffered.waits", "{wait}", "How often reading stopped because the budget was used up.");

    readonly Lock _gate = new();
    readonly LinkedList<Account> _waiting = new();
    long _inUse, _waits;

    /// <summary>Creates a budget with nothing in use.</summary>
    /// <param name="limit">The limit in bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is not positive: nothing would ever be read but one object at a time.</exception>
    public ByteBudget(long limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        Limit = limit;
        Limits.Add(limit);
    }

    /// <summary>The limit in bytes.</summary>
    public long Limit { get; }

    /// <summary>How many bytes have been read and are not durable.</summary>
    public long InUse
    {
        get
        {
            lock (_gate)
                return _inUse;
        }
    }

    /// <summary>How often reading stopped because the limit was reached.</summary>
    public long Waits
    {
        get
        {
            lock (_gate)
                return _waits;
        }
    }

    /// <summary>Whether the limit is reached.</summary>
    public bool IsExhausted => InUse >= Limit;

    /// <summary>Opens the account of one who reads.</summary>
    internal Account Open() => new(this);

    void Change(long bytes)
    {
        _inUse += bytes;
        Buffered.Add(bytes);
        if (bytes > 0)
            return;
        // All of them: whom to wake one by one could depend on a server that has nothing to say.
        while (_inUse < Limit && _waiting.First is { } first)
            first.Value.Wake();
    }

    /// <summary>What one reader has read and not yet given on. One task reads and waits, another returns and starves.</summary>
    internal sealed class Account : IDisposable
    {
        readonly ByteBudget _budget;
        readonly LinkedListNode<Account> _node;
        TaskCompletionSource? _room;
        long _held;
        bool _starved;

        public Account(ByteBudget budget)
        {
            _budget = budget;
            _node = new LinkedListNode<Account>(this);
        }

        /// <summary>Counts what was read.</summary>
        public void Take(long bytes)
        {
            lock (_budget._gate)
            {
                _held += bytes;
                _budget.Change(bytes);
            }
        }

        /// <summary>Counts what is durable.</summary>
        public void Return(long bytes)
        {
            lock (_budget._gate)
            {
                _held -= bytes;
                _budget.Change(-bytes);
            }
        }

        /// <summary>Says whether the one who gets what is read has nothing that it could do.</summary>
        public void Starve(bool starved)
        {
            lock (_budget._gate)
            {
                _starved = starved;
                if (starved && _room is not null)
                    Wake();
            }
        }

        /// <summary>Waits until there is room, or what was read is not enough to do anything with.</summary>
        public async ValueTask WaitForRoomAsync(CancellationToken cancellationToken)
        {
            Task room;
            lock (_budget._gate)
            {
                if (_starved || _budget._inUse < _budget.Limit)
                    return;
                _budget._waits++;
                WaitsTotal.Add(1);
                _room = new(TaskCreationOptions.RunContinuationsAsynchronously);
                _budget._waiting.AddLast(_node);
                room = _room.Task;
            }
            try
            {
                await room.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                lock (_budget._gate)
                {
                    if (_room is not null)
                        Wake();
                }
            }
        }

        /// <summary>Returns what is left.</summary>
        public void Dispose()
        {
            lock (_budget._gate)
            {
                _budget.Change(-_held);
                _held = 0;
            }
        }

        public void Wake()
        {
            _budget._waiting.Remove(_node);
            _room!.TrySetResult();
            _room = null;
        }
    }
}
