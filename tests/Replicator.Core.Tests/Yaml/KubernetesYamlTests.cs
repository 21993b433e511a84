using System.Text;
using CsCheck;
using Replicator.Core.Json;
using Replicator.Core.Tests.Json;
using Replicator.Core.Yaml;
using Replicator.TestKit;
using Xunit;
using YamlDotNet.RepresentationModel;

namespace Replicator.Core.Tests.Yaml;

public sealed class KubernetesYamlTests
{
    [Fact]
    public void Another_parser_reads_back_every_value_that_was_written() => RandomJson.Value.Sample(json =>
    {
        var canonical = CanonicalJson.ToArray(Encoding.UTF8.GetBytes(json));
        // YAML has no lone surrogates.
        if (Encoding.UTF8.GetString(canonical).Contains("\\ud", StringComparison.Ordinal))
            return;
        var yaml = KubernetesYaml.Write(canonical);
        var stream = new YamlStream();
        stream.Load(new StringReader(yaml));
        var text = new StringBuilder();
        Write(stream.Documents[0].RootNode, text);
        Assert.Equal(Shape(canonical), text.ToString());
    }, iter: 1000);

    /// <summary>The recorded output of <c>kubectl get -o yaml</c>, beside the objects of <c>-o json</c> at the same moment.</summary>
    [Theory]
    [InlineData("00-base")]
    [InlineData("02-rollouts")]
    [InlineData("04-edges")]
    [InlineData("05-end")]
    public void Lists_of_the_recording_print_as_kubectl_printed_them(string moment)
    {
        foreach (var name in (string[])["cm", "deploy-yaml"])
        {
            var expected = File.ReadAllText(Path.Combine(TestRecordings.Shop, "golden", moment, $"{name}.out"));
            // What a parser reads of it, written again, must be it.
            var stream = new YamlStream();
            stream.Load(new StringReader(expected));
            var json = new StringBuilder();
            WriteJson(stream.Documents[0].RootNode, json);
            var actual = KubernetesYaml.Write(Encoding.UTF8.GetBytes(json.ToString()));
            var (left, right) = (expected.Split('\n'), actual.Split('\n'));
            var line = left.Zip(right).TakeWhile(pair => pair.First == pair.Second).Count();
            Assert.True(left.Length == right.Length && line == left.Length, $"{moment}/{name}, line {line + 1}:\n- {left.ElementAtOrDefault(line)}\n+ {right.ElementAtOrDefault(line)}");
        }
    }

    [Theory]
    [InlineData("\"2026-11-23T09:52:15Z\"", "\"2026-11-23T09:52:15Z\"")]
    [InlineData("\"true\"", "\"true\"")]
    [InlineData("\"1\"", "\"1\"")]
    [InlineData("\"1e3\"", "\"1e3\"")]
    [InlineData("\"12:30\"", "\"12:30\"")]
    [InlineData("\"0x1F\"", "\"0x1F\"")]
    [InlineData("\"v1.36.2\"", "v1.36.2")]
    [InlineData("\"10.0.0.1\"", "10.0.0.1")]
    [InlineData("\"100m\"", "100m")]
    [InlineData("\"\"", "\"\"")]
    [InlineData("\"a: b\"", "'a: b'")]
    [InlineData("\"*\"", "'*'")]
    [InlineData("\"it's: so\"", "'it''s: so'")]
    [InlineData("\"tab\\there\"", "\"tab\\there\"")]
    [InlineData("\" lead\"", "' lead'")]
    [InlineData("\"a\\n\\u2028\"", "\"a\\n\\L\"")]
    [InlineData("9007199254740993", "9007199254740993")]
    [InlineData("1e+21", "1e+21")]
    [InlineData("null", "null")]
    [InlineData("{}", "{}")]
    [InlineData("[]", "[]")]
    [InlineData("\"a\\nb\"", "|-\n  a\n  b")]
    [InlineData("\"a\\nb\\n\"", "|\n  a\n  b")]
    [InlineData("\"a\\n\\n\"", "|+\n  a\n")]
    [InlineData("\" a\\nb\"", "|2-\n   a\n  b")]
    public void A_scalar_is_quoted_only_where_it_would_be_read_as_something_else(string json, string expected) =>
        Assert.Equal($"v: {expected}\n", KubernetesYaml.Write(Encoding.UTF8.GetBytes($$"""{"v":{{json}}}""")));

