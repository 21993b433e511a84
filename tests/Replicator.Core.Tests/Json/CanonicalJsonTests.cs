using System.Text;
using CsCheck;
using Replicator.Core.Json;
using Xunit;

namespace Replicator.Core.Tests.Json;

public sealed class CanonicalJsonTests
{
    static string Canonical(string json) => Encoding.UTF8.GetString(CanonicalJson.ToArray(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void Canonical_form_is_the_one_of_an_independent_implementation() => RandomJson.Value.Sample(json =>
        Assert.Equal(ReferenceJson.Canonical(json), Canonical(json)), iter: 4_000);

    [Fact]
    public void Canonical_form_of_canonical_form_is_itself() => RandomJson.Value.Sample(json =>
    {
        var once = Canonical(json);
        Assert.Equal(once, Canonical(once));
    }, iter: 4_000);

    [Fact]
    public void Two_values_are_equal_where_their_canonical_forms_are() => Gen.OneOf(
        RandomJson.Pair, RandomJson.Value.Select(json => (json, Canonical(json))), RandomJson.Value.Select(json => (json, json + " "))).Sample((a, b) =>
    {
        var tapeA = Parse(a);
        var tapeB = Parse(b);
        Assert.Equal(Canonical(a) == Canonical(b), CanonicalJson.Equal(tapeA, tapeA.Root, tapeB, tapeB.Root));
    }, iter: 4_000);

    [Theory]
    [InlineData("9007199254740993")]
    [InlineData("1e21")]
    [InlineData("1.0")]
    [InlineData("-0")]
    [InlineData("123456789012345678901234567890.000")]
    public void Numbers_keep_the_text_they_were_written_with(string number) =>
        Assert.Equal($$"""{"n":[{{number}}]}""", Canonical($$"""{ "n" : [ {{number}} ] }"""));

    [Theory]
    [InlineData("""{"b":1,"a":2}""", """{"a":2,"b":1}""")]
    [InlineData("""{"a":1,"b":2,"a":3}""", """{"a":3,"b":2}""")]
    [InlineData("""{"a":1,"\u0061":3}""", """{"a":3}""")]
    [InlineData("""{"\u0062":1,"a":2}""", """{"a":2,"b":1}""")]
    [InlineData("""["\u003c\/\u0026","\u00E9","\u000A\u001F\u007f"]""", "[\"</&\",\"é\",\"\\n\\u001f\u007f\"]")]
    [InlineData("""["\uD83D\uDE00"]""", "[\"\U0001F600\"]")]
    [InlineData("""["\uD83D","\uDE00x","\uDE00\uD83D"]""", """["\ud83d","\ude00x","\ude00\ud83d"]""")]
    [InlineData("""{"k:{\"name\":\"b\"}":{},"k:{\"name\":\"a\"}":{}}""", """{"k:{\"name\":\"a\"}":{},"k:{\"name\":\"b\"}":{}}""")]
    [InlineData(" [ ] ", "[]")]
    [InlineData("{ }", "{}")]
    [InlineData(" null\n", "null")]
    public void Canonical_form_is(string json, string expected) => Assert.Equal(expected, Canonical(json));

    [Fact]
    public void Names_sort_by_their_bytes_and_not_by_their_utf16_units() =>
        Assert.Equal("{\"\uFFFD\":1,\"\U0001F600\":2}", Canonical("{\"\U0001F600\":2,\"\uFFFD\":1}"));

    [Fact]
    public void A_string_of_900_kilobytes_survives_at_every_alignment()
    {
        for (var shift = 0; shift < 40; shift++)
        {
            var text = new string('s', shift) + string.Concat(Enumerable.Repeat("\\\"abc\\\\defghij\\n", 900_000 / 16 / (shift == 0 ? 1 : 100)));
            var json = $$"""{"b":"{{text}}","a":"\u003c{{text}}"}""";
            Assert.Equal($$"""{"a":"<{{text}}","b":"{{text}}"}""", Canonical(json));
        }
    }

    [Fact]
    public void Large_objects_sort_and_of_many_duplicates_the_last_wins()
    {
        var names = Enumerable.Range(0, 1000).Select(i => $"\"name-{i * 7919 % 500}\":{i}");
        var json = "{" + string.Join(",", names) + "}";
        Assert.Equal(ReferenceJson.Canonical(json), Canonical(json));
    }

    [Fact]
    public void Edits_replace_remove_and_add_while_writing()
    {
        var tape = Parse("""{"metadata":{"name":"web","uid":"1"},"list":[1,2,3],"data":{"password":"secret"}}""");
        using var edits = new JsonEdits();
        edits.AddMember(tape.Root, "kind"u8, "\"Secret\""u8.ToArray());
        edits.AddMember(tape.Root, "apiVersion"u8, " \"v1\" "u8.ToArray());
        edits.AddMember(tape.Root, "a\"\n"u8, "{ }"u8.ToArray());
        Assert.True(tape.TryGetProperty(tape.Root, "data"u8, out var data));
        Assert.True(tape.TryGetProperty(data, "password"u8, out var password));
        edits.Replace(password, "\"sha256:ab\""u8.ToArray());
        Assert.True(tape.TryGetProperty(tape.Root, "list"u8, out var list));
        edits.Remove(list + 1);
        Assert.True(tape.TryGetProperty(tape.Root, "metadata"u8, out var metadata));
        Assert.True(tape.TryGetProperty(metadata, "uid"u8, out var uid));
        edits.Remove(uid);
        Assert.Equal(
            """{"a\"\n":{},"apiVersion":"v1","data":{"password":"sha256:ab"},"kind":"Secret","list":[2,3],"metadata":{"name":"web"}}""",
            Write(tape, tape.Root, edits));
        edits.Clear();
        Assert.Equal("""{"data":{"password":"secret"},"list":[1,2,3],"metadata":{"name":"web","uid":"1"}}""", Write(tape, tape.Root, edits));
    }

    [Fact]
    public void An_added_member_wins_over_one_of_that_name_and_the_last_added_over_the_first()
    {
        var tape = Parse("""{"kind":"List","a":1}""");
        using var edits = new JsonEdits();
        edits.AddMember(tape.Root, "kind"u8, "\"Pod\""u8.ToArray());
        edits.AddMember(tape.Root, "kind"u8, "\"Node\""u8.ToArray());
        Assert.Equal("""{"a":1,"kind":"Node"}""", Write(tape, tape.Root, edits));
    }

    [Fact]
    public void Removing_the_winner_of_two_duplicates_does_not_bring_back_the_loser()
    {
        var tape = Parse("""{"a":1,"a":2,"b":3}""");
        using var edits = new JsonEdits();
        edits.Remove(tape.TryGetProperty(tape.Root, "a"u8, out var a) ? a : -1);
        Assert.Equal("""{"b":3}""", Write(tape, tape.Root, edits));
    }

    [Fact]
    public void Edits_that_cannot_be_made_are_refused()
    {
        var tape = Parse("""{"a":[1]}""");
        using var edits = new JsonEdits();
        edits.AddMember(2, "x"u8, "1"u8.ToArray());
        Assert.Contains("only objects have members", Assert.Throws<InvalidOperationException>(() => Write(tape, tape.Root, edits)).Message, StringComparison.Ordinal);
        edits.Clear();
        edits.Remove(tape.Root);
        Assert.Throws<InvalidOperationException>(() => Write(tape, tape.Root, edits));
        Assert.Throws<JsonFormatException>(() => edits.Replace(0, "{"u8.ToArray()));
    }

    [Fact]
    public void Writing_does_not_allocate_once_the_buffers_have_grown()
    {
        var json = Encoding.UTF8.GetBytes("""{"kind":"Pod","a":{"z":["\u003c",{"y":1,"x":[2, 3]}],"b":null},"k:{\"b\"}":1,"k:{\"a\"}":2}""");
        var tape = new JsonTape();
        using var output = new PooledBufferWriter();
        void Once()
        {
            output.Clear();
            tape.Parse(json);
            CanonicalJson.Write(tape, tape.Root, output);
        }
        for (var i = 0; i < 100; i++)
            Once();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            Once();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    static JsonTape Parse(string json)
    {
        var tape = new JsonTape();
        tape.Parse(Encoding.UTF8.GetBytes(json));
        return tape;
    }

    static string Write(JsonTape tape, int node, JsonEdits edits)
    {
        using var output = new PooledBufferWriter();
        CanonicalJson.Write(tape, node, output, edits);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
