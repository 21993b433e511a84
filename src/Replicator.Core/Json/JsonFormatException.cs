namespace Replicator.Core.Json;

/// <summary>A text that is not JSON (RFC 8259); says at which byte and why.</summary>
public sealed class JsonFormatException : FormatException
{
    /// <summary>Creates the exception for a fault at <paramref name="offset"/>.</summary>
    /// <param name="offset">Zero-based offset of the first byte that cannot stand where it stands.</param>
    /// <param name="reason">What is wrong there, as a clause without a full stop.</param>
    public JsonFormatException(int offset, string reason)
        : base($"Malformed JSON at byte {offset}: {reason}.")
    {
        Offset = offset;
        Reason = reason;
    }

    /// <summary>Zero-based offset of the first byte that cannot stand where it stands; the text's length where the text ends too early.</summary>
    public int Offset { get; }

    /// <summary>What is wrong, as a clause without a full stop.</summary>
    public string Reason { get; }
}
