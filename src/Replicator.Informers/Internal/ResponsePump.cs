using System.Collections.Concurrent;
using System.IO.Pipelines;
using Replicator.Informers.Queues;

namespace Replicator.Informers;

/// <summary>
/// Reads an answer's body as fast as it comes into a bounded buffer, and does nothing else on the way: a server cuts off who leaves it waiting. Notes when each byte came, and ends by itself when none comes for too long.
/// </summary>
sealed class ResponsePump : IAsyncDisposable
{
    // A read takes what room a segment has left, unless that is less than this. Asking for a whole segment each time left most of every one empty, and took ten times the memory of the lines.
    const int ReadSize = 4 * 1024;

    readonly Pipe _pipe;
    readonly Stream _body;
    readonly TimeProvider _time;
    readonly Action<int, DateTimeOffset> _received;
    readonly ByteBudget.Account? _account;
    readonly CancellationTokenSource _stop;
    readonly ConcurrentQueue<(long End, DateTimeOffset At)> _marks = new();
    readonly Task _running;
    readonly Lock _gate = new();
    CancellationTokenSource _watchdog;
    CancellationTokenRegistration _stopsWatchdog;
    TimeSpan _silence;
    bool _waiting;
    long _read;

    public ResponsePump(Stream body, TimeSpan silence, int bufferBytes, TimeProvider time, Action<int, DateTimeOffset> received, ByteBudget? budget, CancellationToken cancellationToken)
    {
        (_body, _silence, _time, _received, _account) = (body, silence, time, received, budget?.Open());
        _pipe = new Pipe(new PipeOptions(SegmentPool.Instance, pauseWriterThreshold: bufferBytes, resumeWriterThreshold: bufferBytes / 2, minimumSegmentSize: SegmentPool.SegmentSize, useSynchronizationContext: false));
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _watchdog = NewWatchdog();
        _running = Task.Run(PumpAsync, CancellationToken.None);
    }

    /// <summary>For how long nothing may come. A change holds at once.</summary>
    public TimeSpan Silence
    {
        get => _silence;
        set
        {
            lock (_gate)
            {
                if (_silence == value)
                    return;
                _silence = value;
                if (_waiting)
                    _watchdog.CancelAfter(value);
            }
        }
    }

    /// <summary>What was read. Completes when the body ends, however it ends; <see cref="Ending"/> and <see cref="Failure"/> are set by then.</summary>
    public PipeReader Reader => _pipe.Reader;

    /// <summary>How the body ended: <see cref="ResponseEnding.Closed"/>, <see cref="ResponseEnding.Cut"/> or <see cref="ResponseEnding.Silent"/>.</summary>
    public ResponseEnding Ending { get; private set; }

    /// <summary>Why it was cut.</summary>
    public string? Failure { get; private set; }

    /// <summary>Reads from <see cref="Reader"/>. A budget that is used up does not keep the pump from reading for one who waits here: what there is was not enough.</summary>
    public ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken)
    {
        var reading = Reader.ReadAsync(cancellationToken);
        return _account is null || reading.IsCompleted ? reading : WaitAsync(reading);

        async ValueTask<ReadResult> WaitAsync(ValueTask<ReadResult> reading)
        {
            _account.Starve(true);
            try
            {
                return await reading.ConfigureAwait(false);
            }
            finally
            {
                _account.Starve(false);
            }
        }
    }

    /// <summary>Says that so many bytes of what was read are durable and no longer held.</summary>
    public void Return(long bytes) => _account?.Return(bytes);

    /// <summary>When the byte before <paramref name="position"/> came. Positions must not go back from call to call.</summary>
    public DateTimeOffset ReceivedAt(long position)
    {
        (long End, DateTimeOffset At) mark;
        while (_marks.TryPeek(out mark) && mark.End < position)
            _marks.TryDequeue(out _);
        return mark.At;
    }

    /// <summary>Stops reading and waits until nothing of it runs.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        // Frees the pump where it waits for room.
        await _pipe.Reader.CompleteAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _account?.Dispose();
        await _stopsWatchdog.DisposeAsync().ConfigureAwait(false);
        _stop.Dispose();
        _watchdog.Dispose();
        await _body.DisposeAsync().ConfigureAwait(false);
    }

    async Task PumpAsync()
    {
        var writer = _pipe.Writer;
        try
        {
            while (true)
            {
                var reading = _body.ReadAsync(writer.GetMemory(ReadSize), _watchdog.Token);
                int count;
                if (reading.IsCompleted)
                {
                    count = await reading.ConfigureAwait(false);
                }
                else
                {
                    // Only waiting for the server counts as its silence; waiting for the sink does not.
                    Wait(true);
                    count = await reading.ConfigureAwait(false);
                    Wait(false);
                }
                if (count == 0)
                    break;
                var now = _time.GetUtcNow();
                _received(count, now);
                _read += count;
                _marks.Enqueue((_read, now));
                writer.Advance(count);
                _account?.Take(count);
                if ((await writer.FlushAsync(_stop.Token).ConfigureAwait(false)).IsCompleted)
                    break;
                if (_account is not null)
                    await _account.WaitForRoomAsync(_stop.Token).ConfigureAwait(false);
            }
            Ending = ResponseEnding.Closed;
        }
        catch (OperationCanceledException) when (!_stop.IsCancellationRequested && _watchdog.IsCancellationRequested)
        {
            Ending = ResponseEnding.Silent;
            Failure = $"nothing came for {Silence.TotalSeconds:0} s";
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException or OperationCanceledException or ObjectDisposedException or InvalidDataException)
        {
            Ending = ResponseEnding.Cut;
            Failure = OneLine.Of(exception);
        }
        // Completing with the exception would take from the reader what came before it.
        await writer.CompleteAsync().ConfigureAwait(false);
    }

    void Wait(bool waiting)
    {
        lock (_gate)
        {
            _waiting = waiting;
            _watchdog.CancelAfter(waiting ? _silence : Timeout.InfiniteTimeSpan);
            if (waiting || !_watchdog.IsCancellationRequested || _stop.IsCancellationRequested)
                return;
            // It fired while the bytes were on their way to us.
            _stopsWatchdog.Dispose();
            _watchdog.Dispose();
            _watchdog = NewWatchdog();
        }
    }

    CancellationTokenSource NewWatchdog()
    {
        // A source made from the time provider keeps to it; linking one would not.
        var watchdog = new CancellationTokenSource(Timeout.InfiniteTimeSpan, _time);
        _stopsWatchdog = _stop.Token.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), watchdog);
        return watchdog;
    }
}
