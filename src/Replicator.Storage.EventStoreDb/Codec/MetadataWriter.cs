using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Replicator.Core.Events;

namespace Replicator.Storage.EventStoreDb.Codec;

/// <summary>Writes an event's metadata as a JSON object that a person can read in the store's own UI. Members without a value are left out. Not thread-safe.</summary>
/// <remarks>The names are stored: change none. <c>schema</c> is <see cref="EventMetadata.CurrentSchemaVersion"/> and marks the event as ours.</remarks>
sealed class MetadataWriter : IDisposable
{
    const string TimeFormat = "yyyy-MM-ddTHH:mm:ss.ffffffZ";

    readonly Utf8JsonWriter _writer = new(Stream.Null, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
    readonly byte[] _hex = new byte[HashChain.HashLength * 2];

    public void Write(ProposedEvent proposed, in Body body, IBufferWriter<byte> output)
    {
        var metadata = proposed.Metadata;
        _writer.Reset(output);
        _writer.WriteStartObject();
        _writer.WriteNumber("schema"u8, EventMetadata.CurrentSchemaVersion);
        _writer.WriteString("id"u8, proposed.Id);
        _writer.WriteString("cluster"u8, metadata.Cluster);
        Optional("group"u8, metadata.Type.Group);
        _writer.WriteString("version"u8, metadata.Type.Version);
        _writer.WriteString("resource"u8, metadata.Type.Resource);
        _writer.WriteString("kind"u8, metadata.Type.Kind);
        _writer.WriteBoolean("namespaced"u8, metadata.Type.Namespaced);
        Optional("namespace"u8, metadata.Object.Namespace);
        Optional("name"u8, metadata.Object.Name);
        Optional("uid"u8, metadata.Object.Uid);
        _writer.WriteString("resourceVersion"u8, metadata.ResourceVersion);
        Time("observedAt"u8, metadata.ObservedAt);
        _writer.WriteString("provenance"u8, EventNames.Of(metadata.Provenance));
        if (metadata.Epoch != 0)
            _writer.WriteNumber("epoch"u8, metadata.Epoch);
        if (metadata.GapFrom is { } gapFrom)
            _writer.WriteString("gapFrom"u8, gapFrom);
        if (metadata.GapFromTime is { } gapFromTime)
            Time("gapFromTime"u8, gapFromTime);
        if (metadata.Reason is { } reason)
            _writer.WriteString("reason"u8, reason);
        if (metadata.TraceParent is { } traceParent)
            _writer.WriteString("traceparent"u8, traceParent);
        if (Convert.TryToHexStringLower(proposed.Hash.Span, _hex, out var length))
            _writer.WriteString("hash"u8, _hex.AsSpan(0, length));
        else
            throw new ArgumentException($"A hash has {HashChain.HashLength} bytes, not {proposed.Hash.Length}.", nameof(proposed));
        Write(body);
        _writer.WriteEndObject();
        _writer.Flush();
    }

    public void Dispose() => _writer.Dispose();

    void Write(in Body body)
    {
        if (body.Form == BodyForm.None)
            return;
        _writer.WriteString("body"u8, body.Form == BodyForm.Whole ? "whole"u8 : "patch"u8);
        if (body.Form == BodyForm.Patch)
        {
            _writer.WriteNumber("base"u8, body.Base);
            _writer.WriteNumber("depth"u8, body.Depth);
        }
        if (body.Size > 0)
        {
            _writer.WriteString("encoding"u8, "gzip"u8);
            _writer.WriteNumber("size"u8, body.Size);
        }
        if (body.At is { } at)
        {
            _writer.WriteStartObject("at"u8);
            _writer.WriteString("stream"u8, at.Stream);
            _writer.WriteNumber("from"u8, at.From);
            _writer.WriteNumber("count"u8, at.Count);
            _writer.WriteNumber("offset"u8, at.Offset);
            _writer.WriteNumber("length"u8, at.Length);
            _writer.WriteEndObject();
        }
    }

    void Optional(ReadOnlySpan<byte> name, string value)
    {
        if (value.Length > 0)
            _writer.WriteString(name, value);
    }

    void Time(ReadOnlySpan<byte> name, DateTimeOffset time)
    {
        Span<byte> text = stackalloc byte[TimeFormat.Length];
        time.UtcDateTime.TryFormat(text, out var length, TimeFormat, System.Globalization.CultureInfo.InvariantCulture);
        _writer.WriteString(name, text[..length]);
    }
}
