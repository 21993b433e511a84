using Replicator.Core.Kubernetes;

namespace Replicator.Informers.Caching;

/// <summary>An object while it is at hand: its JSON is a span of the buffer that it arrived in or was decoded to, so nothing of it can be kept.</summary>
public readonly ref struct ObjectView
{
    internal ObjectView(Unstructured item, ReadOnlySpan<byte> json)
    {
        Object = item;
        Json = json;
    }

    /// <summary>What can be kept.</summary>
    public Unstructured Object { get; }

    /// <summary>The object's JSON as the server wrote it.</summary>
    public ReadOnlySpan<byte> Json { get; }

    /// <summary>The value of a label.</summary>
    /// <param name="name">The label's name, unescaped UTF-8: <c>"app.kubernetes.io/name"u8</c>.</param>
    /// <param name="value">Its value.</param>
    public bool TryGetLabel(ReadOnlySpan<byte> name, out string value)
    {
        var labels = Labels();
        var members = new JsonSkim.Members(labels);
        while (members.Next(out var member, out var at))
        {
            if (member.SequenceEqual(name) && MetadataSkim.ReadString(labels[at..]) is { } text)
            {
                value = text;
                return true;
            }
        }
        value = "";
        return false;
    }

    /// <summary>All labels; empty where there are none.</summary>
    public Dictionary<string, string> GetLabels()
    {
        var all = new Dictionary<string, string>();
        var labels = Labels();
        var members = new JsonSkim.Members(labels);
        while (members.Next(out _, out var at))
        {
            if (MetadataSkim.ReadString(members.NameText) is { } name && MetadataSkim.ReadString(labels[at..]) is { } text)
                all[name] = text;
        }
        return all;
    }

    /// <summary>Whether the labels fulfil a selector.</summary>
    public bool Matches(LabelSelector selector) => selector.Requirements.Count == 0 || selector.Matches(GetLabels());

    /// <summary>The uids of the owners.</summary>
    /// <param name="controllerOnly">Only that of the owner which controls the object.</param>
    /// <param name="uids">Where they are added.</param>
    public void GetOwners(bool controllerOnly, ICollection<string> uids)
    {
        var owners = Member("ownerReferences"u8);
        if (owners.Length == 0 || owners[0] != '[')
            return;
        for (var at = JsonSkim.SkipSpace(owners, 1); at < owners.Length && owners[at] == '{'; at = JsonSkim.SkipSpace(owners, at + 1))
        {
            var owner = owners[at..];
            var members = new JsonSkim.Members(owner);
            string? uid = null;
            var controls = false;
            while (members.Next(out var member, out var value))
            {
                if (member.SequenceEqual("uid"u8))
                    uid = MetadataSkim.ReadString(owner[value..]);
                else if (member.SequenceEqual("controller"u8))
                    controls = owner[value..].StartsWith("true"u8);
            }
            if (uid is not null && (controls || !controllerOnly))
                uids.Add(uid);
            at = JsonSkim.SkipValue(owners, at);
            if (at < 0)
                return;
            at = JsonSkim.SkipSpace(owners, at);
            if (at >= owners.Length || owners[at] != ',')
                return;
        }
    }

    ReadOnlySpan<byte> Labels() => Member("labels"u8);

    ReadOnlySpan<byte> Member(ReadOnlySpan<byte> name)
    {
        var metadata = MetadataSkim.Find(Json);
        var members = new JsonSkim.Members(metadata);
        while (members.Next(out var member, out var value))
        {
            if (member.SequenceEqual(name))
                return metadata[value..];
        }
        return default;
    }
}
