using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.Storage.Marten.Log;

/// <summary>What stands in <c>mt_events.headers</c>: the metadata, and how the body is encoded. Not thread-safe.</summary>
sealed class EventHeaders : IDisposable
{
    static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    readonly Utf8JsonWriter _writer = new(Stream.Null, Options);
    readonly PooledBufferWriter _written = new();

    /// <summary>Encodes the metadata of an event.</summary>
    /// <param name="proposed">The event.</param>
    /// <param name="previous">The revision whose state the body is a patch from; null where it is none.</param>
    /// <param name="output">Receives it.</param>
    public void Encode(ProposedEvent proposed, long? previous, PooledBufferWriter output)
    {
        Write(proposed, previous, verbatim: null);
        // jsonb holds no NUL in a string (PostgreSQL manual, 8.14.1): such metadata travels as one encoded text.
        if (_written.WrittenSpan.IndexOf("\\u0000"u8) >= 0)
            Write(proposed, previous, Convert.ToBase64String(_written.WrittenSpan));
        output.Write(_written.WrittenSpan);
    }

    public void Dispose()
    {
        _writer.Dispose();
        _written.Dispose();
    }

    void Write(ProposedEvent proposed, long? previous, string? verbatim)
    {
        _written.Clear();
        _writer.Reset(_written);
        _writer.WriteStartObject();
        _writer.WriteNumber("schema"u8, EventMetadata.CurrentSchemaVersion);
        _writer.WriteNumber("bytes"u8, proposed.State.Length);
        if (previous is { } revision)
            _writer.WriteNumber("previous"u8, revision);
        Span<byte> hash = stackalloc byte[HashChain.HashLength * 2];
        Convert.TryToHexStringLower(proposed.Hash.Span, hash, out var length);
        _writer.WriteString("hash"u8, hash[..length]);
        if (verbatim is not null)
            _writer.WriteString("verbatim"u8, verbatim);
        else
            WriteMetadata(_writer, proposed.Metadata);
        _writer.WriteEndObject();
        _writer.Flush();
    }

    static void WriteMetadata(Utf8JsonWriter writer, EventMetadata metadata)
    {
        writer.WriteString("cluster"u8, metadata.Cluster);
        writer.WriteString("group"u8, metadata.Type.Group);
        writer.WriteString("version"u8, metadata.Type.Version);
        writer.WriteString("resource"u8, metadata.Type.Resource);
        writer.WriteString("kind"u8, metadata.Type.Kind);
        writer.WriteBoolean("namespaced"u8, metadata.Type.Namespaced);
        writer.WriteString("namespace"u8, metadata.Object.Namespace);
        writer.WriteString("name"u8, metadata.Object.Name);
        writer.WriteString("uid"u8, metadata.Object.Uid);
        writer.WriteString("resourceVersion"u8, metadata.ResourceVersion);
        writer.WriteString("observedAt"u8, Time(metadata.ObservedAt));
        writer.WriteString("provenance"u8, EventNames.Of(metadata.Provenance));
        if (metadata.Epoch != 0)
            writer.WriteNumber("epoch"u8, metadata.Epoch);
        if (metadata.GapFrom is { } from)
            writer.WriteString("gapFrom"u8, from);
        if (metadata.GapFromTime is { } time)
            writer.WriteString("gapFromTime"u8, Time(time));
        if (metadata.Reason is { } reason)
            writer.WriteString("reason"u8, reason);
        if (metadata.TraceParent is { } trace)
            writer.WriteString("traceparent"u8, trace);
    }

    /// <summary>Decodes what <see cref="Encode"/> wrote, in any order of members.</summary>
    public static DecodedHeaders Decode(ReadOnlySpan<byte> json, ResourceTypes types)
    {
        var decoded = new DecodedHeaders();
        Read(json, ref decoded);
        if (decoded.Verbatim is { } verbatim)
            Read(Convert.FromBase64String(verbatim), ref decoded);
        decoded.Metadata = new EventMetadata
        {
            Cluster = types.Intern(decoded.Cluster!),
            Type = types.Intern(decoded.Group!, decoded.Version!, decoded.Resource!, decoded.Kind!, decoded.Namespaced),
            Object = new ObjectIdentity(decoded.Namespace!, decoded.Name!, decoded.Uid!),
            ResourceVersion = decoded.ResourceVersion!,
            ObservedAt = decoded.ObservedAt,
            Provenance = decoded.Provenance,
            Epoch = decoded.Epoch,
            GapFrom = decoded.GapFrom,
            GapFromTime = decoded.GapFromTime,
            Reason = decoded.Reason,
            TraceParent = decoded.TraceParent,
        };
        return decoded;
    }

