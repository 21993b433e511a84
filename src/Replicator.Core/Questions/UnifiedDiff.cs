using System.Globalization;
using System.Text;

namespace Replicator.Core.Questions;

/// <summary>Differences of two texts in the unified format of diff(1) and POSIX, three lines of context around each; <c>patch</c> understands them.</summary>
public static class UnifiedDiff
{
    const int Context = 3;

    /// <summary>Above this many steps the middle is shown as replaced: exactness there is worth nothing to a reader.</summary>
    const int MaxEdits = 1000;

    /// <summary>The hunks with a header; empty where the texts are equal.</summary>
    /// <param name="fromName">What the first line says of the one.</param>
    /// <param name="from">Its lines.</param>
    /// <param name="toName">What the second line says of the other.</param>
    /// <param name="to">Its lines.</param>
    public static string Write(string fromName, IReadOnlyList<string> from, string toName, IReadOnlyList<string> to)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        var script = Script(from, to);
        if (script.TrueForAll(step => step.Kind == ' '))
            return "";
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"--- {fromName}\n+++ {toName}\n");
        for (var index = 0; index < script.Count;)
        {
            if (script[index].Kind == ' ')
            {
                index++;
                continue;
            }
            var start = Math.Max(0, index - Context);
            var end = index;
            for (var last = index; end < script.Count && end <= last + 2 * Context; end++)
            {
                if (script[end].Kind != ' ')
                    last = end;
            }
            while (end > start && script[end - 1].Kind == ' ' && end - LastChange(script, end) - 1 > Context)
                end--;
            Hunk(text, script, start, end);
            index = end;
        }
        return text.ToString();
    }

    static int LastChange(List<(char Kind, string Line, int From, int To)> script, int end)
    {
        var last = end - 1;
        while (script[last].Kind == ' ')
            last--;
        return last;
    }

    static void Hunk(StringBuilder text, List<(char Kind, string Line, int From, int To)> script, int start, int end)
    {
        var removed = script.Skip(start).Take(end - start).Count(step => step.Kind != '+');
        var added = script.Skip(start).Take(end - start).Count(step => step.Kind != '-');
        text.Append(CultureInfo.InvariantCulture, $"@@ -{Range(script[start].From, removed)} +{Range(script[start].To, added)} @@\n");
        for (var index = start; index < end; index++)
            text.Append(script[index].Kind).Append(script[index].Line).Append('\n');
    }

    // A range without lines names the line before it.
    static string Range(int first, int count) => count == 1 ? $"{first + 1}" : $"{(count == 0 ? first : first + 1)},{count}";

    /// <summary>The lines of both with what becomes of them, and the places where each stands.</summary>
    static List<(char Kind, string Line, int From, int To)> Script(IReadOnlyList<string> from, IReadOnlyList<string> to)
    {
        var script = new List<(char, string, int, int)>();
        var start = 0;
        while (start < from.Count && start < to.Count && from[start] == to[start])
            script.Add((' ', from[start], start, start++));
        var (fromEnd, toEnd) = (from.Count, to.Count);
        while (fromEnd > start && toEnd > start && from[fromEnd - 1] == to[toEnd - 1])
            (fromEnd, toEnd) = (fromEnd - 1, toEnd - 1);
        Middle(from, start, fromEnd, to, start, toEnd, script);
        for (var index = fromEnd; index < from.Count; index++)
            script.Add((' ', from[index], index, toEnd + index - fromEnd));
        return script;
    }

    /// <summary>Myers' greedy algorithm ("An O(ND) Difference Algorithm and Its Variations", 1986).</summary>
    static void Middle(IReadOnlyList<string> from, int fromStart, int fromEnd, IReadOnlyList<string> to, int toStart, int toEnd, List<(char, string, int, int)> script)
    {
        var (n, m) = (fromEnd - fromStart, toEnd - toStart);
        if (n == 0 || m == 0)
        {
            Replace(from, fromStart, fromEnd, to, toStart, toEnd, script);
            return;
        }
        var max = Math.Min(n + m, MaxEdits);
        var frontiers = new List<int[]>();
        var frontier = new int[2 * max + 3];
        for (var edits = 0; edits <= max; edits++)
        {
            // As far as the next step looks.
            frontiers.Add(frontier[(max - edits)..(max + edits + 3)]);
            for (var diagonal = -edits; diagonal <= edits; diagonal += 2)
            {
                var x = diagonal == -edits || (diagonal != edits && frontier[max + diagonal] < frontier[max + diagonal + 2]) ? frontier[max + diagonal + 2] : frontier[max + diagonal] + 1;
                var y = x - diagonal;
                while (x < n && y < m && x >= 0 && y >= 0 && from[fromStart + x] == to[toStart + y])
                    (x, y) = (x + 1, y + 1);
                frontier[max + diagonal + 1] = x;
                if (x >= n && y >= m)
                {
                    Trace(frontiers, edits, n, m, from, fromStart, to, toStart, script);
                    return;
                }
            }
        }
        Replace(from, fromStart, fromEnd, to, toStart, toEnd, script);
    }

    static void Replace(IReadOnlyList<string> from, int fromStart, int fromEnd, IReadOnlyList<string> to, int toStart, int toEnd, List<(char, string, int, int)> script)
    {
        for (var index = fromStart; index < fromEnd; index++)
            script.Add(('-', from[index], index, toStart));
        for (var index = toStart; index < toEnd; index++)
            script.Add(('+', to[index], fromEnd, index));
    }

    static void Trace(List<int[]> frontiers, int edits, int x, int y, IReadOnlyList<string> from, int fromStart, IReadOnlyList<string> to, int toStart, List<(char, string, int, int)> script)
    {
        var back = new List<(char, string, int, int)>();
        for (; edits >= 0; edits--)
        {
            var frontier = frontiers[edits];
            var diagonal = x - y;
            var isDown = diagonal == -edits || (diagonal != edits && frontier[edits + diagonal] < frontier[edits + diagonal + 2]);
            var previous = isDown ? diagonal + 1 : diagonal - 1;
            var (startX, startY) = edits == 0 ? (0, 0) : (frontier[edits + previous + 1], frontier[edits + previous + 1] - previous);
            while (x > startX && y > startY)
            {
                (x, y) = (x - 1, y - 1);
                back.Add((' ', from[fromStart + x], fromStart + x, toStart + y));
            }
            if (edits == 0)
                break;
            back.Add(isDown ? ('+', to[toStart + y - 1], fromStart + x, toStart + y - 1) : ('-', from[fromStart + x - 1], fromStart + x - 1, toStart + y));
            (x, y) = (startX, startY);
        }
        back.Reverse();
        script.AddRange(back);
    }
}
