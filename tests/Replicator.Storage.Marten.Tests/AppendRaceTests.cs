using System.Text;
using Npgsql;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Xunit;

namespace Replicator.Storage.Marten.Tests;

/// <summary>The races by which readers of Marten's tables have skipped events: marten#4952 (a number drawn early, committed late) and marten#4964 (a read that starts at a hole).</summary>
public sealed class AppendRaceTests(PostgresDatabases databases) : IClassFixture<PostgresDatabases>
{
    const long Gate = 4952;

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_event_whose_insert_is_delayed_is_not_overtaken_by_what_commits_faster()
    {
        var connectionString = databases.Server.ConnectionString(await databases.CreateAsync());
        await using var admin = NpgsqlDataSource.Create(connectionString);
        // Marten's number is drawn before the row is inserted: just there the slow one waits.
        await Execute(admin, $"""
            CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.stream_id = 'k8s-slow-pods' THEN PERFORM pg_advisory_xact_lock_shared({Gate}); END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER wait_at_gate BEFORE INSERT ON replicator.mt_events FOR EACH ROW EXECUTE FUNCTION wait_at_gate();
            """);
        // Two processes that append.
        await using var slow = MartenStores.Connect(connectionString);
        await using var fast = MartenStores.Connect(connectionString);
        await Append(fast, "fast", 0);

        await using var gate = await admin.OpenConnectionAsync(Cancel);
        await Execute(gate, $"SELECT pg_advisory_lock({Gate})");
        var delayed = Append(slow, "slow", 0);
        await WaitingForLocks(admin, 1, delayed);
        var overtaking = Append(fast, "fast", 1);
        await WaitingForLocks(admin, 2, overtaking);

        // What a reader sees meanwhile ends before the number that is in flight.
        Assert.Equal(["k8s-fast-pods 0"], await Read(fast, 0));
        var head = await fast.Events.GetHeadAsync(Cancel);
        await Execute(gate, $"SELECT pg_advisory_unlock({Gate})");
        var (first, second) = (await delayed, await overtaking);
        Assert.True(head < first.LastPosition && first.LastPosition < second.LastPosition);
        Assert.Equal(["k8s-slow-pods 0", "k8s-fast-pods 1"], await Read(fast, head));
    }

    [Fact]
    public async Task A_number_that_was_drawn_for_nothing_stops_no_reader_and_hides_nothing()
    {
        var connectionString = databases.Server.ConnectionString(await databases.CreateAsync());
        await using var admin = NpgsqlDataSource.Create(connectionString);
        await Execute(admin, """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.stream_id = 'k8s-full-pods' THEN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON replicator.mt_events FOR EACH ROW EXECUTE FUNCTION refuse();
            """);
        await using var stores = MartenStores.Connect(connectionString);
        var before = (await Append(stores, "c", 0)).LastPosition;
        var full = await Assert.ThrowsAsync<StoreUnavailableException>(() => Append(stores, "full", 0));
        Assert.Contains("make room", full.Message, StringComparison.Ordinal);
        var after = (await Append(stores, "c", 1)).LastPosition;
        Assert.True(after > before + 1, "The test needs a hole between the two.");

        // From before the hole, from its edge, and from within it.
        for (var from = before - 1; from < after; from++)
        {
            Assert.Equal((string[])[.. from < before ? ["k8s-c-pods 0"] : Array.Empty<string>(), "k8s-c-pods 1"], await Read(stores, from));
            await foreach (var page in stores.Events.SubscribeAsync(Math.Max(from, before), new ReadOptions(), Cancel))
            {
                using (page)
                    Assert.Equal(after, Assert.Single(page.Events).Position);
                break;
            }
        }
        // With room again the same batch goes in at its place.
        await Execute(admin, "DROP TRIGGER refuse ON replicator.mt_events");
        await Append(stores, "full", 0);
        Assert.Equal(["k8s-c-pods 0", "k8s-c-pods 1", "k8s-full-pods 0"], await Read(stores, 0));
    }

