using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Replicator.Core.Recordings;

namespace Replicator.KubeApi;

/// <summary>A recording as a live API server: all that <see cref="KubeApiHandler"/> serves, of the moment of the recording that is being played.</summary>
/// <remarks>
/// Read-only and without authentication: it listens where it is told to, by default on the loopback interface. Ages (<c>kubectl get</c>) are those of the recorded moment, so that they read as they did
/// then, whenever it is played: they grow with the speed, and stand still where nothing is played (before the live part begins, and when the recording has ended).
/// </remarks>
public sealed class ReplayServer : IAsyncDisposable
{
    readonly ReplayPlayer _player;
    readonly ReplayedCluster _cluster;
    readonly KubeApiHandler _handler;
    readonly CancellationTokenSource _stopping = new();
    WebApplication? _app;

    ReplayServer(Recording recording, ReplayOptions options, TimeProvider time)
    {
        _player = new ReplayPlayer(recording, options, time);
        _cluster = new ReplayedCluster(recording, _player);
        _handler = new KubeApiHandler(time, _stopping.Token) { BookmarkPeriod = options.BookmarkPeriod };
    }

    /// <summary>Where it listens.</summary>
    public Uri Url => new(_app!.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    /// <summary>The moment of the recording that is being played: what ages count to.</summary>
    public DateTimeOffset Now => _player.Now;

    /// <summary>Done when the live part of the recording begins: see <see cref="ReplayOptions.WaitForWatchers"/>.</summary>
    public Task Began => _player.Began;

    /// <summary>Done when the last event was played; the server goes on serving what there is then.</summary>
    public Task Completed { get; private set; } = Task.CompletedTask;

    /// <summary>How many events have been played, the first lists included.</summary>
    public long Played => _player.Played;

    /// <summary>Opens a recording and serves it.</summary>
    /// <exception cref="RecordingException">It cannot be read.</exception>
    /// <exception cref="IOException">The address cannot be listened on.</exception>
    public static async Task<ReplayServer> StartAsync(ReplayOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        var server = new ReplayServer(Recording.Open(options.RecordingPath), options, time);
        try
        {
            server._player.PlayFirstLists();
            var builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.UseUrls(options.ListenUrl);
            builder.Logging.ClearProviders();
            // A watch ends when the server does; nobody has to be waited for.
            builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(1));
            server._app = builder.Build();
            server._app.Run(context => server._handler.HandleAsync(context, context.Request.Path.Value!, _ => new(server._cluster)));
            await server._app.StartAsync(cancellationToken).ConfigureAwait(false);
            server.Completed = Task.Run(() => server._player.PlayAsync(server._stopping.Token), CancellationToken.None);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Writes a kubeconfig whose one context is this server. The token is for clients that refuse a user without credentials; nobody looks at it.</summary>
    public void WriteKubeconfig(string path) => File.WriteAllText(path, $$"""
        apiVersion: v1
        kind: Config
        current-context: replay
        contexts:
        - name: replay
          context: {cluster: replay, user: replay}
        clusters:
        - name: replay
          cluster: {server: "{{Url}}"}
        users:
        - name: replay
          user: {token: replay}

        """);

    /// <summary>Ends the replay and every watch.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await Completed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_app is not null)
        {
            await _app.StopAsync().ConfigureAwait(false);
            await _app.DisposeAsync().ConfigureAwait(false);
        }
        _player.Dispose();
        _stopping.Dispose();
    }
}
