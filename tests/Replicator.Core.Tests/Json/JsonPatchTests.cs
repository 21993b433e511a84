using System.Text;
using CsCheck;
using Replicator.Core.Json;
using Xunit;

namespace Replicator.Core.Tests.Json;

public sealed class JsonPatchTests
{
    [Fact]
    public void Applying_the_diff_of_two_values_to_the_first_gives_the_second() => RandomJson.Pair.Sample((from, to) =>
    {
        var patch = Diff(from, to);
        Assert.Equal(Canonical(to), Apply(from, patch));
        Assert.Equal(Canonical(patch), Canonical(Canonical(patch)));
    }, iter: 4_000);

    [Fact]
    public void The_diff_of_equal_values_is_empty() =>
        RandomJson.Value.Sample(json => Assert.Equal("[]", Diff(json, Canonical(json))), iter: 1_000);

    [Fact]
    public void A_number_written_otherwise_is_a_change() =>
        Assert.Equal("""[{"op":"replace","path":"/a","value":1}]""", Diff("""{"a":1.0,"b":"a text long enough"}""", """{"b":"a text long enough","a":1}"""));

    [Fact]
    public void Members_are_added_removed_and_replaced_at_escaped_paths() => Assert.Equal(
        """[{"op":"replace","path":"/a~1b","value":2},{"op":"remove","path":"/m~0n"},{"op":"add","path":"/q\"","value":{"x":1}}]""",
        Diff("""{"a/b":1,"m~n":1,"same":"a text so long that the parts are cheaper than the whole, and longer than three operations together are, with their paths"}""",
            """{"a/b":2,"q\"":{ "x":1},"same":"a text so long that the parts are cheaper than the whole, and longer than three operations together are, with their paths"}"""));

    [Fact]
    public void A_container_removed_from_the_front_leaves_the_others_alone() => Assert.Equal(
        """[{"op":"remove","path":"/0"},{"op":"replace","path":"/0/image","value":"b:2"}]""",
        Diff("""[{"name":"a","image":"a:1","args":["some long arguments"]},{"name":"b","image":"b:1","args":["more long arguments"]},{"name":"c","image":"c:1"}]""",
            """[{"name":"b","image":"b:2","args":["more long arguments"]},{"name":"c","image":"c:1"}]"""));

    [Fact]
    public void A_condition_inserted_between_others_is_one_addition() => Assert.Equal(
        """[{"op":"add","path":"/1","value":{"status":"True","type":"Ready"}},{"op":"replace","path":"/2/status","value":"True"}]""",
        Diff("""[{"type":"Initialized","status":"True"},{"type":"Scheduled","status":"False","message":"0/3 nodes are available: 3 Insufficient cpu. No victims found."}]""",
            """[{"type":"Initialized","status":"True"},{"type":"Ready","status":"True"},{"type":"Scheduled","status":"True","message":"0/3 nodes are available: 3 Insufficient cpu. No victims found."}]"""));

    [Fact]
    public void Where_the_whole_is_smaller_than_its_changes_the_whole_is_replaced() =>
        Assert.Equal("""[{"op":"replace","path":"","value":{"x":1}}]""", Diff("""{"a":1,"b":2,"c":3,"d":4}""", """{"x":1}"""));

    // RFC 6902, appendix A.
    [Theory]
    [InlineData("""{"foo":"bar"}""", """[{"op":"add","path":"/baz","value":"qux"}]""", """{"baz":"qux","foo":"bar"}""")]
    [InlineData("""{"foo":["bar","baz"]}""", """[{"op":"add","path":"/foo/1","value":"qux"}]""", """{"foo":["bar","qux","baz"]}""")]
    [InlineData("""{"baz":"qux","foo":"bar"}""", """[{"op":"remove","path":"/baz"}]""", """{"foo":"bar"}""")]
    [InlineData("""{"foo":["bar","qux","baz"]}""", """[{"op":"remove","path":"/foo/1"}]""", """{"foo":["bar","baz"]}""")]
    [InlineData("""{"baz":"qux","foo":"bar"}""", """[{"op":"replace","path":"/baz","value":"boo"}]""", """{"baz":"boo","foo":"bar"}""")]
    [InlineData("""{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}""", """[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]""",
        """{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}""")]
    [InlineData("""{"foo":["all","grass","cows","eat"]}""", """[{"op":"move","from":"/foo/1","path":"/foo/3"}]""", """{"foo":["all","cows","eat","grass"]}""")]
    [InlineData("""{"baz":"qux","foo":["a",2,"c"]}""", """[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]""",
        """{"baz":"qux","foo":["a",2,"c"]}""")]
    [InlineData("""{"foo":"bar"}""", """[{"op":"add","path":"/child","value":{"grandchild":{}}}]""", """{"child":{"grandchild":{}},"foo":"bar"}""")]
    [InlineData("""{"foo":"bar"}""", """[{"op":"add","path":"/baz","value":"qux","xyz":123}]""", """{"baz":"qux","foo":"bar"}""")]
    [InlineData("""{"/":9,"~1":10}""", """[{"op":"test","path":"/~01","value":10}]""", """{"/":9,"~1":10}""")]
    [InlineData("""{"foo":["bar"]}""", """[{"op":"add","path":"/foo/-","value":["abc","def"]}]""", """{"foo":["bar",["abc","def"]]}""")]

