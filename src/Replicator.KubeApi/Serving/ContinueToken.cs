using System.Buffers.Text;
using System.Text.Json;

namespace Replicator.KubeApi;

/// <summary>Where a list that is taken in pages goes on. It holds all that the next page needs, so that nothing is kept for it: it expires where its source can no longer go back to the state that it names, which the past always can.</summary>
/// <param name="ResourceVersion">The version that every page bears.</param>
/// <param name="Anchor">The state of which the list is.</param>
/// <param name="After">The last object that was given.</param>
/// <param name="Remaining">How many come behind it; null where a selector makes that unknown.</param>
sealed record ContinueToken(string ResourceVersion, string Anchor, (string Namespace, string Name) After, long? Remaining)
{
    const string Version = "replicator/v1";

    public static ContinueToken Parse(string text)
    {
        if (!Base64Url.IsValid(text))
            throw Malformed($"illegal base64 data at input byte {FirstIllegal(text)}");
        try
        {
            using var document = JsonDocument.Parse(Base64Url.DecodeFromChars(text));
            var root = document.RootElement;
            if (Text(root, "v") != Version)
                throw Malformed($"server does not recognize this encoded version \"{Text(root, "v")}\"");
            return new ContinueToken(Text(root, "rv"), Text(root, "at"), (Text(root, "ns"), Text(root, "start")), root.TryGetProperty("left"u8, out var left) ? left.GetInt64() : null);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw Malformed(exception.Message);
        }
    }

    public override string ToString()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("v"u8, Version);
            json.WriteString("rv"u8, ResourceVersion);
            json.WriteString("at"u8, Anchor);
            json.WriteString("ns"u8, After.Namespace);
            json.WriteString("start"u8, After.Name);
            if (Remaining is { } remaining)
                json.WriteNumber("left"u8, remaining);
            json.WriteEndObject();
        }
        return Base64Url.EncodeToString(buffer.ToArray());
    }

    static string Text(JsonElement parent, string name) => parent.GetProperty(name).GetString() ?? "";

    static int FirstIllegal(string text)
    {
        var index = text.AsSpan().IndexOfAnyExcept(Alphabet);
        return index >= 0 ? index : Math.Max(0, text.Length - 1);
    }

    static readonly System.Buffers.SearchValues<char> Alphabet = System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    static KubeApiException Malformed(string problem) => KubeApiException.BadRequest($"invalid continue token: continue key is not valid: {problem}");
}
