using System.Buffers;
using System.Text;
using Replicator.Core.Kubernetes;

namespace Replicator.Informers.Caching;

/// <summary>
/// One version of an object: who it is, and its JSON as the server wrote it, held compressed and decoded when asked for. Immutable, so that it may be kept and shared at will.
/// </summary>
/// <remarks>The JSON is not checked: it is what an API server sent. Who reads it parses it.</remarks>
public sealed class Unstructured
{
    readonly byte[] _data;

    // Null where the data is the JSON itself.
    readonly SampleDictionary? _dictionary;

    internal Unstructured(ResourceType type, ObjectKey key, string uid, string resourceVersion, byte[] data, SampleDictionary? dictionary, int jsonLength)
    {
        (Type, Key, Uid, ResourceVersion, JsonLength) = (type, key, uid, resourceVersion, jsonLength);
        (_data, _dictionary) = (data, dictionary);
    }

    /// <summary>The type in the version that was watched.</summary>
    public ResourceType Type { get; }

    /// <summary>Namespace and name.</summary>
    public ObjectKey Key { get; }

    /// <summary>The namespace; empty for cluster-scoped types.</summary>
    public string Namespace => Key.Namespace;

    /// <summary>The name.</summary>
    public string Name => Key.Name;

    /// <summary>The uid, which tells one life of a name from the next.</summary>
    public string Uid { get; }

    /// <summary>The resource version. That of a deleted object is the deletion's, where it was seen.</summary>
    public string ResourceVersion { get; }

    /// <summary>How many bytes of JSON it is.</summary>
    public int JsonLength { get; }

    /// <summary>How many bytes its JSON takes while it is held.</summary>
    public int HeldBytes => _data.Length;

    /// <summary>Takes an object as JSON, and holds it as it is.</summary>
    /// <exception cref="FormatException">It has no <c>metadata</c> with name, uid and resource version.</exception>
    public static Unstructured Create(ResourceType type, ReadOnlySpan<byte> json)
    {
        var tape = new Core.Json.JsonTape();
        tape.Parse(json);
        var header = ObjectHeader.Read(tape, tape.Root);
        return new Unstructured(type, new ObjectKey(header.Object.Namespace, header.Object.Name), header.Object.Uid, header.ResourceVersion, json.ToArray(), null, json.Length);
    }

    /// <summary>Decodes the JSON into a pooled buffer. Dispose it when done.</summary>
    public ObjectJson OpenJson()
    {
        if (_dictionary is null)
            return new ObjectJson(_data, null);
        var buffer = ArrayPool<byte>.Shared.Rent(JsonLength);
        try
        {
            _dictionary.Decompress(_data, buffer.AsSpan(0, JsonLength));
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
        return new ObjectJson(buffer.AsMemory(0, JsonLength), buffer);
    }

    /// <summary>Appends the JSON to a writer.</summary>
    public void WriteTo(IBufferWriter<byte> writer)
    {
        var room = writer.GetSpan(JsonLength)[..JsonLength];
        if (_dictionary is null)
            _data.CopyTo(room);
        else
            _dictionary.Decompress(_data, room);
        writer.Advance(JsonLength);
    }

    /// <summary>The JSON in an array of its own.</summary>
    public byte[] ToJson()
    {
        using var json = OpenJson();
        return json.Span.ToArray();
    }

    /// <summary>A typed object, decoded now.</summary>
    public T Read<T>(ObjectReader<T> reader)
    {
        using var json = OpenJson();
        return reader(json.Span);
    }

    /// <summary>All labels, decoded now; empty where there are none.</summary>
    public Dictionary<string, string> GetLabels()
    {
        using var json = OpenJson();
        return new ObjectView(this, json.Span).GetLabels();
    }

    /// <summary>Type, key and resource version: <c>pods shop/web-0 @4711</c>. Never content: it may be a Secret's.</summary>
    public override string ToString() => new StringBuilder().Append(Type.GroupResource).Append(' ').Append(Key).Append(" @").Append(ResourceVersion).ToString();
}
