using System.Text;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Core.Storage;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Core.Tests.Recording;

/// <summary>A restored etcd, and watches that lose changes: what the recorder does where versions or changes do not follow from one another.</summary>
public sealed class EpochTests
{
    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);
    static readonly DateTimeOffset Start = new(2026, 1, 1, 3, 0, 0, TimeSpan.Zero);

    readonly InMemoryEventStore _store = new();
    int _second;

    [Fact]
    public async Task A_gap_that_starts_an_epoch_bears_its_number_and_ends_the_last_one_at_its_last_version()
    {
        using var recorder = await Synced();
        await recorder.HandleAsync([Watch(DeltaKind.Modified, "a", "u1", "1000"), Restored()], Cancel);

        var gap = _store.Log[^1].Metadata;
        Assert.Equal((1, "1000"), (gap.Epoch, gap.GapFrom));
        Assert.Equal(_store.Log[^2].Metadata.ObservedAt, gap.GapFromTime);
        Assert.All(_store.Log.SkipLast(1), recorded => Assert.Equal(0, recorded.Metadata.Epoch));
        Assert.Null(recorder.ResumeVersion);
        Assert.Null(recorder.RecordedVersion);
    }

    [Fact]
    public async Task Everything_that_the_first_list_of_an_epoch_finds_is_recorded_whatever_its_version_is()
    {
        using var recorder = await Synced();
        await recorder.HandleAsync([Watch(DeltaKind.Modified, "a", "u1", "1000"), Restored(), List(), Listed("a", "u1", "5"), Listed("b", "u2", "3"), Listed("d", "u4", "7"), ListedAll("8")], Cancel);

        // Within one epoch the older 'a' would be ignored, and 'b' as known; here the numbers are of another count.
        Assert.Equal(["SyncStarted", "ObjectModified a 5", "ObjectModified b 3", "ObjectAdded d 7", "ObjectDeleted c 8", "SyncCompleted"], Shown().Skip(8));
        Assert.All(_store.Log.Skip(8), recorded => Assert.Equal(1, recorded.Metadata.Epoch));
        Assert.All(_store.Log.Skip(9).Take(4), recorded => Assert.Equal(Provenance.Relist, recorded.Metadata.Provenance));
        Assert.Equal("8", recorder.ResumeVersion);
        Assert.Null((await LogVerifier.VerifyAsync(_store, null, Cancel)).Problem);
    }

    [Fact]
    public async Task The_same_version_in_another_epoch_is_another_event()
    {
        using var recorder = await Synced();
        await recorder.HandleAsync([Watch(DeltaKind.Modified, "a", "u1", "10"), Restored(), List(), Listed("a", "u1", "5"), ListedAll("9"), Watch(DeltaKind.Modified, "a", "u1", "10")], Cancel);

        var twice = _store.Log.Where(recorded => recorded.Metadata is { Object.Name: "a", ResourceVersion: "10" }).ToList();
        Assert.Equal([0, 1], twice.Select(recorded => recorded.Metadata.Epoch));
        Assert.Equal(_store.Log.Count, _store.Log.Select(recorded => recorded.Id).Distinct().Count());
        Assert.Equal(0, recorder.Duplicates);
    }

    [Fact]
    public async Task A_restart_goes_on_in_the_epoch_in_which_the_log_ends()
    {
        using (var recorder = await Synced())
            await recorder.HandleAsync([Watch(DeltaKind.Modified, "a", "u1", "1000"), Restored()], Cancel);
        using (var reopened = await Open())
        {
            Assert.Null(reopened.ResumeVersion);
            Assert.Null(reopened.RecordedVersion);
            await reopened.HandleAsync([List(), Listed("a", "u1", "5"), Listed("b", "u2", "3"), ListedAll("9")], Cancel);
        }
        using (var again = await Open())
        {
            Assert.Equal("9", again.ResumeVersion);
            await again.HandleAsync([Watch(DeltaKind.Modified, "a", "u1", "10"), Watch(DeltaKind.Modified, "a", "u1", "10")], Cancel);
            Assert.Equal(1, again.Duplicates);
        }
        Assert.Equal(("ObjectModified a 10", 1), (Shown()[^1], _store.Log[^1].Metadata.Epoch));
        Assert.Null((await LogVerifier.VerifyAsync(_store, null, Cancel)).Problem);
    }

    [Fact]
    public async Task A_list_older_than_what_is_recorded_is_not_applied()
    {
        using var recorder = await Synced();
        await recorder.HandleAsync([Watch(DeltaKind.Added, "d", "u4", "20"), Gap("cut"), List(), Listed("a", "u1", "5"), ListedAll("15")], Cancel);

        Assert.True(recorder.NeedsList);
        Assert.Null(recorder.ResumeVersion);
        Assert.DoesNotContain(_store.Log, recorded => recorded.Type == EventType.ObjectDeleted);
        await recorder.HandleAsync([List(), Listed("a", "u1", "5"), Listed("d", "u4", "20"), ListedAll("21")], Cancel);
        Assert.False(recorder.NeedsList);
        Assert.Equal(["ObjectDeleted b 21", "ObjectDeleted c 21", "SyncCompleted"], Shown().TakeLast(3));
    }

    [Theory]
    [InlineData(DeltaKind.Modified, "x", "u9", "ObjectAdded x 12", "modified, and the log knows of no such object")]
    [InlineData(DeltaKind.Deleted, "x", "u9", "ObjectDeleted x 12", "deleted, and the log knows of no such object")]
    [InlineData(DeltaKind.Added, "a", "u9", "ObjectAdded a 12", "another object than the one with uid u1, whose deletion was never sent")]
    public async Task A_change_that_does_not_follow_from_the_log_confesses_a_gap_and_asks_for_a_list(DeltaKind kind, string name, string uid, string recorded, string reason)
    {
        using var recorder = await Synced();
        await recorder.HandleAsync([At(DeltaKind.Bookmark, "11"), Watch(kind, name, uid, "12")], Cancel);

        var gap = Assert.Single(_store.Log.Skip(6), one => one.Type == EventType.GapObserved).Metadata;
        Assert.Equal("11", gap.GapFrom);
        Assert.Contains(reason, gap.Reason, StringComparison.Ordinal);
        Assert.Equal(recorded, Shown()[^1]);
        Assert.True(recorder.NeedsList);
        Assert.Null(recorder.ResumeVersion);
        using var reopened = await Open();
        Assert.Null(reopened.ResumeVersion);
    }

    [Fact]
    public async Task A_bookmark_that_is_late_turns_nothing_back()
    {
        using var recorder = await Synced();
        await recorder.HandleAsync([Watch(DeltaKind.Modified, "a", "u1", "20"), At(DeltaKind.Bookmark, "15") with { ObservedAt = Start.AddHours(1) }], Cancel);
        Assert.Equal("20", recorder.ResumeVersion);
        Assert.Equal("ObjectModified a 20", Shown()[^1]);
    }

    [Fact]
    public async Task A_gap_begins_at_the_last_bookmark_even_where_that_was_not_worth_an_event()
    {
        using var recorder = await Synced();
        var bookmark = At(DeltaKind.Bookmark, "30");
        await recorder.HandleAsync([bookmark, Gap("410 Gone")], Cancel);
        Assert.Equal(("30", bookmark.ObservedAt), (_store.Log[^1].Metadata.GapFrom, _store.Log[^1].Metadata.GapFromTime));
    }

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    Task<StreamRecorder> Open() => StreamRecorder.OpenAsync(_store, "test", Pods.GroupResource, new Redactor(new byte[RedactionKey.Length]), TimeProvider.System, Cancel);

    async Task<StreamRecorder> Synced()
    {
        var recorder = await Open();
        await recorder.HandleAsync([List(), Listed("a", "u1", "5"), Listed("b", "u2", "3"), Listed("c", "u3", "4"), ListedAll("9")], Cancel);
        return recorder;
    }

    List<string> Shown() => [.. _store.Log.Select(recorded =>
        recorded.Metadata.Object.Name.Length == 0 ? $"{recorded.Type}" : $"{recorded.Type} {recorded.Metadata.Object.Name} {recorded.Metadata.ResourceVersion}")];

    Delta At(DeltaKind kind, string version, string json = "") => new()
    {
        Kind = kind,
        ResourceVersion = version,
        ObservedAt = Start.AddSeconds(_second++),
        Provenance = kind is DeltaKind.Listed or DeltaKind.ListStarted or DeltaKind.ListCompleted ? Provenance.List : Provenance.Watch,
        Type = Pods,
        Object = Encoding.UTF8.GetBytes(json),
    };

    static string Pod(string name, string uid, string version) =>
        $$$"""{"kind":"Pod","apiVersion":"v1","metadata":{"name":"{{{name}}}","namespace":"shop","uid":"{{{uid}}}","resourceVersion":"{{{version}}}"}}""";

    Delta List() => At(DeltaKind.ListStarted, "");
    Delta Listed(string name, string uid, string version) => At(DeltaKind.Listed, version, Pod(name, uid, version));
    Delta ListedAll(string version) => At(DeltaKind.ListCompleted, version);
    Delta Gap(string reason) => At(DeltaKind.Gap, "") with { Reason = reason };
    Delta Restored() => Gap("restored from a backup") with { StartsEpoch = true };
    Delta Watch(DeltaKind kind, string name, string uid, string version) => At(kind, version, Pod(name, uid, version));
}
