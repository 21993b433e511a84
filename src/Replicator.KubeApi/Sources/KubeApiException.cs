using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Replicator.KubeApi;

/// <summary>What cannot be answered; the client gets it as a Status (meta/v1) of this code, reason and message.</summary>
public sealed class KubeApiException(int code, string? reason, string message, Action<Utf8JsonWriter>? details = null) : Exception(message)
{
    /// <summary>The HTTP status.</summary>
    public int Code { get; } = code;

    /// <summary>The reason, in a word for machines.</summary>
    public string? Reason { get; } = reason;

    /// <summary>Writes the members of <c>details</c>.</summary>
    public Action<Utf8JsonWriter>? Details { get; } = details;

    /// <summary>Malformed input.</summary>
    public static KubeApiException BadRequest(string message) => new(StatusCodes.Status400BadRequest, "BadRequest", message);

    /// <summary>A path that the server does not serve.</summary>
    public static KubeApiException NoResource(string message = "the server could not find the requested resource") => new(StatusCodes.Status404NotFound, "NotFound", message);

    /// <summary>A version of which the changes that followed it are not known.</summary>
    public static KubeApiException Expired(string version, string oldest) => new(StatusCodes.Status410Gone, "Expired", $"too old resource version: {version} ({oldest})");

    /// <summary>A version that is still to come: the server may only be behind, so the client is to try again.</summary>
    public static KubeApiException TooLarge(string version, string current) =>
        new(StatusCodes.Status504GatewayTimeout, "Timeout", $"Timeout: Too large resource version: {version}, current: {current}", json =>
        {
            json.WriteStartArray("causes"u8);
            json.WriteStartObject();
            json.WriteString("reason"u8, "ResourceVersionTooLarge");
            json.WriteString("message"u8, "Too large resource version");
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteNumber("retryAfterSeconds"u8, 1);
        });

    /// <summary>Options that contradict each other.</summary>
    public static KubeApiException Invalid(string field, string problem) =>
        new(StatusCodes.Status422UnprocessableEntity, "Invalid", $"ListOptions.meta.k8s.io \"\" is invalid: {field}: {problem}", json =>
        {
            json.WriteString("group"u8, "meta.k8s.io");
            json.WriteString("kind"u8, "ListOptions");
            json.WriteStartArray("causes"u8);
            json.WriteStartObject();
            json.WriteString("reason"u8, problem.StartsWith("Forbidden", StringComparison.Ordinal) ? "FieldValueForbidden" : problem.StartsWith("Unsupported", StringComparison.Ordinal) ? "FieldValueNotSupported" : "FieldValueInvalid");
            json.WriteString("message"u8, problem);
            json.WriteString("field"u8, field);
            json.WriteEndObject();
            json.WriteEndArray();
        });
}
