using System.Net;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;
using Replicator.Informers.Queues;
using Replicator.TestKit;
using Xunit;

namespace Replicator.Informers.Tests.Queues;

/// <summary>Back-pressure by bytes over all types of a process: at the limit reading stops, nothing is dropped, nobody waits for ever.</summary>
public sealed class ByteBudgetTests
{
    const int Limit = 200_000;
    const int ReadSize = 64 * 1024;

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task At_the_limit_reading_stops_until_the_sink_has_taken_something_and_nothing_is_dropped()
    {
        var budget = new ByteBudget(Limit);
        var (server, sinks) = (new Server(lines: 2000, lineBytes: 2000), new GatedSinks());
        await using var run = new Run(server, sinks, budget);
        // The sink has a first batch in hand and takes no more; the rest of four megabytes may not be read.
        await sinks.Entered("pods").WaitAsync(Token);
        await Eventually.HoldsAsync(() => budget.Waits > 0, Token);
        Assert.Equal(1, budget.Waits);
        Assert.InRange(budget.InUse, Limit, Limit + ReadSize);
        Assert.InRange(server.Sent("pods"), Limit, Limit + 2 * ReadSize);
        sinks.Open("pods");
        await sinks.HasAsync("pods", 2000);
        Assert.Equal(Enumerable.Range(1, 2000).Select(number => $"{number}"), sinks.Versions("pods"));
    }

    [Fact]
    public async Task An_object_that_is_larger_than_the_budget_comes_through()
    {
        var budget = new ByteBudget(1000);
        var (server, sinks) = (new Server(lines: 5, lineBytes: 3_000_000), new GatedSinks());
        sinks.Open("pods");
        await using var run = new Run(server, sinks, budget);
        await sinks.HasAsync("pods", 5);
        Assert.Equal(["1", "2", "3", "4", "5"], sinks.Versions("pods"));
    }

    [Fact]
    public async Task A_paged_list_larger_than_the_budget_comes_through()
    {
        var budget = new ByteBudget(1000);
        var (server, sinks) = (new Server(lines: 300, lineBytes: 10_000), new GatedSinks());
        sinks.Open("pods");
        await using var run = new Run(server, sinks, budget, listFirst: true);
        await sinks.HasAsync("pods", 300);
        Assert.Equal(300, sinks.Versions("pods").Count);
    }

    [Fact]
    public async Task A_sink_that_takes_nothing_holds_up_no_other_type()
    {
        var budget = new ByteBudget(Limit);
        var (server, sinks) = (new Server(lines: 1000, lineBytes: 2000), new GatedSinks());
        await using var stuck = new Run(server, sinks, budget, resource: "pods");
        await Eventually.HoldsAsync(() => budget.Waits > 0, Token);
        sinks.Open("nodes");
        await using var other = new Run(server, sinks, budget, resource: "nodes");
        await sinks.HasAsync("nodes", 1000);
        Assert.InRange(server.Sent("pods"), Limit, Limit + 2 * ReadSize);
        sinks.Open("pods");
        await sinks.HasAsync("pods", 1000);
    }

    [Fact]
    public async Task What_is_read_and_never_delivered_goes_back_to_the_budget_when_the_reflector_ends()
    {
        var budget = new ByteBudget(Limit);
        var (server, sinks) = (new Server(lines: 1000, lineBytes: 2000), new GatedSinks());
        await using (new Run(server, sinks, budget))
        {
            await Eventually.HoldsAsync(() => budget.Waits > 0, Token);
        }
        Assert.Equal(0, budget.InUse);
    }

    [Fact]
    public async Task A_queue_of_deltas_keeps_every_one_in_order_and_makes_who_adds_wait_at_the_limit()
    {
        var budget = new ByteBudget(10_000);
        using var queue = new DeltaQueue(budget);
        var adding = Task.Run(async () =>
        {
            for (var number = 1; number <= 500; number++)
                await queue.AddAsync([Delta(number, 1000)], Token);
            queue.Complete();
        }, Token);
        await Eventually.HoldsAsync(() => budget.Waits > 0, Token);
        Assert.InRange(budget.InUse, 10_000, 12_000);
        Assert.False(adding.IsCompleted);
        var versions = new List<string>();
        while (await queue.TakeAsync(Token) is { } batch)
        {
            using (batch)
            {
                Assert.All(batch.Deltas, delta => Assert.Equal($"{delta.ResourceVersion}{new string('x', 1000)}", Encoding.UTF8.GetString(delta.Object.Span)));
                versions.AddRange(batch.Deltas.Select(delta => delta.ResourceVersion));
            }
        }
        await adding;
        Assert.Equal(Enumerable.Range(1, 500).Select(number => $"{number}"), versions);
        Assert.Equal(0, budget.InUse);
    }

