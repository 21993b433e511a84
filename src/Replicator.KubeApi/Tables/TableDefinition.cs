using System.Text.Json;
using Replicator.Core.Json;

namespace Replicator.KubeApi.Tables;

/// <summary>
/// How the objects of one resource are printed as rows of a Table (meta/v1): the API server's columns, and for each object its cells.
/// </summary>
/// <remarks>Thread-safe. Writing a row throws for no object, whatever its shape: what is missing or of another kind prints as the server prints what is not set.</remarks>
public sealed class TableDefinition
{
    /// <summary>Rows are made one at a time on each thread, so that their scratch memory can be kept.</summary>
    [ThreadStatic]
    static TableRow? _row;

    readonly TableColumn[] _columns;
    readonly Action<TableRow> _cells;
    readonly Action<TableRow>? _conditions;

    internal TableDefinition(TableColumn[] columns, Action<TableRow> cells, Action<TableRow>? conditions = null) =>
        (_columns, _cells, _conditions) = (columns, cells, conditions);

    /// <summary>The columns, in order.</summary>
    public IReadOnlyList<TableColumn> Columns => _columns;

    /// <summary>Whether the Table of an empty list has <c>"rows": null</c>, as the API server's default table has, and not <c>"rows": []</c>.</summary>
    public bool EmptyRowsAreNull { get; internal init; }

    /// <summary>The order of the rows of a list, where it is not the order of its objects; <see langword="null"/> for almost every type.</summary>
    /// <remarks>Flow schemas are printed by precedence. A page of a list is ordered by itself, as it is on the server.</remarks>
    public Comparison<JsonTape>? RowOrder { get; internal init; }

    /// <summary>Writes the array <c>columnDefinitions</c>, a member of the object that <paramref name="json"/> is in.</summary>
    public void WriteColumnDefinitions(Utf8JsonWriter json)
    {
        json.WriteStartArray("columnDefinitions"u8);
        foreach (var column in _columns)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, column.Name);
            json.WriteString("type"u8, column.Type);
            json.WriteString("format"u8, column.Format);
            json.WriteString("description"u8, column.Description);
            json.WriteNumber("priority"u8, column.Priority);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    /// <summary>
    /// Writes the array <c>cells</c> and, where the server has any, the array <c>conditions</c> of one row, members of the row that <paramref name="json"/> is in.
    /// </summary>
    /// <param name="json">A writer inside of an object.</param>
    /// <param name="document">The object to print, as the root of its document.</param>
    /// <param name="now">The moment to which ages are relative.</param>
    public void WriteCells(Utf8JsonWriter json, JsonTape document, DateTimeOffset now)
    {
        var row = _row ?? new TableRow();
        _row = null;
        row.Begin(json, document, now);
        json.WriteStartArray("cells"u8);
        _cells(row);
        json.WriteEndArray();
        _conditions?.Invoke(row);
        row.Clear();
        _row = row;
    }
}
