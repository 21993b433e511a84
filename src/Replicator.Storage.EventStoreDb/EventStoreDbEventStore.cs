using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Replicator.Core.Events;
using Replicator.Core.Storage;
using Replicator.Storage.EventStoreDb.Codec;
using Replicator.Storage.EventStoreDb.Reading;
using Replicator.Storage.EventStoreDb.Streams;

namespace Replicator.Storage.EventStoreDb;

/// <summary>The event store on EventStoreDB (KurrentDB) 22.10 or later, over gRPC.</summary>
/// <remarks>
/// <para>A stream here is a stream there, revision for revision; events are JSON that the store's own UI shows: the type as the event's type, the object or the JSON Patch (RFC 6902) that led to it as its data, all else
/// as its metadata. A body that an append of the server's largest size has no room for is compressed, or stands in the stream <c>bodies-{stream}</c>, and the event says where. So a batch is appended whole or not at all as
/// long as the metadata of its events fits one append (some 1,500 events at the server's default of 1 MiB); of a larger one, which is appended in parts, a failure may leave the beginning, and the retry completes it.</para>
/// <para>A position is twice the event's commit position in <c>$all</c>, plus one. It grows over all streams, with holes.</para>
/// <para>Append and read fail with <see cref="StoreUnavailableException"/> while the store is away; a subscription waits and resumes, and says so to <see cref="EventStoreDbOptions.SubscriptionHealth"/>.</para>
/// </remarks>
public sealed class EventStoreDbEventStore : IEventStore
{
    const string StreamPrefix = "k8s-";
    const int ListParallelism = 16;
    // The request's own fields, and what a later server may count besides.
    const int AppendReserve = 4096;

    readonly EventStoreDbOptions _options;
    readonly IStreamsClient _client;
    readonly StreamCatalogue _catalogue;
    readonly WriterStates _states;
    readonly ConcurrentDictionary<StreamId, SemaphoreSlim> _gates = new();
    readonly ConcurrentBag<BatchEncoder> _encoders = [];
    readonly CancellationTokenSource _closing = new();
    int _maxAppendSize;
    int _disposed;

    internal EventStoreDbEventStore(IStreamsClient client, EventStoreDbOptions options)
    {
        (_client, _options, _maxAppendSize) = (client, options, options.MaxAppendSize);
        _catalogue = new StreamCatalogue(client, options.StreamNamePrefix);
        _states = new WriterStates(options.WriterStateBytes);
    }

    /// <summary>Prepares a connection; the first use opens it, and it is kept and renewed from then on.</summary>
    /// <param name="connectionString">See <see cref="EventStoreDbConnectionString"/>.</param>
    /// <param name="options">How to use the store; <see langword="null"/> for the defaults.</param>
    /// <exception cref="FormatException">The connection string is malformed.</exception>
    public static EventStoreDbEventStore Connect(string connectionString, EventStoreDbOptions? options = null) =>
        Connect(EventStoreDbConnectionString.Parse(connectionString), options);

    /// <inheritdoc cref="Connect(string, EventStoreDbOptions?)"/>
    public static EventStoreDbEventStore Connect(EventStoreDbConnectionString connectionString, EventStoreDbOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(connectionString);
        options ??= new EventStoreDbOptions();
        return new EventStoreDbEventStore(new GrpcStreamsClient(connectionString, options), options);
    }

