using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.Core.Yaml;

namespace Replicator.Core.Questions;

/// <summary>For each field of an object as of an instant: which recorded version last set it and when, and which manager holds it.</summary>
/// <remarks>
/// The recorded versions of the object's present life decide version and time, <c>metadata.managedFields</c> at the instant decides the manager. What the record found when it began, or when it went on after a gap, was set
/// at some time before; <see cref="BlamedField.IsBefore"/> says so.
/// </remarks>
public sealed class ObjectBlame
{
    ObjectBlame(StoredVersion version, IReadOnlyList<BlamedField> fields, IReadOnlyList<BlamedLine> lines) => (Version, Fields, Lines) = (version, fields, lines);

    /// <summary>The version that held at the instant, with its state.</summary>
    public StoredVersion Version { get; }

    /// <summary>The leaves of the object, in the order of its text.</summary>
    public IReadOnlyList<BlamedField> Fields { get; }

    /// <summary>The object as kubectl's YAML, each line with the leaf that it shows. <c>metadata.managedFields</c> is left out.</summary>
    public IReadOnlyList<BlamedLine> Lines { get; }

    /// <summary>Reads an object's blame; null where it did not live at the cut.</summary>
    public static async ValueTask<ObjectBlame?> ReadAsync(ISnapshotStore snapshots, string cluster, GroupResource type, string @namespace, string name, Cut cut, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(snapshots);
        if (await snapshots.GetAsync(cluster, type, @namespace, name, cut, cancellationToken).ConfigureAwait(false) is not { } held)
            return null;
        var fold = new BlameFold();
        await foreach (var version in snapshots.GetHistoryAsync(cluster, type, @namespace, name, states: true, cancellationToken).ConfigureAwait(false))
        {
            if (version.Object.Uid != held.Object.Uid || version.Event == EventType.ObjectDeleted || version.State.IsEmpty)
                continue;
            fold.Add(version);
            if (version.ResourceVersion == held.ResourceVersion)
                break;
        }
        return fold.Last is null ? null : Of(fold);
    }

    /// <summary>The blame of a history, oldest version first: all of one life, none of them a deletion.</summary>
    /// <exception cref="ArgumentException">There is no version.</exception>
    public static ObjectBlame Of(IEnumerable<StoredVersion> versions)
    {
        ArgumentNullException.ThrowIfNull(versions);
        var fold = new BlameFold();
        foreach (var version in versions)
            fold.Add(version);
        return fold.Last is null ? throw new ArgumentException("A history without a version has no fields.", nameof(versions)) : Of(fold);
    }

    static ObjectBlame Of(BlameFold fold)
    {
        var root = new JsonView(fold.Tape, fold.Tape.Root);
        var owners = FieldOwners.Of(root);
        var fields = new Dictionary<int, BlamedField>();
        Collect(root, fold.Root!, FieldAddress.Root, owners, fields);
        // The lines are of the object as people see it; its leaves are known by their addresses.
        using var edits = new JsonEdits();
        if (root["metadata"u8]["managedFields"u8] is { Exists: true } managed)
            edits.Remove(managed.Node);
        using var shown = new PooledBufferWriter();
        CanonicalJson.Write(fold.Tape, fold.Tape.Root, shown, edits);
        var tape = new JsonTape();
        tape.Parse(shown.WrittenSpan);
        var byAddress = fields.Values.ToDictionary(field => field.Address.ToString());
        var byNode = new Dictionary<int, BlamedField>();
        Match(new JsonView(tape, tape.Root), FieldAddress.Root, byAddress, byNode);
        return new ObjectBlame(fold.Last!, [.. fields.Values.Where(field => !field.Address.ToString().StartsWith("metadata.managedFields", StringComparison.Ordinal))],
            [.. KubernetesYaml.Lines(tape, tape.Root).Select(line => new BlamedLine(line.Text, byNode.GetValueOrDefault(line.Node)))]);
    }

    static void Collect(JsonView value, BlameNode blame, FieldAddress address, FieldOwners owners, Dictionary<int, BlamedField> fields)
    {
        foreach (var (below, child, node) in Children(value, address).Zip(blame.Children ?? [], (pair, child) => (pair.Address, pair.Value, child)))
            Collect(child, node, below, owners, fields);
        if (value.Kind is JsonKind.Object or JsonKind.Array && value.Count > 0)
            return;
        var version = blame.Version;
        fields[value.Node] = new BlamedField(address, value.RawString(), owners.At(value.Node), version, version.Provenance is Provenance.List or Provenance.Relist);
    }

    static void Match(JsonView value, FieldAddress address, Dictionary<string, BlamedField> byAddress, Dictionary<int, BlamedField> byNode)
    {
        if (byAddress.TryGetValue(address.ToString(), out var field))
            byNode[value.Node] = field;
        foreach (var (below, child) in Children(value, address))
            Match(child, below, byAddress, byNode);
    }

    static IEnumerable<(FieldAddress Address, JsonView Value)> Children(JsonView value, FieldAddress address)
    {
        if (value.Kind == JsonKind.Object)
            return value.Members.Select(member => (address.Member(member.Name), member.Value));
        if (value.Kind != JsonKind.Array)
            return [];
        var fields = ListKeys.Find(value.Tape, value.Node, value.Tape, value.Node)?.Fields;
        return value.Items.Select((element, index) => (fields is null ? address.Element(index) : address.Element(ListKeys.KeyOf(value.Tape, element.Node, fields)), element));
    }
}

/// <summary>A leaf of an object and who set it.</summary>
/// <param name="Address">Where.</param>
/// <param name="Value">Its value, canonical JSON.</param>
/// <param name="Managers">Who manages it, the last that wrote first; empty where managedFields does not say.</param>
/// <param name="Version">The recorded version that last set it.</param>
/// <param name="IsBefore">Whether it was set at some time before that version was observed: the record began, or went on after a gap, with it.</param>
public sealed record BlamedField(FieldAddress Address, string Value, IReadOnlyList<FieldManager> Managers, StoredVersion Version, bool IsBefore);

/// <summary>A line of an object's YAML.</summary>
/// <param name="Text">The line.</param>
/// <param name="Field">The leaf that it shows; null where it only names what follows.</param>
public readonly record struct BlamedLine(string Text, BlamedField? Field);
