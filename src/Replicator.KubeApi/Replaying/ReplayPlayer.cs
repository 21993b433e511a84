using Replicator.Core.Json;
using Replicator.Core.Recordings;

namespace Replicator.KubeApi;

/// <summary>Plays the files of a recording into their types, in the order of time.</summary>
sealed class ReplayPlayer : IDisposable
{
    readonly ReplayOptions _options;
    readonly TimeProvider _time;
    readonly PriorityQueue<(RecordingFile File, ReplayType Type, RecordedLine Line), (DateTimeOffset Time, int Order)> _queue = new();
    readonly List<RecordingFile> _files = [];
    readonly JsonTape _tape = new();
    readonly TaskCompletionSource _watched = new(TaskCreationOptions.RunContinuationsAsynchronously), _began = new(TaskCreationOptions.RunContinuationsAsynchronously);
    long _watches, _last, _next;
    // When the live part began, in the recording's time and by the clock.
    volatile Beginning? _beginning;

    public ReplayPlayer(Recording recording, ReplayOptions options, TimeProvider time)
    {
        (_options, _time) = (options, time);
        Types = [.. recording.AllFiles.Select(file =>
        {
            var opened = new RecordingFile(file.File, file.Type);
            _files.Add(opened);
            var type = new ReplayType(file.Type, options.HistoryEvents);
            if (opened.Read() is { } first)
                _queue.Enqueue((opened, type, first), (first.Time, _files.Count));
            return type;
        })];
    }

    public IReadOnlyList<ReplayType> Types { get; }

    /// <summary>How many events have been played, the first lists included.</summary>
    public long Played { get; private set; }

    /// <summary>The moment of the recording that is being played.</summary>
    /// <remarks>
    /// Between two lines it goes on with the clock, as many times faster as is played. At full speed, before the live part and behind the last line it is the time of the line that was played last.
    /// </remarks>
    public DateTimeOffset Now
    {
        get
        {
            var (last, next) = (Volatile.Read(ref _last), Volatile.Read(ref _next));
            if (_beginning is not { } beginning || double.IsPositiveInfinity(_options.Speed) || next <= last)
                return new DateTimeOffset(last, TimeSpan.Zero);
            var due = (beginning.Recorded + _time.GetElapsedTime(beginning.Timestamp) * _options.Speed).UtcTicks;
            return new DateTimeOffset(Math.Clamp(due, last, next), TimeSpan.Zero);
        }
    }

    /// <summary>Done when the live part begins.</summary>
    public Task Began => _began.Task;

    /// <summary>Says that a watch was opened.</summary>
    public void Watched()
    {
        Interlocked.Increment(ref _watches);
        _watched.TrySetResult();
    }

    /// <summary>Plays the lists with which the recording begins, so that the server has something to serve.</summary>
    public void PlayFirstLists()
    {
        if (!_queue.TryPeek(out _, out var first))
            return;
        // The lists of all types were taken one after the other within a moment; a type that appears later is part of the story.
        while (_queue.TryPeek(out var next, out var order) && next.Type.IsListing && !next.Type.IsServed && order.Time - first.Time < TimeSpan.FromSeconds(2))
            PlayNext();
    }

    /// <summary>Plays the rest with the recording's own timing.</summary>
    public async Task PlayAsync(CancellationToken cancellationToken)
    {
        if (_options.WaitForWatchers)
            await WaitUntilWatchedAsync(cancellationToken).ConfigureAwait(false);
        if (!_queue.TryPeek(out _, out var first))
        {
            _began.SetResult();
            return;
        }
        var beginning = _beginning = new Beginning(first.Time, _time.GetTimestamp());
        _began.SetResult();
        while (_queue.TryPeek(out var next, out var order))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (double.IsPositiveInfinity(_options.Speed))
            {
                await next.Type.WaitForWatchersAsync(_options.MaxLead, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                var due = (order.Time - beginning.Recorded) / _options.Speed - _time.GetElapsedTime(beginning.Timestamp);
                if (due > TimeSpan.FromMilliseconds(1))
                    await Task.Delay(due, _time, cancellationToken).ConfigureAwait(false);
            }
            PlayNext();
        }
    }

    public void Dispose() => _files.ForEach(file => file.Dispose());

    async Task WaitUntilWatchedAsync(CancellationToken cancellationToken)
    {
        await _watched.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        for (var seen = -1L; seen != Interlocked.Read(ref _watches);)
        {
            seen = Interlocked.Read(ref _watches);
            await Task.Delay(_options.QuietPeriod, _time, cancellationToken).ConfigureAwait(false);
        }
    }

    void PlayNext()
    {
        _queue.TryDequeue(out var next, out var order);
        next.Type.Play(next.Line, _tape);
        Played++;
        if (next.File.Read() is { } line)
            _queue.Enqueue((next.File, next.Type, line), (line.Time, order.Order));
        // The next first: a moment that is read between the two is not behind it.
        Volatile.Write(ref _next, _queue.TryPeek(out _, out var following) ? following.Time.UtcTicks : 0);
        Volatile.Write(ref _last, order.Time.UtcTicks);
    }

    sealed record Beginning(DateTimeOffset Recorded, long Timestamp);
}