    // Beyond it.
    [InlineData("""{"a":{"b":[1]}}""", """[{"op":"copy","from":"/a","path":"/c"},{"op":"add","path":"/a/b/0","value":0},{"op":"copy","from":"/a","path":"/a/d"}]""",
        """{"a":{"b":[0,1],"d":{"b":[0,1]}},"c":{"b":[1]}}""")]
    [InlineData("""{"a":1}""", """[{"op":"replace","path":"","value":[2]},{"op":"add","path":"/0","value":1}]""", "[1,2]")]
    [InlineData("""{"a":1}""", """[{"op":"move","from":"/a","path":"/a"}]""", """{"a":1}""")]
    [InlineData("""{"":{"":1}}""", """[{"op":"replace","path":"//","value":2}]""", """{"":{"":2}}""")]
    [InlineData("""{"é":1,"\ud800":2}""", """[{"op":"remove","path":"/\u00e9"},{"op":"add","path":"/\ud800","value":3}]""", """{"\ud800":3}""")]
    [InlineData("[1,2]", """[{"op":"remove","path":"/1"},{"op":"add","path":"/-","value":3},{"op":"remove","path":"/0"},{"op":"remove","path":"/0"},{"op":"add","path":"/-","value":4}]""",
        "[4]")]
    public void An_operation_changes_the_document_as_the_RFC_says(string document, string patch, string expected) =>
        Assert.Equal(expected, Apply(document, patch));

    [Theory]
    [InlineData("""{"baz":"qux"}""", """[{"op":"test","path":"/baz","value":"bar"}]""", 0, "/baz")]
    [InlineData("""{"foo":"bar"}""", """[{"op":"add","path":"/baz/bat","value":"qux"}]""", 0, "/baz/bat")]
    [InlineData("""{"foo":"bar"}""", """[{"op":"add","path":"/baz","value":"qux","op":"remove"}]""", 0, "/baz")]
    [InlineData("""{"/":9,"~1":10}""", """[{"op":"test","path":"/~01","value":"10"}]""", 0, "/~01")]
    [InlineData("""{"a":1}""", """[{"op":"test","path":"/a","value":1},{"op":"test","path":"/a","value":1.0}]""", 1, "/a")]
    [InlineData("""{"a":1}""", """[{"op":"replace","path":"/b","value":1}]""", 0, "/b")]
    [InlineData("""{"a":1}""", """[{"op":"add","path":"/a/b","value":1}]""", 0, "/a/b")]
    [InlineData("""[1]""", """[{"op":"add","path":"/2","value":1}]""", 0, "/2")]
    [InlineData("""[1]""", """[{"op":"remove","path":"/1"}]""", 0, "/1")]
    [InlineData("""[1]""", """[{"op":"remove","path":"/-"}]""", 0, "/-")]
    [InlineData("""[1]""", """[{"op":"remove","path":"/00"}]""", 0, "/00")]
    [InlineData("""[1]""", """[{"op":"remove","path":""}]""", 0, "")]
    [InlineData("""{"a":{}}""", """[{"op":"move","from":"/a","path":"/a/b"}]""", 0, "/a/b")]
    [InlineData("""{"a":1}""", """[{"op":"add","path":"/b"}]""", 0, "/b")]
    [InlineData("""{"a":1}""", """[{"op":"frob","path":"/b"}]""", 0, "/b")]
    [InlineData("""{"a":1}""", """[{"op":"remove","path":"a"}]""", 0, "a")]
    [InlineData("""{"a":1}""", """[{"op":"remove","path":"/~2"}]""", 0, "/~2")]
    [InlineData("""{"a":1}""", """[{"op":"remove"}]""", 0, "")]
    [InlineData("""{"a":1}""", """[{"path":"/a"}]""", 0, "")]
    [InlineData("""{"a":1}""", """[{"op":"copy","path":"/a"}]""", 0, "")]
    [InlineData("""{"a":1}""", """[1]""", 0, "")]
    [InlineData("""{"a":1}""", """{}""", -1, "")]
    public void A_patch_that_does_not_fit_is_refused_by_operation_and_path(string document, string patch, int operation, string path)
    {
        var refused = Assert.Throws<JsonPatchException>(() => Apply(document, patch));
        Assert.Equal(operation, refused.OperationIndex);
        Assert.Equal(path, refused.Path);
        Assert.Equal("""{"a":2}""", Apply("""{"a":1}""", """[{"op":"replace","path":"/a","value":2}]"""));
    }

    static string Canonical(string json) => Encoding.UTF8.GetString(CanonicalJson.ToArray(Encoding.UTF8.GetBytes(json)));

    static string Diff(string from, string to)
    {
        using var patch = new PooledBufferWriter();
        JsonPatch.Diff(Encoding.UTF8.GetBytes(from), Encoding.UTF8.GetBytes(to), patch);
        return Encoding.UTF8.GetString(patch.WrittenSpan);
    }

    static string Apply(string document, string patch)
    {
        using var result = new PooledBufferWriter();
        JsonPatch.Apply(Encoding.UTF8.GetBytes(document), Encoding.UTF8.GetBytes(patch), result);
        return Encoding.UTF8.GetString(result.WrittenSpan);
    }
}
