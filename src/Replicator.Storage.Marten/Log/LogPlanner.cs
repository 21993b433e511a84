using Replicator.Core.Events;
using Replicator.Storage.Marten.Postgres;

namespace Replicator.Storage.Marten.Log;

/// <summary>Encodes batches for the places that they will have, each after those planned before it, while those are still being committed. Not thread-safe.</summary>
/// <remarks>What it believes of the streams is looked at again when a group is committed (<see cref="LogWriter"/>); where it was wrong, whatever was planned on top is planned anew after <see cref="Forget"/>.</remarks>
sealed class LogPlanner(Database database) : IDisposable
{
    readonly BodyEncoder _bodies = new(database.Options.StateCacheBytes);
    readonly EventHeaders _headers = new();
    readonly Dictionary<StreamId, long> _lastRevisions = [];

    /// <summary>Puts a batch into the group: encoded, or among the refused. One that fails is answered.</summary>
    public async ValueTask PlanAsync(AppendRequest request, LogGroup group)
    {
        try
        {
            if (!_lastRevisions.TryGetValue(request.Stream, out var last))
                _lastRevisions.Add(request.Stream, last = await LogReader.LastRevisionAsync(database, request.Stream, CancellationToken.None).ConfigureAwait(false));
            if (request.Expected.Accepts(last))
                Encode(request, last, group);
            else
                group.Refused.Add(request);
        }
        catch (Exception exception)
        {
            // Whatever it was, the one who waits is told.
            request.Done.TrySetException(exception);
        }
    }

    /// <summary>Forgets what it believes: what was planned last has not come into the store, or somebody else has written to it.</summary>
    public void Forget()
    {
        _lastRevisions.Clear();
        _bodies.Forget();
    }

    public void Dispose()
    {
        _bodies.Dispose();
        _headers.Dispose();
    }

    void Encode(AppendRequest request, long last, LogGroup group)
    {
        var (count, bytes) = (group.Rows.Count, group.Rows.ByteCount);
        try
        {
            foreach (var proposed in request.Events)
                group.Rows.Add(request.Stream, ++last, proposed, _bodies, _headers);
        }
        catch
        {
            // A batch is appended whole or not at all, and the next must not be a patch from a state that was never stored.
            group.Rows.Truncate(count, bytes);
            _bodies.Forget();
            throw;
        }
        group.Streams[request.Stream] = (group.Streams.TryGetValue(request.Stream, out var planned) ? planned.Before : _lastRevisions[request.Stream], last);
        _lastRevisions[request.Stream] = last;
        group.Planned.Add((request, last));
    }
}
