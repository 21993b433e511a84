using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Replicator.Server.Access;

/// <summary>A refusal as a Status object (meta/v1), in the API server's own form.</summary>
static class StatusAnswer
{
    public static async Task WriteAsync(HttpContext context, int code, string reason, string message, AccessAttributes? attributes)
    {
        context.Response.ContentType = "application/json";
        using var json = new Utf8JsonWriter(context.Response.BodyWriter, JsonBody.Options);
        json.WriteStartObject();
        json.WriteString("kind"u8, "Status");
        json.WriteString("apiVersion"u8, "v1");
        json.WriteStartObject("metadata"u8);
        json.WriteEndObject();
        json.WriteString("status"u8, "Failure");
        json.WriteString("message"u8, message);
        json.WriteString("reason"u8, reason);
        if (attributes is { } asked)
        {
            json.WriteStartObject("details"u8);
            WriteUnlessEmpty(json, "name", asked.Name);
            WriteUnlessEmpty(json, "group", asked.Group);
            WriteUnlessEmpty(json, "kind", asked.Resource);
            json.WriteEndObject();
        }
        json.WriteNumber("code"u8, code);
        json.WriteEndObject();
        json.Flush();
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }

    static void WriteUnlessEmpty(Utf8JsonWriter json, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
            json.WriteString(name, value);
    }
}
