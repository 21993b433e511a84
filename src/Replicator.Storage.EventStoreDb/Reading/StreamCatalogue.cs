using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Replicator.Core.Events;
using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb.Codec;
using Replicator.Storage.EventStoreDb.Streams;

namespace Replicator.Storage.EventStoreDb.Reading;

/// <summary>The names of our streams, kept in a stream of its own, because EventStoreDB lists no streams (only its system projection <c>$streams</c> does, which is off by default, and costs a write per event).</summary>
/// <remarks>A name is written before the stream's first event, so that no stream is missing; one that was never begun is left out by whoever looks for its last event.</remarks>
sealed class StreamCatalogue(IStreamsClient client, string streamNamePrefix) : IDisposable
{
    const string EventType = "StreamCreated";

    readonly string _catalogue = streamNamePrefix + "replicator-streams";
    readonly SemaphoreSlim _updating = new(1, 1);
    readonly HashSet<string> _known = new(StringComparer.Ordinal);
    long _next;

    /// <summary>Writes the name down where it is not yet.</summary>
    public async ValueTask EnsureAsync(StreamId stream, CancellationToken cancellationToken)
    {
        await _updating.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_known.Contains(stream.Name))
                return;
            await RefreshAsync(cancellationToken).ConfigureAwait(false);
            if (_known.Contains(stream.Name))
                return;
            var data = JsonSerializer.SerializeToUtf8Bytes(new { stream = stream.Name });
            // Deterministic, so that two processes that come to it together write it once; twice would do no harm.
            var id = StoredId.From(default, SHA256.HashData(Encoding.UTF8.GetBytes(_catalogue + "\n" + stream.Name)));
            await client.AppendToStreamAsync(_catalogue, ExpectedRevision.Any, [new EventData(id, EventType, IsJson: true, data, default)], cancellationToken).ConfigureAwait(false);
            _known.Add(stream.Name);
        }
        finally
        {
            _updating.Release();
        }
    }

    /// <summary>The names that start with a prefix, in order.</summary>
    public async ValueTask<IReadOnlyList<string>> ListAsync(string prefix, CancellationToken cancellationToken)
    {
        await _updating.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await RefreshAsync(cancellationToken).ConfigureAwait(false);
            return [.. _known.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        }
        finally
        {
            _updating.Release();
        }
    }

    public void Dispose() => _updating.Dispose();

    async ValueTask RefreshAsync(CancellationToken cancellationToken)
    {
        await foreach (var message in client.ReadStreamAsync(_catalogue, _next, backwards: false, long.MaxValue, cancellationToken).ConfigureAwait(false))
        {
            if (message.Event is not { } stored)
                continue;
            if (stored.Type == EventType)
            {
                using var document = JsonDocument.Parse(stored.Data);
                if (document.RootElement.TryGetProperty("stream", out var name) && name.GetString() is { } text)
                    _known.Add(text);
            }
            _next = stored.Revision + 1;
        }
    }
}
