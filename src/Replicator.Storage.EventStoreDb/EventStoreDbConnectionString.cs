using System.Globalization;
using System.Net;

namespace Replicator.Storage.EventStoreDb;

/// <summary>
/// A connection string as EventStoreDB's and KurrentDB's own clients read it: <c>esdb://user:pass@host:2113?tls=false</c>, <c>esdb+discover://a:2113,b:2113,c:2113</c>, and the same with <c>kurrentdb</c>.
/// See https://docs.kurrent.io/clients/grpc/getting-started.html#connection-string.
/// </summary>
/// <remarks>
/// With <c>+discover</c>, or with more than one host, the cluster is asked who its members are (gossip) and <see cref="NodePreference"/> chooses among them. Names of options are read without regard to case;
/// one that is not known is refused, because an option that is misspelt would otherwise be silently without effect.
/// </remarks>
public sealed record EventStoreDbConnectionString
{
    const int DefaultPort = 2113;

    static readonly string[] Schemes = ["esdb", "esdb+discover", "kurrentdb", "kurrentdb+discover", "kdb", "kdb+discover", "kurrent", "kurrent+discover"];

    static readonly string[] KnownOptions =
    [
        "tls", "tlsVerifyCert", "tlsCaFile", "userCertFile", "userKeyFile", "nodePreference", "maxDiscoverAttempts", "discoveryInterval", "gossipTimeout", "keepAliveInterval", "keepAliveTimeout",
        "defaultDeadline", "connectionName", "throwOnAppendFailure",
    ];

    EventStoreDbConnectionString() { }

    /// <summary>The nodes named, at least one.</summary>
    public required IReadOnlyList<DnsEndPoint> Hosts { get; init; }

    /// <summary>Whether the cluster is asked for its members.</summary>
    public required bool Discover { get; init; }

    /// <summary>The user, or <see langword="null"/> for an anonymous connection.</summary>
    public string? User { get; init; }

    /// <summary>The password of <see cref="User"/>.</summary>
    public string? Password { get; init; }

    /// <summary>Whether the connection is encrypted. On by default.</summary>
    public bool Tls { get; init; } = true;

    /// <summary>Whether the server's certificate is checked. On by default.</summary>
    public bool TlsVerifyCertificate { get; init; } = true;

    /// <summary>A PEM file with the authority that signed the server's certificate; <see langword="null"/> trusts what the machine trusts.</summary>
    public string? TlsCaFile { get; init; }

    /// <summary>A PEM file with the certificate that the client shows.</summary>
    public string? UserCertFile { get; init; }

    /// <summary>A PEM file with the key of <see cref="UserCertFile"/>.</summary>
    public string? UserKeyFile { get; init; }

    /// <summary>Which member of a cluster to use.</summary>
    public NodePreference NodePreference { get; init; }

    /// <summary>How often all known members are asked before the store counts as away. 10 by default.</summary>
    public int MaxDiscoverAttempts { get; init; } = 10;

    /// <summary>The pause between two rounds of discovery. 100 ms by default.</summary>
    public TimeSpan DiscoveryInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How long a member may take to say who is in the cluster. 5 s by default.</summary>
    public TimeSpan GossipTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>After so long without traffic the connection is probed (HTTP/2 PING); at least 1 s, or infinite for never. 10 s by default.</summary>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>After so long without an answer to a probe the connection counts as lost; at least 1 s, or infinite for never. 10 s by default.</summary>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long an append or a short read may take; infinite for ever. 10 s by default. The server cuts the deadline of an append to its own (2 s by default).</summary>
    public TimeSpan DefaultDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>What the server's log calls this connection.</summary>
    public string ConnectionName { get; init; } = "replicator";

    /// <summary>Reads a connection string.</summary>
    /// <exception cref="FormatException">The text is malformed, or names an option or a value that is not known; the message names it and what is allowed, never the password.</exception>
    public static EventStoreDbConnectionString Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var schemeEnd = text.IndexOf("://", StringComparison.Ordinal);
        var scheme = schemeEnd < 0 ? "" : text[..schemeEnd].ToLowerInvariant();
        if (!Schemes.Contains(scheme))
            throw new FormatException($"The event store's connection string starts with '{(schemeEnd < 0 ? "" : text[..schemeEnd])}': write esdb://, esdb+discover://, kurrentdb:// or kurrentdb+discover://, such as 'esdb://localhost:2113?tls=false'.");
        var rest = text[(schemeEnd + 3)..];

        var query = "";
        if (rest.IndexOf('?', StringComparison.Ordinal) is >= 0 and var question)
            (rest, query) = (rest[..question], rest[(question + 1)..]);
        string? user = null, password = null;
        if (rest.LastIndexOf('@') is >= 0 and var at)
        {
            var (info, colon) = (rest[..at], rest.IndexOf(':', StringComparison.Ordinal));
            if (colon < 0 || colon > at)
                throw new FormatException("The event store's connection string names a user without a password: write user:password@host, special characters percent-encoded.");
            (user, password, rest) = (Uri.UnescapeDataString(info[..colon]), Uri.UnescapeDataString(info[(colon + 1)..]), rest[(at + 1)..]);
        }
        rest = rest.TrimEnd('/');
        if (rest.Contains('/', StringComparison.Ordinal))
            throw new FormatException($"The event store's connection string has the path '{rest[rest.IndexOf('/', StringComparison.Ordinal)..]}': an event store has no path; options come after '?'.");
        var hosts = rest.Split(',').Select(Host).ToList();

