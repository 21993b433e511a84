using Replicator.Server.Access;

namespace Replicator.Configuration;

/// <summary>The settings under <c>access</c> and <c>tls</c>: who may read, and with what certificate the API listens.</summary>
sealed record AccessSettings
{
    /// <summary>Whether bearer tokens and reads are checked with the clusters.</summary>
    public bool Kubernetes { get; init; }

    /// <summary>How long an answer of a cluster holds.</summary>
    public TimeSpan Cache { get; init; }

    /// <summary>The tokens of the configuration.</summary>
    public IReadOnlyList<StaticToken> Tokens { get; init; } = [];

    /// <summary>The certificate's file and its key's; null for plain HTTP.</summary>
    public (string Certificate, string Key)? Tls { get; init; }

    /// <summary>Whether anybody may read.</summary>
    public bool IsOpen => !Kubernetes && Tokens.Count == 0;

    /// <summary>Reads a token's hash.</summary>
    /// <exception cref="CommandException">It is none.</exception>
    public static ReadOnlyMemory<byte> Hash(string name, string text)
    {
        const int Digits = 64;
        if (text.Length == Digits && text.All(char.IsAsciiHexDigit))
            return Convert.FromHexString(text);
        // Not what was written: it may be the token itself.
        throw new CommandException($"access.tokens: the sha256 of '{name}' is not {Digits} hexadecimal digits: write what \"printf %s TOKEN | sha256sum\" prints, and not the token.");
    }
}
