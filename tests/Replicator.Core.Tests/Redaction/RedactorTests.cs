using System.Text;
using System.Text.Json;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Redaction;
using Xunit;

namespace Replicator.Core.Tests.Redaction;

public sealed class RedactorTests
{
    const string Value = "czNjcjN0LTE0NDI3MjUwOQ==", Plain = "s3cr3t-144272509";
    static readonly GroupResource Secrets = new("", "secrets");

    [Fact]
    public void Secrets_stay_secret_in_data_string_data_and_the_last_applied_copy()
    {
        var inner = JsonSerializer.Serialize(new { data = new { password = Value }, stringData = new { password = Plain } });
        var redacted = Redact($$$"""
            {"metadata":{"name":"db","namespace":"shop","annotations":{"kubectl.kubernetes.io/last-applied-configuration":{{{JsonSerializer.Serialize(inner)}}}}},
             "data":{"password":"{{{Value}}}","user":"YXBw"},"stringData":{"password":"{{{Plain}}}"}}
            """);
        Assert.DoesNotContain(Value, redacted, StringComparison.Ordinal);
        Assert.DoesNotContain(Plain, redacted, StringComparison.Ordinal);
        Assert.DoesNotContain("YXBw", redacted, StringComparison.Ordinal);
    }

    [Fact]
    public void Same_as_before_and_changed_stay_visible_and_the_value_stays_base64()
    {
        var first = Password(Redact(Secret(Value)));
        Assert.Equal(first, Password(Redact(Secret(Value))));
        Assert.NotEqual(first, Password(Redact(Secret("cm90YXRlZA=="))));
        Assert.StartsWith("redacted:", Encoding.UTF8.GetString(Convert.FromBase64String(first)), StringComparison.Ordinal);
    }

    [Fact]
    public void Another_key_gives_another_fingerprint() =>
        Assert.NotEqual(Password(Redact(Secret(Value))), Password(Redact(Secret(Value), key: 1)));

    [Fact]
    public void A_copy_that_cannot_be_read_is_withheld_whole()
    {
        var redacted = Redact("""{"metadata":{"name":"db","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"p\":\"hunter2"}}}""");
        Assert.DoesNotContain("hunter2", redacted, StringComparison.Ordinal);
        Assert.Contains("redacted:", redacted, StringComparison.Ordinal);
    }

    [Fact]
    public void A_rule_covers_further_paths()
    {
        var pods = new GroupResource("", "pods");
        var rule = new RedactionRule(pods, FieldPath.Parse("$.spec.containers[*].env[*].value"));
        var redacted = Redact("""{"metadata":{"name":"p"},"spec":{"containers":[{"env":[{"name":"TOKEN","value":"hunter2"}]}]}}""", pods, rule);
        Assert.DoesNotContain("hunter2", redacted, StringComparison.Ordinal);
        Assert.Contains("TOKEN", redacted, StringComparison.Ordinal);
    }

    [Fact]
    public void The_key_is_made_once_and_readable_by_its_owner_alone()
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            var path = Path.Combine(folder.FullName, "redaction.key");
            var key = RedactionKey.LoadOrCreate(path);
            Assert.Equal(key, RedactionKey.LoadOrCreate(path));
            if (!OperatingSystem.IsWindows())
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            File.WriteAllText(path, "short");
            Assert.Contains("redaction.key", Assert.Throws<InvalidDataException>(() => RedactionKey.LoadOrCreate(path)).Message, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    static string Secret(string value) => $$$"""{"metadata":{"name":"db","namespace":"shop"},"data":{"password":"{{{value}}}"}}""";

    static string Password(string json) => JsonDocument.Parse(json).RootElement.GetProperty("data").GetProperty("password").GetString()!;

    static string Redact(string json, GroupResource? type = null, RedactionRule? rule = null, byte key = 0)
    {
        using var redactor = new Redactor(Enumerable.Repeat(key, RedactionKey.Length).ToArray(), rule is null ? [] : [rule]);
        using var edits = new JsonEdits();
        using var output = new PooledBufferWriter();
        var tape = new JsonTape();
        tape.Parse(Encoding.UTF8.GetBytes(json));
        Assert.True(redactor.Concerns(type ?? Secrets));
        redactor.Redact(type ?? Secrets, tape, tape.Root, new ObjectIdentity("shop", "db", "u"), edits);
        CanonicalJson.Write(tape, tape.Root, output, edits);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
