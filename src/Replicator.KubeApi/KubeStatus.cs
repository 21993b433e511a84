using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Replicator.Core.Kubernetes;

namespace Replicator.KubeApi;

/// <summary>The Status object (meta/v1) with which the Kubernetes API answers what it cannot do.</summary>
static class KubeStatus
{
    /// <param name="code">The HTTP status.</param>
    /// <param name="reason">The reason, in a word for machines.</param>
    /// <param name="message">The reason, for people.</param>
    /// <param name="details">Writes the members of <c>details</c>.</param>
    public static byte[] Create(int code, string? reason, string message, Action<Utf8JsonWriter>? details = null)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("kind"u8, "Status");
            json.WriteString("apiVersion"u8, "v1");
            json.WriteStartObject("metadata"u8);
            json.WriteEndObject();
            json.WriteString("status"u8, "Failure");
            json.WriteString("message"u8, message);
            if (reason is not null)
                json.WriteString("reason"u8, reason);
            if (details is not null)
            {
                json.WriteStartObject("details"u8);
                details(json);
                json.WriteEndObject();
            }
            json.WriteNumber("code"u8, code);
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }

    public static byte[] Create(KubeApiException exception) => Create(exception.Code, exception.Reason, exception.Message, exception.Details);

    public static Task WriteAsync(HttpContext context, KubeApiException exception) => WriteAsync(context, exception.Code, exception.Reason, exception.Message, exception.Details);

    public static async Task WriteAsync(HttpContext context, int code, string? reason, string message, Action<Utf8JsonWriter>? details = null)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(Create(code, reason, message, details), context.RequestAborted).ConfigureAwait(false);
    }

    public static Task NotFoundAsync(HttpContext context, ResourceType type, string name) =>
        WriteAsync(context, StatusCodes.Status404NotFound, "NotFound", $"{type.GroupResource} \"{name}\" not found", json =>
        {
            json.WriteString("name"u8, name);
            if (type.Group.Length > 0)
                json.WriteString("group"u8, type.Group);
            json.WriteString("kind"u8, type.Resource);
        });
}
