using Replicator.Core.Events;
using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb.Codec;
using Replicator.Storage.EventStoreDb.Streams;

namespace Replicator.Storage.EventStoreDb.Reading;

/// <summary>A catch-up subscription that outlives its connections: dropped, it resumes after what it delivered; the store away, it waits and says so.</summary>
sealed class Subscription(
    IStreamsClient client, string streamPrefix, long after, long maxCount, EventDecoder decoder, EventStoreDbOptions options, CancellationToken closing, CancellationToken cancellationToken) : IAsyncDisposable
{
    static readonly TimeSpan MinDelay = TimeSpan.FromMilliseconds(200), MaxDelay = TimeSpan.FromSeconds(10);

    readonly CancellationTokenSource _ending = CancellationTokenSource.CreateLinkedTokenSource(closing, cancellationToken);
    readonly List<ReadMessage> _messages = [];
    MessagePager? _pager;
    TimeSpan _delay = MinDelay;
    long _position = after, _left = maxCount;
    bool _away;

    /// <summary>The next page; <see langword="null"/> when as many events as asked for were delivered.</summary>
    public async ValueTask<EventPage?> NextAsync()
    {
        while (_left > 0)
        {
            try
            {
                if (await TryNextAsync().ConfigureAwait(false) is { } page)
                    return page;
            }
            catch (StoreUnavailableException exception)
            {
                await CloseAsync().ConfigureAwait(false);
                EventStoreDbTelemetry.Resubscriptions.Add(1);
                _away = true;
                options.SubscriptionHealth?.Invoke(exception);
                await Task.Delay(_delay, options.Time, _ending.Token).ConfigureAwait(false);
                _delay = TimeSpan.FromTicks(Math.Min(_delay.Ticks * 2, MaxDelay.Ticks));
            }
        }
        return null;
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync().ConfigureAwait(false);
        _ending.Dispose();
    }

    async ValueTask<EventPage?> TryNextAsync()
    {
        _pager ??= new MessagePager(token => client.SubscribeToAllAsync(LogPosition.FromPort(_position), streamPrefix, token), _ending.Token);
        if (!await _pager.ReadAsync(_messages).ConfigureAwait(false))
            throw new StoreUnavailableException("The event store ended a subscription: it is shutting down.");
        if (_away)
        {
            _away = false;
            options.SubscriptionHealth?.Invoke(null);
        }
        _delay = MinDelay;

        var (events, position, left) = (new List<RecordedEvent>(_messages.Count), _position, _left);
        foreach (var message in _messages)
        {
            // The checkpoint of an empty log names no place. And whatever the server sends again is not delivered again.
            if (left == 0 || message.Kind is not (ReadMessageKind.Event or ReadMessageKind.Checkpoint) || !message.Position.IsKnown || message.Position.ToPort() is var reached && reached <= position)
                continue;
            position = message.Position.ToPort();
            if (message.Event is { } stored && await decoder.DecodeAsync(stored, _ending.Token).ConfigureAwait(false) is { } recorded)
            {
                events.Add(recorded);
                left--;
            }
        }
        if (position == _position)
            return null;
        (_position, _left) = (position, left);
        return new EventPage(events, position, null);
    }

    async ValueTask CloseAsync()
    {
        if (_pager is { } pager)
        {
            _pager = null;
            await pager.DisposeAsync().ConfigureAwait(false);
        }
    }
}
