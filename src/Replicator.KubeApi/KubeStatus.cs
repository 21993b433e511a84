using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Replicator.KubeApi;

/// <summary>The Status object (meta/v1) with which the Kubernetes API answers what it cannot do.</summary>
static class KubeStatus
{
    public static byte[] Create(int code, string reason, string message)
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
            json.WriteString("reason"u8, reason);
            json.WriteNumber("code"u8, code);
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }

    public static async Task WriteAsync(HttpContext context, int code, string reason, string message)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(Create(code, reason, message), context.RequestAborted).ConfigureAwait(false);
    }

    public static byte[] Expired(string version, string oldest) => Create(StatusCodes.Status410Gone, "Expired", $"too old resource version: {version} ({oldest})");
}
