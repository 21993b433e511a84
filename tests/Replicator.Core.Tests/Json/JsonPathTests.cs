using System.Text;
using Replicator.Core.Json;
using Xunit;

namespace Replicator.Core.Tests.Json;

public sealed class JsonPathTests
{
    const string Pod = """{"metadata":{"annotations":{"example.com/it's":"x","a.b":1}},"spec":{"containers":[{"env":[{"name":"A","value":"1"},{"name":"B"}]},{"env":[{"value":"2"}]}]},"data":{"a":"p","b":"q"}}""";

    [Theory]
    [InlineData("$.spec.containers[*].env[*].value", "\"1\" \"2\"")]
    [InlineData("$['spec'].containers[0].env.*.name", "\"A\" \"B\"")]
    [InlineData(".data.*", "\"p\" \"q\"")]
    [InlineData("$.metadata.annotations['a.b']", "1")]
    [InlineData("$.metadata.annotations['example.com/it\\'s']", "\"x\"")]
    [InlineData("$.data.c", "")]
    [InlineData("$.data[0]", "")]
    [InlineData("$.spec.containers[7]", "")]
    [InlineData("$.data.a.b", "")]
    public void A_field_path_picks(string path, string expected)
    {
        var tape = Parse(Pod);
        var matches = new List<int>();
        FieldPath.Parse(path).Find(tape, tape.Root, matches);
        Assert.Equal(expected, string.Join(' ', matches.Select(match => Encoding.UTF8.GetString(tape.RawText(match)))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("spec")]
    [InlineData("$spec")]
    [InlineData("$..value")]
    [InlineData("$.")]
    [InlineData("$.a[")]
    [InlineData("$.a[?(@.b)]")]
    [InlineData("$.a['b")]
    [InlineData("$.a['b'")]
    [InlineData("$.a['b\\n']")]
    [InlineData("$.a[-1]")]
    [InlineData("$.a[01]")]
    [InlineData("$.a*")]
    [InlineData("$.a]")]
    [InlineData("$.a'b'")]
    public void A_text_that_is_no_field_path_is_refused_with_what_is_supported(string path)
    {
        var refused = Assert.Throws<FormatException>(() => FieldPath.Parse(path));
        Assert.Contains($"'{path}'", refused.Message, StringComparison.Ordinal);
        Assert.Contains("['name']", refused.Message, StringComparison.Ordinal);
    }

    // RFC 6901, section 5.
    [Theory]
    [InlineData("/foo", """["bar","baz"]""")]
    [InlineData("/foo/0", "\"bar\"")]
    [InlineData("/", "0")]
    [InlineData("/a~1b", "1")]
    [InlineData("/c%d", "2")]
    [InlineData("/m~0n", "8")]
    [InlineData("/k\"l", "6")]
    [InlineData("/foo/2", null)]
    [InlineData("/foo/-", null)]
    [InlineData("/foo/00", null)]
    [InlineData("/nothing/there", null)]
    public void A_pointer_leads_to(string text, string? expected)
    {
        var tape = Parse("""{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"k\"l":6,"m~n":8}""");
        var pointer = JsonPointer.Parse(text);
        Assert.Equal(text, pointer.ToString());
        Assert.Equal(pointer, JsonPointer.FromSegments([.. pointer.Segments]));
        Assert.Equal(expected, pointer.TryFind(tape, tape.Root, out var node) ? Encoding.UTF8.GetString(tape.RawText(node)) : null);
    }

    [Fact]
    public void The_empty_pointer_leads_to_the_whole_document()
    {
        var tape = Parse("[1]");
        Assert.True(JsonPointer.Parse("").TryFind(tape, tape.Root, out var node));
        Assert.Equal(tape.Root, node);
        Assert.Equal("~1", JsonPointer.Parse("/~01").Segments[0]);
    }

    [Theory]
    [InlineData("foo")]
    [InlineData("/~")]
    [InlineData("/a~2")]
    public void A_text_that_is_no_pointer_is_refused(string text) =>
        Assert.Contains($"'{text}'", Assert.Throws<FormatException>(() => JsonPointer.Parse(text)).Message, StringComparison.Ordinal);

    static JsonTape Parse(string json)
    {
        var tape = new JsonTape();
        tape.Parse(Encoding.UTF8.GetBytes(json));
        return tape;
    }
}