        var parsed = new EventStoreDbConnectionString
        {
            Hosts = hosts,
            Discover = scheme.EndsWith("+discover", StringComparison.Ordinal) || hosts.Count > 1,
            User = user,
            Password = password,
        };
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
                throw new FormatException($"The event store's connection string has the option '{pair}' without a value: write name=value.");
            var (name, value) = (pair[..equals], Uri.UnescapeDataString(pair[(equals + 1)..]));
            if (!seen.Add(name))
                throw new FormatException($"The event store's connection string has the option '{name}' twice.");
            parsed = parsed.With(name, value);
        }
        if (parsed.UserCertFile is null != parsed.UserKeyFile is null)
            throw new FormatException("The event store's connection string needs userCertFile and userKeyFile together.");
        return parsed;
    }

    /// <summary>The string without its password.</summary>
    public override string ToString() =>
        $"esdb{(Discover ? "+discover" : "")}://{(User is null ? "" : User + "@")}{string.Join(',', Hosts.Select(host => $"{host.Host}:{host.Port}"))}?tls={(Tls ? "true" : "false")}";

    EventStoreDbConnectionString With(string name, string value) => name.ToLowerInvariant() switch
    {
        "tls" => this with { Tls = Flag(name, value) },
        "tlsverifycert" => this with { TlsVerifyCertificate = Flag(name, value) },
        "tlscafile" => this with { TlsCaFile = ExistingFile(name, value) },
        "usercertfile" => this with { UserCertFile = ExistingFile(name, value) },
        "userkeyfile" => this with { UserKeyFile = ExistingFile(name, value) },
        "nodepreference" => this with { NodePreference = Preference(value) },
        "maxdiscoverattempts" => this with { MaxDiscoverAttempts = Number(name, value) is var attempts and not 0 ? attempts < 0 ? int.MaxValue : attempts : throw Bad(name, value, "a number of at least 1, or -1 for no end") },
        "discoveryinterval" => this with { DiscoveryInterval = Milliseconds(name, value) },
        "gossiptimeout" => this with { GossipTimeout = Seconds(name, value) },
        "keepaliveinterval" => this with { KeepAliveInterval = KeepAlive(name, value) },
        "keepalivetimeout" => this with { KeepAliveTimeout = KeepAlive(name, value) },
        "defaultdeadline" => this with { DefaultDeadline = Milliseconds(name, value) },
        "connectionname" => this with { ConnectionName = value },
        // A refused append is always an error here.
        "throwonappendfailure" => Flag(name, value) ? this : throw Bad(name, value, "true"),
        _ => throw new FormatException($"The event store's connection string has the option '{name}', which is not known: there are {string.Join(", ", KnownOptions)}."),
    };

    static DnsEndPoint Host(string text)
    {
        // An IPv6 address has its colons in brackets.
        var colon = text.LastIndexOf(':');
        if (colon >= 0 && text.IndexOf(']', StringComparison.Ordinal) > colon)
            colon = -1;
        var (host, port) = colon < 0 ? (text, DefaultPort) : (text[..colon], int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0);
        if (Uri.CheckHostName(host) == UriHostNameType.Unknown || port is < 1 or > ushort.MaxValue)
            throw new FormatException($"The event store's connection string has the host '{text}': write name:port, such as localhost:{DefaultPort}; several are separated by commas.");
        return new DnsEndPoint(host, port);
    }

    static bool Flag(string name, string value) => bool.TryParse(value, out var flag) ? flag : throw Bad(name, value, "true or false");

    static int Number(string name, string value) => int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : throw Bad(name, value, "a number");

    static TimeSpan Milliseconds(string name, string value) => Number(name, value) switch
    {
        -1 => System.Threading.Timeout.InfiniteTimeSpan,
        > 0 and var milliseconds => TimeSpan.FromMilliseconds(milliseconds),
        _ => throw Bad(name, value, "milliseconds, or -1 for no end"),
    };

    // The transport probes no more often than once in a second.
    static TimeSpan KeepAlive(string name, string value) => Milliseconds(name, value) is var time && (time == System.Threading.Timeout.InfiniteTimeSpan || time >= TimeSpan.FromSeconds(1)) ? time : throw Bad(name, value, "at least 1000 milliseconds, or -1 for never");

    static TimeSpan Seconds(string name, string value) => Number(name, value) is > 0 and var seconds ? TimeSpan.FromSeconds(seconds) : throw Bad(name, value, "seconds");

    static NodePreference Preference(string value) =>
        Enum.GetValues<NodePreference>().Where(preference => string.Equals(preference.ToString(), value, StringComparison.OrdinalIgnoreCase)).Cast<NodePreference?>().FirstOrDefault()
        ?? throw Bad("nodePreference", value, "leader, follower, random or readOnlyReplica");

    static string ExistingFile(string name, string value) => File.Exists(value) ? value : throw new FormatException($"The event store's connection string names the file '{value}' as {name}, which does not exist.");

    static FormatException Bad(string name, string value, string allowed) => new($"The event store's connection string has '{value}' for {name}: write {allowed}.");
}
