using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Replicator.Core.Json;

namespace Replicator.TestKit.Amplified;

/// <summary>A state of a recorded pod, cut up so that it can be written again as another pod's.</summary>
sealed partial class PodTemplate
{
    const int VolumeSuffixLength = 5;

    readonly byte[] _object;
    readonly List<Piece> _pieces = [];

    public PodTemplate(string type, ReadOnlyMemory<byte> json, DateTimeOffset recordedAt)
    {
        (Type, RecordedAt) = (type, recordedAt);
        _object = json.ToArray();
        using var document = JsonDocument.Parse(json);
        var metadata = document.RootElement.GetProperty("metadata");
        Uid = metadata.GetProperty("uid").GetString()!;
        Name = metadata.GetProperty("name").GetString()!;
        Namespace = metadata.GetProperty("namespace").GetString()!;
        OwnerUid = metadata.TryGetProperty("ownerReferences", out var owners) ? owners[0].GetProperty("uid").GetString()! : "";
        IsTerminating = metadata.TryGetProperty("deletionTimestamp", out _);

        Find(Part.Name, "", Name, "");
        Find(Part.Uid, "", Uid, "");
        Find(Part.OwnerUid, "", OwnerUid, "");
        Find(Part.Namespace, "\"namespace\":\"", Namespace, "\"");
        Find(Part.ResourceVersion, "\"resourceVersion\":\"", metadata.GetProperty("resourceVersion").GetString()!, "\"");
        if (document.RootElement.GetProperty("spec").TryGetProperty("nodeName", out var node))
            Find(Part.Node, "\"nodeName\":\"", node.GetString()!, "\"");
        foreach (var (part, property) in (ReadOnlySpan<(Part, string)>)[(Part.PodAddress, "podIP"), (Part.NodeAddress, "hostIP")])
        {
            if (!document.RootElement.GetProperty("status").TryGetProperty(property, out var address))
                continue;
            // As a value, and within the names of managedFields.
            Find(part, "\"", address.GetString()!, "\"");
            Find(part, "\\\"", address.GetString()!, "\\\"");
        }
        // A character a byte, so that what is found has the same place in both.
        var text = Encoding.Latin1.GetString(_object);
        foreach (Match volume in Volumes().Matches(text))
            Add(Part.Volume, volume.Index + volume.Length - VolumeSuffixLength, VolumeSuffixLength, default);
        foreach (Match time in Times().Matches(text))
            Add(Part.Time, time.Index, time.Length, DateTimeOffset.Parse(time.Value, CultureInfo.InvariantCulture));
        _pieces.Sort((left, right) => left.Start.CompareTo(right.Start));
    }

    enum Part
    {
        Name,
        Namespace,
        Uid,
        OwnerUid,
        ResourceVersion,
        Node,
        PodAddress,
        NodeAddress,
        Volume,
        Time,
    }

    public string Type { get; }

    public DateTimeOffset RecordedAt { get; }

    public string Uid { get; }

    public string Name { get; }

    public string Namespace { get; }

    public string OwnerUid { get; }

    public bool IsTerminating { get; }

    /// <summary>Writes the state as that of another pod, in another watch line.</summary>
    public void Write(PodIdentity pod, string type, long resourceVersion, PooledBufferWriter output)
    {
        output.Write("{\"type\":\""u8);
        Write(type, output);
        output.Write("\",\"object\":"u8);
        var at = 0;
        foreach (var piece in _pieces)
        {
            output.Write(_object.AsSpan(at, piece.Start - at));
            at = piece.Start + piece.Length;
            switch (piece.Part)
            {
                case Part.Name:
                    output.Write(pod.Name);
                    break;
                case Part.Namespace:
                    output.Write(pod.Namespace);
                    break;
                case Part.Uid:
                    output.Write(pod.Uid);
                    break;
                case Part.OwnerUid:
                    output.Write(pod.OwnerUid);
                    break;
                case Part.ResourceVersion:
                    Write(resourceVersion.ToString(CultureInfo.InvariantCulture), output);
                    break;
                case Part.Node:
                    output.Write(pod.Node);
                    break;
                case Part.PodAddress:
                    output.Write(pod.Address);
                    break;
                case Part.NodeAddress:
                    output.Write(pod.NodeAddress);
                    break;
                case Part.Volume:
                    output.Write(pod.Volume);
                    break;
                default:
                    Write((piece.Time + pod.Shift).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture), output);
                    break;
            }
        }
        output.Write(_object.AsSpan(at));
        output.WriteByte((byte)'}');
    }

    static void Write(string ascii, PooledBufferWriter output) => output.Advance(Encoding.ASCII.GetBytes(ascii, output.GetSpan(ascii.Length)));

    void Find(Part part, string before, string value, string after)
    {
        if (value.Length == 0)
            return;
        var pattern = Encoding.UTF8.GetBytes(before + value + after);
        for (var at = 0; _object.AsSpan(at).IndexOf(pattern) is >= 0 and var found; at += found + pattern.Length)
            Add(part, at + found + before.Length, value.Length, default);
    }

    void Add(Part part, int start, int length, DateTimeOffset time)
    {
        if (!_pieces.Exists(piece => start < piece.Start + piece.Length && piece.Start < start + length))
            _pieces.Add(new Piece(part, start, length, time));
    }

    [GeneratedRegex("kube-api-access-[a-z0-9]{5}")]
    private static partial Regex Volumes();

    [GeneratedRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")]
    private static partial Regex Times();

    readonly record struct Piece(Part Part, int Start, int Length, DateTimeOffset Time);
}
