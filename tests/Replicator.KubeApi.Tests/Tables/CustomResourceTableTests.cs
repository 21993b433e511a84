using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Replicator.KubeApi.Tables;
using Xunit;

namespace Replicator.KubeApi.Tests.Tables;

/// <summary>Custom resources, printed by the columns of their definition.</summary>
public sealed class CustomResourceTableTests
{
    const string Object = """
        {"metadata":{"name":"storefront","creationTimestamp":"2026-11-24T11:58:00Z","labels":{"app.kubernetes.io/name":"shop"}},
         "spec":{"size":7,"share":0.5,"whole":2.0,"large":123456789.0,"huge":1e21,"tiny":0.00001,"beyond":9223372036854775808,"on":true,"nothing":null,"empty":"","tags":["b","a"],
           "map":{"z":1,"a":{"y":"<&>","x":[1.0,2e3,null]}},"list":[{"name":"web","port":80},{"name":"api","port":8080,"tls":true}],"text":"a \"quoted\" \n line","matrix":[[1,2],[3,4]]},
         "status":{"conditions":[{"type":"Ready","status":"True","at":"2026-11-24T10:00:00Z"},{"type":"Synced","status":"False"}],"when":"soon"}}
        """;

    [Theory]
    [InlineData(".spec.size", "string", "\"7\"")]
    [InlineData(".spec.size", "integer", "7")]
    [InlineData(".spec.size", "number", "7")]
    [InlineData(".spec.size", "boolean", "null")]
    [InlineData(".spec.share", "string", "\"0.5\"")]
    [InlineData(".spec.share", "integer", "0")]
    [InlineData(".spec.share", "number", "0.5")]
    [InlineData(".spec.whole", "string", "\"2\"")]
    [InlineData(".spec.whole", "integer", "2")]
    [InlineData(".spec.large", "string", "\"1.23456789e+08\"")]
    [InlineData(".spec.large", "integer", "123456789")]
    [InlineData(".spec.large", "number", "123456789")]
    [InlineData(".spec.huge", "string", "\"1e+21\"")]
    [InlineData(".spec.huge", "integer", "-9223372036854775808")]
    [InlineData(".spec.huge", "number", "1e+21")]
    [InlineData(".spec.tiny", "string", "\"1e-05\"")]
    [InlineData(".spec.tiny", "number", "0.00001")]
    [InlineData(".spec.beyond", "string", "\"9.223372036854776e+18\"")]
    [InlineData(".spec.on", "string", "\"true\"")]
    [InlineData(".spec.on", "boolean", "true")]
    [InlineData(".spec.on", "integer", "null")]
    [InlineData(".spec.nothing", "string", "\"<no value>\"")]
    [InlineData(".spec.nothing", "integer", "null")]
    [InlineData(".spec.missing", "string", "null")]
    [InlineData(".spec.missing.deeper", "date", "null")]
    [InlineData(".spec.size.deeper", "string", "null")]
    [InlineData(".spec.empty", "string", "\"\"")]
    [InlineData(".spec.empty", "date", "\"<unknown>\"")]
    [InlineData(".spec.text", "string", "\"a \\\"quoted\\\" \\n line\"")]
    [InlineData(".spec.tags", "string", "\"[\\\"b\\\",\\\"a\\\"]\"")]
    [InlineData(".spec.tags", "integer", "null")]
    [InlineData(".spec.map", "string", "\"{\\\"a\\\":{\\\"x\\\":[1,2000,null],\\\"y\\\":\\\"\\\\u003c\\\\u0026\\\\u003e\\\"},\\\"z\\\":1}\"")]
    [InlineData(".metadata.creationTimestamp", "date", "\"2m\"")]
    [InlineData(".metadata.creationTimestamp", "string", "\"2026-11-24T11:58:00Z\"")]
    [InlineData(".status.when", "date", "\"<invalid>\"")]
    [InlineData(".spec.size", "date", "null")]
    [InlineData(".spec.size", "colour", "null")]
    public void A_value_prints_by_the_type_of_its_column(string path, string type, string expected) => Assert.Equal(expected, Cell(path, type));

