using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Replicator.Core.Projecting;
using Replicator.Core.Storage;
using Replicator.KubeApi;
using Replicator.Server.Access;
using Replicator.Server.Questions;

namespace Replicator.Server;

/// <summary>The HTTP API of Replicator, over the ports.</summary>
public static class ReplicatorApi
{
    /// <summary>Adds the API's endpoints, and <c>/openapi/v1.json</c>, which describes them; <see cref="OpenApiDescriptions.AddReplicatorOpenApi"/> comes first.</summary>
    /// <param name="routes">Where.</param>
    /// <param name="events">The log.</param>
    /// <param name="snapshots">The projection.</param>
    /// <param name="checkpoints">How far the log's followers are: the publisher's position is shown beside the log's.</param>
    /// <param name="projector">What keeps the projection, and rebuilds it; null where another process does.</param>
    /// <param name="health">How the parts of this process stand.</param>
    /// <param name="time">The clock that relative instants count from.</param>
    /// <param name="access">Who may read, if that is guarded (<see cref="AccessExtensions.UseReplicatorAccess"/>): the endpoints then see no more than their callers may.</param>
    public static void MapReplicatorApi(this IEndpointRouteBuilder routes, IEventStore events, ISnapshotStore snapshots, ICheckpointStore checkpoints, Projector? projector, ReplicatorHealth health, TimeProvider time, AccessOptions? access = null)
    {
        // Verifying, rebuilding and probing concern the whole of both stores; the Kubernetes API of the past is admitted request by request.
        var (allEvents, allSnapshots) = (events, snapshots);
        if (access is { IsOpen: false })
            (events, snapshots) = (new GuardedEventStore(events), new GuardedSnapshotStore(snapshots));
        new ClusterEndpoints(events, snapshots, checkpoints, health, time).Map(routes);
        new ChangesEndpoint(events, snapshots, time).Map(routes);
        new HistoryEndpoint(events, snapshots, time).Map(routes);
        new ObjectEndpoint(events, snapshots, time).Map(routes);
        new DiffEndpoint(events, snapshots, time).Map(routes);
        new BlameEndpoint(events, snapshots, time).Map(routes);
        new ImagesEndpoints(events, snapshots, time).Map(routes);
        new TreeEndpoint(events, snapshots, time).Map(routes);
        new AppsEndpoint(events, snapshots, time).Map(routes);
        new ExportEndpoint(events, snapshots, time).Map(routes);
        new NamesEndpoint(events, snapshots, time).Map(routes);
        var lifetime = routes.ServiceProvider.GetRequiredService<IHostApplicationLifetime>();
        var machine = new TimeMachine(allEvents, allSnapshots, time);
        lifetime.ApplicationStopped.Register(() => machine.DisposeAsync().AsTask().GetAwaiter().GetResult());
        new AsOfEndpoints(machine, time, lifetime.ApplicationStopping).Map(routes);
        new MaintenanceEndpoints(allEvents, projector).Map(routes);
        routes.MapReplicatorHealth(allEvents, allSnapshots, health, time);
        routes.MapOpenApi("/openapi/{documentName}.json");
    }

    /// <summary>Adds what a process answers about itself that serves no API: its health, what <c>doctor</c> asks it, and where it keeps the projection the rebuild of that.</summary>
    /// <param name="routes">Where.</param>
    /// <param name="events">The log.</param>
    /// <param name="snapshots">The projection.</param>
    /// <param name="projector">What keeps the projection; null where another process does.</param>
    /// <param name="health">How the parts of this process stand.</param>
    /// <param name="time">The clock by which a store has answered in time.</param>
    public static void MapReplicatorProcess(this IEndpointRouteBuilder routes, IEventStore events, ISnapshotStore snapshots, Projector? projector, ReplicatorHealth health, TimeProvider time)
    {
        if (projector is not null)
            new MaintenanceEndpoints(events, projector).Map(routes);
        routes.MapReplicatorHealth(events, snapshots, health, time);
    }

    static void MapReplicatorHealth(this IEndpointRouteBuilder routes, IEventStore events, ISnapshotStore snapshots, ReplicatorHealth health, TimeProvider time)
    {
        new HealthEndpoints(events, snapshots, health, time).Map(routes);
        new DoctorEndpoint(health).Map(routes);
    }

    /// <summary>Turns what endpoints throw into answers: bad input 400, a store that is away 503, anything else 500; all as problem details (RFC 9457).</summary>
    public static void UseReplicatorErrors(this IApplicationBuilder app) => app.UseExceptionHandler(handler => handler.Run(async context =>
    {
        var exception = context.Features.Get<IExceptionHandlerFeature>()?.Error;
        var (status, title) = exception switch
        {
            FormatException or BadHttpRequestException => (StatusCodes.Status400BadRequest, "Bad request"),
            StoreUnavailableException => (StatusCodes.Status503ServiceUnavailable, "Store unavailable"),
            StoreCorruptException => (StatusCodes.Status500InternalServerError, "Store damaged"),
            _ => (StatusCodes.Status500InternalServerError, "Internal error"),
        };
        if (status == StatusCodes.Status500InternalServerError)
            context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ReplicatorApi)).LogError(exception, "{Method} {Path} failed", context.Request.Method, context.Request.Path);
        await Problems.WriteAsync(context, status, title, status == StatusCodes.Status500InternalServerError && exception is not StoreCorruptException
            ? "The request failed for a reason that the server's log names."
            : exception!.Message).ConfigureAwait(false);
    }));
}
