using System.Globalization;
using System.Text.Json;
using Replicator.TestKit;
using Replicator.TestKit.Amplified;
using Xunit;

namespace Replicator.Core.Tests.Amplified;

public sealed class PodAmplifierTests
{
    const int Pods = 300;
    const int Changes = 4_000;

    [Fact]
    public void The_list_has_as_many_pods_and_the_watch_as_many_changes_as_were_asked_for()
    {
        var lines = Read(seed: 1);
        Assert.Equal(Pods, lines.Count(line => line is { IsInitial: true, Type: "ADDED" }));
        Assert.Equal(["BOOKMARK"], lines.Skip(Pods).TakeWhile(line => line.IsInitial).Select(line => line.Type));
        Assert.Equal(Changes, lines.Count(line => !line.IsInitial));
        Assert.Equal(5, Read(seed: 1, pods: 1, changes: 4).Count(line => line.Type != "BOOKMARK"));
    }

    [Fact]
    public void Every_pod_is_added_once_before_it_is_modified_and_deleted_once_at_the_end()
    {
        var live = new HashSet<string>();
        var gone = new HashSet<string>();
        foreach (var line in Read(seed: 2).Where(line => line.Type != "BOOKMARK"))
        {
            switch (line.Type)
            {
                case "ADDED":
                    Assert.True(live.Add(line.Uid));
                    Assert.DoesNotContain(line.Uid, gone);
                    break;
                case "MODIFIED":
                    Assert.Contains(line.Uid, live);
                    break;
                default:
                    Assert.Equal("DELETED", line.Type);
                    Assert.True(live.Remove(line.Uid));
                    Assert.True(gone.Add(line.Uid));
                    break;
            }
        }
        Assert.NotEmpty(gone);
    }

    [Fact]
    public void As_many_pods_live_at_any_moment_but_for_the_one_that_is_being_replaced()
    {
        var live = 0;
        foreach (var line in Read(seed: 3))
        {
            live += line.Type switch { "ADDED" => 1, "DELETED" => -1, _ => 0 };
            if (!line.IsInitial)
                Assert.Equal(line.Type == "DELETED" ? Pods - 1 : Pods, live);
        }
    }

    [Fact]
    public void Uids_and_names_are_of_one_pod_each_and_uids_are_of_version_4()
    {
        var names = new Dictionary<string, string>();
        foreach (var line in Read(seed: 4).Where(line => line.Type != "BOOKMARK"))
        {
            Assert.True(names.TryAdd(line.Uid, line.Name) || names[line.Uid] == line.Name);
            Assert.Equal('4', Guid.ParseExact(line.Uid, "D").ToString("D")[14]);
        }
        Assert.Equal(names.Count, names.Values.Distinct().Count());
    }

    [Fact]
    public void Resource_versions_and_times_grow_throughout()
    {
        var lines = Read(seed: 5);
        Assert.All(lines.Zip(lines.Skip(1)), pair => Assert.True(pair.First.ResourceVersion < pair.Second.ResourceVersion && pair.First.Microseconds <= pair.Second.Microseconds));
    }

    [Fact]
    public void Nothing_of_the_recorded_pods_own_identity_is_left_and_the_times_fit_the_new_one()
    {
        var recorded = new HashSet<string>();
        using (var file = new Core.Recordings.RecordingFile(Path.Combine(TestRecordings.Shop, "watch", "core_v1_pods.log.gz"), new("", "v1", "pods", "Pod", true)))
        {
            while (file.Read() is { } line)
            {
                using var json = JsonDocument.Parse(line.Object);
                if (json.RootElement.GetProperty("metadata").TryGetProperty("uid", out var uid))
                    recorded.Add(uid.GetString()!);
            }
        }
        var texts = new PodAmplifier(TestRecordings.Shop, Pods, 500, 6).ReadLines().Where(line => line.Type != "BOOKMARK").Select(line => (line, Text: System.Text.Encoding.UTF8.GetString(line.Json.Span)));
        foreach (var (line, text) in texts)
        {
            Assert.DoesNotContain(recorded, uid => text.Contains(uid, StringComparison.Ordinal));
            if (line is { IsInitial: false, Type: "ADDED" })
            {
                using var json = JsonDocument.Parse(text);
                var created = json.RootElement.GetProperty("object").GetProperty("metadata").GetProperty("creationTimestamp").GetDateTimeOffset();
                Assert.InRange(created - DateTimeOffset.UnixEpoch.AddMicroseconds(line.Microseconds), TimeSpan.FromSeconds(-3), TimeSpan.FromSeconds(3));
            }
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_bytes_and_another_seed_others()
    {
        static string Digest(int seed)
        {
            using var sha = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
            foreach (var line in new PodAmplifier(TestRecordings.Shop, 50, 500, seed).ReadLines())
                sha.AppendData(line.Json.Span);
            return Convert.ToHexString(sha.GetHashAndReset());
        }
        Assert.Equal(Digest(7), Digest(7));
        Assert.NotEqual(Digest(7), Digest(8));
    }

    static List<Seen> Read(int seed, int pods = Pods, int changes = Changes)
    {
        var lines = new List<Seen>();
        foreach (var line in new PodAmplifier(TestRecordings.Shop, pods, changes, seed).ReadLines())
        {
            using var json = JsonDocument.Parse(line.Json);
            Assert.Equal(line.Type, json.RootElement.GetProperty("type").GetString());
            var metadata = json.RootElement.GetProperty("object").GetProperty("metadata");
            string Text(string property) => metadata.TryGetProperty(property, out var value) ? value.GetString()! : "";
            lines.Add(new Seen(line.Type, line.IsInitial, line.Microseconds, Text("uid"), $"{Text("namespace")}/{Text("name")}", long.Parse(Text("resourceVersion"), CultureInfo.InvariantCulture)));
        }
        return lines;
    }

    sealed record Seen(string Type, bool IsInitial, long Microseconds, string Uid, string Name, long ResourceVersion);
}
