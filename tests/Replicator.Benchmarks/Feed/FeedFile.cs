using System.Globalization;
using System.Text;
using Replicator.TestKit;
using Replicator.TestKit.Amplified;

namespace Replicator.Benchmarks.Feed;

/// <summary>The answer to a streaming list and watch of pods, rendered once and to the byte: the chunks of an HTTP/1.1 body (RFC 9112, section 7.1), one for each line, as an API server sends them.</summary>
sealed class FeedFile : IDisposable
{
    readonly DirectoryInfo _folder;

    FeedFile(DirectoryInfo folder, long lines, long bytes) => (_folder, Lines, Bytes) = (folder, lines, bytes);

    public string Path => System.IO.Path.Combine(_folder.FullName, "feed");

    /// <summary>How many lines tell of an object: all but the bookmark.</summary>
    public long Lines { get; }

    /// <summary>How long the lines are, without line feeds and chunk headers.</summary>
    public long Bytes { get; }

    public static FeedFile Render(int pods, int changes, int seed)
    {
        Console.Error.WriteLine($"rendering {pods} pods and {changes} changes (seed {seed})");
        var folder = Directory.CreateTempSubdirectory("replicator-feed-");
        var (lines, bytes) = (0L, 0L);
        using var file = new FileStream(System.IO.Path.Combine(folder.FullName, "feed"), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 20);
        Span<byte> header = stackalloc byte[16];
        foreach (var line in new PodAmplifier(TestRecordings.Shop, pods, changes, seed).ReadLines())
        {
            var length = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{line.Json.Length + 1:x}\r\n"), header);
            file.Write(header[..length]);
            file.Write(line.Json.Span);
            file.Write("\n\r\n"u8);
            if (line.Type == "BOOKMARK")
                continue;
            lines++;
            bytes += line.Json.Length;
        }
        return new FeedFile(folder, lines, bytes);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
