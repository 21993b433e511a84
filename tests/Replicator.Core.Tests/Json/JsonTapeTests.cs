using System.Text;
using System.Text.Json;
using CsCheck;
using Replicator.Core.Json;
using Xunit;

namespace Replicator.Core.Tests.Json;

public sealed class JsonTapeTests
{
    [Theory]
    [InlineData("", 0)]
    [InlineData("  ", 2)]
    [InlineData("{", 1)]
    [InlineData("[1,]", 3)]
    [InlineData("[1 2]", 3)]
    [InlineData("""{"a":1,}""", 7)]
    [InlineData("""{"a" 1}""", 5)]
    [InlineData("""{a:1}""", 1)]
    [InlineData("""{"a":}""", 5)]
    [InlineData("""["abc""", 5)]
    [InlineData("""["a\x"]""", 4)]
    [InlineData("""["a\u12g4"]""", 7)]
    [InlineData("[\"a\nb\"]", 3)]
    [InlineData("""["\""", 3)]
    [InlineData("01", 1)]
    [InlineData("-", 1)]
    [InlineData("1.", 2)]
    [InlineData("1.x", 2)]
    [InlineData("1e", 2)]
    [InlineData("1e+", 3)]
    [InlineData("+1", 0)]
    [InlineData(".5", 0)]
    [InlineData("tru", 0)]
    [InlineData("nulll", 4)]
    [InlineData("True", 0)]
    [InlineData("1 1", 2)]
    [InlineData("{}}", 2)]
    [InlineData("[}", 1)]
    [InlineData("{]", 1)]
    [InlineData("\"a\" \0", 4)]
    [InlineData("\uFEFF1", 0)]
    public void A_malformed_text_is_refused_at_the_offending_byte(string text, int offset)
    {
        var tape = Parse("[1]");
        var refused = Assert.Throws<JsonFormatException>(() => tape.Parse(Encoding.UTF8.GetBytes(text)));
        Assert.Equal(offset, refused.Offset);
        Assert.Equal(0, tape.NodeCount);
    }

    [Theory]
    [InlineData("5B22FF225D", 2)]
    [InlineData("5B22C3", 2)]
    [InlineData("5B2241EDA080225D", 3)]
    [InlineData("5B22C0AF225D", 2)]
    public void Text_that_is_not_UTF8_is_refused_at_the_offending_byte(string hex, int offset) =>
        Assert.Equal(offset, Assert.Throws<JsonFormatException>(() => new JsonTape().Parse(Convert.FromHexString(hex))).Offset);

    [Fact]
    public void Nesting_is_allowed_to_the_limit_and_refused_beyond()
    {
        Parse(new string('[', JsonTape.MaxDepth) + new string(']', JsonTape.MaxDepth));
        var deeper = Assert.Throws<JsonFormatException>(() => Parse(new string('[', JsonTape.MaxDepth + 1) + new string(']', JsonTape.MaxDepth + 1)));
        Assert.Equal(JsonTape.MaxDepth, deeper.Offset);
    }

    [Fact]
    public void Mutated_texts_are_accepted_exactly_where_the_platforms_strict_reader_accepts_them() => Gen.Select(
        RandomJson.Value, Gen.Select(Gen.Int[0, 2], Gen.Int[0, int.MaxValue], Gen.OneOf(Gen.OneOf("{}[]\",:\\u0e-.+ tfn\n\0\x01/".ToCharArray()).Select(c => (byte)c), Gen.Byte)).Array[0, 4])
        .Sample((json, mutations) =>
        {
            var bytes = new List<byte>(Encoding.UTF8.GetBytes(json));
            foreach (var (kind, place, value) in mutations)
            {
                if (bytes.Count == 0)
                    break;
                if (kind == 0)
                    bytes[place % bytes.Count] = value;
                else if (kind == 1)
                    bytes.RemoveAt(place % bytes.Count);
                else
                    bytes.Insert(place % bytes.Count, value);
            }
            var text = bytes.ToArray();
            Assert.Equal(PlatformAccepts(text), Accepts(text));
        }, iter: 20_000);

    [Fact]
    public void Properties_are_found_by_their_unescaped_name_and_of_duplicates_the_last()
    {
        var tape = Parse("""{"a":1,"met\u0061data":{"x":[1,{"y":2}]},"a":"last","":0,"\ud800":5}""");
        Assert.True(tape.TryGetProperty(tape.Root, "a"u8, out var a));
        Assert.Equal("last", tape.GetString(a));
        Assert.True(tape.TryGetProperty(tape.Root, "metadata"u8, out var metadata));
        Assert.Equal("""{"x":[1,{"y":2}]}""", Encoding.UTF8.GetString(tape.RawText(metadata)));
        Assert.True(tape.TryGetProperty(tape.Root, ""u8, out _));
        Assert.False(tape.TryGetProperty(tape.Root, "meta"u8, out _));
        Assert.False(tape.TryGetProperty(a, "a"u8, out _));
        Assert.True(tape.TryGetProperty(tape.Root, [0xED, 0xA0, 0x80], out _));
    }

    [Fact]
    public void Members_and_elements_are_enumerated_in_the_order_of_the_text()
    {
        var tape = Parse("""{"b":[1,[2],{}],"a":null}""");
        var names = new List<string>();
        foreach (var member in tape.Members(tape.Root))
            names.Add(tape.GetString(member.Name) + "=" + tape.Kind(member.Value));
        Assert.Equal(["b=Array", "a=Null"], names);
        var elements = new List<string>();
        foreach (var element in tape.Elements(2))
            elements.Add(Encoding.UTF8.GetString(tape.RawText(element)));
        Assert.Equal(["1", "[2]", "{}"], elements);
        Assert.Equal(3, tape.ChildCount(2));
        Assert.Equal(2, tape.ChildCount(tape.Root));
        Assert.Equal(tape.NodeCount, tape.Next(tape.Root));
    }

    [Fact]
    public void Strings_read_as_the_platform_reads_them() => RandomJson.Value.Where(json => json.Contains('"', StringComparison.Ordinal)).Sample(json =>
    {
        var tape = Parse(json);
        for (var node = 0; node < tape.NodeCount; node++)
        {
            if (tape.Kind(node) != JsonKind.String)
                continue;
            var raw = tape.RawText(node);
            var expected = JsonSerializer.Deserialize<string>(raw)!;
            Assert.Equal(expected, tape.GetString(node));
            Assert.Equal(Encoding.UTF8.GetBytes(expected), tape.StringBytes(node, new byte[raw.Length]).ToArray());
            Assert.True(tape.StringEquals(node, Encoding.UTF8.GetBytes(expected)));
            Assert.False(tape.StringEquals(node, Encoding.UTF8.GetBytes(expected + "x")));
        }
    }, iter: 1_000);

    [Fact]
    public void Lone_surrogates_are_kept() => Assert.Equal("\ud83dx\ude00", Parse("""["\ud83dx\ude00"]""").GetString(1));

    [Fact]
    public void The_callers_buffer_is_free_after_the_parse()
    {
        var text = "[\"kept\"]"u8.ToArray();
        var tape = new JsonTape();
        tape.Parse(text);
        text.AsSpan().Clear();
        Assert.Equal("kept", tape.GetString(1));
    }

    [Fact]
    public void A_node_that_is_not_there_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new JsonTape().Kind(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Parse("1").Kind(1));
        Assert.Throws<InvalidOperationException>(() => Parse("1").Members(0));
        Assert.Throws<InvalidOperationException>(() => Parse("1").Elements(0));
        Assert.Throws<InvalidOperationException>(() => Parse("1").GetString(0));
        Assert.Throws<ArgumentException>(() => Parse("\"\\n\"").StringBytes(0, []).Length);
    }

    static JsonTape Parse(string json)
    {
        var tape = new JsonTape();
        tape.Parse(Encoding.UTF8.GetBytes(json));
        return tape;
    }

    static bool Accepts(byte[] text)
    {
        try
        {
            new JsonTape().Parse(text);
            return true;
        }
        catch (JsonFormatException)
        {
            return false;
        }
    }

    /// <summary>The reader, which looks into strings only on demand, and the whole text's UTF-8.</summary>
    static bool PlatformAccepts(byte[] text)
    {
        if (!System.Text.Unicode.Utf8.IsValid(text))
            return false;
        try
        {
            var reader = new Utf8JsonReader(text, new JsonReaderOptions { MaxDepth = JsonTape.MaxDepth });
            while (reader.Read())
            {
            }
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
