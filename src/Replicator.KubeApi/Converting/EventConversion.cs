using Replicator.Core.Json;

namespace Replicator.KubeApi;

/// <summary>The one Event that two groups serve: <c>v1</c> and <c>events.k8s.io/v1</c> name its fields differently, and nothing is lost between them (k8s.io/kubernetes/pkg/apis/events/v1/conversion.go).</summary>
static class EventConversion
{
    static readonly (byte[] Core, byte[] Events)[] Names =
    [
        ("count"u8.ToArray(), "deprecatedCount"u8.ToArray()),
        ("firstTimestamp"u8.ToArray(), "deprecatedFirstTimestamp"u8.ToArray()),
        ("involvedObject"u8.ToArray(), "regarding"u8.ToArray()),
        ("lastTimestamp"u8.ToArray(), "deprecatedLastTimestamp"u8.ToArray()),
        ("message"u8.ToArray(), "note"u8.ToArray()),
        ("reportingComponent"u8.ToArray(), "reportingController"u8.ToArray()),
        ("source"u8.ToArray(), "deprecatedSource"u8.ToArray()),
    ];

    public static void Edit(JsonTape tape, JsonEdits edits, bool toCore)
    {
        edits.AddMember(tape.Root, "apiVersion"u8, toCore ? "\"v1\""u8.ToArray() : "\"events.k8s.io/v1\""u8.ToArray());
        foreach (var (core, events) in Names)
        {
            var (from, to) = toCore ? (events, core) : (core, events);
            if (!tape.TryGetProperty(tape.Root, from, out var value))
                continue;
            edits.Remove(value);
            // Only the core group's version writes these where they are empty.
            if (!toCore && IsOmitted(tape, from, value))
                continue;
            edits.AddMember(tape.Root, to, tape.RawText(value).ToArray());
        }
        if (!toCore && tape.TryGetProperty(tape.Root, "reportingInstance"u8, out var instance) && tape.StringEquals(instance, ""u8))
            edits.Remove(instance);
        if (toCore)
        {
            foreach (var name in (ReadOnlySpan<byte[]>)["reportingComponent"u8.ToArray(), "reportingInstance"u8.ToArray()])
            {
                if (!tape.TryGetProperty(tape.Root, name.AsSpan().SequenceEqual("reportingComponent"u8) ? "reportingController"u8 : name, out _))
                    edits.AddMember(tape.Root, name, "\"\""u8.ToArray());
            }
        }
    }

    static bool IsOmitted(JsonTape tape, byte[] name, int value) =>
        (name.AsSpan().SequenceEqual("message"u8) || name.AsSpan().SequenceEqual("reportingComponent"u8)) && tape.StringEquals(value, ""u8);
}
