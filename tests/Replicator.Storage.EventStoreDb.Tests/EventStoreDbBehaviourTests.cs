using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.TestKit;
using Replicator.TestKit.EventStoreDb;
using Xunit;

namespace Replicator.Storage.EventStoreDb.Tests;

/// <summary>What a client of EventStoreDB must handle, each fault injected into a stand-in.</summary>
public sealed class EventStoreDbBehaviourTests : IAsyncLifetime
{
    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);
    static readonly StreamId Stream = new("c", Pods.GroupResource);

    readonly List<IAsyncDisposable> _open = [];

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        for (var index = _open.Count - 1; index >= 0; index--)
            await _open[index].DisposeAsync();
    }

    [Fact]
    public async Task Appends_of_many_streams_are_under_way_together_and_answered_in_any_order()
    {
        var (standIn, store) = await StartAsync();
        var streams = Enumerable.Range(0, 12).Select(index => new StreamId("c", new GroupResource("", $"things{index}"))).ToList();
        foreach (var stream in streams)
            await store.AppendAsync(stream, ExpectedRevision.NoStream, [Event("a", 1)], Cancel);
        standIn.Hold();
        var appends = streams.Select((stream, index) => store.AppendAsync(stream, ExpectedRevision.Exactly(0), [.. Enumerable.Range(2, index + 1).Select(version => Event("a", version))], Cancel).AsTask()).ToList();
        await Eventually.HoldsAsync(() => standIn.Log.Records.Count(record => record.Stream.StartsWith("k8s-", StringComparison.Ordinal) && record.Revision == 1) >= streams.Count, Cancel);
        Assert.All(appends, append => Assert.False(append.IsCompleted));
        // The last comes first.
        standIn.Release();
        var results = await Task.WhenAll(appends);
        Assert.Equal(Enumerable.Range(1, streams.Count).Select(count => (long)count), results.Select(result => result.LastRevision));
        Assert.Equal(streams.Count, standIn.MostAppendsAtOnce);
    }

    [Fact]
    public async Task A_server_without_BatchAppend_is_appended_to_singly()
    {
        var (standIn, store) = await StartAsync(new StandInOptions { BatchAppend = false, ServerFeatures = false });
        await store.AppendAsync(Stream, ExpectedRevision.NoStream, [Event("a", 1), Event("b", 2)], Cancel);
        var refused = await Assert.ThrowsAsync<WrongExpectedRevisionException>(async () => await store.AppendAsync(Stream, ExpectedRevision.NoStream, [Event("c", 3)], Cancel));
        Assert.Equal(1, refused.Actual);
        Assert.Contains("append singly k8s-c-pods 2", standIn.Requests);
        Assert.Equal(["a 1", "b 2"], await ReadAsync(store));
    }

    [Theory]
    [InlineData(StandInFault.BreakAfterWrite)]
    [InlineData(StandInFault.TimeoutAfterWrite)]
    [InlineData(StandInFault.Break)]
    [InlineData(StandInFault.Timeout)]
    [InlineData(StandInFault.NotReady)]
    [InlineData(StandInFault.TooBusy)]
    [InlineData(StandInFault.AccessDenied)]
    public async Task An_append_that_failed_is_repeated_without_being_doubled(StandInFault fault)
    {
        var (standIn, store) = await StartAsync();
        await store.AppendAsync(Stream, ExpectedRevision.NoStream, [Event("a", 1)], Cancel);
        standIn.Inject(fault);
        var batch = new[] { Event("a", 2), Event("b", 3) };
        var failed = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.AppendAsync(Stream, ExpectedRevision.Exactly(0), batch, Cancel));
        Assert.DoesNotContain('\n', failed.Message);
        standIn.TellsPositionOfRepeated = false;
        var result = await store.AppendAsync(Stream, ExpectedRevision.Exactly(0), batch, Cancel);
        Assert.Equal((2, await store.GetHeadAsync(Cancel)), (result.LastRevision, result.LastPosition));
        Assert.Equal(["a 1", "a 2", "b 3"], await ReadAsync(store));
    }

    [Fact]
    public async Task An_append_that_is_never_answered_fails_at_its_deadline()
    {
        var standIn = await StandInAsync(new StandInOptions());
        var store = Open(standIn.ConnectionString + "&defaultDeadline=300&gossipTimeout=600&keepAliveInterval=-1");
        standIn.Inject(StandInFault.Silence);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.AppendAsync(Stream, ExpectedRevision.NoStream, [Event("a", 1)], Cancel));
    }

    [Fact]
    public async Task Two_collectors_that_propose_one_change_do_not_both_believe_to_have_recorded_it()
    {
        // The same id, but observed at another time, so that what follows would be chained to another hash.
        var (_, store) = await StartAsync();
        await store.AppendAsync(Stream, ExpectedRevision.NoStream, [Event("a", 1, hash: 1)], Cancel);
        await Assert.ThrowsAsync<WrongExpectedRevisionException>(async () => await store.AppendAsync(Stream, ExpectedRevision.NoStream, [Event("a", 1, hash: 2)], Cancel));
    }

    [Fact]
    public async Task A_node_that_does_not_lead_sends_its_client_to_the_leader()
    {
        var cluster = new StandInCluster();
        var (first, second) = (await StandInAsync(new StandInOptions { Cluster = cluster }), await StandInAsync(new StandInOptions { Cluster = cluster }));
        cluster.Leader = second;
        var store = Open(first.ConnectionString + TestServer.Patient);
        await store.AppendAsync(Stream, ExpectedRevision.NoStream, [Event("a", 1)], Cancel);
        Assert.DoesNotContain(first.Requests, request => request.StartsWith("append", StringComparison.Ordinal));
        Assert.Equal("true", second.LastHeaders["requires-leader"]);
        cluster.Leader = first;
        await store.AppendAsync(Stream, ExpectedRevision.Exactly(0), [Event("a", 2)], Cancel);
        Assert.Contains("append k8s-c-pods 1", first.Requests);
        Assert.Equal(["a 1", "a 2"], await ReadAsync(store));
    }

    [Fact]
    public async Task When_the_leader_dies_the_next_one_is_found_by_gossip_and_a_subscription_goes_on_there()
    {
        var cluster = new StandInCluster();
        var nodes = new List<EventStoreDbStandIn>();
        for (var index = 0; index < 3; index++)
            nodes.Add(await StandInAsync(new StandInOptions { Cluster = cluster }));
        var store = Open($"esdb+discover://{string.Join(',', nodes.Select(node => $"127.0.0.1:{node.Port}"))}?tls=false&discoveryInterval=20&maxDiscoverAttempts=-1{TestServer.Patient}");
        await store.AppendAsync(Stream, ExpectedRevision.NoStream, [Event("a", 1)], Cancel);
        await using var follower = store.SubscribeAsync(0, new ReadOptions(), Cancel).GetAsyncEnumerator(Cancel);
        var seen = new List<string>();
        await FollowAsync(follower, seen, 1);
        for (var version = 2; version <= 4; version++)
        {
            var dying = cluster.Leader!;
            cluster.Leader = null;
            await dying.StopAsync();
            cluster.Leader = nodes.First(node => node != dying);
            await PersistAsync(async () => await store.AppendAsync(Stream, ExpectedRevision.Exactly(version - 2), [Event("a", version)], Cancel));
            await FollowAsync(follower, seen, version);
            await dying.StartAsync();
        }
        Assert.Equal(["a 1", "a 2", "a 3", "a 4"], seen);
    }

    [Fact]
    public async Task A_dropped_subscription_resumes_after_what_it_delivered()
    {
        var (standIn, store) = await StartAsync();
        await store.AppendAsync(Stream, ExpectedRevision.NoStream, [Event("a", 1)], Cancel);
        await using var follower = store.SubscribeAsync(0, new ReadOptions(), Cancel).GetAsyncEnumerator(Cancel);
        var seen = new List<string>();
        for (var version = 1; version <= 4; version++)
        {
            await FollowAsync(follower, seen, version);
            standIn.DropCalls();
            await PersistAsync(async () => await store.AppendAsync(Stream, ExpectedRevision.Exactly(version - 1), [Event("a", version + 1)], Cancel));
        }
        await FollowAsync(follower, seen, 5);
        Assert.Equal(["a 1", "a 2", "a 3", "a 4", "a 5"], seen);
        Assert.True(standIn.Requests.Count(request => request.StartsWith("subscribe", StringComparison.Ordinal)) > 1);
    }

    [Fact]
    public async Task The_event_that_begins_where_a_checkpoint_ends_is_not_skipped()
    {
        var (standIn, store) = await StartAsync();
        // A checkpoint comes after 32 windows of 1,024 events, none of which is ours.
        for (var index = 0; index < 32 * 1024; index++)
            standIn.Log.AppendForeign("others", "Tick", "{}"u8.ToArray());
        long position;
        await using (var first = store.SubscribeAsync(0, new ReadOptions(), Cancel).GetAsyncEnumerator(Cancel))
        {
            Assert.True(await first.MoveNextAsync());
            Assert.Empty(first.Current.Events);
            position = first.Current.Position;
        }
        Assert.Equal(standIn.Log.Records[^1].End, position / 2);
        await standIn.StopAsync();
        await standIn.StartAsync();
        standIn.Log.AppendForeign("others", "Tick", "{}"u8.ToArray());
        await PersistAsync(async () => await store.AppendAsync(Stream, ExpectedRevision.NoStream, [Event("a", 1)], Cancel));
        await using var second = store.SubscribeAsync(position, new ReadOptions(), Cancel).GetAsyncEnumerator(Cancel);
        var seen = new List<string>();
        await FollowAsync(second, seen, 1);
        Assert.Equal(["a 1"], seen);
        Assert.Contains($"subscribe {position / 2}/0 k8s-", standIn.Requests);
    }

    [Fact]
    public async Task Events_are_json_that_a_person_can_read()
    {
        var (standIn, store) = await StartAsync();
        await store.AppendAsync(
            Stream, ExpectedRevision.NoStream,
            [
                Event("a", 1, """{"metadata":{"labels":{"app":"shop","tier":"web"},"name":"a"},"spec":{"replicas":1}}"""),
                Event("a", 2, """{"metadata":{"labels":{"app":"shop","tier":"web"},"name":"a"},"spec":{"replicas":2}}""", type: EventType.ObjectModified),
            ],
            Cancel);
        var (whole, patch) = (standIn.Log.Records[^2], standIn.Log.Records[^1]);
        Assert.Equal(("ObjectAdded", "application/json", """{"metadata":{"labels":{"app":"shop","tier":"web"},"name":"a"},"spec":{"replicas":1}}"""), (whole.Type, whole.ContentType, Text(whole.Data)));
        Assert.Equal(("ObjectModified", "application/json", """[{"op":"replace","path":"/spec/replicas","value":2}]"""), (patch.Type, patch.ContentType, Text(patch.Data)));
        Assert.Contains("\"observedAt\":\"2026-01-01T00:00:02.000000Z\",\"provenance\":\"watch\"", Text(patch.Metadata), StringComparison.Ordinal);
        Assert.Contains("\"body\":\"patch\",\"base\":0,\"depth\":1", Text(patch.Metadata), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reader_that_begins_in_the_middle_reads_what_patches_refer_to()
    {
        var (_, store) = await StartAsync();
        for (var version = 1; version <= 40; version++)
            await store.AppendAsync(Stream, ExpectedRevision.Exactly(version - 2), [Event("a", version, State(version), type: version == 1 ? EventType.ObjectAdded : EventType.ObjectModified)], Cancel);
        for (var from = 0; from < 40; from += 7)
        {
            await foreach (var page in store.ReadStreamAsync(Stream, from, backwards: false, new ReadOptions(MaxCount: 1), Cancel))
                Assert.Equal(State(from + 1), Text(page.Events[0].State));
        }
    }

    [Fact]
    public async Task A_batch_above_the_largest_append_is_there_whole_with_its_longest_bodies_apart()
    {
        var (standIn, store) = await StartAsync(new StandInOptions { MaxAppendSize = 64 * 1024 });
        var batch = Enumerable.Range(1, 60).Select(version => Event($"o{version}", version, $$"""{"text":"{{new string((char)('a' + version % 26), version * 100)}}"}""")).ToArray();
        var result = await store.AppendAsync(Stream, ExpectedRevision.NoStream, batch, Cancel);
        Assert.Equal(59, result.LastRevision);
        Assert.Equal(60, standIn.Log.Records.Count(record => record.Stream == Stream.Name));
        // Refused once at the size that was believed, then bodies first and the batch in one append.
        Assert.Equal(["append k8s-c-pods 60", "append k8s-c-pods 60"], standIn.Requests.Where(request => request.StartsWith("append k8s-", StringComparison.Ordinal)));
        var bodies = standIn.Log.Records.Where(record => record.Stream == "bodies-k8s-c-pods").ToList();
        Assert.NotEmpty(bodies);
        Assert.All(bodies, record => Assert.Equal("application/json", record.ContentType));
        var states = new List<string>();
        await foreach (var page in store.ReadAllAsync(0, new ReadOptions(), Cancel))
            states.AddRange(page.Events.Select(recorded => Text(recorded.State)));
        Assert.Equal(batch.Select(proposed => Text(proposed.State)), states);
    }

    [Fact]
    public async Task What_others_put_into_our_streams_is_left_out()
    {
        var (standIn, store) = await StartAsync();
        standIn.Log.AppendForeign("k8s-logs", "ObjectAdded", "{}"u8.ToArray(), "not json"u8.ToArray());
        standIn.Log.AppendForeign("k8s-logs", "Line", "{}"u8.ToArray());
        await store.AppendAsync(Stream, ExpectedRevision.NoStream, [Event("a", 1)], Cancel);
        Assert.Equal(["a 1"], await ReadAsync(store));
    }

    [Fact]
    public async Task A_deleted_stream_is_named()
    {
        var (standIn, store) = await StartAsync();
        await store.AppendAsync(Stream, ExpectedRevision.NoStream, [Event("a", 1)], Cancel);
        standIn.Log.Tombstone(Stream.Name);
        var refused = await Assert.ThrowsAsync<StoreCorruptException>(async () => await store.AppendAsync(Stream, ExpectedRevision.Exactly(0), [Event("a", 2)], Cancel));
        Assert.Contains("k8s-c-pods", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_user_of_the_connection_string_is_shown_to_the_server_and_a_wrong_one_is_told()
    {
        var standIn = await StandInAsync(new StandInOptions { User = ("admin", "right") });
        var store = Open(standIn.ConnectionString + TestServer.Patient);
        await store.AppendAsync(Stream, ExpectedRevision.NoStream, [Event("a", 1)], Cancel);
        var wrong = Open((standIn.ConnectionString + TestServer.Patient).Replace("right", "wrong", StringComparison.Ordinal));
        var refused = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await wrong.GetHeadAsync(Cancel));
        Assert.Contains("user", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tls_trusts_the_authority_that_is_named_and_no_other()
    {
        using var folder = new TemporaryFolder();
        var standIn = await StandInAsync(new StandInOptions { Tls = true });
        var authority = folder.File("ca.pem");
        await File.WriteAllTextAsync(authority, standIn.CertificatePem!, Cancel);
        await Open($"{standIn.ConnectionString}&tlsCaFile={authority}{TestServer.Patient}").AppendAsync(Stream, ExpectedRevision.NoStream, [Event("a", 1)], Cancel);
        Assert.NotEqual(0, await Open($"{standIn.ConnectionString}&tlsVerifyCert=false{TestServer.Patient}").GetHeadAsync(Cancel));
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await Open($"{standIn.ConnectionString}&maxDiscoverAttempts=1{TestServer.Patient}").GetHeadAsync(Cancel));
    }

    [Fact]
    public async Task A_user_is_known_by_the_certificate_that_the_connection_string_names()
    {
        using var folder = new TemporaryFolder();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = new CertificateRequest("CN=replicator", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        await File.WriteAllTextAsync(folder.File("user.crt"), certificate.ExportCertificatePem(), Cancel);
        await File.WriteAllTextAsync(folder.File("user.key"), key.ExportPkcs8PrivateKeyPem(), Cancel);
        var standIn = await StandInAsync(new StandInOptions { Tls = true, UserCertificate = certificate.Thumbprint });
        var without = $"{standIn.ConnectionString}&tlsVerifyCert=false&maxDiscoverAttempts=1{TestServer.Patient}";
        await Open($"{without}&userCertFile={folder.File("user.crt")}&userKeyFile={folder.File("user.key")}").AppendAsync(Stream, ExpectedRevision.NoStream, [Event("a", 1)], Cancel);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await Open(without).GetHeadAsync(Cancel));
        await Assert.ThrowsAsync<FormatException>(() => Task.FromResult(Open($"{without}&userCertFile={folder.File("user.crt")}")));
    }

    [Fact]
    public async Task A_batch_whose_metadata_alone_exceeds_an_append_goes_in_parts_and_a_retry_completes_one_that_was_broken_off()
    {
        var (standIn, store) = await StartAsync(new StandInOptions { MaxAppendSize = 256 * 1024 });
        var batch = Enumerable.Range(1, 2_000).Select(version => Event($"o{version}", version, $$"""{"n":{{version}}}""")).ToArray();
        await store.AppendAsync(new StreamId("d", Pods.GroupResource), ExpectedRevision.NoStream, [Event("a", 1)], Cancel);
        // Refused once at the size that was believed; then the second part is not written.
        standIn.Inject(StandInFault.None, StandInFault.None, StandInFault.Timeout);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.AppendAsync(Stream, ExpectedRevision.NoStream, batch, Cancel));
        var begun = standIn.Log.Records.Count(record => record.Stream == Stream.Name);
        Assert.InRange(begun, 1, batch.Length - 1);
        Assert.Equal(1_999, (await store.AppendAsync(Stream, ExpectedRevision.NoStream, batch, Cancel)).LastRevision);
        Assert.Equal(batch.Select(proposed => $"{proposed.Metadata.Object.Name} {proposed.Metadata.ResourceVersion}").Prepend("a 1"), await ReadAsync(store));
    }

    async Task<EventStoreDbStandIn> StandInAsync(StandInOptions options)
    {
        var standIn = await EventStoreDbStandIn.StartAsync(options);
        _open.Add(standIn);
        return standIn;
    }

    EventStoreDbEventStore Open(string connectionString)
    {
        var store = EventStoreDbEventStore.Connect(connectionString);
        _open.Add(store);
        return store;
    }

    async Task<(EventStoreDbStandIn StandIn, EventStoreDbEventStore Store)> StartAsync(StandInOptions? options = null)
    {
        var standIn = await StandInAsync(options ?? new StandInOptions());
        return (standIn, Open(standIn.ConnectionString + TestServer.Patient));
    }

    static async Task FollowAsync(IAsyncEnumerator<EventPage> follower, List<string> seen, int count)
    {
        while (seen.Count < count)
        {
            Assert.True(await follower.MoveNextAsync());
            seen.AddRange(follower.Current.Events.Select(Show));
        }
    }

    static async Task<List<string>> ReadAsync(EventStoreDbEventStore store)
    {
        var read = new List<string>();
        await foreach (var page in store.ReadAllAsync(0, new ReadOptions(), Cancel))
            read.AddRange(page.Events.Select(Show));
        return read;
    }

    static async Task PersistAsync(Func<Task> append)
    {
        while (true)
        {
            try
            {
                await append();
                return;
            }
            catch (StoreUnavailableException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, Cancel);
            }
        }
    }

    static string Show(RecordedEvent recorded) => $"{recorded.Metadata.Object.Name} {recorded.Metadata.ResourceVersion}";

    static string Text(ReadOnlyMemory<byte> utf8) => Encoding.UTF8.GetString(utf8.Span);

    static string State(int version) => $$$"""{"metadata":{"labels":{"a":"1","b":"2","c":"3"},"name":"a","resourceVersion":"{{{version}}}"},"spec":{"image":"example/shop/web:1.0"}}""";

    static ProposedEvent Event(string name, int version, string state = "{}", byte hash = 0, EventType type = EventType.ObjectAdded) => new()
    {
        Id = EventId.ForObject("c", name, $"{version}", 0, type),
        Type = type,
        Metadata = new EventMetadata
        {
            Cluster = "c",
            Type = Pods,
            Object = new ObjectIdentity("default", name, $"uid-{name}"),
            ResourceVersion = $"{version}",
            ObservedAt = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddSeconds(version),
            Provenance = Provenance.Watch,
        },
        State = Encoding.UTF8.GetBytes(state),
        Hash = Enumerable.Repeat(hash, HashChain.HashLength).ToArray(),
    };
}
