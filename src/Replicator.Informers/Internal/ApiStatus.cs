using Replicator.Core.Json;

namespace Replicator.Informers;

/// <summary>What a server says went wrong: a metav1.Status, as the body of an error answer or as the object of an ERROR line.</summary>
sealed record ApiStatus(int Code, string Reason, string Message, TimeSpan? RetryAfter, bool TooLargeVersion)
{
    /// <summary>The resource version is older than what the server still knows: 410 by code, or by reason where a proxy lost the code.</summary>
    public bool IsExpired => Code == 410 || Reason is "Expired" or "Gone";

    /// <summary>Reads a Status; what is no Status gives one of the HTTP status alone.</summary>
    public static ApiStatus Read(JsonTape tape, ReadOnlySpan<byte> json, int httpStatus)
    {
        try
        {
            tape.Parse(json);
        }
        catch (JsonFormatException)
        {
            return new ApiStatus(httpStatus, "", json.Length == 0 ? "" : $"an answer that is no Kubernetes Status ({json.Length} bytes)", null, false);
        }
        var message = tape.Text(tape.Root, "message"u8) ?? "";
        var tooLarge = false;
        TimeSpan? retryAfter = null;
        if (tape.TryGetProperty(tape.Root, "details"u8, out var details))
        {
            if (tape.Number(details, "retryAfterSeconds"u8) is > 0 and var seconds)
                retryAfter = TimeSpan.FromSeconds(seconds);
            foreach (var cause in tape.Elements(details, "causes"u8))
                tooLarge |= tape.TryGetProperty(cause, "reason"u8, out var reason) && tape.StringEquals(reason, "ResourceVersionTooLarge"u8);
        }
        // Servers before 1.17 name no cause (kubernetes/kubernetes#72187); client-go looks at the message as well.
        tooLarge |= message.Contains("Too large resource version", StringComparison.Ordinal);
        return new ApiStatus(tape.Number(tape.Root, "code"u8) ?? httpStatus, tape.Text(tape.Root, "reason"u8) ?? "", message, retryAfter, tooLarge);
    }

    /// <inheritdoc/>
    public override string ToString() => OneLine.Of($"{Code}{(Reason.Length > 0 ? " " + Reason : "")}{(Message.Length > 0 ? ": " + Message : "")}");
}
