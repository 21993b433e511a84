using System.Buffers;
using System.Text;
using System.Text.Json;
using Replicator.Core.Json;
using Replicator.KubeApi.Tables;

namespace Replicator.KubeApi;

/// <summary>How much of an object a row of a Table brings.</summary>
enum IncludeObject
{
    None,
    Metadata,
    Object,
}

/// <summary>Writes objects as the client wants them: whole, their metadata, or as rows. Not thread-safe.</summary>
sealed class ObjectWriter : IDisposable
{
    static readonly JsonWriterOptions Options = new() { SkipValidation = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    readonly IBufferWriter<byte> _body;
    readonly Representation _representation;
    readonly ServedResource _resource;
    readonly TableDefinition? _table;
    readonly IncludeObject _include;
    readonly ObjectConverter _converter;
    readonly JsonTape _tape = new();
    readonly byte[] _partialStart;
    Utf8JsonWriter? _json;
    DateTimeOffset _now;

    public ObjectWriter(IBufferWriter<byte> body, Representation representation, ServedResource resource, TableDefinition? table, IncludeObject include, DateTimeOffset now)
    {
        (_body, _representation, _resource, _table, _include, _now) = (body, representation, resource, table, include, now);
        _converter = new ObjectConverter(resource);
        _partialStart = Encoding.UTF8.GetBytes($$"""{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/{{representation.MetaVersion}}","metadata":""");
    }

    /// <summary>The table's definition, where the objects are rows.</summary>
    public TableDefinition? Table => _table;

    /// <summary>The moment that ages count to.</summary>
    public DateTimeOffset Now
    {
        set => _now = value;
    }

    /// <summary>What a list of such objects is.</summary>
    public (string Kind, string ApiVersion) ListType => _representation.Kind switch
    {
        RepresentationKind.Table => ("Table", $"meta.k8s.io/{_representation.MetaVersion}"),
        RepresentationKind.Metadata => ("PartialObjectMetadataList", $"meta.k8s.io/{_representation.MetaVersion}"),
        _ => ($"{_resource.Type.Kind}List", _resource.Type.ApiVersion),
    };

    /// <summary>Writes an object in a list: an item or a row.</summary>
    public void WriteItem(ReadOnlyMemory<byte> state)
    {
        state = _converter.Convert(state);
        switch (_representation.Kind)
        {
            case RepresentationKind.Table:
                WriteRow(state);
                break;
            case RepresentationKind.Metadata:
                WriteMetadata(state);
                break;
            default:
                _body.Write(state.Span);
                break;
        }
    }

    /// <summary>Writes an object by itself: an answer, or what a watch event brings. As a Table that is one of one row.</summary>
    /// <param name="state">The object.</param>
    /// <param name="resourceVersion">The version that the Table bears.</param>
    /// <param name="writesColumns">Whether the Table names its columns: within a watch only the first does.</param>
    public void WriteSingle(ReadOnlyMemory<byte> state, string resourceVersion, bool writesColumns)
    {
        if (_representation.Kind != RepresentationKind.Table)
        {
            WriteItem(state);
            return;
        }
        var (kind, version) = ListType;
        Write($$"""{"kind":"{{kind}}","apiVersion":"{{version}}","metadata":{"resourceVersion":"{{resourceVersion}}"},""");
        if (writesColumns)
            WriteColumns();
        else
            _body.Write("\"columnDefinitions\":null"u8);
        _body.Write(",\"rows\":["u8);
        WriteItem(state);
        _body.Write("]}"u8);
    }

    /// <summary>Writes the member <c>columnDefinitions</c>.</summary>
    public void WriteColumns()
    {
        // The braces are the caller's; a writer needs to be within an object to write a member.
        using var columns = new PooledBufferWriter();
        using (var inner = new Utf8JsonWriter(columns, Options))
        {
            inner.WriteStartObject();
            _table!.WriteColumnDefinitions(inner);
            inner.WriteEndObject();
        }
        _body.Write(columns.WrittenSpan[1..^1]);
    }

    public void Write(string text)
    {
        var span = _body.GetSpan(Encoding.UTF8.GetMaxByteCount(text.Length));
        _body.Advance(Encoding.UTF8.GetBytes(text, span));
    }

    public void Dispose()
    {
        _json?.Dispose();
        _converter.Dispose();
    }

    void WriteRow(ReadOnlyMemory<byte> state)
    {
        _tape.Parse(state);
        var json = Json();
        json.WriteStartObject();
        _table!.WriteCells(json, _tape, _now);
        if (_include != IncludeObject.None)
        {
            json.WritePropertyName("object"u8);
            json.Flush();
            if (_include == IncludeObject.Object)
                _body.Write(state.Span);
            else
                WriteMetadata(_tape);
            // The value went past the writer, which only has the brace left to write.
            _body.Write("}"u8);
            return;
        }
        json.WriteEndObject();
        json.Flush();
    }

    void WriteMetadata(ReadOnlyMemory<byte> state)
    {
        _tape.Parse(state);
        WriteMetadata(_tape);
    }

    void WriteMetadata(JsonTape tape)
    {
        _body.Write(_partialStart);
        _body.Write(tape.TryGetProperty(tape.Root, "metadata"u8, out var metadata) ? tape.RawText(metadata) : "{}"u8);
        _body.Write("}"u8);
    }

    Utf8JsonWriter Json()
    {
        if (_json is null)
            _json = new Utf8JsonWriter(_body, Options);
        else
            _json.Reset(_body);
        return _json;
    }
}
