using System.Security.Cryptography;
using System.Text;

namespace Replicator.Server.Access;

/// <summary>A bearer token of which only the hash is kept, and what it opens.</summary>
public sealed record StaticToken
{
    /// <summary>Whose it is, for logs and refusals.</summary>
    public required string Name { get; init; }

    /// <summary>SHA-256 of the token's UTF-8 text, 32 bytes. A token is to be long and random: a hash that is made in a microsecond guards no password.</summary>
    public required ReadOnlyMemory<byte> Sha256 { get; init; }

    /// <summary>The clusters that it opens; empty for all.</summary>
    public IReadOnlyList<string> Clusters { get; init; } = [];

    /// <summary>The namespaces that it opens, and nothing outside of a namespace then; empty for everything.</summary>
    public IReadOnlyList<string> Namespaces { get; init; } = [];

    /// <summary>The hash of a token.</summary>
    public static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}
