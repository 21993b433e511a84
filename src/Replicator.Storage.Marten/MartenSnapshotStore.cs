using System.Runtime.CompilerServices;
using Npgsql;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.Storage.Marten.Postgres;
using Replicator.Storage.Marten.Snapshots;

namespace Replicator.Storage.Marten;

/// <summary>The projection in PostgreSQL: what every object looked like at every moment, with the states themselves, so that it needs no log to answer, whatever engine holds that.</summary>
/// <remarks>
/// Every read is one transaction and sees one state, however long it takes. One process projects at a time; a second waits for its turn page by page and finds everything applied. The view
/// <c>replicator_versions</c> shows the versions with their intervals to whoever looks by SQL.
/// </remarks>
public sealed class MartenSnapshotStore : ISnapshotStore
{
    readonly Database _database;
    readonly SemaphoreSlim _writing = new(1, 1);
    SnapshotWriter? _writer;

    internal MartenSnapshotStore(Database database) => _database = database;

    /// <inheritdoc/>
    public ValueTask<long> GetCheckpointAsync(CancellationToken cancellationToken) => ReadAsync(null, default, reader => Task.FromResult(reader.Checkpoint), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask ApplyAsync(EventPage page, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(page);
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            while (_writer is not { } writer || !await writer.ApplyAsync(page, isCurrent: true, cancellationToken).ConfigureAwait(false))
            {
                // The first page, or one after a rebuild that another process completed.
                _writer?.Dispose();
                _writer = new SnapshotWriter(_database, new SnapshotTables(_database.Schema, (await ReadGenerationsAsync(cancellationToken).ConfigureAwait(false)).Current));
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StoredObject> ListAsync(ObjectQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(query);
        using var state = new PooledBufferWriter();
        await foreach (var one in StreamAsync(query.Cluster, query.Type, reader => reader.ListAsync(query, null, state, cancellationToken), cancellationToken).ConfigureAwait(false))
            yield return one;
    }

    /// <inheritdoc/>
    public async ValueTask<long> CountAsync(ObjectQuery query, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(query);
        var count = 0L;
        // Without their states, which are most of what a list reads.
        await foreach (var _ in StreamAsync(query.Cluster, query.Type, reader => reader.ListAsync(query, null, null, cancellationToken), cancellationToken).ConfigureAwait(false))
            count++;
        return count;
    }

    /// <inheritdoc/>
    public async ValueTask<StoredObject?> GetAsync(string cluster, GroupResource type, string @namespace, string name, Cut cut, CancellationToken cancellationToken)
    {
        using var state = new PooledBufferWriter();
        var query = new ObjectQuery { Cluster = cluster, Type = type, Cut = cut, Namespace = @namespace, Limit = 1 };
        await foreach (var one in StreamAsync(cluster, type, reader => reader.ListAsync(query, name, state, cancellationToken), cancellationToken).ConfigureAwait(false))
            return one with { State = one.State.ToArray() };
        return null;
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<StoredVersion> GetHistoryAsync(string cluster, GroupResource type, string @namespace, string name, bool states, CancellationToken cancellationToken) =>
        StreamAsync(cluster, type, reader => reader.GetHistoryAsync(type, @namespace, name, states, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<ChangedObject> ListChangedAsync(ChangedQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(query);
        using var before = new PooledBufferWriter();
        using var after = new PooledBufferWriter();
        await foreach (var one in StreamAsync(query.Cluster, new GroupResource("", ""), reader => reader.ListChangedAsync(query, before, after, cancellationToken), cancellationToken).ConfigureAwait(false))
            yield return one;
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<TypeStatus>> GetTypesAsync(string? cluster, CancellationToken cancellationToken) =>
        await ReadAsync(null, default, reader => reader.ReadTypesAsync(cluster, cancellationToken), cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<GapStatus>> GetGapsAsync(string cluster, GroupResource? type, CancellationToken cancellationToken) =>
        await ReadAsync(null, default, reader => reader.ReadGapsAsync(cluster, type, cancellationToken), cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public ValueTask<long> FindPositionAsync(string cluster, GroupResource? type, Cut cut, CancellationToken cancellationToken) =>
        ReadAsync(cluster, type ?? default, async reader =>
            type is null ? await reader.FindClusterPositionAsync(cluster, cut, cancellationToken).ConfigureAwait(false)
            : reader.Type is null ? reader.Checkpoint
            : (await reader.BoundAsync(cut, cancellationToken).ConfigureAwait(false)).Low, cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<(ObjectIdentity Object, string ResourceVersion)> ListLiveAsync(
        string cluster, GroupResource type, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var query = new ObjectQuery { Cluster = cluster, Type = type, Cut = Cut.Now };
        await foreach (var one in StreamAsync(cluster, type, reader => reader.ListAsync(query, null, null, cancellationToken), cancellationToken).ConfigureAwait(false))
            yield return (one.Object, one.ResourceVersion);
    }

    /// <inheritdoc/>
    public async ValueTask<ISnapshotRebuild> BeginRebuildAsync(CancellationToken cancellationToken)
    {
        var (current, generation, next, nextGeneration) = await ReadGenerationsAsync(cancellationToken).ConfigureAwait(false);
        var tables = new SnapshotTables(_database.Schema, next);
        if (nextGeneration != generation + 1)
        {
            await _database.RunAsync(async connection =>
            {
                await using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
                await using var batch = new NpgsqlBatch(connection, transaction);
                // Waits for whoever still reads what the slot held last.
                batch.Add($"TRUNCATE {tables.All}");
                batch.Add($"UPDATE {SnapshotTables.State(_database.Schema)} SET generation = $1, checkpoint = 0 WHERE slot = $2 AND NOT is_current", generation + 1, next);
                await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
                return 0;
            }, cancellationToken).ConfigureAwait(false);
        }
        return new Rebuild(this, next, new SnapshotWriter(_database, tables));
    }

    /// <inheritdoc/>
    public ValueTask<string> ComputeDigestAsync(CancellationToken cancellationToken) => ReadAsync(null, default, reader => reader.ComputeDigestAsync(cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _writer?.Dispose();
        _writer = null;
        return ValueTask.CompletedTask;
    }

    ValueTask<(int Current, long Generation, int Next, long NextGeneration)> ReadGenerationsAsync(CancellationToken cancellationToken) => _database.RunAsync(async connection =>
    {
        await using var command = connection.Command($"SELECT slot, generation FROM {SnapshotTables.State(_database.Schema)} ORDER BY is_current DESC");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        var (current, generation) = (reader.GetInt32(0), reader.GetInt64(1));
        await reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        return (current, generation, reader.GetInt32(0), reader.GetInt64(1));
    }, cancellationToken);

    async ValueTask<T> ReadAsync<T>(string? cluster, GroupResource type, Func<SnapshotReader, Task<T>> read, CancellationToken cancellationToken)
    {
        try
        {
            await using var reader = await SnapshotReader.BeginAsync(_database, cluster, type, cancellationToken).ConfigureAwait(false);
            return await read(reader).ConfigureAwait(false);
        }
        catch (Exception exception) when (_database.Translate(exception, cancellationToken) is { } translated)
        {
            throw translated;
        }
    }

    /// <summary>Hands on what a read brings, with its errors translated (an iterator cannot catch around a yield).</summary>
    async IAsyncEnumerable<T> StreamAsync<T>(string cluster, GroupResource type, Func<SnapshotReader, IAsyncEnumerable<T>> read, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var reader = await Translated(() => SnapshotReader.BeginAsync(_database, cluster, type, cancellationToken)).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            var rows = read(reader).GetAsyncEnumerator(cancellationToken);
            await using (rows.ConfigureAwait(false))
            {
                while (await Translated(async () => await rows.MoveNextAsync().ConfigureAwait(false)).ConfigureAwait(false))
                    yield return rows.Current;
            }
        }

        async Task<TResult> Translated<TResult>(Func<Task<TResult>> call)
        {
            try
            {
                return await call().ConfigureAwait(false);
            }
            catch (Exception exception) when (_database.Translate(exception, cancellationToken) is { } translated)
            {
                throw translated;
            }
        }
    }

    async ValueTask CompleteAsync(int slot, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _database.RunAsync(async connection =>
            {
                await using var command = connection.Command($"UPDATE {SnapshotTables.State(_database.Schema)} SET is_current = (slot = $1)", slot);
                return await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
            }, cancellationToken).ConfigureAwait(false);
            _writer?.Dispose();
            _writer = null;
            await EmptyAsync(1 - slot, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Gives the room of a retired generation back, unless somebody still reads it: then the next rebuild does.</summary>
    async Task EmptyAsync(int slot, CancellationToken cancellationToken)
    {
        await _database.RunAsync(async connection =>
        {
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                await using var batch = new NpgsqlBatch(connection, transaction);
                batch.Add("SELECT set_config('lock_timeout', '200ms', true)");
                batch.Add($"TRUNCATE {new SnapshotTables(_database.Schema, slot).All}");
                await batch.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                await transaction.CommitAsync(cancellationToken).ConfigureAwait(false);
                return true;
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                return false;
            }
        }, cancellationToken).ConfigureAwait(false);
    }

    sealed class Rebuild(MartenSnapshotStore store, int slot, SnapshotWriter writer) : ISnapshotRebuild
    {
        public ValueTask<long> GetCheckpointAsync(CancellationToken cancellationToken) => store._database.RunAsync(async connection =>
        {
            await using var command = connection.Command($"SELECT checkpoint FROM {SnapshotTables.State(store._database.Schema)} WHERE slot = $1", slot);
            return (long)(await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
        }, cancellationToken);

        public async ValueTask ApplyAsync(EventPage page, CancellationToken cancellationToken)
        {
            if (!await writer.ApplyAsync(page, isCurrent: false, cancellationToken).ConfigureAwait(false))
                throw new InvalidOperationException("Another process has completed this rebuild: it cannot go on here.");
        }

        public ValueTask CompleteAsync(CancellationToken cancellationToken) => store.CompleteAsync(slot, cancellationToken);

        public ValueTask DisposeAsync()
        {
            writer.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
