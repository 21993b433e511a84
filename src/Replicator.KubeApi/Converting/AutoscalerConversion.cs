using System.Text;
using System.Text.Json;
using Replicator.Core.Json;

namespace Replicator.KubeApi;

/// <summary>HorizontalPodAutoscalers of <c>autoscaling/v2</c> as <c>autoscaling/v1</c> shows them: the CPU target as a field, conditions and current metrics as annotations (k8s.io/kubernetes/pkg/apis/autoscaling/v1/conversion.go).</summary>
/// <remarks>What <c>v1</c> can only hold in the server's own encoding (other metrics, behaviour) is refused.</remarks>
static class AutoscalerConversion
{
    const string Annotation = "autoscaling.alpha.kubernetes.io/";

    public static void Edit(JsonTape tape, JsonEdits edits)
    {
        edits.AddMember(tape.Root, "apiVersion"u8, "\"autoscaling/v1\""u8.ToArray());
        var annotations = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (tape.TryGetProperty(tape.Root, "spec"u8, out var spec))
        {
            if (tape.TryGetProperty(spec, "behavior"u8, out _))
                throw Lossy("its scaling behaviour");
            if (tape.TryGetProperty(spec, "metrics"u8, out var metrics))
            {
                foreach (var metric in tape.Elements(metrics))
                {
                    if (!IsCpu(tape, metric) || !tape.TryGetProperty(metric, "resource"u8, out var resource) || !tape.TryGetProperty(resource, "target"u8, out var target) || !tape.TryGetProperty(target, "averageUtilization"u8, out var utilization))
                        throw Lossy("a metric other than the CPU's utilization");
                    edits.AddMember(spec, "targetCPUUtilizationPercentage"u8, tape.RawText(utilization).ToArray());
                }
                edits.Remove(metrics);
            }
        }
        if (tape.TryGetProperty(tape.Root, "status"u8, out var status))
        {
            // v1 writes these where they are nothing, v2 leaves them out.
            foreach (var name in (byte[][])["currentReplicas"u8.ToArray(), "desiredReplicas"u8.ToArray()])
            {
                if (!tape.TryGetProperty(status, name, out _))
                    edits.AddMember(status, name, "0"u8.ToArray());
            }
            if (tape.TryGetProperty(status, "conditions"u8, out var conditions))
            {
                if (tape.ChildCount(conditions) > 0)
                    annotations[$"{Annotation}conditions"] = Write(tape, conditions, WriteCondition);
                edits.Remove(conditions);
            }
            if (tape.TryGetProperty(status, "currentMetrics"u8, out var current))
            {
                if (tape.Kind(current) == JsonKind.Array && tape.ChildCount(current) > 0)
                {
                    annotations[$"{Annotation}current-metrics"] = Write(tape, current, WriteMetric);
                    foreach (var metric in tape.Elements(current))
                    {
                        if (IsCpu(tape, metric) && Current(tape, metric, "averageUtilization"u8) is { } utilization)
                            edits.AddMember(status, "currentCPUUtilizationPercentage"u8, tape.RawText(utilization).ToArray());
                    }
                }
                edits.Remove(current);
            }
        }
        if (annotations.Count == 0 || !tape.TryGetProperty(tape.Root, "metadata"u8, out var metadata))
            return;
        if (tape.TryGetProperty(metadata, "annotations"u8, out var existing) && tape.Kind(existing) == JsonKind.Object)
        {
            foreach (var (name, value) in annotations)
                edits.AddMember(existing, Encoding.UTF8.GetBytes(name), JsonSerializer.SerializeToUtf8Bytes(value));
        }
        else
        {
            edits.AddMember(metadata, "annotations"u8, JsonSerializer.SerializeToUtf8Bytes(annotations));
        }
    }

    static string Write(JsonTape tape, int array, Action<JsonTape, int, Utf8JsonWriter> writeElement)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartArray();
            foreach (var element in tape.Elements(array))
                writeElement(tape, element, json);
            json.WriteEndArray();
        }
        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    // The order of the fields is that of the Go type, which the annotation keeps.
    static void WriteCondition(JsonTape tape, int condition, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        foreach (var name in (string[])["type", "status", "lastTransitionTime", "reason", "message"])
            Copy(tape, condition, name, json);
        json.WriteEndObject();
    }

    static void WriteMetric(JsonTape tape, int metric, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        Copy(tape, metric, "type", json);
        var hasType = tape.TryGetProperty(metric, "type"u8, out var type) && !tape.StringEquals(type, ""u8);
        if (hasType && tape.StringEquals(type, "Resource"u8))
        {
            json.WriteStartObject("resource"u8);
            if (tape.TryGetProperty(metric, "resource"u8, out var resource))
                Copy(tape, resource, "name", json);
            if (Current(tape, metric, "averageUtilization"u8) is { } utilization)
            {
                json.WritePropertyName("currentAverageUtilization"u8);
                json.WriteRawValue(tape.RawText(utilization), skipInputValidation: true);
            }
            json.WritePropertyName("currentAverageValue"u8);
            json.WriteRawValue(Current(tape, metric, "averageValue"u8) is { } value ? tape.RawText(value) : "\"0\""u8, skipInputValidation: true);
            json.WriteEndObject();
        }
        else if (hasType)
        {
            throw Lossy("a current metric other than a resource's");
        }
        json.WriteEndObject();
    }

    static bool IsCpu(JsonTape tape, int metric) =>
        tape.TryGetProperty(metric, "type"u8, out var type) && tape.StringEquals(type, "Resource"u8)
        && tape.TryGetProperty(metric, "resource"u8, out var resource) && tape.TryGetProperty(resource, "name"u8, out var name) && tape.StringEquals(name, "cpu"u8);

    static int? Current(JsonTape tape, int metric, ReadOnlySpan<byte> name) =>
        tape.TryGetProperty(metric, "resource"u8, out var resource) && tape.TryGetProperty(resource, "current"u8, out var current) && tape.TryGetProperty(current, name, out var value) ? value : null;

    static void Copy(JsonTape tape, int parent, string name, Utf8JsonWriter json)
    {
        if (!tape.TryGetProperty(parent, Encoding.UTF8.GetBytes(name), out var value))
            return;
        json.WritePropertyName(name);
        json.WriteRawValue(tape.RawText(value), skipInputValidation: true);
    }

    static KubeApiException Lossy(string what) => new(406, "NotAcceptable", $"an autoscaler with {what} cannot be shown as autoscaling/v1 without loss: ask for autoscaling/v2");
}
