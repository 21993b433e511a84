using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using Spectre.Console;

namespace Replicator.Output;

/// <summary>Where a command prints: standard output, by way of a pager where it is a terminal. Colours appear on a terminal only, and not where <c>NO_COLOR</c> is set (https://no-color.org).</summary>
/// <remarks>The pager is <c>$PAGER</c>, else <c>less</c>, which with <c>LESS=FRX</c> prints at once what fits. Set <c>PAGER=cat</c> or an empty one to have none.</remarks>
sealed class Screen : IAsyncDisposable
{
    readonly Process? _pager;
    readonly TextWriter _out;
    bool _isLeft;

    Screen(Process? pager, bool isColoured, int width)
    {
        (_pager, IsColoured, Width) = (pager, isColoured, width);
        _out = pager?.StandardInput ?? Console.Out;
        if (pager is not null)
            pager.StandardInput.AutoFlush = false;
    }

    public bool IsColoured { get; }

    /// <summary>To how many columns tables are cut; a file is as wide as it needs.</summary>
    public int Width { get; }

    public static Screen Open()
    {
        if (Console.IsOutputRedirected)
            return new Screen(null, isColoured: false, int.MaxValue);
        var isColoured = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")) && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");
        var pager = Environment.GetEnvironmentVariable("PAGER") ?? "less";
        return new Screen(pager is "" or "cat" ? null : Start(pager), isColoured, new AnsiConsoleOutput(Console.Out).Width);
    }

    public string Coloured(string text, ScreenColour colour) => IsColoured ? $"\e[{(int)colour}m{text}\e[0m" : text;

    public void Line(string text = "") => Write($"{text}\n");

    public void Write(string text)
    {
        if (_isLeft)
            return;
        try
        {
            _out.Write(text);
        }
        catch (IOException) when (_pager is not null)
        {
            // Whoever reads has seen enough, and quit.
            _isLeft = true;
        }
    }

    /// <summary>Prints a table as kubectl does: no lines, two spaces between columns, none at the end of a line.</summary>
    public void Table(Table table)
    {
        using var lines = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(lines) });
        // What is too long for the terminal is for the pager, or the terminal, to wrap: a table that leaves things out answers another question.
        console.Profile.Width = 100_000;
        console.Write(table);
        using var reader = new StringReader(lines.ToString());
        while (reader.ReadLine() is { } line)
            Line(line.TrimEnd());
    }

    public async ValueTask DisposeAsync()
    {
        if (_pager is null)
        {
            await _out.FlushAsync();
            return;
        }
        try
        {
            _pager.StandardInput.Close();
        }
        catch (IOException)
        {
            _isLeft = true;
        }
        await _pager.WaitForExitAsync();
        _pager.Dispose();
    }

    static Process? Start(string pager)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", pager]) { RedirectStandardInput = true, StandardInputEncoding = new UTF8Encoding(false), UseShellExecute = false };
        start.Environment.TryAdd("LESS", "FRX");
        try
        {
            return Process.Start(start);
        }
        catch (Win32Exception)
        {
            // Without a shell there is no pager; the answer matters more.
            return null;
        }
    }
}

/// <summary>Colours, by their SGR numbers (ECMA-48).</summary>
enum ScreenColour
{
    Bold = 1,
    Dim = 2,
    Red = 31,
    Green = 32,
    Yellow = 33,
    Cyan = 36,
}
