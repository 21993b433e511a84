using System.Globalization;
using Replicator.Bus;

namespace Replicator.Configuration;

/// <summary>The settings under <c>bus</c>: <c>transport</c> (<c>in-memory</c> or <c>rabbitmq</c>), and for the latter <c>host</c>, <c>port</c>, <c>virtualHost</c>, <c>username</c>, <c>password</c> or <c>passwordFile</c>, <c>tls</c>, <c>caFile</c>.</summary>
static class BusSettings
{
    /// <exception cref="CommandException">A setting is malformed, contradictory or cannot be read.</exception>
    public static BusOptions Read(IConfigurationSection bus)
    {
        var transport = bus["transport"] switch
        {
            null or "in-memory" => BusTransport.InMemory,
            "rabbitmq" => BusTransport.RabbitMq,
            var other => throw new CommandException($"'{other}' is not a transport of the bus: write in-memory or rabbitmq in bus.transport."),
        };
        var defaults = new BusOptions();
        if (transport == BusTransport.InMemory)
        {
            // A host without a transport is a broker that the user believes to be published to.
            if (bus.GetChildren().FirstOrDefault(setting => !setting.Key.Equals("transport", StringComparison.OrdinalIgnoreCase)) is { } unused)
                throw new CommandException($"'bus.{unused.Key}' says nothing of the in-memory bus: set bus.transport to rabbitmq, or leave it out.");
            return defaults;
        }
        return defaults with
        {
            Transport = transport,
            Host = bus["host"] ?? throw new CommandException("bus.transport is rabbitmq, but bus.host does not name the broker."),
            Port = bus["port"] is { } port ? Port(port) : null,
            VirtualHost = bus["virtualHost"] ?? defaults.VirtualHost,
            Username = bus["username"] ?? defaults.Username,
            Password = Password(bus) ?? defaults.Password,
            Tls = bus["tls"] is { } tls && Flag(tls),
            CertificateAuthorityFile = bus["caFile"],
        };
    }

    static int Port(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= ushort.MaxValue
        ? port
        : throw new CommandException($"'{text}' is not a port: write a number from 1 to {ushort.MaxValue} in bus.port.");

    static bool Flag(string text) => bool.TryParse(text, out var flag) ? flag : throw new CommandException($"'{text}' is neither true nor false: bus.tls is one of them.");

    static string? Password(IConfigurationSection bus)
    {
        if (bus["passwordFile"] is not { } file)
            return bus["password"];
        if (bus["password"] is not null)
            throw new CommandException("Both bus.password and bus.passwordFile are set: keep one.");
        try
        {
            // An editor ends the file with a line feed that is no part of the password.
            return File.ReadAllText(file).TrimEnd('\r', '\n');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"The file that bus.passwordFile names cannot be read: {exception.Message}");
        }
    }
}