    [Fact]
    public async Task A_queue_before_a_sink_that_refuses_an_object_hands_the_refusal_to_the_reflector()
    {
        var budget = new ByteBudget(Limit);
        var refusing = new RefusingSinks();
        var factory = DeltaQueue.Before(refusing, budget);
        await using var sink = await factory.OpenAsync(Type("pods"), Token);
        await sink.HandleAsync([Delta(1, 10)], Token);
        await refusing.Refused.Task.WaitAsync(Token);
        await Assert.ThrowsAsync<FormatException>(async () =>
        {
            while (true)
            {
                await sink.HandleAsync([Delta(2, 10)], Token);
                await Task.Yield();
            }
        });
    }

    [Fact]
    public async Task A_queue_before_a_sink_loses_nothing_when_it_is_closed()
    {
        var budget = new ByteBudget(1000);
        var sinks = new GatedSinks();
        var factory = DeltaQueue.Before(sinks, budget);
        var sink = await factory.OpenAsync(Type("pods"), Token);
        await sink.HandleAsync([Delta(1, 500), Delta(2, 500)], Token);
        var closing = sink.DisposeAsync().AsTask();
        Assert.False(closing.IsCompleted);
        sinks.Open("pods");
        await closing;
        Assert.Equal(["1", "2"], sinks.Versions("pods"));
        Assert.Equal(0, budget.InUse);
    }

    static ResourceType Type(string resource) => new("", "v1", resource, "Any", Namespaced: true);

    static Delta Delta(int number, int length) => new()
    {
        Kind = DeltaKind.Modified,
        ResourceVersion = $"{number}",
        ObservedAt = DateTimeOffset.UnixEpoch,
        Provenance = Core.Events.Provenance.Watch,
        Type = Type("pods"),
        Object = Encoding.UTF8.GetBytes($"{number}{new string('x', length)}"),
    };

    /// <summary>A reflector at work.</summary>
    sealed class Run : IAsyncDisposable
    {
        readonly HttpClient _client;
        readonly CancellationTokenSource _stop = new();
        readonly Task _running;

        public Run(Server server, GatedSinks sinks, ByteBudget budget, string resource = "pods", bool listFirst = false)
        {
            _client = new HttpClient(server, disposeHandler: false) { BaseAddress = new Uri("http://server.invalid/") };
            sinks.ResumeVersion = listFirst ? null : "0";
            var reflector = new Reflector(_client, Type(resource), sinks, new ReflectorOptions { Budget = budget, StreamingLists = false }, new FakeTimeProvider());
            _running = Task.Run(() => reflector.RunAsync(_stop.Token));
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _running;
            _client.Dispose();
            _stop.Dispose();
        }
    }

    /// <summary>Answers a watch with so many lines of so many bytes and then silence, and a list with as many items; counts the bytes that were read of each type.</summary>
    sealed class Server(int lines, int lineBytes) : HttpMessageHandler
    {
        readonly Dictionary<string, CountingStream> _bodies = [];

