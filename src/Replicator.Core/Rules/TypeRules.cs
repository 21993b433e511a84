using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.Core.Rules;

/// <summary>The rules that concern one type, as its recorder applies them. Not thread-safe: one per recorder.</summary>
public sealed class TypeRules : IDisposable
{
    /// <summary>The <see cref="Text"/> of a type that no rule concerns.</summary>
    public const string NoText = "{}";

    static readonly RecordingRule NotIncluded = new() { Name = "include", Kind = RuleKind.Include, Types = ["*"] };
    static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    readonly GroupResource _type;
    readonly IReadOnlyList<RecordingRule> _rules;
    readonly bool _isLimited;
    readonly RuleCounts? _counts;
    readonly Dictionary<string, NamespaceRules> _namespaces = [];
    IgnoreFilter? _ignoring;

    internal TypeRules(GroupResource type, IReadOnlyList<RecordingRule> rules, bool isLimited, RuleCounts? counts)
    {
        (_type, _rules, _isLimited, _counts) = (type, rules, isLimited, counts);
        ExcludesType = rules.Any(rule => rule.Kind == RuleKind.Exclude && rule.Namespaces.Count == 0) || (isLimited && !rules.Any(rule => rule.Kind == RuleKind.Include));
        Text = Encoding.UTF8.GetString(Write(json =>
        {
            json.WriteStartObject();
            WriteRules(json, rules, withTypes: false, isLimited);
            json.WriteEndObject();
        }));
    }

    /// <summary>Whether no object of the type is recorded.</summary>
    public bool ExcludesType { get; }

    /// <summary>The rules in words that can be compared and read, as JSON: what the type's stream holds of them.</summary>
    public string Text { get; }

    /// <summary>Whether objects, or versions of objects, that the rules in <paramref name="recorded"/> (a <see cref="Text"/>) left out are now to be recorded: only a list can find those.</summary>
    public static bool Widens(string recorded, string now)
    {
        using var before = JsonDocument.Parse(recorded);
        using var after = JsonDocument.Parse(now);
        return !IsSubset("exclude") || !IsSubset("ignore") || Includes(before) is { } limited && (Includes(after) is not { } included || included.Except(limited).Any());

        // A restriction that is gone, or was changed, has let something out before.
        bool IsSubset(string kind) => !Entries(before, kind).Except(Entries(after, kind)).Any();

        static IEnumerable<string> Entries(JsonDocument text, string kind) =>
            text.RootElement.TryGetProperty(kind, out var rules) ? [.. rules.EnumerateArray().Select(rule => rule.GetRawText())] : [];

        static IEnumerable<string>? Includes(JsonDocument text) => text.RootElement.TryGetProperty("include", out _) ? Entries(text, "include") : null;
    }

    /// <summary>Whether the objects in a namespace (empty for cluster-scoped ones) are not to be recorded.</summary>
    public bool Excludes(string @namespace) => In(@namespace).Excluding is not null;

    /// <summary>Counts a change that <see cref="Excludes"/> kept out.</summary>
    internal void CountExcluded(string @namespace) => _counts?.Add(In(@namespace).Excluding!, _type);

    /// <summary>Whether a new state of an object differs from the last one seen only where the rules do not look. To be asked of every state that is new, so that the next can be compared with it.</summary>
    /// <param name="tape">The object, parsed.</param>
    /// <param name="identity">The object.</param>
    /// <param name="isModification">Whether the log holds the object already; where it does not, the answer is no.</param>
    internal bool Ignores(JsonTape tape, ObjectIdentity identity, bool isModification)
    {
        var ignoring = In(identity.Namespace).Ignoring;
        if (ignoring.Length == 0)
            return false;
        var changed = (_ignoring ??= new IgnoreFilter()).Observe(tape, identity, ignoring);
        if (!isModification || changed is null)
            return false;
        for (var rest = changed.Value; rest != 0; rest &= rest - 1)
            _counts?.Add(ignoring[System.Numerics.BitOperations.TrailingZeroCount(rest)], _type);
        return true;
    }

    /// <summary>Whether changes of an object may have been ignored of which this process does not know: it has not seen the object yet.</summary>
    internal bool MayHaveIgnored(ObjectIdentity identity) => In(identity.Namespace).Ignoring.Length > 0 && _ignoring?.Knows(identity) != true;

    /// <summary>The object is gone.</summary>
    internal void Forget(ObjectIdentity identity) => _ignoring?.Forget(identity);

    /// <summary>Adds to <paramref name="edits"/> what is not to be recorded of a state.</summary>
    internal void Strip(JsonTape tape, string @namespace, JsonEdits edits)
    {
        if (In(@namespace).Dropping is not { } rule
            || !tape.TryGetProperty(tape.Root, "metadata"u8, out var metadata) || !tape.TryGetProperty(metadata, "managedFields"u8, out var fields))
        {
            return;
        }
        edits.Remove(fields);
        _counts?.Add(rule, _type);
    }

    /// <summary>Whether states of the type may have to be changed before they are recorded.</summary>
    internal bool Strips => _rules.Any(rule => rule.Kind == RuleKind.DropManagedFields);

    /// <inheritdoc/>
    public void Dispose() => _ignoring?.Dispose();

    internal static byte[] Write(Action<Utf8JsonWriter> write)
    {
        using var buffer = new PooledBufferWriter();
        using (var json = new Utf8JsonWriter(buffer, Writing))
            write(json);
        return buffer.WrittenSpan.ToArray();
    }

    internal static void WriteRules(Utf8JsonWriter json, IReadOnlyList<RecordingRule> rules, bool withTypes, bool isLimited)
    {
        foreach (var kind in Enum.GetValues<RuleKind>())
        {
            var own = rules.Where(rule => rule.Kind == kind).ToList();
            // An empty list of inclusions is not the same as none.
            if (own.Count == 0 && !(isLimited && kind == RuleKind.Include))
                continue;
            json.WriteStartArray(JsonNamingPolicy.CamelCase.ConvertName(kind.ToString()));
            foreach (var rule in own)
            {
                json.WriteStartObject();
                json.WriteString("name"u8, rule.Name);
                if (withTypes)
                    WriteList(json, "types", rule.Types);
                if (rule.Namespaces.Count > 0)
                    WriteList(json, "namespaces", rule.Namespaces);
                if (rule.Paths.Count > 0)
                    WriteList(json, "paths", rule.Paths.Select(path => path.ToString()));
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
    }

    static void WriteList(Utf8JsonWriter json, string name, IEnumerable<string> items)
    {
        json.WriteStartArray(name);
        foreach (var item in items)
            json.WriteStringValue(item);
        json.WriteEndArray();
    }

    NamespaceRules In(string @namespace)
    {
        if (_namespaces.TryGetValue(@namespace, out var known))
            return known;
        var covering = _rules.Where(rule => rule.Covers(@namespace)).ToList();
        var excluding = covering.Find(rule => rule.Kind == RuleKind.Exclude)
            ?? (_isLimited && !covering.Exists(rule => rule.Kind == RuleKind.Include) ? NotIncluded : null);
        return _namespaces[@namespace] = new NamespaceRules(
            excluding, [.. covering.Where(rule => rule.Kind == RuleKind.Ignore)], covering.Find(rule => rule.Kind == RuleKind.DropManagedFields));
    }

    sealed record NamespaceRules(RecordingRule? Excluding, RecordingRule[] Ignoring, RecordingRule? Dropping);
}