    [Fact]
    public void A_text_by_itself_is_indented_so_that_no_line_of_it_reads_as_the_end_of_the_document() =>
        Assert.Equal("|-\n  a\n  ---\n  %b\n", KubernetesYaml.Write("\"a\\n---\\n%b\""u8));

    [Fact]
    public void Names_are_in_natural_order_and_long_lines_are_folded_behind_eighty_characters()
    {
        Assert.Equal("key1: 1\nkey2: 1\nkey10: 1\nkeya: 1\n", KubernetesYaml.Write("""{"key10":1,"key1":1,"keya":1,"key2":1}"""u8));
        var words = string.Join(' ', Enumerable.Repeat("word", 30));
        var lines = KubernetesYaml.Write(Encoding.UTF8.GetBytes($$"""{"text":"{{words}}"}""")).TrimEnd('\n').Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.StartsWith("  word", lines[1], StringComparison.Ordinal);
        Assert.InRange(lines[0].Length, 81, 86);
    }

    static string Shape(byte[] json)
    {
        var text = new StringBuilder();
        using var document = System.Text.Json.JsonDocument.Parse(json);
        Write(document.RootElement, text);
        return text.ToString();

        static void Write(System.Text.Json.JsonElement value, StringBuilder text)
        {
            switch (value.ValueKind)
            {
                case System.Text.Json.JsonValueKind.Object:
                    text.Append('{');
                    foreach (var member in value.EnumerateObject().OrderBy(member => member.Name, StringComparer.Ordinal))
                    {
                        text.Append(member.Name).Append("\u0001:");
                        Write(member.Value, text);
                    }
                    text.Append('}');
                    break;
                case System.Text.Json.JsonValueKind.Array:
                    text.Append('[');
                    foreach (var element in value.EnumerateArray())
                        Write(element, text);
                    text.Append(']');
                    break;
                case System.Text.Json.JsonValueKind.String:
                    text.Append('s').Append(value.GetString()).Append('\u0002');
                    break;
                default:
                    text.Append('p').Append(value.GetRawText()).Append('\u0002');
                    break;
            }
        }
    }

    static void Write(YamlNode node, StringBuilder text)
    {
        switch (node)
        {
            case YamlMappingNode map:
                text.Append('{');
                foreach (var (name, value) in map.Children.OrderBy(pair => ((YamlScalarNode)pair.Key).Value, StringComparer.Ordinal))
                {
                    text.Append(((YamlScalarNode)name).Value).Append("\u0001:");
                    Write(value, text);
                }
                text.Append('}');
                break;
            case YamlSequenceNode list:
                text.Append('[');
                foreach (var element in list)
                    Write(element, text);
                text.Append(']');
                break;
            case YamlScalarNode scalar:
                text.Append(IsText(scalar) ? 's' : 'p').Append(scalar.Value).Append('\u0002');
                break;
        }
    }

    static void WriteJson(YamlNode node, StringBuilder text)
    {
        switch (node)
        {
            case YamlMappingNode map:
                text.Append('{').AppendJoin(',', map.Children.Select(pair =>
                {
                    var member = new StringBuilder();
                    WriteJson(pair.Value, member);
                    return $"{System.Text.Json.JsonSerializer.Serialize(((YamlScalarNode)pair.Key).Value)}:{member}";
                })).Append('}');
                break;
            case YamlSequenceNode list:
                text.Append('[').AppendJoin(',', list.Select(element =>
                {
                    var inner = new StringBuilder();
                    WriteJson(element, inner);
                    return inner.ToString();
                })).Append(']');
                break;
            case YamlScalarNode scalar:
                text.Append(IsText(scalar) ? System.Text.Json.JsonSerializer.Serialize(scalar.Value) : scalar.Value);
                break;
        }
    }

    // A plain scalar is a text where it is none of JSON's other words.
    static bool IsText(YamlScalarNode scalar)
    {
        if (scalar.Style != YamlDotNet.Core.ScalarStyle.Plain)
            return true;
        return scalar.Value is not ("true" or "false" or "null") && !System.Text.RegularExpressions.Regex.IsMatch(scalar.Value!, @"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$");
    }
}