        public long Sent(string resource)
        {
            lock (_bodies)
                return _bodies[resource].Sent;
        }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var isWatch = request.RequestUri!.Query.Contains("watch=true", StringComparison.Ordinal);
            // A reflector that resumes asks where the server stands.
            if (request.RequestUri.Query.EndsWith("limit=1", StringComparison.Ordinal))
                return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent("""{"metadata":{"resourceVersion":"9999"},"items":[]}""") });
            var objects = Enumerable.Range(1, lines).Select(number => $$"""{"metadata":{"name":"a-{{number}}","uid":"u","resourceVersion":"{{number}}"},"filler":"{{new string('x', lineBytes)}}"}""");
            // A watch after the list has nothing to say.
            var isAfterList = isWatch && !request.RequestUri.Query.Contains("resourceVersion=0&", StringComparison.Ordinal);
            var text = isAfterList ? [] : isWatch
                ? objects.Select(item => $$"""{"type":"MODIFIED","object":{{item}}}""" + "\n")
                : objects.Select((item, number) => (number == 0 ? """{"metadata":{"resourceVersion":"9999"},"items":[""" : ",") + item).Append("]}");
            var body = new CountingStream(text.Select(Encoding.UTF8.GetBytes), endless: isWatch);
            lock (_bodies)
                _bodies[request.RequestUri.Segments[^1]] = body;
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(body) });
        }
    }

    sealed class CountingStream(IEnumerable<byte[]> chunks, bool endless) : Stream
    {
        readonly IEnumerator<byte[]> _chunks = chunks.GetEnumerator();
        byte[] _chunk = [];
        int _at;
        long _sent;

        public long Sent => Interlocked.Read(ref _sent);

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            // As a socket: what is there, up to the room there is, after a moment.
            await Task.Yield();
            if (_at == _chunk.Length)
            {
                if (!_chunks.MoveNext())
                {
                    if (endless)
                        await Task.Delay(Timeout.Infinite, cancellationToken);
                    return 0;
                }
                (_chunk, _at) = (_chunks.Current, 0);
            }
            var count = Math.Min(buffer.Length, _chunk.Length - _at);
            _chunk.AsMemory(_at, count).CopyTo(buffer);
            _at += count;
            Interlocked.Add(ref _sent, count);
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }

    /// <summary>Sinks that take nothing until they are opened, and then everything.</summary>
    sealed class GatedSinks : IDeltaSinkFactory
    {
        readonly Dictionary<string, (TaskCompletionSource Entered, TaskCompletionSource Open, List<string> Versions)> _types = [];

        public string? ResumeVersion { get; set; }

        public Task Entered(string resource) => Get(resource).Entered.Task;

        public void Open(string resource) => Get(resource).Open.TrySetResult();

        public IReadOnlyList<string> Versions(string resource)
        {
            var versions = Get(resource).Versions;
            lock (versions)
                return [.. versions];
        }

        public Task HasAsync(string resource, int count) => Eventually.HoldsAsync(() => Versions(resource).Count >= count, Token);

        public ValueTask<IDeltaSink> OpenAsync(ResourceType type, CancellationToken cancellationToken) => new(new Sink(this, type.Resource));

        public ValueTask HandleDiscoveryAsync(DiscoverySnapshot snapshot, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        (TaskCompletionSource Entered, TaskCompletionSource Open, List<string> Versions) Get(string resource)
        {
            lock (_types)
            {
                if (!_types.TryGetValue(resource, out var found))
                    _types.Add(resource, found = (new(TaskCreationOptions.RunContinuationsAsynchronously), new(TaskCreationOptions.RunContinuationsAsynchronously), []));
                return found;
            }
        }

        sealed class Sink(GatedSinks sinks, string resource) : IDeltaSink
        {
            public string? ResumeVersion => sinks.ResumeVersion;

            public async ValueTask HandleAsync(IReadOnlyList<Delta> deltas, CancellationToken cancellationToken)
            {
                var (entered, open, versions) = sinks.Get(resource);
                entered.TrySetResult();
                await open.Task.WaitAsync(cancellationToken);
                lock (versions)
                    versions.AddRange(deltas.Where(delta => !delta.Object.IsEmpty).Select(delta => delta.ResourceVersion));
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }

    sealed class RefusingSinks : IDeltaSinkFactory
    {
        public TaskCompletionSource Refused { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ValueTask<IDeltaSink> OpenAsync(ResourceType type, CancellationToken cancellationToken) => new(new Sink(this));

        public ValueTask HandleDiscoveryAsync(DiscoverySnapshot snapshot, CancellationToken cancellationToken) => ValueTask.CompletedTask;

        sealed class Sink(RefusingSinks sinks) : IDeltaSink
        {
            public string? ResumeVersion => null;

            public ValueTask HandleAsync(IReadOnlyList<Delta> deltas, CancellationToken cancellationToken)
            {
                sinks.Refused.TrySetResult();
                throw new FormatException("The object has no metadata.name.");
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
