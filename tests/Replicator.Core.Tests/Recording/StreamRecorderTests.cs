using System.Text;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Core.Storage;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Core.Tests.Recording;

public sealed class StreamRecorderTests
{
    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);
    static readonly DateTimeOffset Start = new(2026, 1, 1, 3, 0, 0, TimeSpan.Zero);
    static readonly byte[] Key = new byte[RedactionKey.Length];

    readonly InMemoryEventStore _store = new();
    int _second;

    [Fact]
    public async Task A_first_list_is_recorded_as_added_between_the_start_and_the_end_of_the_sync()
    {
        using var recorder = await Open();
        await recorder.HandleAsync([List(), Listed("a", "u1", "5"), Listed("b", "u2", "3"), Listed_all("9")], Cancel);

        Assert.Equal(["GapObserved", "SyncStarted", "ObjectAdded a 5", "ObjectAdded b 3", "SyncCompleted"], Shown());
        Assert.All(_store.Log.Where(recorded => recorded.Type == EventType.ObjectAdded), recorded => Assert.Equal(Provenance.List, recorded.Metadata.Provenance));
        Assert.Equal("9", recorder.ResumeVersion);
    }

    [Fact]
    public async Task The_resume_point_does_not_move_until_the_list_is_whole()
    {
        using var recorder = await Open();
        await recorder.HandleAsync([List(), Listed("a", "u1", "5")], Cancel);
        Assert.Null(recorder.ResumeVersion);
        using var reopened = await Open();
        Assert.Null(reopened.ResumeVersion);
    }

    [Fact]
    public async Task A_list_that_is_broken_off_twice_is_read_again_from_its_first_beginning()
    {
        using var first = await Open();
        var list = List();
        await first.HandleAsync([list, Listed("a", "u1", "5")], Cancel);
        using var second = await Open();
        Assert.Equal(list.ObservedAt, second.ResumeTime);
        await second.HandleAsync([list, Listed("a", "u1", "5"), Listed("b", "u2", "3")], Cancel);
        using var third = await Open();
        Assert.Equal(list.ObservedAt, third.ResumeTime);
    }

    [Fact]
    public async Task A_relist_records_only_differences_and_marks_them()
    {
        using var recorder = await Synced();
        await recorder.HandleAsync([Gap("410 Gone"), List(), Listed("a", "u1", "5"), Listed("b", "u2", "30"), Listed("d", "u4", "31"), Listed_all("40")], Cancel);

        Assert.Equal(["GapObserved", "SyncStarted", "ObjectModified b 30", "ObjectAdded d 31", "ObjectDeleted c 40", "SyncCompleted"], Shown().Skip(6));
        Assert.All(_store.Log.Skip(8).Take(3), recorded => Assert.Equal(Provenance.Relist, recorded.Metadata.Provenance));
        var gaps = _store.Log.Where(recorded => recorded.Type == EventType.GapObserved).Select(recorded => recorded.Metadata).ToList();
        Assert.Equal(("", null), (gaps[0].GapFrom, gaps[0].GapFromTime));
        var gap = gaps[1];
        Assert.Equal(("9", "410 Gone"), (gap.GapFrom, gap.Reason));
        Assert.NotNull(gap.GapFromTime);
    }

    [Fact]
    public async Task The_same_name_with_another_uid_is_a_delete_and_a_create()
    {
        using var recorder = await Synced();
        await recorder.HandleAsync([Gap("cut"), List(), Listed("a", "u9", "20"), Listed("b", "u2", "3"), Listed("c", "u3", "4"), Listed_all("21")], Cancel);
        // The old one was gone by the version that its successor bears: a closer bound than the list's.
        Assert.Equal(["ObjectDeleted a 20", "ObjectAdded a 20"], Shown().Skip(8).Take(2));
        Assert.Equal(["u1", "u9"], _store.Log.Skip(8).Take(2).Select(recorded => recorded.Metadata.Object.Uid));
    }

    [Fact]
    public async Task A_redelivered_change_is_recorded_once()
    {
        using var recorder = await Synced();
        var line = Watch(DeltaKind.Modified, "a", "u1", "10");
        var gone = Watch(DeltaKind.Deleted, "b", "u2", "11");
        await recorder.HandleAsync([line, line, gone, gone], Cancel);
        await recorder.HandleAsync([line, gone], Cancel);
        Assert.Equal(["ObjectModified a 10", "ObjectDeleted b 11"], Shown().Skip(6));
        Assert.Equal(4, recorder.Duplicates);
    }

    [Fact]
    public async Task A_restart_resumes_from_the_last_recorded_version_without_a_relist()
    {
        using (var recorder = await Synced())
            await recorder.HandleAsync([Watch(DeltaKind.Modified, "a", "u1", "10"), Watch(DeltaKind.Deleted, "b", "u2", "11")], Cancel);
        using var reopened = await Open();
        Assert.Equal("11", reopened.ResumeVersion);
        await reopened.HandleAsync([Watch(DeltaKind.Modified, "c", "u3", "12")], Cancel);
        Assert.Equal("ObjectModified c 12", Shown()[^1]);
        Assert.Null((await LogVerifier.VerifyAsync(_store, null, Cancel)).Problem);
    }

    [Fact]
    public async Task A_lost_acknowledgement_doubles_nothing()
    {
        using var recorder = await Synced();
        var failures = 0;
        _store.AfterAppend = () =>
        {
            if (failures++ == 0)
                throw new StoreUnavailableException("The answer was lost.");
        };
        await recorder.HandleAsync([Watch(DeltaKind.Modified, "a", "u1", "10")], Cancel);
        Assert.Equal(7, _store.Log.Count);
        Assert.Equal(1, failures);
        Assert.Equal("10", recorder.ResumeVersion);
    }

    [Fact]
    public async Task A_large_batch_of_which_the_store_refuses_a_part_for_a_while_is_recorded_once_and_in_order()
    {
        using var recorder = await Synced();
        var appends = 0;
        var reported = 0;
        recorder.StoreUnavailable += _ => reported++;
        // The second of several parts: those behind it stand at a place that does not exist yet.
        _store.BeforeAppend = () =>
        {
            if (++appends == 2)
                throw new StoreUnavailableException("The disk is full.");
        };
        var before = _store.Log.Count;
        await recorder.HandleAsync([.. Enumerable.Range(0, 300).Select(index => Watch(DeltaKind.Modified, "a", "u1", $"{100 + index}"))], Cancel);
        Assert.Equal(Enumerable.Range(100, 300).Select(version => $"{version}"), _store.Log.Skip(before).Select(recorded => recorded.Metadata.ResourceVersion));
        Assert.Equal(1, reported);
        Assert.True(appends > 3);
        Assert.Null((await LogVerifier.VerifyAsync(_store, null, Cancel)).Problem);

        await recorder.HandleAsync([Watch(DeltaKind.Modified, "a", "u1", "1000")], Cancel);
        Assert.Equal("1000", _store.Log[^1].Metadata.ResourceVersion);
    }

    [Fact]
    public async Task A_large_batch_whose_answer_was_lost_in_the_middle_doubles_nothing()
    {
        using var recorder = await Synced();
        var appends = 0;
        _store.AfterAppend = () =>
        {
            if (++appends == 2)
                throw new StoreUnavailableException("The answer was lost.");
        };
        var before = _store.Log.Count;
        await recorder.HandleAsync([.. Enumerable.Range(0, 300).Select(index => Watch(DeltaKind.Modified, "a", "u1", $"{100 + index}"))], Cancel);
        Assert.Equal(Enumerable.Range(100, 300).Select(version => $"{version}"), _store.Log.Skip(before).Select(recorded => recorded.Metadata.ResourceVersion));
        Assert.Null((await LogVerifier.VerifyAsync(_store, null, Cancel)).Problem);
    }

    [Fact]
    public async Task A_writer_that_is_overtaken_in_the_middle_of_a_large_batch_stops_there()
    {
        using var first = await Synced();
        using var second = await Open();
        var appends = 0;
        _store.BeforeAppend = () =>
        {
            if (++appends != 2)
                return;
            _store.BeforeAppend = null;
            second.HandleAsync([Watch(DeltaKind.Modified, "b", "u2", "5000")], Cancel).AsTask().GetAwaiter().GetResult();
        };
        await Assert.ThrowsAsync<WrongExpectedRevisionException>(async () =>
            await first.HandleAsync([.. Enumerable.Range(0, 300).Select(index => Watch(DeltaKind.Modified, "a", "u1", $"{100 + index}"))], Cancel));
    }

    [Fact]
    public async Task What_came_before_an_object_that_cannot_be_read_is_durable_when_the_batch_fails()
    {
        using var recorder = await Synced();
        var before = _store.Log.Count;
        await Assert.ThrowsAnyAsync<FormatException>(async () => await recorder.HandleAsync(
            [.. Enumerable.Range(0, 100).Select(index => Watch(DeltaKind.Modified, "a", "u1", $"{100 + index}")), At(DeltaKind.Modified, "900", "{}")], Cancel));
        using var reopened = await Open();
        // In whole parts, and what is not there the server sends again from here on.
        Assert.Equal(_store.Log[^1].Metadata.ResourceVersion, reopened.ResumeVersion);
        Assert.InRange(_store.Log.Count - before, 1, 100);
        Assert.Null((await LogVerifier.VerifyAsync(_store, null, Cancel)).Problem);
    }

    [Fact]
    public async Task One_writer_a_zombie_is_told_and_stops()
    {
        using var first = await Synced();
        using var second = await Open();
        await second.HandleAsync([Watch(DeltaKind.Modified, "a", "u1", "10")], Cancel);
        var refusal = await Assert.ThrowsAsync<WrongExpectedRevisionException>(async () => await first.HandleAsync([Watch(DeltaKind.Modified, "a", "u1", "11")], Cancel));
        Assert.Contains("k8s-test-pods", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_clock_that_is_set_back_does_not_turn_the_times_of_a_stream_back()
    {
        using var recorder = await Synced();
        await recorder.HandleAsync([Watch(DeltaKind.Modified, "a", "u1", "10"), Watch(DeltaKind.Modified, "a", "u1", "11") with { ObservedAt = Start.AddDays(-1) }], Cancel);
        Assert.Equal(_store.Log.Select(recorded => recorded.Metadata.ObservedAt).Order(), _store.Log.Select(recorded => recorded.Metadata.ObservedAt));
    }

    [Fact]
    public async Task Bookmarks_are_persisted_sparingly()
    {
        using var recorder = await Synced();
        for (var i = 0; i < 130; i++)
            await recorder.HandleAsync([At(DeltaKind.Bookmark, $"{100 + i}")], Cancel);
        Assert.InRange(_store.Log.Count(recorded => recorded.Type == EventType.Progressed), 2, 3);
        using var reopened = await Open();
        Assert.True(ResourceVersion.Compare(reopened.ResumeVersion, "100") > 0);
    }

    [Fact]
    public async Task Verify_names_the_first_altered_event()
    {
        using var recorder = await Synced();
        var forged = new InMemoryEventStore();
        foreach (var recorded in _store.Log)
        {
            var state = recorded.Metadata.Object.Name == "b" ? Encoding.UTF8.GetBytes("""{"forged":true}""") : recorded.State;
            await forged.AppendAsync(recorded.Stream, ExpectedRevision.Any,
                [new ProposedEvent { Id = recorded.Id, Type = recorded.Type, Metadata = recorded.Metadata, State = state, Hash = recorded.Hash }], Cancel);
        }
        var verification = await LogVerifier.VerifyAsync(forged, null, Cancel);
        Assert.Equal(4, verification.BadPosition);
        Assert.Contains("altered", verification.Problem, StringComparison.Ordinal);
    }

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    Task<StreamRecorder> Open() => StreamRecorder.OpenAsync(_store, "test", Pods.GroupResource, new Redactor(Key), TimeProvider.System, Cancel);

    async Task<StreamRecorder> Synced()
    {
        var recorder = await Open();
        await recorder.HandleAsync([List(), Listed("a", "u1", "5"), Listed("b", "u2", "3"), Listed("c", "u3", "4"), Listed_all("9")], Cancel);
        return recorder;
    }

    List<string> Shown() => [.. _store.Log.Select(recorded =>
        recorded.Metadata.Object.Name.Length == 0 ? $"{recorded.Type}" : $"{recorded.Type} {recorded.Metadata.Object.Name} {recorded.Metadata.ResourceVersion}")];

    Delta At(DeltaKind kind, string version, string json = "", string? reason = null) => new()
    {
        Kind = kind,
        ResourceVersion = version,
        ObservedAt = Start.AddSeconds(_second++),
        Provenance = kind is DeltaKind.Listed or DeltaKind.ListStarted or DeltaKind.ListCompleted ? Provenance.List : Provenance.Watch,
        Type = Pods,
        Object = Encoding.UTF8.GetBytes(json),
        Reason = reason,
    };

    static string Pod(string name, string uid, string version) =>
        $$$"""{"kind":"Pod","apiVersion":"v1","metadata":{"name":"{{{name}}}","namespace":"shop","uid":"{{{uid}}}","resourceVersion":"{{{version}}}"}}""";

    Delta List() => At(DeltaKind.ListStarted, "");
    Delta Listed(string name, string uid, string version) => At(DeltaKind.Listed, version, Pod(name, uid, version));
    Delta Listed_all(string version) => At(DeltaKind.ListCompleted, version);
    Delta Gap(string reason) => At(DeltaKind.Gap, "", reason: reason);
    Delta Watch(DeltaKind kind, string name, string uid, string version) => At(kind, version, Pod(name, uid, version));
}
