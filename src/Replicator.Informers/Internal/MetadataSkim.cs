using System.Text;
using System.Text.Json;

namespace Replicator.Informers;

/// <summary>Reads what an object says of itself without parsing the rest: an API server writes it first. Not checked: whether the rest is JSON at all.</summary>
static class MetadataSkim
{
    /// <summary>The text of <c>metadata</c> and what follows it; empty where there is none.</summary>
    public static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> json)
    {
        var members = new JsonSkim.Members(json);
        while (members.Next(out var name, out var value))
        {
            if (name.SequenceEqual("metadata"u8))
                return json[value..];
        }
        return default;
    }

    /// <summary>Reads namespace, name, uid and resource version, and stops as soon as it has them. False where name or uid is absent, empty or escaped.</summary>
    /// <param name="json">The object.</param>
    /// <param name="namespaced">Whether to look for a namespace.</param>
    /// <param name="key">The namespace and name.</param>
    /// <param name="uid">The uid.</param>
    public static bool TryReadIdentity(ReadOnlySpan<byte> json, bool namespaced, out Utf8ObjectKey key, out ReadOnlySpan<byte> uid)
    {
        ReadOnlySpan<byte> scope = default, name = default;
        uid = default;
        var metadata = Find(json);
        var members = new JsonSkim.Members(metadata);
        var plain = true;
        while (members.Next(out var member, out var value))
        {
            if (member.SequenceEqual("name"u8))
                plain &= JsonSkim.TryReadPlainString(metadata[value..], out name);
            else if (member.SequenceEqual("namespace"u8))
                plain &= JsonSkim.TryReadPlainString(metadata[value..], out scope);
            else if (member.SequenceEqual("uid"u8))
                plain &= JsonSkim.TryReadPlainString(metadata[value..], out uid);
            else
                continue;
            if (name.Length > 0 && uid.Length > 0 && (scope.Length > 0 || !namespaced))
                break;
        }
        key = new Utf8ObjectKey(scope, name);
        return plain && name.Length > 0 && uid.Length > 0;
    }

    /// <summary>The string at the start of a text, unescaped; null where it is none.</summary>
    public static string? ReadString(ReadOnlySpan<byte> json)
    {
        if (JsonSkim.TryReadPlainString(json, out var plain))
            return Encoding.UTF8.GetString(plain);
        if (json.Length == 0 || json[0] != '"')
            return null;
        var end = JsonSkim.SkipString(json, 0);
        if (end < 0)
            return null;
        var reader = new Utf8JsonReader(json[..end]);
        reader.Read();
        return reader.GetString();
    }
}
