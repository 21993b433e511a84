using System.Globalization;
using System.Text;

namespace Replicator.TestKit.ApiServer;

/// <summary>An answer that a real API server gave (<c>tests/recordings/protocol</c>).</summary>
public sealed record RecordedAnswer(int Status, IReadOnlyList<(string Name, string Value)> Headers, byte[] Body)
{
    /// <summary>Reads one by its name, without <c>.http</c>.</summary>
    public static RecordedAnswer Load(string name)
    {
        var content = File.ReadAllBytes(Path.Combine(TestRecordings.Protocol, name + ".http"));
        var end = content.AsSpan().IndexOf("\r\n\r\n"u8);
        var head = Encoding.ASCII.GetString(content, 0, end).Split("\r\n");
        var headers = head.Skip(1).Select(line => line.Split(": ", 2)).Select(parts => (parts[0], parts[1].Trim()))
            // The connection says these for itself.
            .Where(header => header.Item1 is not ("content-length" or "date" or "transfer-encoding")).ToList();
        return new RecordedAnswer(int.Parse(head[0].Split(' ')[1], CultureInfo.InvariantCulture), headers, content[(end + 4)..]);
    }

    /// <summary>A metav1.Status in the server's own form.</summary>
    public static RecordedAnswer OfStatus(int code, string reason, string message, params (string Name, string Value)[] headers) => new(
        code, [("content-type", "application/json"), .. headers],
        Encoding.UTF8.GetBytes($$"""{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"{{message}}","reason":"{{reason}}","code":{{code}}}""" + "\n"));
}