    /// <inheritdoc/>
    /// <remarks>Cancellation ends the wait for earlier appends only: what is on its way may be durable already, and the caller learns its true fate.</remarks>
    public async ValueTask<AppendResult> AppendAsync(StreamId stream, ExpectedRevision expected, IReadOnlyList<ProposedEvent> events, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(events);
        ArgumentOutOfRangeException.ThrowIfZero(events.Count, nameof(events));
        if (stream.Name?.StartsWith(StreamPrefix, StringComparison.Ordinal) != true)
            throw new ArgumentException($"'{stream}' is not a stream of Replicator: its name starts with '{StreamPrefix}'.", nameof(stream));
        ThrowIfDisposed();

        // One append of a stream after another: the next one's patches refer to this one's events.
        var gate = _gates.GetOrAdd(stream, _ => new SemaphoreSlim(1, 1));
        await gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        var encoder = _encoders.TryTake(out var idle) ? idle : new BatchEncoder(_options, _states);
        try
        {
            if (expected == ExpectedRevision.NoStream || expected == ExpectedRevision.Any)
                await _catalogue.EnsureAsync(stream, cancellationToken).ConfigureAwait(false);
            while (true)
            {
                var limit = Volatile.Read(ref _maxAppendSize) - AppendReserve;
                try
                {
                    encoder.Encode(stream, expected, events, maxBody: limit / 2);
                    var written = await AppendAsync(encoder, stream, expected, limit, cancellationToken).ConfigureAwait(false);
                    encoder.Commit(written.LastRevision);
                    return new AppendResult(written.LastRevision, await PositionAsync(stream, written, cancellationToken).ConfigureAwait(false));
                }
                catch (AppendTooLargeException exception)
                {
                    if (exception.MaxAppendSize <= AppendReserve || exception.MaxAppendSize >= limit + AppendReserve)
                        throw new StoreUnavailableException($"The event store takes appends of {exception.MaxAppendSize} bytes, which is too little for an event of stream '{stream}': raise its MaxAppendSize.", exception);
                    Volatile.Write(ref _maxAppendSize, exception.MaxAppendSize);
                }
            }
        }
        finally
        {
            encoder.Clear();
            _encoders.Add(encoder);
            gate.Release();
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<EventPage> ReadStreamAsync(
        StreamId stream, long from, bool backwards, ReadOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ThrowIfDisposed();
        var name = Stored(stream);
        // The end as of now: what is appended while the read goes on does not belong to it.
        if (await LastAsync(name, cancellationToken).ConfigureAwait(false) is not { } last)
            yield break;
        var next = backwards ? Math.Min(from, last.Revision) : Math.Max(from, 0);
        var left = options.MaxCount;
        using var decoder = new EventDecoder(_client, _options, options.States, forwards: !backwards);
        await using var reader = new ResumingReader(_options.Time, _closing.Token, cancellationToken);
        var opened = next;
        while (left > 0 && next >= 0 && next <= last.Revision)
        {
            var start = next;
            var count = Math.Min(left, backwards ? next + 1 : last.Revision - next + 1);
            var messages = await reader.ReadAsync(token => _client.ReadStreamAsync(name, start, backwards, count, token)).ConfigureAwait(false);
            if (messages is null)
            {
                // As many events as were asked for have come; where some were not ours, there is more to ask for.
                if (next == opened)
                    yield break;
                opened = next;
                await reader.CloseAsync().ConfigureAwait(false);
                continue;
            }
            var events = await DecodeAsync(decoder, messages, backwards, reader.Token).ConfigureAwait(false);
            if (messages.LastOrDefault(message => message.Event is not null).Event is not { } reached)
                continue;
            next = reached.Revision + (backwards ? -1 : 1);
            left -= events.Count;
            if (events.Count > 0)
                yield return new EventPage(events, events[^1].Position, null);
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<EventPage> ReadAllAsync(long after, ReadOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ThrowIfDisposed();
        if (Filter(options.StreamPrefix) is not { } prefix)
            yield break;
        var end = await GetHeadAsync(cancellationToken).ConfigureAwait(false);
        var left = options.MaxCount;
        using var decoder = new EventDecoder(_client, _options, options.States, forwards: true);
        await using var reader = new ResumingReader(_options.Time, _closing.Token, cancellationToken);
        var opened = after;
        while (left > 0 && after < end)
        {
            var start = after;
            // Inclusive, so that the event at the position comes again and does not count.
            var count = Math.Min(left, long.MaxValue - 1) + 1;
            var messages = await reader.ReadAsync(token => _client.ReadAllAsync(LogPosition.FromPort(start), backwards: false, prefix, count, token)).ConfigureAwait(false);
            if (messages is null)
            {
                if (after == opened)
                    yield break;
                opened = after;
                await reader.CloseAsync().ConfigureAwait(false);
                continue;
            }
            var events = new List<RecordedEvent>(messages.Count);
            foreach (var message in messages)
            {
                if (message.Event is not { } stored || stored.Position.ToPort() is var position && (position <= after || position > end || left == 0))
                    continue;
                after = position;
                if (await decoder.DecodeAsync(stored, reader.Token).ConfigureAwait(false) is not { } recorded)
                    continue;
                events.Add(recorded);
                left--;
            }
            if (after > start)
                yield return new EventPage(events, after, null);
            else if (messages.Exists(message => message.Event is { } stored && stored.Position.ToPort() > end))
                yield break;
        }
    }

    /// <inheritdoc/>
    /// <remarks>Where the subscription is dropped or the store goes away, it waits and resumes after what was delivered.</remarks>
    public async IAsyncEnumerable<EventPage> SubscribeAsync(long after, ReadOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ThrowIfDisposed();
        var prefix = Filter(options.StreamPrefix) ?? throw new ArgumentException($"No stream of Replicator starts with '{options.StreamPrefix}': their names start with '{StreamPrefix}'.", nameof(options));
        using var decoder = new EventDecoder(_client, _options, options.States, forwards: true);
        await using var subscription = new Subscription(_client, prefix, after, options.MaxCount, decoder, _options, _closing.Token, cancellationToken);
        while (await subscription.NextAsync().ConfigureAwait(false) is { } page)
            yield return page;
    }

    /// <inheritdoc/>
    public async ValueTask<long> GetHeadAsync(CancellationToken cancellationToken)
    {
        ThrowIfDisposed();
        await foreach (var message in _client.ReadAllAsync(from: null, backwards: true, Stored(StreamPrefix), 1, cancellationToken).ConfigureAwait(false))
        {
            if (message.Event is { } stored)
                return stored.Position.ToPort();
        }
        return 0;
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StreamInfo>> ListStreamsAsync(string prefix, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        ThrowIfDisposed();
        var names = await _catalogue.ListAsync(prefix, cancellationToken).ConfigureAwait(false);
        var infos = new StreamInfo?[names.Count];
        await Parallel.ForAsync(0, names.Count, new ParallelOptions { MaxDegreeOfParallelism = ListParallelism, CancellationToken = cancellationToken }, async (index, token) =>
        {
            if (await LastAsync(Stored(names[index]), token).ConfigureAwait(false) is { } last)
                infos[index] = new StreamInfo(StreamId.FromName(names[index]), last.Revision, last.Position.ToPort(), Bytes: null);
        }).ConfigureAwait(false);
        return [.. infos.OfType<StreamInfo>()];
    }

    /// <summary>Ends reads and subscriptions, waits for what is being appended and closes the connection.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await _closing.CancelAsync().ConfigureAwait(false);
        foreach (var gate in _gates.Values)
            await gate.WaitAsync().ConfigureAwait(false);
        await _client.DisposeAsync().ConfigureAwait(false);
        _catalogue.Dispose();
        while (_encoders.TryTake(out var encoder))
            encoder.Dispose();
        // Whoever still waits for a stream's turn finds the store closed.
        foreach (var gate in _gates.Values)
            gate.Release();
    }

    void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);

    string Stored(StreamId stream) => Stored(stream.Name);

    string Stored(string name) => _options.StreamNamePrefix + name;

    /// <summary>The prefix to filter by: the one asked for, within our streams; <see langword="null"/> where none can fit.</summary>
    string? Filter(string prefix) =>
        prefix.StartsWith(StreamPrefix, StringComparison.Ordinal) ? Stored(prefix) : StreamPrefix.StartsWith(prefix, StringComparison.Ordinal) ? Stored(StreamPrefix) : null;

    async ValueTask<StoredEvent?> LastAsync(string stream, CancellationToken cancellationToken)
    {
        await foreach (var message in _client.ReadStreamAsync(stream, long.MaxValue, backwards: true, 1, cancellationToken).ConfigureAwait(false))
        {
            if (message.Event is { } stored)
                return stored;
        }
        return null;
    }

    async ValueTask<long> PositionAsync(StreamId stream, WriteResult written, CancellationToken cancellationToken)
    {
        if (written.LastPosition is { IsKnown: true } position)
            return new LogPosition(position.Commit, position.Commit).ToPort();
        // A repeated append that is no longer in the server's memory is answered without its place.
        await foreach (var message in _client.ReadStreamAsync(Stored(stream), written.LastRevision, backwards: false, 1, cancellationToken).ConfigureAwait(false))
        {
            if (message.Event is { } stored)
                return stored.Position.ToPort();
        }
        throw new StoreUnavailableException($"The event store acknowledged revision {written.LastRevision} of stream '{stream}' and does not have it yet: try again.");
    }

    async ValueTask<WriteResult> AppendAsync(BatchEncoder encoder, StreamId stream, ExpectedRevision expected, int limit, CancellationToken cancellationToken)
    {
        var (first, result) = (0, default(WriteResult));
        var parted = false;
        while (first < encoder.Count)
        {
            var (count, size) = Part(encoder, first, limit);
            parted |= count < encoder.Count;
            if (size > limit)
                await OverflowAsync(encoder, stream, first, count, size - limit, limit, cancellationToken).ConfigureAwait(false);
            var part = new EventData[count];
            for (var index = 0; index < count; index++)
                part[index] = encoder[first + index];
            try
            {
                result = await _client.AppendToStreamAsync(Stored(stream), expected, part, cancellationToken).ConfigureAwait(false);
                first += count;
            }
            catch (WrongExpectedRevisionException exception) when (parted && expected.IsExact && exception.Actual > expected.Value)
            {
                // An earlier attempt may have come further than this part, with its limits elsewhere.
                if (await FindAppendedAsync(encoder, first, stream, expected.Value + 1, exception.Actual, cancellationToken).ConfigureAwait(false) is not { } found)
                    throw Refused(stream, expected, exception);
                (first, result) = (first + found.Count, found.Last);
            }
            catch (WrongExpectedRevisionException exception)
            {
                throw Refused(stream, expected, exception);
            }
            expected = ExpectedRevision.Exactly(result.LastRevision);
        }
        return result;
    }

    static WrongExpectedRevisionException Refused(StreamId stream, ExpectedRevision expected, WrongExpectedRevisionException exception) => new(stream, expected, exception.Actual);

    /// <summary>How many events from <paramref name="first"/> on fit one append, at least one, and how large they are with their bodies.</summary>
    static (int Count, int Size) Part(BatchEncoder encoder, int first, int limit)
    {
        var (count, size, least) = (0, 0, 0);
        for (var index = first; index < encoder.Count; index++)
        {
            var (whole, withoutBody) = encoder.Sizes(index);
            // Putting a body apart must make the event smaller to be of use.
            least += Math.Min(whole, withoutBody);
            if (least > limit && count > 0)
                break;
            size += whole;
            count++;
        }
        return (count, size);
    }

    /// <summary>Puts the longest bodies apart until the rest fits. They are durable before the events that refer to them.</summary>
    async ValueTask OverflowAsync(BatchEncoder encoder, StreamId stream, int first, int count, int excess, int limit, CancellationToken cancellationToken)
    {
        var apart = new List<int>();
        foreach (var index in Enumerable.Range(first, count).OrderByDescending(index => encoder.Data(index).Length))
        {
            var (whole, withoutBody) = encoder.Sizes(index);
            if (excess <= 0 || withoutBody >= whole)
                break;
            excess -= whole - withoutBody;
            apart.Add(index);
        }
        apart.Sort();
        var bodies = Stored($"bodies-{stream.Name}");
        var blocks = new BodyBlocks(limit);
        foreach (var index in apart)
            blocks.Add(index, encoder.Data(index), encoder.IsJson(index));
        foreach (var block in blocks.Complete())
        {
            // One body may take several events; each is an append of its own, and together they are consecutive only if nobody else writes, which the place of the first then tells.
            var from = -1L;
            foreach (var part in block.Parts)
            {
                var expected = from < 0 ? ExpectedRevision.Any : ExpectedRevision.Exactly(from);
                try
                {
                    from = (await _client.AppendToStreamAsync(bodies, expected, [part], cancellationToken).ConfigureAwait(false)).LastRevision;
                }
                catch (WrongExpectedRevisionException exception)
                {
                    // The append of the events themselves decides who of the two may write.
                    throw new StoreUnavailableException($"Another writer put a body into '{bodies}' between the parts of one: try again.", exception);
                }
                EventStoreDbTelemetry.OverflowBytes.Add(part.Data.Length);
            }
            foreach (var (index, offset, length) in block.Bodies)
                encoder.Place(index, new BodyPlace(bodies, from - block.Parts.Count + 1, block.Parts.Count, offset, length));
        }
    }

    /// <summary>How much of a batch the stream holds already from a revision to its end; <see langword="null"/> where it holds something else.</summary>
    async ValueTask<(int Count, WriteResult Last)?> FindAppendedAsync(BatchEncoder encoder, int first, StreamId stream, long from, long actual, CancellationToken cancellationToken)
    {
        var count = 0;
        StoredEvent? last = null;
        if (actual - from + 1 > encoder.Count - first)
            return null;
        await foreach (var message in _client.ReadStreamAsync(Stored(stream), from, backwards: false, actual - from + 1, cancellationToken).ConfigureAwait(false))
        {
            if (message.Event is not { } stored)
                continue;
            if (stored.Id != encoder[first + count].Id)
                return null;
            (last, count) = (stored, count + 1);
        }
        return last is null ? null : (count, new WriteResult(last.Revision, last.Position));
    }

    static async ValueTask<List<RecordedEvent>> DecodeAsync(EventDecoder decoder, List<ReadMessage> messages, bool backwards, CancellationToken cancellationToken)
    {
        // Patches lead forwards, whatever way the events are read.
        if (backwards)
            messages.Reverse();
        var events = new List<RecordedEvent>(messages.Count);
        foreach (var message in messages)
        {
            if (message.Event is { } stored && await decoder.DecodeAsync(stored, cancellationToken).ConfigureAwait(false) is { } recorded)
                events.Add(recorded);
        }
        if (backwards)
        {
            messages.Reverse();
            events.Reverse();
        }
        return events;
    }
}
