using Microsoft.Extensions.Configuration;
using Replicator.Bus;
using Replicator.Configuration;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

public sealed class BusSettingsTests
{
    [Fact]
    public void Without_settings_the_bus_stays_in_the_process() => Assert.Equal(new BusOptions(), Read());

    [Fact]
    public void A_broker_is_described_by_settings_and_its_password_may_be_in_a_file()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("password"), "s3cret\n");
        Assert.Equal(
            new BusOptions { Transport = BusTransport.RabbitMq, Host = "rabbit", Port = 5673, VirtualHost = "k8s", Username = "replicator", Password = "s3cret", Tls = true, CertificateAuthorityFile = "ca.pem" },
            Read(("transport", "rabbitmq"), ("host", "rabbit"), ("port", "5673"), ("virtualHost", "k8s"), ("username", "replicator"), ("passwordFile", folder.File("password")), ("tls", "true"), ("caFile", "ca.pem")));
    }

    [Theory]
    [InlineData("transport=kafka", "'kafka' is not a transport of the bus: write in-memory or rabbitmq in bus.transport.")]
    [InlineData("transport=rabbitmq", "bus.transport is rabbitmq, but bus.host does not name the broker.")]
    [InlineData("host=rabbit", "'bus.host' says nothing of the in-memory bus: set bus.transport to rabbitmq, or leave it out.")]
    [InlineData("transport=rabbitmq,host=rabbit,port=70000", "'70000' is not a port: write a number from 1 to 65535 in bus.port.")]
    [InlineData("transport=rabbitmq,host=rabbit,tls=yes", "'yes' is neither true nor false: bus.tls is one of them.")]
    [InlineData("transport=rabbitmq,host=rabbit,password=a,passwordFile=b", "Both bus.password and bus.passwordFile are set: keep one.")]
    [InlineData("transport=rabbitmq,host=rabbit,passwordFile=/nowhere/at/all", "The file that bus.passwordFile names cannot be read: Could not find a part of the path '/nowhere/at/all'.")]
    public void What_cannot_be_meant_gets_one_line_that_names_the_remedy(string settings, string message) =>
        Assert.Equal(message, Assert.Throws<CommandException>(() => Read([.. settings.Split(',').Select(setting => (setting.Split('=')[0], setting.Split('=')[1]))])).Message);

    static BusOptions Read(params (string Key, string Value)[] settings) =>
        BusSettings.Read(new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create($"bus:{setting.Key}", (string?)setting.Value))).Build().GetSection("bus"));
}
