using System.Text.Json;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Storage;

namespace Replicator.Server;

/// <summary>Writes a recorded event as a change. Not thread-safe.</summary>
sealed class ChangeWriter(ISnapshotStore snapshots, TimeProvider time) : IDisposable
{
    static readonly TimeSpan ProjectionPoll = TimeSpan.FromMilliseconds(20);

    readonly JsonTape _before = new(), _after = new();
    readonly PooledBufferWriter _patch = new();

    public async ValueTask WriteAsync(Utf8JsonWriter json, RecordedEvent recorded, bool objects, bool patches, CancellationToken cancellationToken)
    {
        // The patch is made before the change is begun, so that no half a change is written while it waits for the projection.
        _patch.Clear();
        if (patches && recorded.Type == EventType.ObjectModified)
            await DiffAsync(recorded, cancellationToken).ConfigureAwait(false);
        json.WriteStartObject();
        WriteFields(json, recorded);
        if (objects && !recorded.State.IsEmpty)
        {
            json.WritePropertyName("object"u8);
            json.WriteRawValue(recorded.State.Span, skipInputValidation: true);
        }
        if (_patch.WrittenCount > 0)
        {
            json.WritePropertyName("patch"u8);
            json.WriteRawValue(_patch.WrittenSpan, skipInputValidation: true);
        }
        json.WriteEndObject();
    }

    public void Dispose() => _patch.Dispose();

    static void WriteFields(Utf8JsonWriter json, RecordedEvent recorded)
    {
        var metadata = recorded.Metadata;
        json.WriteNumber("position"u8, recorded.Position);
        json.WriteString("stream"u8, recorded.Stream.Name);
        json.WriteNumber("revision"u8, recorded.Revision);
        json.WriteString("id"u8, recorded.Id);
        json.WriteString("type"u8, EventNames.Of(recorded.Type));
        json.WriteString("cluster"u8, metadata.Cluster);
        json.WriteString("group"u8, metadata.Type.Group);
        json.WriteString("version"u8, metadata.Type.Version);
        json.WriteString("resource"u8, metadata.Type.Resource);
        json.WriteString("kind"u8, metadata.Type.Kind);
        json.WriteString("namespace"u8, metadata.Object.Namespace);
        json.WriteString("name"u8, metadata.Object.Name);
        json.WriteString("uid"u8, metadata.Object.Uid);
        json.WriteString("resourceVersion"u8, metadata.ResourceVersion);
        json.WriteString("observedAt"u8, Times.Text(metadata.ObservedAt));
        json.WriteString("provenance"u8, EventNames.Of(metadata.Provenance));
        if (metadata.Epoch > 0)
            json.WriteNumber("epoch"u8, metadata.Epoch);
        if (recorded.Type == EventType.GapObserved)
        {
            json.WriteString("gapFrom"u8, metadata.GapFrom);
            if (metadata.GapFromTime is { } from)
                json.WriteString("gapFromTime"u8, Times.Text(from));
            json.WriteString("reason"u8, metadata.Reason);
        }
        if (recorded.Type == EventType.RulesObserved && metadata.Reason is { } rules)
        {
            json.WritePropertyName("rules"u8);
            json.WriteRawValue(rules, skipInputValidation: true);
        }
        if (metadata.TraceParent is { } traceParent)
            json.WriteString("traceparent"u8, traceParent);
        json.WriteString("hash"u8, Convert.ToHexStringLower(recorded.Hash.Span));
    }

    async ValueTask DiffAsync(RecordedEvent recorded, CancellationToken cancellationToken)
    {
        // The state before comes from the projection, which may be a moment behind the log.
        while (await snapshots.GetCheckpointAsync(cancellationToken).ConfigureAwait(false) < recorded.Position - 1)
            await Task.Delay(ProjectionPoll, time, cancellationToken).ConfigureAwait(false);
        var metadata = recorded.Metadata;
        var previous = await snapshots.GetAsync(metadata.Cluster, metadata.Type.GroupResource, metadata.Object.Namespace, metadata.Object.Name, Cut.AtPosition(recorded.Position - 1), cancellationToken).ConfigureAwait(false);
        if (previous is not { } before || recorded.State.IsEmpty)
            return;
        _before.Parse(before.State);
        _after.Parse(recorded.State);
        JsonPatch.Diff(_before, _before.Root, _after, _after.Root, _patch);
    }
}
