using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Core.Rules;
using Replicator.Core.Storage;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Core.Tests.Rules;

/// <summary>Changes, restarts and relists in any order, with rules: what they do not name is in the log, whatever they leave out.</summary>
public sealed class RandomRecordingByRulesTests
{
    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);

    static readonly RecordingRules Rules = new(
    [
        new RecordingRule { Name = "beats", Kind = RuleKind.Ignore, Types = ["pods"], Paths = [FieldPath.Parse("$.status.beat")] },
        new RecordingRule { Name = "hidden", Kind = RuleKind.Exclude, Types = ["pods"], Namespaces = ["hidden"] },
    ]);

    static readonly Gen<(Step Step, int Object, int Value)[]> Histories = Gen.Select(Gen.Int[0, 19].Select(roll => roll switch
    {
        < 8 => Step.Beat,
        < 12 => Step.Phase,
        < 14 => Step.Manager,
        < 17 => Step.Remove,
        < 19 => Step.Relist,
        _ => Step.Restart,
    }), Gen.Int[0, 5], Gen.Int[0, 3]).Array[1, 60];

    enum Step
    {
        Beat,
        Phase,
        Manager,
        Remove,
        Relist,
        Restart,
    }

    [Fact]
    public async Task The_log_has_every_change_but_those_that_the_rules_name() => await Histories.SampleAsync(async history =>
    {
        var run = new Run();
        await run.StartAsync();
        foreach (var (step, index, value) in history)
            await run.TakeAsync(step, index, value);
        await run.CheckAsync();
    });

    /// <summary>A server's objects, and the log of them.</summary>
    sealed class Run
    {
        readonly InMemoryEventStore _store = new();
        readonly SortedDictionary<int, (string Uid, int Version, int Beat, int Phase, int Manager)> _server = [];
        StreamRecorder _recorder = null!;
        int _version = 1, _seconds, _expectedPhases;

        public async Task StartAsync()
        {
            _recorder = await StreamRecorder.OpenAsync(_store, "test", Pods.GroupResource, new Redactor(new byte[RedactionKey.Length]), Rules.For(Pods, null), TimeProvider.System, CancellationToken.None);
            if (_recorder.ResumeVersion is null)
                await ListAsync();
        }

        public async Task TakeAsync(Step step, int index, int value)
        {
            var known = _server.TryGetValue(index, out var one);
            switch (step)
            {
                case Step.Restart:
                    _recorder.Dispose();
                    await StartAsync();
                    break;
                case Step.Relist:
                    await _recorder.HandleAsync([At(DeltaKind.Gap, "")], CancellationToken.None);
                    await ListAsync();
                    break;
                case Step.Remove when known:
                    _server.Remove(index);
                    await _recorder.HandleAsync([At(DeltaKind.Deleted, $"{++_version}", Text(index, one with { Version = _version }))], CancellationToken.None);
                    break;
                case Step.Remove:
                    break;
                default:
                    (string Uid, int Version, int Beat, int Phase, int Manager) next = known ? one with { Version = ++_version } : ($"u{++_version}", _version, 0, 0, 0);
                    next = step switch { Step.Beat => next with { Beat = value }, Step.Phase => next with { Phase = value }, _ => next with { Manager = value } };
                    _server[index] = next;
                    if (known && next.Phase != one.Phase && !IsHidden(index))
                        _expectedPhases++;
                    await _recorder.HandleAsync([At(known ? DeltaKind.Modified : DeltaKind.Added, $"{_version}", Text(index, next))], CancellationToken.None);
                    break;
            }
        }

        public async Task CheckAsync()
        {
            Assert.Null((await LogVerifier.VerifyAsync(_store, null, CancellationToken.None)).Problem);
            var fold = new SortedDictionary<string, JsonNode>(StringComparer.Ordinal);
            var phases = 0;
            foreach (var recorded in _store.Log.Where(recorded => recorded.Metadata.Object.Name.Length > 0))
            {
                var name = recorded.Metadata.Object.Name;
                if (recorded.Type == EventType.ObjectDeleted)
                {
                    fold.Remove(name);
                    continue;
                }
                var state = JsonNode.Parse(recorded.State.Span)!;
                phases += recorded.Type == EventType.ObjectModified && fold.TryGetValue(name, out var last) && Phase(last) != Phase(state) ? 1 : 0;
                fold[name] = state;
            }
            Assert.Equal(_server.Where(pair => !IsHidden(pair.Key)).Select(pair => (Name(pair.Key), pair.Value.Uid, pair.Value.Phase)), fold.Select(pair => (pair.Key, pair.Value["metadata"]!["uid"]!.GetValue<string>(), Phase(pair.Value))));
            // Each of them, not only the last.
            Assert.Equal(_expectedPhases, phases);
            Assert.DoesNotContain(_store.Log, recorded => recorded.Metadata.Object.Namespace == "hidden");
            _recorder.Dispose();
        }

        async Task ListAsync()
        {
            var deltas = new List<Delta> { At(DeltaKind.ListStarted, "") };
            deltas.AddRange(_server.Select(pair => At(DeltaKind.Listed, $"{pair.Value.Version}", Text(pair.Key, pair.Value))));
            deltas.Add(At(DeltaKind.ListCompleted, $"{_version}"));
            await _recorder.HandleAsync(deltas, CancellationToken.None);
        }

        static bool IsHidden(int index) => index >= 4;

        static string Name(int index) => $"pod-{index}";

        static int Phase(JsonNode state) => state["status"]!["phase"]!.GetValue<int>();

        static string Text(int index, (string Uid, int Version, int Beat, int Phase, int Manager) one) => $$$"""
            {"kind":"Pod","apiVersion":"v1","metadata":{"name":"{{{Name(index)}}}","namespace":"{{{(IsHidden(index) ? "hidden" : "shop")}}}","uid":"{{{one.Uid}}}","resourceVersion":"{{{one.Version}}}",
            "managedFields":[{"manager":"{{{one.Manager}}}"}]},"status":{"phase":{{{one.Phase}}},"beat":{{{one.Beat}}}}}
            """;

        Delta At(DeltaKind kind, string version, string json = "") => new()
        {
            Kind = kind,
            ResourceVersion = version,
            ObservedAt = DateTimeOffset.UnixEpoch.AddSeconds(_seconds += 20),
            Provenance = kind is DeltaKind.Listed or DeltaKind.ListStarted or DeltaKind.ListCompleted ? Provenance.List : Provenance.Watch,
            Type = Pods,
            Object = Encoding.UTF8.GetBytes(json),
            Reason = kind == DeltaKind.Gap ? "410 Gone" : null,
        };
    }
}
