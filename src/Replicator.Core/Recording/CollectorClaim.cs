using System.Globalization;
using System.Text.Json;
using Replicator.Core.Storage;

namespace Replicator.Core.Recording;

/// <summary>That a process collects a cluster: a document of the cluster's discovery stream, one for each start. The last one says who it is.</summary>
/// <param name="Id">The claim's own name.</param>
/// <param name="Host">The machine or pod.</param>
/// <param name="ProcessId">The process there.</param>
/// <param name="At">When it was made.</param>
public sealed record CollectorClaim(Guid Id, string Host, int ProcessId, DateTimeOffset At)
{
    /// <summary>The document of the cluster's discovery stream that holds it.</summary>
    public const string DocumentPath = "replicator/collector";

    /// <summary>The last claim to a cluster; null where there is none.</summary>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    public static async ValueTask<CollectorClaim?> ReadLastAsync(IEventStore store, string cluster, CancellationToken cancellationToken)
    {
        await foreach (var page in store.ReadStreamAsync(Events.StreamId.Discovery(cluster), long.MaxValue, backwards: true, new ReadOptions(), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                if (page.Events.FirstOrDefault(recorded => recorded.Metadata.Object.Name == DocumentPath) is { } recorded)
                    return Parse(recorded.State);
            }
        }
        return null;
    }

    /// <summary>The claim as the JSON document that is recorded.</summary>
    public byte[] ToJson()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("id"u8, Id);
            json.WriteString("host"u8, Host);
            json.WriteNumber("process"u8, ProcessId);
            json.WriteString("at"u8, At.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture));
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }

    static CollectorClaim Parse(ReadOnlyMemory<byte> state)
    {
        using var document = JsonDocument.Parse(state);
        var root = document.RootElement;
        return new CollectorClaim(root.GetProperty("id").GetGuid(), root.GetProperty("host").GetString()!, root.GetProperty("process").GetInt32(), root.GetProperty("at").GetDateTimeOffset());
    }
}
