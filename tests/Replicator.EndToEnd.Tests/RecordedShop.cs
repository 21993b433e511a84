using System.Globalization;
using System.IO.Compression;
using System.Text.Json.Nodes;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>The recorded shop, read without any of the code under test, and what a log of it must hold.</summary>
static class RecordedShop
{
    /// <summary>The one type whose watch the recorded server ended (its preferred version changed).</summary>
    public const string Interrupted = "applications.lab.example.com";

    /// <summary>The types that are there from the start, each with the version that any list of it has at least.</summary>
    public static IReadOnlyDictionary<string, long> FirstVersions { get; } = Read().Select(change => change.Stream).Where(stream => stream != Interrupted).Distinct().ToDictionary(stream => stream, _ => 0L);

    /// <summary>The types with the version of each one's last change.</summary>
    public static IReadOnlyDictionary<string, long> LastVersions { get; } = Read().GroupBy(change => change.Stream).ToDictionary(stream => stream.Key, stream => stream.Max(change => change.Version));

    /// <summary>The recorded changes in the order of each file, a type's preferred version from where it begins; what its list shows again is no change.</summary>
    public static IReadOnlyList<RecordedChange> ReadChanges() => [.. Read()];

    public static string Key(string group, string resource, string @namespace, string name, string version, string type) => $"{resource}.{group} {@namespace}/{name} {version} {type}";

    /// <summary>The version of a type's first list.</summary>
    public static long FirstList(string group, string resource) => Directory.EnumerateFiles(Path.Combine(TestRecordings.Shop, "watch"), $"{(group.Length == 0 ? "core" : group)}_*_{resource}.log.gz")
        .Min(file => Lines(file).Where(line => line.Event["type"]!.GetValue<string>() == "BOOKMARK").Select(line => long.Parse(line.Event["object"]!["metadata"]!["resourceVersion"]!.GetValue<string>(), CultureInfo.InvariantCulture)).First());

    public static string Name(JsonNode? item) => item!["metadata"]!["name"]!.GetValue<string>();

    /// <summary>The lines of a recorded watch.</summary>
    public static IEnumerable<(long Time, JsonNode Event)> Lines(string file)
    {
        using var stream = File.OpenRead(file);
        using var reader = new StreamReader(file.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(stream, CompressionMode.Decompress) : stream);
        while (reader.ReadLine() is { } line)
        {
            var tab = line.IndexOf('\t', StringComparison.Ordinal);
            yield return (long.Parse(line[..tab], CultureInfo.InvariantCulture), JsonNode.Parse(line[(tab + 1)..])!);
        }
    }

    /// <summary>
    /// Holds the changes of a log (as the API gives them, in log order) to the recording that was replayed. Per stream, up to the version of its last list: nothing that was not recorded, nothing twice, the state that the list
    /// showed, and what is not there lies within a gap that is confessed. Behind that list: every recorded change exactly once, in its order, value for value.
    /// </summary>
    /// <param name="changes">Every change of the log, with its object.</param>
    /// <param name="wasNeverInterrupted">Whether each list was taken in one go: then there is one list and one gap, that of the first start, but for the type whose watch the recorded server ended.</param>
    public static void AssertCompleteOrConfessed(IReadOnlyList<JsonNode> changes, bool wasNeverInterrupted)
    {
        var streams = changes.GroupBy(change => Stream(change)).ToDictionary(stream => stream.Key, stream => stream.ToList());
        foreach (var recorded in ReadChanges().GroupBy(change => change.Stream))
        {
            Assert.True(streams.ContainsKey(recorded.Key), $"Nothing was recorded of {recorded.Key}.");
            AssertStream(recorded.Key, [.. recorded], streams[recorded.Key], wasNeverInterrupted);
        }
    }

    static void AssertStream(string stream, List<RecordedChange> recorded, List<JsonNode> logged, bool wasNeverInterrupted)
    {
        Assert.Equal("GAP", Text(logged[0], "type"));
        Assert.StartsWith("first start", Text(logged[0], "reason"), StringComparison.Ordinal);
        if (wasNeverInterrupted && stream != Interrupted)
        {
            Assert.Single(logged, change => Text(change, "type") == "GAP");
            Assert.Single(logged, change => Text(change, "type") == "SYNC_STARTED");
            Assert.Single(logged, change => Text(change, "type") == "SYNC_COMPLETED");
            Assert.DoesNotContain(logged, change => Text(change, "provenance") == "relist");
        }
        else if (stream == Interrupted)
        {
            Assert.All(logged.Skip(1).Where(change => Text(change, "type") == "GAP" && !Text(change, "reason").StartsWith("first start", StringComparison.Ordinal)), gap => Assert.Contains("Expired", Text(gap, "reason"), StringComparison.Ordinal));
        }
        Assert.Equal(logged.Select(change => Text(change, "id")).Distinct().Count(), logged.Count);

        var gaps = Gaps(logged);
        var listed = logged.FindLastIndex(change => Text(change, "type") == "SYNC_COMPLETED");
        Assert.True(listed > 0, $"No list of {stream} was completed.");
        var version = Number(logged[listed]);

        // Up to the last list.
        var known = recorded.Where(change => change.Version <= version).ToLookup(change => (change.Object, change.Version));
        var (fold, seen) = (new Dictionary<string, long>(), new HashSet<(string, long)>());
        foreach (var change in logged.Take(listed).Where(IsOfObject))
        {
            var key = (ObjectOf(change), Number(change));
            if (Text(change, "type") == "DELETED")
                fold.Remove(key.Item1);
            else
                fold[key.Item1] = key.Item2;
            // A deletion that only a list showed bears the list's version, which no object has.
            if (Text(change, "type") == "DELETED" && Text(change, "provenance") == "relist")
                continue;
            Assert.True(known.Contains(key), $"{stream} holds {key}, which was not recorded.");
            Assert.True(seen.Add(key), $"{stream} holds {key} twice.");
            AssertSameObject(stream, known[key].Last(), change);
        }
        Assert.Equal(Fold(recorded.Where(change => change.Version <= version)).OrderBy(pair => pair.Key, StringComparer.Ordinal), fold.OrderBy(pair => pair.Key, StringComparer.Ordinal));
        Assert.All(recorded.Where(change => change.Version <= version && !seen.Contains((change.Object, change.Version))),
            missed => Assert.Contains(gaps, gap => gap.From < missed.Version && missed.Version <= gap.To));

        // Behind it.
        var live = logged.Skip(listed).Where(IsOfObject).ToList();
        Assert.Equal(recorded.Where(change => change.Version > version).Select(change => change.Key), live.Select(KeyOf));
        foreach (var (change, expected) in live.Zip(recorded.Where(change => change.Version > version)))
            AssertSameObject(stream, expected, change);
    }

