using System.Text.Json;
using Replicator.Core.Json;

namespace Replicator.KubeApi.Tables;

/// <summary>
/// The row that is being written: the object that it shows, and a way to write cells from it. Keeps its buffers from row to row, so that once they have grown no row allocates.
/// </summary>
sealed class TableRow
{
    readonly CellPieces _pieces = new();
    Utf8JsonWriter _json = null!;
    TapeValue _metadata;

    /// <summary>The object.</summary>
    public TapeValue Object { get; private set; }

    public TapeValue Spec => Object["spec"u8];

    public TapeValue Status => Object["status"u8];

    public TapeValue Metadata => _metadata;

    public Utf8JsonWriter Json => _json;

    /// <summary>The moment to which ages are relative, in UTC ticks.</summary>
    public long Now { get; private set; }

    /// <summary>Text for a cell; <see cref="WriteText()"/> makes it one.</summary>
    public CellText Text { get; } = new();

    /// <summary>Text that is put together while another cell comes before its own.</summary>
    public CellText Aside { get; } = new();

    public bool IsBeingDeleted => _metadata["deletionTimestamp"u8].IsSet;

    public void Begin(Utf8JsonWriter json, JsonTape document, DateTimeOffset now)
    {
        _json = json;
        Object = new TapeValue(document, document.Root);
        _metadata = Object["metadata"u8];
        Now = now.UtcTicks;
        Text.Clear();
        Aside.Clear();
    }

    /// <summary>Lets go of the document and the writer.</summary>
    public void Clear()
    {
        _json = null!;
        Object = default;
        _metadata = default;
    }

    /// <summary>Parts of a cell that are to be sorted.</summary>
    public CellPieces StartPieces()
    {
        _pieces.Clear();
        return _pieces;
    }

    public void WriteName() => Write(_metadata["name"u8]);

    /// <summary>Writes the time since the object was created.</summary>
    public void WriteAge() => WriteSince(_metadata["creationTimestamp"u8]);

    /// <summary>Writes the time since <paramref name="time"/>.</summary>
    public void WriteSince(TapeValue time)
    {
        AddSince(time);
        WriteText();
    }

    /// <summary>Writes a string, empty for any other value.</summary>
    public void Write(TapeValue value)
    {
        if (value.IsString)
            _json.WriteRawValue(value.Tape.RawText(value.Node), skipInputValidation: true);
        else
            _json.WriteStringValue(""u8);
    }

    /// <summary>Writes a string, or <paramref name="fallback"/> for a value that is none.</summary>
    public void Write(TapeValue value, ReadOnlySpan<byte> fallback)
    {
        if (value.IsString)
            Write(value);
        else
            _json.WriteStringValue(fallback);
    }

    /// <summary>Writes a string, or <paramref name="fallback"/> where it is empty or not set.</summary>
    public void WriteUnlessEmpty(TapeValue value, ReadOnlySpan<byte> fallback)
    {
        if (value.HasText)
            Write(value);
        else
            _json.WriteStringValue(fallback);
    }

    public void Write(ReadOnlySpan<byte> text) => _json.WriteStringValue(text);

    /// <summary>Writes an integer, 0 for any other value.</summary>
    public void WriteInteger(TapeValue value) => _json.WriteNumberValue(value.Integer);

    public void Write(long number) => _json.WriteNumberValue(number);

    public void Write(bool value) => _json.WriteBooleanValue(value);

    /// <summary>Writes a boolean, or <paramref name="fallback"/> for a value that is none.</summary>
    public void Write(TapeValue value, bool fallback) => _json.WriteBooleanValue(value.Kind switch
    {
        JsonKind.True => true,
        JsonKind.False => false,
        _ => fallback,
    });

    public void WriteNull() => _json.WriteNullValue();

    /// <summary>Writes <see cref="Text"/> as a cell and clears it.</summary>
    public void WriteText()
    {
        _json.WriteStringValue(Text.Written);
        Text.Clear();
    }

    /// <summary>Writes <see cref="Text"/>, which is JSON, as a cell and clears it.</summary>
    public void WriteRaw()
    {
        _json.WriteRawValue(Text.Written, skipInputValidation: true);
        Text.Clear();
    }

    /// <summary>Writes <see cref="Text"/>, or <paramref name="fallback"/> where it is empty, as a cell and clears it.</summary>
    public void WriteText(ReadOnlySpan<byte> fallback)
    {
        if (Text.Length == 0)
            _json.WriteStringValue(fallback);
        else
            WriteText();
    }

    /// <summary>Adds the time since <paramref name="time"/>, <c>&lt;unknown&gt;</c> where it is not set, to <see cref="Text"/>.</summary>
    public CellText AddSince(TapeValue time) => time.TryGetTime(out var ticks) ? Text.AddDuration(Now - ticks) : Text.Add("<unknown>"u8);

    /// <summary>Adds the strings of an array, joined.</summary>
    public CellText AddJoined(TapeValue strings, ReadOnlySpan<byte> separator)
    {
        var isFirst = true;
        foreach (var text in strings)
        {
            if (!isFirst)
                Text.Add(separator);
            isFirst = false;
            Text.Add(text);
        }
        return Text;
    }

    /// <summary>Writes the names and the images of containers, two cells.</summary>
    public void WriteContainers(TapeValue podSpec)
    {
        var containers = podSpec["containers"u8];
        WriteMembers(containers, "name"u8);
        WriteMembers(containers, "image"u8);
    }

    void WriteMembers(TapeValue objects, ReadOnlySpan<byte> name)
    {
        var isFirst = true;
        foreach (var element in objects)
        {
            if (!isFirst)
                Text.Add(","u8);
            isFirst = false;
            Text.Add(element[name]);
        }
        WriteText();
    }
}