    [Fact]
    public async Task A_follower_beside_writers_in_many_processes_sees_what_is_there_in_the_end()
    {
        const int processes = 4, batches = 40;
        var connectionString = databases.Server.ConnectionString(await databases.CreateAsync());
        await using var admin = NpgsqlDataSource.Create(connectionString);
        await Execute(admin, """
            CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(random() * 0.002); RETURN NEW; END $$;
            CREATE TRIGGER dawdle BEFORE INSERT ON replicator.mt_events FOR EACH ROW EXECUTE FUNCTION dawdle();
            """);
        await using var reading = MartenStores.Connect(connectionString);
        var writing = Task.WhenAll(Enumerable.Range(0, processes).Select(number => Task.Run(async () =>
        {
            await using var stores = MartenStores.Connect(connectionString);
            for (var revision = 0; revision < batches; revision++)
                await Append(stores, $"c{number}", revision);
        }, Cancel)));
        var seen = new List<string>();
        await foreach (var page in reading.Events.SubscribeAsync(0, new ReadOptions(), Cancel))
        {
            using (page)
                seen.AddRange(page.Events.Select(Name));
            if (seen.Count >= processes * batches)
                break;
        }
        await writing;
        Assert.Equal(await Read(reading, 0), seen);
        Assert.Equal(processes * batches, seen.Distinct().Count());
    }

    [Fact]
    public async Task Two_collectors_that_race_for_a_stream_leave_one_of_them_refused()
    {
        var connectionString = databases.Server.ConnectionString(await databases.CreateAsync());
        await using var first = MartenStores.Connect(connectionString);
        await using var second = MartenStores.Connect(connectionString);
        // Both start from the same place, as a collector and the one that is to replace it would.
        await Append(first, "c", 0);
        var refusals = 0;
        long revision = 1;
        for (var round = 0; round < 30; round++)
        {
            var outcomes = await Task.WhenAll(new[] { (Stores: first, Name: "a"), (Stores: second, Name: "b") }.Select(racer => Task.Run(async () =>
            {
                try
                {
                    await Append(racer.Stores, "c", revision, racer.Name);
                    return true;
                }
                catch (WrongExpectedRevisionException refused)
                {
                    Assert.Equal(revision, refused.Actual);
                    return false;
                }
            }, Cancel)));
            Assert.Single(outcomes, won => won);
            refusals++;
            revision++;
        }
        Assert.Equal(30, refusals);
        Assert.Equal(31, (await Read(first, 0)).Count);
    }

    static async Task<AppendResult> Append(MartenStores stores, string cluster, long revision, string name = "a")
    {
        var pods = new ResourceType("", "v1", "pods", "Pod", Namespaced: true);
        var metadata = new EventMetadata { Cluster = cluster, Type = pods, Object = new("default", name, name), ResourceVersion = $"{revision + 1}", ObservedAt = DateTimeOffset.UnixEpoch, Provenance = Provenance.Watch };
        return await stores.Events.AppendAsync(new StreamId(cluster, pods.GroupResource), ExpectedRevision.Exactly(revision - 1), [new ProposedEvent
        {
            Id = EventId.ForObject(cluster, name, metadata.ResourceVersion, 0, EventType.ObjectModified),
            Type = EventType.ObjectModified,
            Metadata = metadata,
            State = Encoding.UTF8.GetBytes($$"""{"n":{{revision}}}"""),
            Hash = new byte[HashChain.HashLength],
        }], Cancel);
    }

    static async Task<List<string>> Read(MartenStores stores, long after)
    {
        var names = new List<string>();
        await foreach (var page in stores.Events.ReadAllAsync(after, new ReadOptions(), Cancel))
        {
            using (page)
                names.AddRange(page.Events.Select(Name));
        }
        return names;
    }

    static string Name(RecordedEvent recorded) => $"{recorded.Stream} {recorded.Revision}";

    /// <summary>Waits until so many transactions of the database wait for an advisory lock; an append that got by without waiting has lost the race that the test is about.</summary>
    static async Task WaitingForLocks(NpgsqlDataSource admin, long count, Task append)
    {
        while (true)
        {
            await using var command = admin.CreateCommand("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");
            if ((long)(await command.ExecuteScalarAsync(Cancel))! >= count)
                return;
            if (append.IsCompleted)
                await append;
            Assert.False(append.IsCompleted, "The append did not wait for the one before it.");
        }
    }

    static async Task Execute(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    static async Task Execute(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Cancel);
    }
}
