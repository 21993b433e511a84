using System.Diagnostics.CodeAnalysis;
using Replicator.Core.Json;

namespace Replicator.KubeApi.Tables.Custom;

/// <summary>
/// The table of a custom resource: the printer columns that its definition has for one version (k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor).
/// </summary>
sealed class CustomResourceTable
{
    readonly (ColumnType Type, JsonPathExpression Path)[] _cells;

    CustomResourceTable((ColumnType, JsonPathExpression)[] cells) => _cells = cells;

    /// <summary>How the value that a path finds becomes a cell.</summary>
    enum ColumnType
    {
        Unknown,
        Text,
        Integer,
        Number,
        Boolean,
        Date,
    }

    /// <param name="definition">A CustomResourceDefinition (v1).</param>
    /// <param name="version">The version of the resource that is asked for.</param>
    public static TableDefinition Create(ReadOnlyMemory<byte> definition, string version)
    {
        var tape = new JsonTape();
        tape.Parse(definition);
        var declared = TapeValue.None;
        foreach (var candidate in new TapeValue(tape, tape.Root)["spec"u8]["versions"u8])
        {
            if (Text(candidate["name"u8]) == version)
                declared = candidate["additionalPrinterColumns"u8];
        }

        List<TableColumn> columns = [Column.Name];
        var cells = new List<(ColumnType, JsonPathExpression)>();
        foreach (var column in declared)
        {
            // Like the server: what stands before a path that cannot be read is printed.
            if (!TryParse(column, out var header, out var path))
                break;
            columns.Add(header);
            cells.Add((TypeOf(header.Type), path));
        }
        if (declared.Count == 0)
        {
            columns.Add(Column.AgeAsDate);
            cells.Add((ColumnType.Date, JsonPathExpression.Parse(".metadata.creationTimestamp")));
        }
        return new TableDefinition([.. columns], new CustomResourceTable([.. cells]).WriteCells);
    }

    static bool TryParse(TapeValue column, [NotNullWhen(true)] out TableColumn? header, [NotNullWhen(true)] out JsonPathExpression? path)
    {
        var text = Text(column["jsonPath"u8]);
        header = null;
        if (!JsonPathExpression.TryParse(text, out path))
            return false;
        var description = Text(column["description"u8]);
        if (description.Length == 0)
            description = $"Custom resource definition column (in JSONPath format): {text}";
        var priority = (int)Math.Clamp(column["priority"u8].Integer, int.MinValue, int.MaxValue);
        header = new TableColumn(Text(column["name"u8]), Text(column["type"u8]), Text(column["format"u8]), description, priority);
        return true;
    }

    static string Text(TapeValue value) => value.IsString ? value.Tape.GetString(value.Node) : "";

    static ColumnType TypeOf(string type) => type switch
    {
        "string" => ColumnType.Text,
        "integer" => ColumnType.Integer,
        "number" => ColumnType.Number,
        "boolean" => ColumnType.Boolean,
        "date" => ColumnType.Date,
        _ => ColumnType.Unknown,
    };

    void WriteCells(TableRow row)
    {
        row.WriteName();
        foreach (var (type, path) in _cells)
        {
            // Of several values that a path finds the server prints the first.
            if (path.TryFindFirst(row.Object, out var value))
                WriteCell(row, type, value);
            else
                row.WriteNull();
        }
    }

    static void WriteCell(TableRow row, ColumnType type, PathValue value)
    {
        switch (type)
        {
            case ColumnType.Text:
                WriteText(row, value);
                break;
            case ColumnType.Integer when value.TryGetInteger(out var integer):
                row.Write(integer);
                break;
            case ColumnType.Integer when value.TryGetNumber(out var number):
                row.Write(double.IsFinite(number) && Math.Abs(number) < long.MaxValue ? (long)number : long.MinValue);
                break;
            case ColumnType.Number when value.TryGetNumber(out var number) && double.IsFinite(number):
                GoText.AddJsonNumber(row.Text, number);
                row.WriteRaw();
                break;
            case ColumnType.Boolean when value.TryGetBoolean(out var boolean):
                row.Write(boolean);
                break;
            case ColumnType.Date when value.IsText:
                WriteDate(row, value);
                break;
            default:
                row.WriteNull();
                break;
        }
    }

    static void WriteText(TableRow row, PathValue value)
    {
        if (value.Node is { IsString: true })
        {
            row.Write(value.Node);
            return;
        }
        GoText.AddPrinted(row.Text, value);
        row.WriteText();
    }

    static void WriteDate(TableRow row, PathValue value)
    {
        var start = row.Text.Length;
        value.AddText(row.Text);
        var text = row.Text.Written[start..];
        var isKnown = Timestamps.TryParse(text, out var ticks);
        var isUnset = text.IsEmpty || text.SequenceEqual("null"u8) || isKnown && ticks == 0;
        row.Text.Truncate(start);
        if (isUnset)
            row.Text.Add("<unknown>"u8);
        else if (isKnown)
            row.Text.AddDuration(row.Now - ticks);
        else
            row.Text.Add("<invalid>"u8);
        row.WriteText();
    }
}
