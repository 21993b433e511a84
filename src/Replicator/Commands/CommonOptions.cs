using System.CommandLine;
using Replicator.Output;
using Spectre.Console;

namespace Replicator.Commands;

/// <summary>Options that many commands share.</summary>
static class CommonOptions
{
    public static Option<string> Data() => new("--data") { Description = "The data folder.", HelpName = "DIR", DefaultValueFactory = _ => Settings.Load().Data };

    /// <summary>Which engines hold log and projection, for the commands that write.</summary>
    public static (Option<string?> Log, Option<string?> Snapshots) Engines() =>
        (new("--log") { Description = "The engine of the log: sqlite, postgres or eventstoredb; where it is say the settings [default: sqlite].", HelpName = "ENGINE" },
         new("--snapshots") { Description = "The engine of the projection: sqlite or postgres [default: sqlite with a log in sqlite, else postgres].", HelpName = "ENGINE" });

    public static Option<string?> Cluster() => new("--cluster") { Description = "The cluster's id; may be left out where one is recorded.", HelpName = "ID" };

    public static Option<string?> Namespace() => new("--namespace", "-n") { Description = "Only this namespace.", HelpName = "NS" };

    /// <summary>On the root command, and so on all.</summary>
    public static Option<bool> Utc { get; } = new("--utc") { Description = "Shows times in UTC, not in the zone of this machine (or of $TZ).", Recursive = true };

    public static TimeText Times(ParseResult result) => new(result.GetValue(Utc), TimeZoneInfo.Local);

    public static Option<string> Output() => new("--output", "-o") { Description = "table, or json: one object a line.", HelpName = "FORMAT", DefaultValueFactory = _ => "table" };

    public static bool IsJson(string output) => output switch
    {
        "json" => true,
        "table" => false,
        _ => throw new CommandException($"'{output}' is not an output format: write table or json."),
    };

    /// <summary>A table as kubectl prints them: no lines, two spaces between columns.</summary>
    public static Table Table(params string[] columns)
    {
        var table = new Table().NoBorder();
        foreach (var column in columns)
            table.AddColumn(new TableColumn(Markup.Escape(column)) { NoWrap = true, Padding = new Padding(0, 0, 2, 0) });
        return table;
    }

    /// <summary>Writes a table without cutting its lines to the terminal's width where the output is not a terminal, and without the blanks by which the last column would be padded.</summary>
    public static void Write(Table table)
    {
        using var lines = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(lines) });
        console.Profile.Width = Console.IsOutputRedirected ? 10_000 : new AnsiConsoleOutput(Console.Out).Width;
        console.Write(table);
        using var reader = new StringReader(lines.ToString());
        while (reader.ReadLine() is { } line)
            Console.WriteLine(line.TrimEnd());
    }
}
