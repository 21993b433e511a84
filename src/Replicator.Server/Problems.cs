using Microsoft.AspNetCore.Http;

namespace Replicator.Server;

/// <summary>Error answers as problem details (RFC 9457).</summary>
static class Problems
{
    public static Task WriteAsync(HttpContext context, int status, string title, string detail) =>
        TypedResults.Problem(detail: detail, statusCode: status, title: title).ExecuteAsync(context);

    public static Task NotFoundAsync(HttpContext context, string detail) => WriteAsync(context, StatusCodes.Status404NotFound, "Not found", detail);
}