    [Theory]
    [InlineData(".spec.list[0].name", "web")]
    [InlineData(".spec.list[-1].name", "api")]
    [InlineData(".spec.list[1:].name", "api")]
    [InlineData(".spec.list[*].name", "web")]
    [InlineData(".spec.list[:1].name", "web")]
    [InlineData(".spec.list[0:2:2].name", "web")]
    [InlineData(".spec.list[1,0].name", "api")]
    [InlineData(".spec.list[5].name", null)]
    [InlineData(".spec.list[1:0].name", null)]
    [InlineData(".spec.size[0]", null)]
    [InlineData(".spec.*", "7")]
    [InlineData(".spec.matrix[*][1]", "2")]
    [InlineData("..port", "80")]
    [InlineData(".spec..tls", "true")]
    [InlineData(".metadata.labels.app\\.kubernetes\\.io/name", "shop")]
    [InlineData(".metadata.labels['app\\.kubernetes\\.io/name']", "shop")]
    [InlineData(".metadata['name']", "storefront")]
    [InlineData("$.spec.size", "7")]
    [InlineData(".spec['size','on']", "7")]
    [InlineData(".status.conditions[?(@.type==\"Ready\")].status", "True")]
    [InlineData(".status.conditions[?(@.type=='Synced')].status", "False")]
    [InlineData(".status.conditions[?(@.type != \"Ready\")].type", "Synced")]
    [InlineData(".status.conditions[?(@.type==\"Absent\")].status", null)]
    [InlineData(".status.conditions[?(@.at)].type", "Ready")]
    [InlineData(".spec.list[?(@.port>100)].name", "api")]
    [InlineData(".spec.list[?(@.port>=80)].name", "web")]
    [InlineData(".spec.list[?(@.port<=80)].name", "web")]
    [InlineData(".spec.list[?(@.port<80)].name", null)]
    [InlineData(".spec.list[?(@.tls==true)].name", "api")]
    [InlineData(".spec.list[?(@.port==\"80\")].name", null)]
    [InlineData(".spec.list[?(@.port==80.0)].name", null)]
    [InlineData(".spec.map[?(@.a==1)].z", null)]
    [InlineData("spec.size", null)]
    public void A_path_finds_what_client_go_finds(string path, string? expected) => Assert.Equal(expected is null ? "null" : JsonSerializer.Serialize(expected), Cell(path, "string"));

    [Theory]
    [InlineData("[")]
    [InlineData(".a[x]")]
    [InlineData(".a[1:2:3:4]")]
    [InlineData(".a[?(@.b==1]")]
    [InlineData(".a[?(@.b==1)")]
    [InlineData(".a[?(@.b==\"x)]")]
    [InlineData("....a")]
    [InlineData(".a ~")]
    [InlineData("'unclosed")]
    public void A_path_that_is_none_ends_the_table_before_its_column(string path)
    {
        var table = Table(("Good", ".spec.size", "integer"), ("Bad", path, "string"), ("After", ".spec.size", "integer"));
        Assert.Equal(["Name", "Good"], table.Columns.Select(column => column.Name));
        Assert.Equal("""["storefront",7]""", Printed.Row(table, Object, Printed.Now)["cells"]!.ToJsonString());
    }

    [Fact]
    public void Columns_are_those_of_the_version_with_a_description_where_they_have_none()
    {
        const string Definition = """
            {"spec":{"versions":[
              {"name":"v1","additionalPrinterColumns":[{"name":"Size","type":"integer","format":"int32","jsonPath":".spec.size","priority":1,"description":"How large."},{"name":"Tags","type":"string","jsonPath":".spec.tags"}]},
              {"name":"v2"}]}}
            """;
        var first = TableDefinitions.For("lab.example.com", "v1", "applications", Encoding.UTF8.GetBytes(Definition));
        Assert.Equal([new TableColumn("Size", "integer", "int32", "How large.", 1), new TableColumn("Tags", "string", "", "Custom resource definition column (in JSONPath format): .spec.tags", 0)], first.Columns.Skip(1));
        Assert.False(first.EmptyRowsAreNull);

        // A version that names no columns shows the age, and so does one that the definition does not know.
        foreach (var version in new[] { "v2", "v3" })
        {
            var table = TableDefinitions.For("lab.example.com", version, "applications", Encoding.UTF8.GetBytes(Definition));
            Assert.Equal(["Name", "Age"], table.Columns.Select(column => column.Name));
            Assert.Equal("date", table.Columns[1].Type);
            Assert.Equal("""["storefront","2m"]""", Printed.Row(table, Object, Printed.Now)["cells"]!.ToJsonString());
        }
    }

    static string Cell(string path, string type) => Printed.Row(Table(("Column", path, type)), Object, Printed.Now)["cells"]![1] is { } cell ? Raw(cell) : "null";

    /// <summary>JSON as it is written, without .NET's own escapes.</summary>
    static string Raw(JsonNode cell) => cell.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    static TableDefinition Table(params (string Name, string Path, string Type)[] columns)
    {
        var definition = new JsonObject
        {
            ["spec"] = new JsonObject
            {
                ["versions"] = new JsonArray(new JsonObject
                {
                    ["name"] = "v1",
                    ["additionalPrinterColumns"] = new JsonArray([.. columns.Select(column => new JsonObject { ["name"] = column.Name, ["type"] = column.Type, ["jsonPath"] = column.Path })]),
                }),
            },
        };
        return TableDefinitions.For("lab.example.com", "v1", "applications", Encoding.UTF8.GetBytes(definition.ToJsonString()));
    }
}
