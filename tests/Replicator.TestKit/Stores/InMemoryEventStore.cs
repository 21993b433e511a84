using System.Runtime.CompilerServices;
using Replicator.Core.Events;
using Replicator.Core.Storage;

namespace Replicator.TestKit.Stores;

/// <summary>An event store that keeps everything in memory, for tests of what stands above the port. Faults are injected by <see cref="BeforeAppend"/>.</summary>
public sealed class InMemoryEventStore : IEventStore
{
    readonly Lock _lock = new();
    readonly List<RecordedEvent> _log = [];
    TaskCompletionSource _appended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Called before an append takes effect; what it throws, the append throws.</summary>
    public Action? BeforeAppend { get; set; }

    /// <summary>Called after an append has taken effect: what it throws is a lost acknowledgement.</summary>
    public Action? AfterAppend { get; set; }

    public bool TakesAppendsAhead => true;

    public IReadOnlyList<RecordedEvent> Log
    {
        get
        {
            lock (_lock)
                return _log.ToArray();
        }
    }

    public ValueTask<AppendResult> AppendAsync(StreamId stream, ExpectedRevision expected, IReadOnlyList<ProposedEvent> events, CancellationToken cancellationToken)
    {
        BeforeAppend?.Invoke();
        AppendResult result;
        lock (_lock)
        {
            var own = _log.Where(recorded => recorded.Stream == stream).ToList();
            var last = own.Count - 1L;
            if (!expected.Accepts(last))
            {
                var retry = expected.IsExact ? own.Skip((int)expected.Value + 1).Take(events.Count).ToList() : [];
                if (retry.Count != events.Count || !retry.Zip(events).All(pair => pair.Second.IsSame(pair.First.Id, pair.First.Hash.Span)))
                    throw new WrongExpectedRevisionException(stream, expected, last);
                return ValueTask.FromResult(new AppendResult(retry[^1].Revision, retry[^1].Position));
            }
            foreach (var proposed in events)
            {
                _log.Add(new RecordedEvent
                {
                    Position = _log.Count + 1,
                    Stream = stream,
                    Revision = ++last,
                    Id = proposed.Id,
                    Type = proposed.Type,
                    Metadata = proposed.Metadata,
                    State = proposed.State.ToArray(),
                    Hash = proposed.Hash.ToArray(),
                });
            }
            result = new AppendResult(last, _log.Count);
            _appended.SetResult();
            _appended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        AfterAppend?.Invoke();
        return ValueTask.FromResult(result);
    }

    public async IAsyncEnumerable<EventPage> ReadStreamAsync(
        StreamId stream, long from, bool backwards, ReadOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        var events = Log.Where(recorded => recorded.Stream == stream && (backwards ? recorded.Revision <= from : recorded.Revision >= from));
        var page = (backwards ? events.Reverse() : events).Take((int)Math.Min(options.MaxCount, int.MaxValue)).ToList();
        if (page.Count > 0)
            yield return new EventPage(page, page[^1].Position, null);
    }

    public async IAsyncEnumerable<EventPage> ReadAllAsync(long after, ReadOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        var page = Log.Where(recorded => recorded.Position > after && recorded.Stream.Name.StartsWith(options.StreamPrefix, StringComparison.Ordinal))
            .Take((int)Math.Min(options.MaxCount, int.MaxValue)).ToList();
        if (page.Count > 0)
            yield return new EventPage(page, page[^1].Position, null);
    }

    public async IAsyncEnumerable<EventPage> SubscribeAsync(long after, ReadOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            Task appended;
            lock (_lock)
                appended = _appended.Task;
            await foreach (var page in ReadAllAsync(after, options, cancellationToken))
            {
                after = page.Position;
                yield return page;
            }
            await appended.WaitAsync(cancellationToken);
        }
    }

    public ValueTask<long> GetHeadAsync(CancellationToken cancellationToken) => ValueTask.FromResult((long)Log.Count);

    public ValueTask<IReadOnlyList<StreamInfo>> ListStreamsAsync(string prefix, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReadOnlyList<StreamInfo>>([.. Log.Where(recorded => recorded.Stream.Name.StartsWith(prefix, StringComparison.Ordinal))
            .GroupBy(recorded => recorded.Stream)
            .Select(group => new StreamInfo(group.Key, group.Last().Revision, group.Last().Position, group.Sum(recorded => (long)recorded.State.Length)))]);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
