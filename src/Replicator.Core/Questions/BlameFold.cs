using Replicator.Core.Json;
using Replicator.Core.Storage;

namespace Replicator.Core.Questions;

/// <summary>Folds the versions of an object into a tree of the shape of its last state that says for each leaf which version set it.</summary>
sealed class BlameFold
{
    JsonTape _previous = new();

    /// <summary>The state of the last version.</summary>
    public JsonTape Tape { get; private set; } = new();

    public BlameNode? Root { get; private set; }

    public StoredVersion? Last { get; private set; }

    public void Add(StoredVersion version)
    {
        (_previous, Tape) = (Tape, _previous);
        Tape.Parse(version.State.Span);
        // The state is on the tape; a version that some field remembers need not keep it too.
        var slim = version with { State = default };
        Root = Root is null ? New(Tape.Root, slim) : Follow(Root, _previous.Root, Tape.Root, slim);
        Last = version;
    }

    BlameNode Follow(BlameNode blame, int before, int after, StoredVersion version)
    {
        if (CanonicalJson.Equal(_previous, before, Tape, after))
            return blame;
        var kind = Tape.Kind(after);
        if (kind != _previous.Kind(before) || kind is not (JsonKind.Object or JsonKind.Array) || _previous.ChildCount(before) == 0 || Tape.ChildCount(after) == 0)
            return New(after, version);
        return kind == JsonKind.Object ? FollowObject(blame, before, after, version) : FollowList(blame, before, after, version);
    }

    BlameNode FollowObject(BlameNode blame, int before, int after, StoredVersion version)
    {
        var known = new Dictionary<string, (int Value, BlameNode Blame)>();
        var index = 0;
        foreach (var member in _previous.Members(before))
            known[_previous.GetString(member.Name)] = (member.Value, blame.Children![index++]);
        var children = new List<BlameNode>(Tape.ChildCount(after));
        foreach (var member in Tape.Members(after))
            children.Add(known.TryGetValue(Tape.GetString(member.Name), out var old) ? Follow(old.Blame, old.Value, member.Value, version) : New(member.Value, version));
        return new BlameNode(version, children);
    }

    BlameNode FollowList(BlameNode blame, int before, int after, StoredVersion version)
    {
        var (left, right) = (Elements(_previous, before), Elements(Tape, after));
        var matches = new int[right.Count];
        Array.Fill(matches, -1);
        if (ListKeys.Find(_previous, before, Tape, after) is var (leftKeys, rightKeys, _))
        {
            for (var index = 0; index < right.Count; index++)
                matches[index] = Array.IndexOf(leftKeys, rightKeys[index]);
        }
        else
        {
            // What is equal at both ends stayed; between, one took the place of the other where there are as many.
            var start = 0;
            while (start < left.Count && start < right.Count && CanonicalJson.Equal(_previous, left[start], Tape, right[start]))
                matches[start] = start++;
            var (leftEnd, rightEnd) = (left.Count, right.Count);
            while (leftEnd > start && rightEnd > start && CanonicalJson.Equal(_previous, left[leftEnd - 1], Tape, right[rightEnd - 1]))
                matches[--rightEnd] = --leftEnd;
            for (var index = start; leftEnd == rightEnd && index < rightEnd; index++)
                matches[index] = index;
        }
        var children = new List<BlameNode>(right.Count);
        for (var index = 0; index < right.Count; index++)
            children.Add(matches[index] < 0 ? New(right[index], version) : Follow(blame.Children![matches[index]], left[matches[index]], right[index], version));
        return new BlameNode(version, children);
    }

    BlameNode New(int node, StoredVersion version)
    {
        var children = new List<BlameNode>();
        if (Tape.Kind(node) == JsonKind.Object)
        {
            foreach (var member in Tape.Members(node))
                children.Add(New(member.Value, version));
        }
        else if (Tape.Kind(node) == JsonKind.Array)
        {
            foreach (var element in Tape.Elements(node))
                children.Add(New(element, version));
        }
        return new BlameNode(version, children.Count == 0 ? null : children);
    }

    static List<int> Elements(JsonTape tape, int list)
    {
        var elements = new List<int>(tape.ChildCount(list));
        foreach (var element in tape.Elements(list))
            elements.Add(element);
        return elements;
    }
}

/// <summary>The version that set a value, and the same of what lies in it, in the order of the text.</summary>
sealed record BlameNode(StoredVersion Version, IReadOnlyList<BlameNode>? Children);
