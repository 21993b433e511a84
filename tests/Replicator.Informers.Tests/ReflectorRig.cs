using Microsoft.Extensions.Time.Testing;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Storage;
using Replicator.Robustness;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Informers.Tests;

/// <summary>One reflector between a server that may fail and a recorder that writes a log: what went over the wire is in <see cref="TestApiServer.Sequence"/>, what was recorded in <see cref="Log"/>.</summary>
sealed class ReflectorRig : IAsyncDisposable
{
    readonly TemporaryFolder _folder = new();
    readonly ReflectorOptions _options;
    readonly ServedType _type;
    readonly CancellationTokenSource _stop = new();
    ClusterConnection? _connection;
    Task _running = Task.CompletedTask;
    CancellationTokenSource? _life;

    ReflectorRig(TestApiServer server, ServedType type, ReflectorOptions options, FakeTimeProvider time)
    {
        (Server, _type, Time) = (server, type, time);
        Sinks = new RecorderSinks(Store, "test", time);
        _options = options with { Problem = problem => Problems.Add(problem.Message) };
    }

    public TestApiServer Server { get; }

    public FakeTimeProvider Time { get; }

    public InMemoryEventStore Store { get; } = new();

    public RecorderSinks Sinks { get; }

    public System.Collections.Concurrent.ConcurrentBag<string> Problems { get; } = [];

    public Reflector Reflector { get; private set; } = null!;

    public ResourceType Type => _type.Preferred;

    public ReflectorHealth Health => Reflector.Health;

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The events of the type's stream.</summary>
    public IReadOnlyList<RecordedEvent> Log => [.. Store.Log.Where(recorded => recorded.Stream == new StreamId("test", Type.GroupResource))];

    /// <summary>The log in words: <c>GapObserved</c>, <c>ObjectAdded a 5</c>.</summary>
    public IReadOnlyList<string> Shown => [.. Log.Select(recorded =>
        recorded.Metadata.Object.Name.Length == 0 ? $"{recorded.Type}" : $"{recorded.Type} {recorded.Metadata.Object.Name} {recorded.Metadata.ResourceVersion}")];

    public IReadOnlyList<EventMetadata> Gaps => [.. Log.Where(recorded => recorded.Type == EventType.GapObserved).Select(recorded => recorded.Metadata)];

    /// <summary>What the server was asked, for the type.</summary>
    public IReadOnlyList<string> Asked => Server.Sequence(_type.Resource);

    /// <summary>Starts a server that holds three objects, and a reflector unless <paramref name="run"/> says otherwise.</summary>
    public static async Task<ReflectorRig> StartAsync(
        ServedType? type = null, Func<ReflectorOptions, ReflectorOptions>? options = null, Action<TestApiServer>? prepare = null, bool tls = false, bool run = true, bool serverKeepsTime = false)
    {
        type ??= ServedType.Pods();
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 3, 0, 0, TimeSpan.Zero));
        var server = await TestApiServer.StartAsync([type], tls, time: serverKeepsTime ? time : null);
        var configured = new ReflectorOptions { Jitter = () => 0 };
        var rig = new ReflectorRig(server, type, options?.Invoke(configured) ?? configured, time);
        foreach (var name in (string[])["a", "b", "c"])
            rig.Put(name, 1);
        prepare?.Invoke(server);
        if (run)
        {
            rig.Run();
            await rig.CaughtUpAsync();
        }
        return rig;
    }

    public ModelChange Put(string name, int value, string? labels = null) => Server.Model.Put(Type.GroupResource, Type.Namespaced ? "shop" : "", name, $"\"data\":{{\"value\":{value}}}", labels);

    public ModelChange Delete(string name) => Server.Model.Delete(Type.GroupResource, Type.Namespaced ? "shop" : "", name);

    /// <summary>Starts the collector, or another one after <see cref="StopAsync"/>.</summary>
    public void Run(ResourceType? version = null)
    {
        _connection ??= ClusterConnection.Open(new ClusterOptions { KubeconfigPath = TestKubeconfig.Write(Server, _folder.File("config")) });
        _life = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, Cancel);
        Reflector = new Reflector(_connection.Client, version ?? Type, Sinks, _options, Time);
        _running = Reflector.RunAsync(_life.Token);
    }

    /// <summary>Ends the collector.</summary>
    public async Task StopAsync()
    {
        await (_life?.CancelAsync() ?? Task.CompletedTask);
        await _running;
        _life?.Dispose();
        _life = null;
    }

    /// <summary>Until the condition holds; waits of the reflector are cut short by moving the clock.</summary>
    public async Task UntilAsync(Func<bool> condition)
    {
        var moved = 0;
        await Eventually.HoldsAsync(() =>
        {
            if (_running.IsFaulted)
                throw _running.Exception.InnerException!;
            if (condition())
                return true;
            if (Health.State == ReflectorState.Backoff && moved++ < 1000)
                Time.Advance(TimeSpan.FromSeconds(31));
            return false;
        }, Cancel, Describe);
    }

    /// <summary>Until the reflector waits after a failure.</summary>
    public Task WaitingAsync() => Eventually.HoldsAsync(() => Health.State == ReflectorState.Backoff, Cancel, Describe);

    /// <summary>Until the log holds all that happened and the reflector watches; then the log is held against the truth.</summary>
    public async Task CaughtUpAsync()
    {
        await UntilAsync(() => Health.State == ReflectorState.Watching && Server.Model.Watching(_type.Resource) > 0 && Problem() is null);
        await CheckAsync();
    }

    /// <summary>The log is whole, and equals what happened on the server or holds a gap with true bounds.</summary>
    public async Task CheckAsync()
    {
        Assert.Null(Problem());
        Assert.Null((await LogVerifier.VerifyAsync(Store, null, Cancel)).Problem);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        _connection?.Dispose();
        Sinks.Dispose();
        await Server.DisposeAsync();
        _life?.Dispose();
        _stop.Dispose();
        _folder.Dispose();
    }

    string? Problem() => new LogValidator(Type, Server.Model.History, Server.Model.Restores, Log).Validate(caughtUp: true) is { Count: > 0 } problems ? string.Join(Environment.NewLine, problems) : null;

    string Describe() => $"{Health}{Environment.NewLine}{string.Join(Environment.NewLine, Asked)}{Environment.NewLine}{string.Join(Environment.NewLine, Log.Select(LogValidator.Text))}{Environment.NewLine}{Problem()}";
}
