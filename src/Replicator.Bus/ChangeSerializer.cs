using System.Net.Mime;
using System.Text.Json;
using System.Text.Json.Serialization;
using MassTransit;
using Replicator.Contracts;

namespace Replicator.Bus;

/// <summary>A change as plain JSON, and of MassTransit's own headers only the one by which its consumers know the type. The rest would describe this process and its machine to every subscriber, and cost more than the message.</summary>
sealed class ChangeSerializer : IMessageSerializer
{
    public static readonly ChangeSerializer Instance = new();

    static readonly string MessageType = MessageUrn.ForTypeString<ResourceChanged>();

    public ContentType ContentType { get; } = new(MediaTypeNames.Application.Json);

    public MessageBody GetMessageBody<T>(SendContext<T> context) where T : class
    {
        if (context.Message is not ResourceChanged change)
            throw new NotSupportedException($"Only {nameof(ResourceChanged)} is sent here, not {typeof(T)}.");
        context.Headers.Set(MessageHeaders.MessageType, MessageType);
        return new BytesMessageBody(JsonSerializer.SerializeToUtf8Bytes(change, ChangeJson.Default.ResourceChanged));
    }
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(ResourceChanged))]
sealed partial class ChangeJson : JsonSerializerContext;