    static void Read(ReadOnlySpan<byte> json, ref DecodedHeaders into)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("cluster"u8))
                into.Cluster = Text(ref reader);
            else if (reader.ValueTextEquals("group"u8))
                into.Group = Text(ref reader);
            else if (reader.ValueTextEquals("version"u8))
                into.Version = Text(ref reader);
            else if (reader.ValueTextEquals("resource"u8))
                into.Resource = Text(ref reader);
            else if (reader.ValueTextEquals("kind"u8))
                into.Kind = Text(ref reader);
            else if (reader.ValueTextEquals("namespaced"u8))
                into.Namespaced = reader.Read() && reader.GetBoolean();
            else if (reader.ValueTextEquals("namespace"u8))
                into.Namespace = Text(ref reader);
            else if (reader.ValueTextEquals("name"u8))
                into.Name = Text(ref reader);
            else if (reader.ValueTextEquals("uid"u8))
                into.Uid = Text(ref reader);
            else if (reader.ValueTextEquals("resourceVersion"u8))
                into.ResourceVersion = Text(ref reader);
            else if (reader.ValueTextEquals("observedAt"u8))
                into.ObservedAt = Time(Text(ref reader));
            else if (reader.ValueTextEquals("provenance"u8))
                into.Provenance = Text(ref reader) switch { "watch" => Provenance.Watch, "list" => Provenance.List, "relist" => Provenance.Relist, "import" => Provenance.Import, var other => throw new JsonException($"'{other}' is no provenance.") };
            else if (reader.ValueTextEquals("epoch"u8))
                into.Epoch = (int)Number(ref reader);
            else if (reader.ValueTextEquals("gapFrom"u8))
                into.GapFrom = Text(ref reader);
            else if (reader.ValueTextEquals("gapFromTime"u8))
                into.GapFromTime = Time(Text(ref reader));
            else if (reader.ValueTextEquals("reason"u8))
                into.Reason = Text(ref reader);
            else if (reader.ValueTextEquals("traceparent"u8))
                into.TraceParent = Text(ref reader);
            else if (reader.ValueTextEquals("bytes"u8))
                into.Bytes = (int)Number(ref reader);
            else if (reader.ValueTextEquals("previous"u8))
                into.Previous = Number(ref reader);
            else if (reader.ValueTextEquals("hash"u8))
                into.Hash = Convert.FromHexString(Text(ref reader));
            else if (reader.ValueTextEquals("verbatim"u8))
                into.Verbatim = Text(ref reader);
            else
                reader.Skip();
        }
    }

    static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    static DateTimeOffset Time(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);

    static string Text(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.GetString()!;
    }

    static long Number(ref Utf8JsonReader reader)
    {
        reader.Read();
        return reader.GetInt64();
    }
}

/// <summary>The members of the headers, as they come.</summary>
struct DecodedHeaders
{
    public string? Cluster, Group, Version, Resource, Kind, Namespace, Name, Uid, ResourceVersion, GapFrom, Reason, TraceParent, Verbatim;
    public bool Namespaced;
    public DateTimeOffset ObservedAt;
    public DateTimeOffset? GapFromTime;
    public Provenance Provenance;
    public int Epoch;

    /// <summary>The length of the state.</summary>
    public int Bytes;
    /// <summary>The revision whose state the body is a patch from.</summary>
    public long? Previous;
    public byte[] Hash;
    public EventMetadata Metadata;
}

/// <summary>The few clusters and types that all events share, each once.</summary>
sealed class ResourceTypes
{
    readonly Dictionary<(string, string, string, string, bool), ResourceType> _types = [];
    readonly Dictionary<string, string> _clusters = [];

    public string Intern(string cluster)
    {
        if (_clusters.TryGetValue(cluster, out var known))
            return known;
        _clusters.Add(cluster, cluster);
        return cluster;
    }

    public ResourceType Intern(string group, string version, string resource, string kind, bool namespaced)
    {
        var key = (group, version, resource, kind, namespaced);
        if (!_types.TryGetValue(key, out var type))
            _types.Add(key, type = new ResourceType(group, version, resource, kind, namespaced));
        return type;
    }
}
