using Npgsql;

namespace Replicator.Storage.Marten.Postgres;

/// <summary>Wakes whoever waits at the end of the log: one connection that listens (<c>LISTEN</c>) for all subscriptions of the process, opened when the first of them waits.</summary>
/// <remarks>A notification may be lost with the connection, so it only shortens the wait: subscriptions look again at an interval of their own.</remarks>
sealed class AppendSignal(Database database) : IAsyncDisposable
{
    static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    readonly CancellationTokenSource _stopping = new();
    readonly Lock _lock = new();
    TaskCompletionSource _appended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    Task? _listening;
    bool _disposed;

    /// <summary>Completes with the next append; taken before the log is read, it misses none.</summary>
    public Task Next
    {
        get
        {
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                _listening ??= Task.Run(ListenAsync);
                return _appended.Task;
            }
        }
    }

    public void Pulse()
    {
        lock (_lock)
        {
            _appended.TrySetResult();
            _appended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task? listening;
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
            listening = _listening;
            _appended.TrySetException(new ObjectDisposedException(nameof(MartenEventStore)));
            _ = _appended.Task.Exception;
        }
        await _stopping.CancelAsync().ConfigureAwait(false);
        if (listening is not null)
            await listening.ConfigureAwait(false);
        _stopping.Dispose();
    }

    async Task ListenAsync()
    {
        var cancellationToken = _stopping.Token;
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await using var connection = database.CreateListener();
                connection.Notification += (_, _) => Pulse();
                await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
                await using (var listen = connection.Command($"LISTEN {database.Channel}"))
                    await listen.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                // What was appended while nobody listened.
                Pulse();
                while (true)
                    await connection.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is OperationCanceledException or NpgsqlException or TimeoutException or IOException or InvalidOperationException or System.Net.Sockets.SocketException)
            {
                // Nobody is told: the subscriptions poll, and say themselves that the store is away.
                await Task.Delay(RetryDelay, database.Options.TimeProvider, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}
