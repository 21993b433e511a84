using System.Text.Json;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;

namespace Replicator.Server;

/// <summary>Finds a type by a short or singular name (<c>po</c>, <c>deploy</c>, <c>deploy.apps</c>), as the recorded discovery documents have them: those of built-in types and those of custom resources alike.</summary>
static class ShortNames
{
    /// <summary>The type; null where no document names it.</summary>
    public static async ValueTask<GroupResource?> FindAsync(IEventStore events, string cluster, string name, CancellationToken cancellationToken)
    {
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        var (wanted, group) = dot < 0 ? (name, null) : (name[..dot], name[(dot + 1)..]);
        var (seen, found) = (new HashSet<string>(), new List<GroupResource>());
        // Backwards: of each document the last that was recorded counts.
        await foreach (var page in events.ReadStreamAsync(StreamId.Discovery(cluster), long.MaxValue, backwards: true, new ReadOptions(), cancellationToken).ConfigureAwait(false))
        {
            using (page)
            {
                foreach (var recorded in page.Events)
                {
                    if (seen.Add(recorded.Metadata.Object.Name) && !recorded.State.IsEmpty)
                        Search(recorded.State, wanted, found);
                }
            }
        }
        // The core group wins, as it does for kubectl.
        return found.Where(type => group is null || string.Equals(type.Group, group, StringComparison.OrdinalIgnoreCase)).OrderBy(type => type.Group.Length > 0).ThenBy(type => type.Group, StringComparer.Ordinal).Select(type => (GroupResource?)type).FirstOrDefault();
    }

    static void Search(ReadOnlyMemory<byte> document, string wanted, List<GroupResource> found)
    {
        using var json = JsonDocument.Parse(document);
        var root = json.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
            return;
        // Aggregated discovery (KEP-3352), and a plain APIResourceList.
        foreach (var item in Elements(root, "items"))
        {
            var group = item.TryGetProperty("metadata", out var metadata) ? Text(metadata, "name") ?? "" : "";
            foreach (var version in Elements(item, "versions"))
                SearchResources(version, "resource", "singularResource", group, wanted, found);
        }
        if (Text(root, "groupVersion") is { } served)
            SearchResources(root, "name", "singularName", served.Contains('/', StringComparison.Ordinal) ? served[..served.IndexOf('/', StringComparison.Ordinal)] : "", wanted, found);
    }

    static void SearchResources(JsonElement parent, string plural, string singular, string group, string wanted, List<GroupResource> found)
    {
        foreach (var resource in Elements(parent, "resources"))
        {
            if (Text(resource, plural) is { } name && (Is(Text(resource, singular), wanted) || Elements(resource, "shortNames").Any(shortName => Is(shortName.GetString(), wanted))))
                found.Add(new GroupResource(group, name));
        }
    }

    static bool Is(string? name, string wanted) => string.Equals(name, wanted, StringComparison.OrdinalIgnoreCase);

    static string? Text(JsonElement parent, string name) => parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    static IEnumerable<JsonElement> Elements(JsonElement parent, string name) => parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : [];
}
