using System.Diagnostics;

namespace Replicator;

/// <summary>Progress on standard error: on a terminal one line that is rewritten, else a line every ten seconds.</summary>
sealed class ProgressLine(string unit) : IProgress<long>, IDisposable
{
    static readonly TimeSpan TerminalPeriod = TimeSpan.FromMilliseconds(100);
    static readonly TimeSpan LogPeriod = TimeSpan.FromSeconds(10);

    readonly Stopwatch _since = Stopwatch.StartNew();
    bool _shown;

    /// <summary>The number that is the end, where it is known.</summary>
    public long? Total { get; set; }

    public void Report(long value)
    {
        if (_since.Elapsed < (Console.IsErrorRedirected ? LogPeriod : TerminalPeriod))
            return;
        _since.Restart();
        var text = Total is { } total and > 0 ? $"{value} of {total} {unit} ({100 * value / total}%)" : $"{value} {unit}";
        if (Console.IsErrorRedirected)
            Console.Error.WriteLine(text);
        else
            Console.Error.Write($"\r{text}\e[K");
        _shown = true;
    }

    public void Clear()
    {
        if (_shown && !Console.IsErrorRedirected)
            Console.Error.Write("\r\e[K");
        _shown = false;
    }

    public void Dispose() => Clear();
}
