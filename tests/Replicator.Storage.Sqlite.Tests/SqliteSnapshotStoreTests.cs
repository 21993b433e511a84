using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Projecting;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Core.Storage;
using Replicator.TestKit;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Storage.Sqlite.Tests;

public sealed class SqliteSnapshotStoreTests : SnapshotStoreConformance
{
    static readonly ResourceType Type = new("", "v1", "configmaps", "ConfigMap", Namespaced: true);

    readonly TemporaryFolder _folder = new();
    SqliteDataFolder? _data;

    protected override IEventStore Events => _data!.Events;

    protected override ISnapshotStore Snapshots => _data!.Snapshots;

    protected override async ValueTask OpenAsync() => _data = await SqliteDataFolder.OpenAsync(_folder.Path);

    protected override ValueTask CloseAsync() => _data!.DisposeAsync();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_folder_belongs_to_one_process_and_the_refusal_names_it()
    {
        _data!.Announce("http://127.0.0.1:7070");
        var refused = await Assert.ThrowsAsync<StoreUnavailableException>(() => SqliteDataFolder.OpenAsync(_folder.Path));
        Assert.Contains($"process {Environment.ProcessId}", refused.Message, StringComparison.Ordinal);
        Assert.Contains("http://127.0.0.1:7070", refused.Message, StringComparison.Ordinal);
        Assert.Equal(new DataFolderOwner(Environment.ProcessId, "http://127.0.0.1:7070"), DataFolder.FindOwner(_folder.Path));
        await CloseAsync();
        Assert.Null(DataFolder.FindOwner(_folder.Path));
        await OpenAsync();
    }

    [Fact]
    public async Task A_folder_that_cannot_be_made_is_named()
    {
        var file = _folder.File("file");
        await File.WriteAllTextAsync(file, "", Cancel);
        var refused = await Assert.ThrowsAsync<StoreUnavailableException>(() => SqliteDataFolder.OpenAsync(Path.Combine(file, "data")));
        Assert.Contains("--data", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_checkpoint_survives_and_moves_only_under_its_name()
    {
        await _data!.Checkpoints.WriteAsync("publisher", 42, Cancel);
        await CloseAsync();
        await OpenAsync();
        Assert.Equal(42, await _data.Checkpoints.ReadAsync("publisher", Cancel));
        Assert.Equal(0, await _data.Checkpoints.ReadAsync("other", Cancel));
    }

    [Fact]
    public async Task Snapshots_that_are_deleted_are_folded_again()
    {
        await CloseAsync();
        foreach (var file in Directory.EnumerateFiles(_folder.Path, "snapshots*"))
            File.Delete(file);
        await OpenAsync();
        Assert.Equal(0, await Snapshots.GetCheckpointAsync(Cancel));
    }

    [Fact]
    public async Task A_damaged_state_far_down_a_list_is_told_after_what_stands_before_it()
    {
        var query = await RecordManyAsync();
        var all = await List(query);
        await CloseAsync();
        using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={_folder.File("log.db")};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = $"UPDATE events SET body = x'00' WHERE object = (SELECT id FROM objects WHERE name = '{all[4000].Object.Name}' AND namespace = '{all[4000].Object.Namespace}')";
            Assert.Equal(1, command.ExecuteNonQuery());
        }
        await OpenAsync();
        var seen = new List<ObjectIdentity>();
        await Assert.ThrowsAsync<StoreCorruptException>(async () =>
        {
            await foreach (var one in Snapshots.ListAsync(query, Cancel))
                seen.Add(one.Object);
        });
        Assert.Equal(all.Take(seen.Count).Select(one => one.Object), seen);
        Assert.InRange(seen.Count, 4000 - 64, 4000);
    }

    [Fact]
    public async Task A_list_of_large_objects_is_read_a_few_at_a_time()
    {
        const int large = 1_500_000;
        var recorded = new Dictionary<string, byte[]>();
        using (var recorder = await StreamRecorder.OpenAsync(Events, "c", Type.GroupResource, new Redactor(new byte[RedactionKey.Length]), TimeProvider.System, Cancel))
        {
            var noise = new Random(7);
            for (var number = 0; number < 12; number++)
            {
                var text = $$$"""{"apiVersion":"v1","data":"{{{string.Concat(Enumerable.Range(0, large).Select(_ => (char)noise.Next('a', 'z')))}}}","kind":"ConfigMap","metadata":{"name":"a-{{{number:D2}}}","namespace":"shop","resourceVersion":"{{{number + 1}}}","uid":"uid-{{{number}}}"}}""";
                recorded.Add($"a-{number:D2}", System.Text.Encoding.UTF8.GetBytes(text));
                await recorder.HandleAsync([new Delta { Kind = DeltaKind.Added, ResourceVersion = $"{number + 1}", ObservedAt = DateTimeOffset.UnixEpoch, Provenance = Provenance.Watch, Type = Type, Object = recorded[$"a-{number:D2}"] }], Cancel);
            }
        }
        using var projector = new Projector(Events, Snapshots);
        await projector.CatchUpAsync(Cancel);
        var most = 0;
        var names = new List<string>();
        await foreach (var one in Snapshots.ListAsync(new ObjectQuery { Cluster = "c", Type = Type.GroupResource, Cut = Cut.Now }, Cancel))
        {
            names.Add(one.Object.Name);
            Assert.True(one.State.Span.SequenceEqual(recorded[one.Object.Name]));
            Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(one.State, out var segment));
            most = Math.Max(most, segment.Offset + segment.Count);
        }
        Assert.Equal(recorded.Keys, names);
        Assert.InRange(most, 2 * large, 4 * large);
    }
}
