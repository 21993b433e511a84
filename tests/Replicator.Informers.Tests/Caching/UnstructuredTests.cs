using System.Buffers;
using System.Text;
using Replicator.Informers.Caching;
using Xunit;

namespace Replicator.Informers.Tests.Caching;

public sealed class UnstructuredTests
{
    [Theory]
    [InlineData("web-0", "", "web-0")]
    [InlineData("shop/web-0", "shop", "web-0")]
    public void Keys_are_written_and_read_as_client_go_does(string text, string scope, string name)
    {
        Assert.Equal(new ObjectKey(scope, name), ObjectKey.Parse(text));
        Assert.Equal(text, new ObjectKey(scope, name).ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("/web-0")]
    [InlineData("shop/")]
    [InlineData("a/b/c")]
    public void What_names_no_object_is_refused_with_the_remedy(string text)
    {
        var exception = Assert.Throws<FormatException>(() => ObjectKey.Parse(text));
        Assert.Contains("namespace/name", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("shop", "web-0")]
    [InlineData("", "system:kube-scheduler")]
    [InlineData("städte", "日本-\U0001F600")]
    public void A_key_is_found_by_the_bytes_that_a_server_sends(string scope, string name)
    {
        var comparer = ObjectKeyComparer.Instance;
        var (key, scopeBytes, nameBytes) = (new ObjectKey(scope, name), Encoding.UTF8.GetBytes(scope), Encoding.UTF8.GetBytes(name));
        Assert.Equal(comparer.GetHashCode(key), comparer.GetHashCode(new Utf8ObjectKey(scopeBytes, nameBytes)));
        Assert.True(comparer.Equals(new Utf8ObjectKey(scopeBytes, nameBytes), key));
        Assert.False(comparer.Equals(new Utf8ObjectKey(nameBytes, scopeBytes), key));
        Assert.Equal(key, comparer.Create(new Utf8ObjectKey(scopeBytes, nameBytes)));
    }

    [Fact]
    public void The_json_is_what_the_server_wrote_however_it_is_asked_for()
    {
        var json = Pods.Json("shop", "web-0", "7", labels: "\"app\":\"web\"");
        var item = Unstructured.Create(Pods.Type, json);
        Assert.Equal(("shop", "web-0", "uid-shop-web-0", "7"), (item.Namespace, item.Name, item.Uid, item.ResourceVersion));
        Assert.Equal(json, item.ToJson());
        var writer = new ArrayBufferWriter<byte>();
        item.WriteTo(writer);
        Assert.Equal(json, writer.WrittenSpan.ToArray());
        using (var open = item.OpenJson())
            Assert.Equal(json, open.Span.ToArray());
        Assert.Equal("web", item.GetLabels()["app"]);
        Assert.Equal("pods shop/web-0 @7", item.ToString());
    }

    [Fact]
    public void A_typed_object_is_read_when_it_is_asked_for()
    {
        var pod = Pods.Object("shop", "web-0").Read(json => System.Text.Json.JsonSerializer.Deserialize<k8s.Models.V1Pod>(json)!);
        Assert.Equal(("web-0", "node-1"), (pod.Metadata.Name, pod.Spec.NodeName));
    }

    [Theory]
    [InlineData("""{"metadata":{"name":"a","uid":"u"}}""")]
    [InlineData("""{"metadata":{"name":"a","resourceVersion":"1"}}""")]
    [InlineData("""{"kind":"Pod"}""")]
    public void What_an_API_server_does_not_send_is_refused(string json) =>
        Assert.Throws<FormatException>(() => Unstructured.Create(Pods.Type, Encoding.UTF8.GetBytes(json)));
}
