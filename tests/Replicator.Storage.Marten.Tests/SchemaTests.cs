using System.Text;
using JasperFx;
using Npgsql;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.Storage.Marten.Log;
using Replicator.Storage.Marten.Postgres;
using Xunit;

namespace Replicator.Storage.Marten.Tests;

/// <summary>The schema, who may do what with it, and what a person finds in it.</summary>
public sealed class SchemaTests(PostgresDatabases databases) : IClassFixture<PostgresDatabases>
{
    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_stores_run_as_a_role_that_may_change_rows_and_nothing_else()
    {
        var name = await databases.CreateAsync(isEmpty: true);
        await using var admin = NpgsqlDataSource.Create(databases.Server.ConnectionString(name));
        await Execute(admin, "CREATE ROLE runtime LOGIN");
        await MartenStores.MigrateAsync(databases.Server.ConnectionString(name), cancellationToken: Cancel);
        var connectionString = databases.Server.ConnectionString(name, "runtime");
        await using (var refused = MartenStores.Connect(connectionString))
        {
            var told = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await refused.Events.GetHeadAsync(Cancel));
            Assert.Contains("replicator migrate --grant-to runtime", told.Message, StringComparison.Ordinal);
        }

        await MartenStores.MigrateAsync(databases.Server.ConnectionString(name), new MartenMigrationOptions { GrantTo = "runtime" }, Cancel);
        await using (var stores = MartenStores.Connect(connectionString))
        {
            await Append(stores, 0, """{"n":1}""");
            await foreach (var page in stores.Events.SubscribeAsync(0, new ReadOptions(), Cancel))
            {
                using (page)
                    Assert.Single(page.Events);
                break;
            }
            await stores.Checkpoints.WriteAsync("publisher", 7, Cancel);
            await stores.Checkpoints.WriteAsync("publisher", 8, Cancel);
            Assert.Equal((8L, 0L), (await stores.Checkpoints.ReadAsync("publisher", Cancel), await stores.Checkpoints.ReadAsync("other", Cancel)));
        }
        await using var runtime = NpgsqlDataSource.Create(connectionString);
        foreach (var ddl in (string[])["CREATE TABLE replicator.x (y int)", "DROP TABLE replicator.mt_events", "ALTER TABLE replicator.mt_events ADD COLUMN x int", "CREATE SCHEMA x"])
            Assert.Equal("42501", (await Assert.ThrowsAsync<PostgresException>(() => Execute(runtime, ddl))).SqlState);
    }

    [Fact]
    public async Task A_database_without_the_schema_says_which_command_makes_it_and_the_command_may_be_repeated()
    {
        var connectionString = databases.Server.ConnectionString(await databases.CreateAsync(isEmpty: true));
        await using var stores = MartenStores.Connect(connectionString);
        var told = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await Append(stores, 0, "{}"));
        Assert.Contains("replicator migrate", told.Message, StringComparison.Ordinal);

        // At once and again, with events in it.
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => MartenStores.MigrateAsync(connectionString, cancellationToken: Cancel)));
        await Append(stores, 0, """{"n":1}""");
        await MartenStores.MigrateAsync(connectionString, cancellationToken: Cancel);
        await Append(stores, 1, """{"n":2}""");
        Assert.Equal(2, (await stores.Events.ListStreamsAsync("k8s-", Cancel)).Single().LastRevision + 1);
    }

    [Fact]
    public async Task A_schema_of_another_version_is_refused_by_its_number()
    {
        var connectionString = databases.Server.ConnectionString(await databases.CreateAsync());
        await using var admin = NpgsqlDataSource.Create(connectionString);
        await Execute(admin, "UPDATE replicator.replicator_schema SET version = 999");
        await using var stores = MartenStores.Connect(connectionString);
        var told = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await stores.Events.GetHeadAsync(Cancel));
        Assert.Contains("format 999", told.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_logs_in_one_database_do_not_meet()
    {
        var connectionString = databases.Server.ConnectionString(await databases.CreateAsync());
        await MartenStores.MigrateAsync(connectionString, new MartenMigrationOptions { Schema = "second" }, Cancel);
        await using var first = MartenStores.Connect(connectionString);
        await using var second = MartenStores.Connect(connectionString, new MartenStoreOptions { Schema = "second" });
        await Append(first, 0, "{}");
        Assert.Equal(0, await second.Events.GetHeadAsync(Cancel));
        await Append(second, 0, "{}");
        Assert.Single(await first.Events.ListStreamsAsync("", Cancel));
    }

    [Fact]
    public async Task A_person_reads_objects_and_patches_in_the_store_and_so_does_Marten()
    {
        var connectionString = databases.Server.ConnectionString(await databases.CreateAsync());
        await using var stores = MartenStores.Connect(connectionString);
        var padding = new string('x', 500);
        for (var revision = 0; revision < 40; revision++)
            await Append(stores, revision, $$$"""{"padding":"{{{padding}}}","spec":{"replicas":{{{revision}}}}}""");
        await Append(stores, 40, """{"n":1e21}""");
        await using var admin = NpgsqlDataSource.Create(connectionString);
        Assert.Equal("0", await Scalar(admin, "SELECT data #>> '{object,spec,replicas}' FROM replicator.mt_events WHERE version = 1"));
        Assert.Equal("""[{"op": "replace", "path": "/spec/replicas", "value": 1}]""", await Scalar(admin, "SELECT (data -> 'patch')::text FROM replicator.mt_events WHERE version = 2"));
        Assert.Equal("object_modified", await Scalar(admin, "SELECT type FROM replicator.mt_events WHERE version = 2"));
        Assert.Equal("a", await Scalar(admin, "SELECT headers ->> 'name' FROM replicator.mt_events WHERE version = 2"));
        // A keyframe at least every 33 events, so that no event is far from one.
        Assert.Equal("1,34,41", await Scalar(admin, "SELECT string_agg(version::text, ',' ORDER BY version) FROM replicator.mt_events WHERE NOT data ? 'patch'"));
        Assert.Equal("""{"n":1e21}""", await Scalar(admin, "SELECT data ->> 'objectText' FROM replicator.mt_events WHERE version = 41"));

        await using var database = new Database(connectionString, new MartenStoreOptions());
        using var marten = MartenLog.CreateStore(database, AutoCreate.None);
        await using var session = marten.QuerySession();
        var events = await session.Events.FetchStreamAsync("k8s-c-pods", token: Cancel);
        Assert.Equal(41, events.Count);
        Assert.Contains("/spec/replicas", Encoding.UTF8.GetString(Assert.IsType<ObjectModified>(events[1].Data).Json.Span), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_was_altered_is_not_delivered()
    {
        var connectionString = databases.Server.ConnectionString(await databases.CreateAsync());
        await using var stores = MartenStores.Connect(connectionString);
        await Append(stores, 0, """{"text":"a text"}""");
        await using var admin = NpgsqlDataSource.Create(connectionString);
        await Execute(admin, """UPDATE replicator.mt_events SET data = '{"object": {"text": "another text"}}'""");
        var damaged = await Assert.ThrowsAsync<StoreCorruptException>(async () =>
        {
            await foreach (var page in stores.Events.ReadAllAsync(0, new ReadOptions(), Cancel))
                page.Dispose();
        });
        Assert.Contains("event 0 of stream 'k8s-c-pods'", damaged.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("Port=5432")]
    [InlineData("Host=h;NoSuchKey=1")]
    public void A_connection_string_that_is_none_is_refused_with_an_example(string connectionString) =>
        Assert.Contains("Host=...", Assert.Throws<ArgumentException>(() => MartenStores.Connect(connectionString)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_schema_name_that_needs_quotes_is_refused() =>
        Assert.Contains("'My Schema'", Assert.Throws<ArgumentException>(() => MartenStores.Connect("Host=h", new MartenStoreOptions { Schema = "My Schema" })).Message, StringComparison.Ordinal);

    static async Task Append(MartenStores stores, long revision, string state) =>
        await stores.Events.AppendAsync(new StreamId("c", Pods.GroupResource), ExpectedRevision.Exactly(revision - 1), [new ProposedEvent
        {
            Id = EventId.ForObject("c", "uid", $"{revision + 1}", 0, EventType.ObjectModified),
            Type = EventType.ObjectModified,
            Metadata = new EventMetadata { Cluster = "c", Type = Pods, Object = new("default", "a", "uid"), ResourceVersion = $"{revision + 1}", ObservedAt = DateTimeOffset.UnixEpoch, Provenance = Provenance.Watch },
            State = Encoding.UTF8.GetBytes(state),
            Hash = new byte[HashChain.HashLength],
        }], Cancel);

    static async Task Execute(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    static async Task<string?> Scalar(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync(Cancel) as string;
    }
}
