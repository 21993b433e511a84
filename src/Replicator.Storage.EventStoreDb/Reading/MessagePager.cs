using Replicator.Storage.EventStoreDb.Streams;

namespace Replicator.Storage.EventStoreDb.Reading;

/// <summary>Takes what a read has brought so far, as much as fits a page, and waits only where there is nothing.</summary>
sealed class MessagePager : IAsyncDisposable
{
    const int MaxMessages = 256;
    const long MaxBytes = 4L * 1024 * 1024;

    readonly CancellationTokenSource _ending;
    readonly IAsyncEnumerator<ReadMessage> _messages;
    Task<bool>? _moving;
    bool _ended;

    public MessagePager(Func<CancellationToken, IAsyncEnumerable<ReadMessage>> read, CancellationToken cancellationToken)
    {
        _ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _messages = read(_ending.Token).GetAsyncEnumerator(_ending.Token);
    }

    /// <summary>Fills <paramref name="page"/> with at least one message; <see langword="false"/> at the end.</summary>
    public async ValueTask<bool> ReadAsync(List<ReadMessage> page)
    {
        page.Clear();
        var bytes = 0L;
        while (!_ended && page.Count < MaxMessages && bytes < MaxBytes)
        {
            if (_moving is null)
            {
                var move = _messages.MoveNextAsync();
                _moving = move.IsCompletedSuccessfully ? Task.FromResult(move.Result) : move.AsTask();
            }
            // A failure waits until what came before it is delivered.
            if (!_moving.IsCompletedSuccessfully && page.Count > 0)
                return true;
            var moved = await _moving.ConfigureAwait(false);
            _moving = null;
            if (!moved)
            {
                _ended = true;
                break;
            }
            page.Add(_messages.Current);
            if (_messages.Current.Event is { } stored)
                bytes += stored.Data.Length + stored.Metadata.Length;
        }
        return page.Count > 0;
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        // An enumerator must not be disposed while it moves.
        if (_moving is not null)
            await ((Task)_moving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _messages.DisposeAsync().ConfigureAwait(false);
        _ending.Dispose();
    }
}
