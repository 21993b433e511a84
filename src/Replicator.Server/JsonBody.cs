using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Replicator.Server;

/// <summary>A JSON answer that is written as it is made, with recorded JSON passed through verbatim.</summary>
sealed class JsonBody : IDisposable
{
    const int FlushBytes = 32 * 1024;

    public static readonly JsonWriterOptions Options = new() { SkipValidation = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    readonly HttpContext _context;

    public JsonBody(HttpContext context, string contentType)
    {
        _context = context;
        context.Response.ContentType = contentType;
        Json = new Utf8JsonWriter(context.Response.BodyWriter, Options);
    }

    public Utf8JsonWriter Json { get; }

    /// <summary>Writes bytes beside the JSON.</summary>
    public void Raw(ReadOnlySpan<byte> bytes)
    {
        Json.Flush();
        Json.Reset();
        _context.Response.BodyWriter.Write(bytes);
    }

    /// <summary>Sends what is there once it is worth it; waits while the client is slow.</summary>
    public async ValueTask FlushAsync(bool always)
    {
        Json.Flush();
        if (always || _context.Response.BodyWriter.UnflushedBytes > FlushBytes)
            await _context.Response.BodyWriter.FlushAsync(_context.RequestAborted).ConfigureAwait(false);
    }

    public void Dispose() => Json.Dispose();
}
