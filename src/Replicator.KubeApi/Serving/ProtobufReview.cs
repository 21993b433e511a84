using System.Text.Json.Nodes;
using Google.Protobuf;

namespace Replicator.KubeApi;

/// <summary>
/// Reads reviews in the encoding in which kubectl sends them since 1.32 (Kubernetes' own envelope of protocol buffers: <c>k8s.io/apimachinery/pkg/runtime/generated.proto</c>, Unknown) into what they are as JSON. Answers are JSON,
/// which every client that sends this accepts.
/// </summary>
static class ProtobufReview
{
    public const string MediaType = "application/vnd.kubernetes.protobuf";

    // k8s.io/api/authorization/v1/generated.proto, by the numbers of the fields.
    static readonly string[] Resource = ["", "namespace", "verb", "group", "version", "resource", "subresource", "name"];
    static readonly string[] Path = ["", "path", "verb"];
    static readonly string[] TypeMeta = ["", "apiVersion", "kind"];

    static ReadOnlySpan<byte> Magic => "k8s\0"u8;

    /// <exception cref="KubeApiException">It is no such message.</exception>
    public static JsonObject Read(byte[] body)
    {
        if (!body.AsSpan().StartsWith(Magic))
            throw KubeApiException.BadRequest("the review is no protocol buffer in Kubernetes' envelope: it does not begin with \"k8s\" and a zero");
        try
        {
            var unknown = Fields(body.AsMemory(Magic.Length));
            var review = Texts(unknown.GetValueOrDefault(1), TypeMeta);
            var message = Fields(unknown.GetValueOrDefault(2));
            var spec = new JsonObject();
            if (message.TryGetValue(2, out var content))
            {
                var fields = Fields(content);
                if (review["kind"]?.GetValue<string>() == "SelfSubjectRulesReview")
                {
                    spec = Texts(content, ["", "namespace"]);
                }
                else
                {
                    if (fields.TryGetValue(1, out var resource))
                        spec["resourceAttributes"] = Texts(resource, Resource);
                    if (fields.TryGetValue(2, out var path))
                        spec["nonResourceAttributes"] = Texts(path, Path);
                }
            }
            review["metadata"] = new JsonObject();
            review["spec"] = spec;
            return review;
        }
        catch (InvalidProtocolBufferException exception)
        {
            throw KubeApiException.BadRequest($"the review is no protocol buffer: {exception.Message}");
        }
    }

    /// <summary>The fields of a message that are texts or messages, by their numbers; of a repeated one the last.</summary>
    static Dictionary<int, ReadOnlyMemory<byte>> Fields(ReadOnlyMemory<byte> message)
    {
        var fields = new Dictionary<int, ReadOnlyMemory<byte>>();
        using var input = new CodedInputStream(message.ToArray());
        while (input.ReadTag() is not 0 and var tag)
        {
            if (WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited)
                fields[WireFormat.GetTagFieldNumber(tag)] = input.ReadBytes().Memory;
            else
                input.SkipLastField();
        }
        return fields;
    }

    static JsonObject Texts(ReadOnlyMemory<byte> message, string[] names)
    {
        var texts = new JsonObject();
        foreach (var (number, value) in Fields(message))
        {
            if (number < names.Length && names[number].Length > 0)
                texts[names[number]] = System.Text.Encoding.UTF8.GetString(value.Span);
        }
        return texts;
    }
}
