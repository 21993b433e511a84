using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Replicator.Server.Access;

/// <summary>Who may read, put before the endpoints.</summary>
public static class AccessExtensions
{
    /// <summary>Guards the endpoints. It stands behind <see cref="ReplicatorApi.UseReplicatorErrors"/> and before the endpoints, whose stores are to be guarded too.</summary>
    public static void UseReplicatorAccess(this IApplicationBuilder app, AccessOptions options)
    {
        var control = new AccessControl(options, app.ApplicationServices.GetRequiredService<ILogger<AccessControl>>());
        app.Use(next => context => control.HandleAsync(context, next));
    }
}
