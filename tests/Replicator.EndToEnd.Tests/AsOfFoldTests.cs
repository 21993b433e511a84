using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Projecting;
using Replicator.Core.Recordings;
using Replicator.Core.Redaction;
using Replicator.Core.Storage;
using Replicator.Storage.Marten;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using Replicator.TestKit.Servers;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>As-of is exact: at any resource version, every type is what a fold of the recording makes it.</summary>
public sealed class AsOfFoldTests
{
    const int Versions = 200;

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task As_of_at_200_random_resource_versions_equals_a_fold_of_the_recording_for_all_types_on_sqlite()
    {
        using var folder = new TemporaryFolder();
        await using var data = await SqliteDataFolder.OpenAsync(folder.Path);
        await HoldsAsync(data.Events, data.Snapshots);
    }

    [Fact]
    public async Task As_of_at_200_random_resource_versions_equals_a_fold_of_the_recording_for_all_types_on_marten()
    {
        await using var server = new PostgresServer(syncs: false);
        await server.InitializeAsync();
        server.Require();
        await server.CreateDatabaseAsync("fold");
        await MartenStores.MigrateAsync(server.ConnectionString("fold"), cancellationToken: Cancel);
        await using var stores = MartenStores.Connect(server.ConnectionString("fold"));
        await HoldsAsync(stores.Events, stores.Snapshots);
    }

    static async Task HoldsAsync(IEventStore events, ISnapshotStore snapshots)
    {
        await RecordingImport.RunAsync(Core.Recordings.Recording.Open(TestRecordings.Shop), events, "shop", new Redactor(new byte[RedactionKey.Length]), TimeProvider.System, null, Cancel);
        using (var projector = new Projector(events, snapshots))
            await projector.CatchUpAsync(Cancel);

        var types = RecordedShop.ReadChanges().GroupBy(change => change.Stream).Select(changes => new FoldedType([.. changes])).ToList();
        var last = types.Max(type => type.Changes.Max(change => change.Version));
        var seed = Random.Shared.Next();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var (compared, first) = (0L, types.Min(type => type.Begins));
        foreach (var version in Enumerable.Range(0, Versions).Select(_ => random.NextInt64(first, last + 1)).Order())
        {
            foreach (var type in types)
            {
                // Before its first list, a type is not all there.
                if (version < type.Begins)
                    continue;
                var expected = type.FoldTo(version);
                var actual = new Dictionary<string, byte[]>();
                await foreach (var item in snapshots.ListAsync(new ObjectQuery { Cluster = "shop", Type = type.Type, Cut = Cut.AtResourceVersion($"{version}") }, Cancel))
                    actual[$"{item.Object.Namespace}/{item.Object.Name}"] = type.HasComparableStates ? item.State.ToArray() : System.Text.Encoding.UTF8.GetBytes(item.ResourceVersion);
                Assert.True(expected.Count == actual.Count, $"seed {seed}: {type.Type} at {version}: {string.Join(' ', expected.Keys.Except(actual.Keys))} missing, {string.Join(' ', actual.Keys.Except(expected.Keys))} too many");
                foreach (var (key, state) in expected)
                {
                    Assert.True(actual.TryGetValue(key, out var found) && state.AsSpan().SequenceEqual(found), $"seed {seed}: {type.Type} {key} at {version} differs");
                    compared++;
                }
            }
        }
        Assert.True(compared > Versions * 50, $"{compared} objects compared");
    }

    /// <summary>A type as the recording has it, folded forwards.</summary>
    sealed class FoldedType(List<RecordedChange> changes)
    {
        readonly Dictionary<string, byte[]> _state = [];
        int _next;

        public IReadOnlyList<RecordedChange> Changes => changes;

        public GroupResource Type { get; } = new(changes[0].Group, changes[0].Resource);

        /// <summary>The version of the first list.</summary>
        public long Begins { get; } = RecordedShop.FirstList(changes[0].Group, changes[0].Resource);

        // The values of secrets are not recorded, and an object is the same in another version of its type.
        public bool HasComparableStates => Type.Resource != "secrets" && changes[0].Stream != RecordedShop.Interrupted;

        public IReadOnlyDictionary<string, byte[]> FoldTo(long version)
        {
            for (; _next < changes.Count && changes[_next].Version <= version; _next++)
            {
                var change = changes[_next];
                if (change.Type == "DELETED")
                    _state.Remove(change.Object);
                else
                    _state[change.Object] = HasComparableStates ? CanonicalJson.ToArray(System.Text.Encoding.UTF8.GetBytes(change.Json.ToJsonString())) : System.Text.Encoding.UTF8.GetBytes(change.ResourceVersion);
            }
            return _state;
        }
    }
}
