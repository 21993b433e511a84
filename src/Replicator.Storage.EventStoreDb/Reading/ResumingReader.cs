using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb.Streams;

namespace Replicator.Storage.EventStoreDb.Reading;

/// <summary>Reads page by page, and where a connection is lost on the way, goes on over another from where the caller is by then.</summary>
sealed class ResumingReader(TimeProvider time, CancellationToken closing, CancellationToken cancellationToken) : IAsyncDisposable
{
    const int MaxFailures = 3;

    static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(200);

    readonly CancellationTokenSource _ending = CancellationTokenSource.CreateLinkedTokenSource(closing, cancellationToken);
    MessagePager? _pager;
    int _failures;

    /// <summary>Cancelled by the caller or when the store is closed.</summary>
    public CancellationToken Token => _ending.Token;

    /// <summary>The next messages; <see langword="null"/> at the end of what <paramref name="open"/> reads.</summary>
    /// <exception cref="StoreUnavailableException">The store is away, and was still after several attempts.</exception>
    public async ValueTask<List<ReadMessage>?> ReadAsync(Func<CancellationToken, IAsyncEnumerable<ReadMessage>> open)
    {
        var page = new List<ReadMessage>();
        while (true)
        {
            try
            {
                _pager ??= new MessagePager(open, Token);
                var more = await _pager.ReadAsync(page).ConfigureAwait(false);
                _failures = 0;
                return more ? page : null;
            }
            catch (StoreUnavailableException) when (_failures < MaxFailures)
            {
                await CloseAsync().ConfigureAwait(false);
                await Task.Delay(FirstDelay * (1 << _failures++), time, Token).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Ends the read under way; the next page opens another.</summary>
    public async ValueTask CloseAsync()
    {
        if (_pager is { } pager)
        {
            _pager = null;
            await pager.DisposeAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync().ConfigureAwait(false);
        _ending.Dispose();
    }
}
