namespace Replicator.KubeApi.Tables;

/// <summary>Labels and selectors in the syntax of selectors (k8s.io/apimachinery/pkg/labels).</summary>
static class Labels
{
    /// <summary>Writes labels as <c>key=value,…</c> in the order of these texts, or <c>&lt;none&gt;</c>, a cell.</summary>
    public static void WriteLabels(this TableRow row, TapeValue labels)
    {
        var pieces = row.StartPieces();
        foreach (var (name, value) in labels.Members)
        {
            pieces.Text.Add(name).Add("="u8).Add(value);
            pieces.EndPiece();
        }
        pieces.Join(row.Text, ","u8);
        row.WriteText("<none>"u8);
    }

    /// <summary>Writes a label selector, a cell: <c>&lt;none&gt;</c> where it selects by nothing, <c>&lt;error&gt;</c> where it is none.</summary>
    public static void WriteSelector(this TableRow row, TapeValue selector)
    {
        if (!row.AddSelector(selector))
            row.Text.Add("<error>"u8);
        row.WriteText("<none>"u8);
    }

    /// <summary>Adds a label selector (meta/v1) to the row's text, its requirements in the order of their keys; adds nothing and returns <see langword="false"/> where it has a requirement that cannot be.</summary>
    public static bool AddSelector(this TableRow row, TapeValue selector)
    {
        var pieces = row.StartPieces();
        foreach (var (name, value) in selector["matchLabels"u8].Members)
        {
            pieces.Text.Add(name);
            pieces.EndKey();
            pieces.Text.Add(name).Add("="u8).Add(value);
            pieces.EndPiece();
        }
        foreach (var requirement in selector["matchExpressions"u8])
        {
            var (key, values, comparison) = (requirement["key"u8], requirement["values"u8], requirement["operator"u8]);
            pieces.Text.Add(key);
            pieces.EndKey();
            if (comparison.Is("Exists"u8) || comparison.Is("DoesNotExist"u8))
            {
                if (values.Count > 0)
                    return false;
                pieces.Text.Add(comparison.Is("Exists"u8) ? ""u8 : "!"u8).Add(key);
            }
            else if (comparison.Is("In"u8) || comparison.Is("NotIn"u8))
            {
                if (values.Count == 0)
                    return false;
                pieces.Text.Add(key).Add(comparison.Is("In"u8) ? " in ("u8 : " notin ("u8);
                AddSorted(pieces.Text, values);
                pieces.Text.Add(")"u8);
            }
            else
            {
                return false;
            }
            pieces.EndPiece();
        }
        pieces.Join(row.Text, ","u8);
        return true;
    }

    /// <summary>Adds the strings of an array in their order. Selectors with more than one value are rare, and their values few.</summary>
    static void AddSorted(CellText text, TapeValue values)
    {
        if (values.Count == 1)
        {
            text.Add(values.First);
            return;
        }
        var sorted = new CellPieces();
        foreach (var value in values)
        {
            sorted.Text.Add(value);
            sorted.EndPiece();
        }
        sorted.Join(text, ","u8);
    }
}
