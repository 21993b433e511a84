namespace Replicator.Output;

/// <summary>How a command shows its answer.</summary>
enum OutputFormat
{
    Table,
    Wide,
    Json,
    Yaml,
    Diff,
}

/// <summary>The values of <c>--output</c>.</summary>
static class OutputFormats
{
    /// <exception cref="CommandException">It is none of those that the command has.</exception>
    public static OutputFormat Parse(string text, params IReadOnlyList<OutputFormat> known) =>
        Enum.TryParse<OutputFormat>(text, ignoreCase: true, out var format) && known.Contains(format) && char.IsLetter(text[0])
            ? format
            : throw new CommandException($"'{text}' is not an output format: write {Words(known)}.");

    public static string Words(IReadOnlyList<OutputFormat> known) => string.Join(", ", known.Take(known.Count - 1).Select(Word)) + $" or {Word(known[^1])}";

    public static string Word(OutputFormat format) => format.ToString().ToLowerInvariant();
}