    public static string KeyOf(JsonNode change) => Key(Text(change, "group"), Text(change, "resource"), Text(change, "namespace"), Text(change, "name"), Text(change, "resourceVersion"), Text(change, "type"));

    static IEnumerable<KeyValuePair<string, long>> Fold(IEnumerable<RecordedChange> changes)
    {
        var fold = new Dictionary<string, long>();
        foreach (var change in changes)
        {
            if (change.Type == "DELETED")
                fold.Remove(change.Object);
            else
                fold[change.Object] = change.Version;
        }
        return fold;
    }

    static List<(long From, long To)> Gaps(List<JsonNode> logged)
    {
        var gaps = new List<(long, long)>();
        long? from = null;
        foreach (var change in logged)
        {
            if (Text(change, "type") == "GAP")
                from ??= Text(change, "gapFrom") is { Length: > 0 } version ? long.Parse(version, CultureInfo.InvariantCulture) : 0;
            if (Text(change, "type") == "SYNC_COMPLETED" && from is { } lower)
            {
                gaps.Add((lower, Number(change)));
                from = null;
            }
        }
        return gaps;
    }

    static void AssertSameObject(string stream, RecordedChange expected, JsonNode change)
    {
        // The values of secrets are not there to be compared, and an object is the same in another version of its type.
        if (stream is "secrets" or Interrupted || change["object"] is not { } actual)
            return;
        Assert.True(JsonNode.DeepEquals(expected.Json, actual), $"{expected.Key} became {actual.ToJsonString()}");
    }

    static string Stream(JsonNode change) => Text(change, "group").Length == 0 ? Text(change, "resource") : $"{Text(change, "resource")}.{Text(change, "group")}";

    static bool IsOfObject(JsonNode change) => Text(change, "type") is "ADDED" or "MODIFIED" or "DELETED";

    static string ObjectOf(JsonNode change) => $"{Text(change, "namespace")}/{Text(change, "name")}";

    static string Text(JsonNode change, string name) => change[name]?.GetValue<string>() ?? "";

    static long Number(JsonNode change) => long.Parse(Text(change, "resourceVersion"), CultureInfo.InvariantCulture);

    static IEnumerable<RecordedChange> Read()
    {
        var files = Directory.EnumerateFiles(Path.Combine(TestRecordings.Shop, "watch")).Order(StringComparer.Ordinal).Where(file => !Path.GetFileName(file).StartsWith("events.k8s.io_", StringComparison.Ordinal));
        foreach (var type in files.GroupBy(file => (Group: Path.GetFileName(file).Split('_')[0], Resource: Path.GetFileName(file).Split('_')[2].Split('.')[0])))
        {
            var group = type.Key.Group == "core" ? "" : type.Key.Group;
            var lines = type.SelectMany(file => Lines(file).Select(line => (Version: Path.GetFileName(file).Split('_')[1], line.Time, line.Event))).OrderBy(line => line.Time).ToList();
            // v1beta1 is preferred over v1alpha1 by the server; no other type was recorded in two versions.
            var switched = lines.Where(line => line.Version == "v1beta1").Select(line => line.Time).DefaultIfEmpty(long.MaxValue).First();
            var seen = new HashSet<string>();
            foreach (var (version, time, line) in lines)
            {
                if (version == "v1alpha1" && time >= switched || line["type"]!.GetValue<string>() is "BOOKMARK" or "ERROR")
                    continue;
                var item = line["object"]!;
                var change = new RecordedChange(group, version, type.Key.Resource, item["metadata"]!["namespace"]?.GetValue<string>() ?? "", Name(item), item["metadata"]!["resourceVersion"]!.GetValue<string>(), line["type"]!.GetValue<string>(), item);
                // What the list behind the switch shows again is no change.
                if (seen.Add($"{change.Object} {change.ResourceVersion}"))
                    yield return change;
            }
        }
    }
}

/// <summary>A change as the recorded server sent it.</summary>
sealed record RecordedChange(string Group, string ApiVersion, string Resource, string Namespace, string Name, string ResourceVersion, string Type, JsonNode Json)
{
    public string Key => RecordedShop.Key(Group, Resource, Namespace, Name, ResourceVersion, Type);

    public string Stream => Group.Length == 0 ? Resource : $"{Resource}.{Group}";

    public string Object => $"{Namespace}/{Name}";

    public long Version { get; } = long.Parse(ResourceVersion, CultureInfo.InvariantCulture);
}
