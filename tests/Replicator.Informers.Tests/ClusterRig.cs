using System.Text;
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

/// <summary>All reflectors of a cluster between a server whose types come and go and recorders.</summary>
sealed class ClusterRig : IAsyncDisposable
{
    /// <summary>When the clock starts.</summary>
    public static readonly DateTimeOffset Start = new(2026, 1, 1, 3, 0, 0, TimeSpan.Zero);

    readonly TemporaryFolder _folder = new();
    readonly FakeTimeProvider _time = new(Start);
    readonly InMemoryEventStore _store = new();
    readonly CancellationTokenSource _stop = new();
    ClusterReflectors _reflectors = null!;
    ClusterConnection? _connection;
    CancellationTokenSource? _life;
    int _touches;
    int _concurrentLists;
    bool _readsOpenApi;

    ClusterRig(TestApiServer server)
    {
        Server = server;
        Sinks = new RecorderSinks(_store, "test", _time);
    }

    public TestApiServer Server { get; }

    public System.Collections.Concurrent.ConcurrentQueue<string> Problems { get; } = [];

    public RecorderSinks Sinks { get; }

    public Task Running { get; private set; } = Task.CompletedTask;

    public ClusterHealth Health => _reflectors.Health;

    public GroupResource Pods { get; } = ServedType.Pods().GroupResource;

    /// <summary>How often this run has looked for types.</summary>
    public int Looks { get; private set; }

    public static async Task<ClusterRig> StartAsync(ServedType? type = null, Action<TestApiServer>? prepare = null, int concurrentLists = 8, bool readsOpenApi = false)
    {
        var server = await TestApiServer.StartAsync([ServedType.Pods(), ServedType.CustomResourceDefinitions(), ServedType.ApiServices(), .. type is null ? Array.Empty<ServedType>() : [type]]);
        prepare?.Invoke(server);
        var rig = new ClusterRig(server) { _concurrentLists = concurrentLists, _readsOpenApi = readsOpenApi };
        server.Model.Put(rig.Pods, "shop", "web", "");
        rig.Run();
        await rig.UntilAsync(() => server.Model.Types.All(served => rig.IsWatching(served.GroupResource)));
        return rig;
    }

    public void Run()
    {
        _connection ??= ClusterConnection.Open(new ClusterOptions { KubeconfigPath = TestKubeconfig.Write(Server, _folder.File("config")) });
        _life = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, TestContext.Current.CancellationToken);
        Looks = 0;
        var asked = Server.Requests.Count;
        _reflectors = new ClusterReflectors(_connection.Client, Sinks, new ClusterReflectorsOptions { ConcurrentLists = _concurrentLists, ReadsOpenApi = _readsOpenApi, Reflector = new ReflectorOptions { Jitter = () => 0 }, Problem = problem => Problems.Enqueue(problem.Message) }, _time);
        Running = _reflectors.RunAsync(_life.Token);
        _asked = asked;
    }

    int _asked, _polls;

    public DateTimeOffset Now => _time.GetUtcNow();

    public async Task StopAsync()
    {
        await _life!.CancelAsync();
        await Running;
        _life.Dispose();
    }

    public IReadOnlyList<RecordedEvent> Log(GroupResource type) => [.. _store.Log.Where(recorded => recorded.Stream == new StreamId("test", type))];

    public IReadOnlyList<string> Shown(GroupResource type) =>
        [.. Log(type).Select(recorded => recorded.Metadata.Object.Name.Length == 0 ? $"{recorded.Type}" : $"{recorded.Type} {recorded.Metadata.Object.Name}").DefaultIfEmpty("")];

    /// <summary>Every recorded form of a discovery document.</summary>
    public IReadOnlyList<string> Documents(string path) =>
        [.. _store.Log.Where(recorded => recorded.Stream == StreamId.Discovery("test") && recorded.Metadata.Object.Name == path).Select(recorded => Encoding.UTF8.GetString(recorded.State.Span))];

    public bool IsWatching(GroupResource type) => State(type) == ReflectorState.Watching && Server.Model.Watching(type.Resource) > 0;

    public ReflectorState? State(GroupResource type) => Health.Types.SingleOrDefault(health => health.Type.GroupResource == type)?.State;

    /// <summary>Something about some definition changes, which makes the collector look for types.</summary>
    public void TouchDefinitions() => Server.Model.Put(ServedType.CustomResourceDefinitions().GroupResource, "", "touched.example.com", $"\"spec\":{{\"touched\":{_touches++}}}");

    /// <summary>Until the condition holds. The clock runs meanwhile, in steps too small for a watchdog to be mistaken.</summary>
    public Task UntilAsync(Func<bool> condition, bool moveClock = true, int everyPolls = 1) => Eventually.HoldsAsync(() =>
    {
        _polls++;
        if (Running.IsFaulted)
            throw Running.Exception.InnerException!;
        Looks = Server.Requests.Skip(_asked).Count(request => request.Path == "apis");
        if (condition())
            return true;
        if (moveClock && _polls % everyPolls == 0)
            _time.Advance(TimeSpan.FromMilliseconds(100));
        return false;
    }, TestContext.Current.CancellationToken, () => $"{string.Join(Environment.NewLine, Health.Types)}{Environment.NewLine}{string.Join(Environment.NewLine, Server.Requests)}{Environment.NewLine}{string.Join(Environment.NewLine, _store.Log.Select(LogValidator.Text))}");

    /// <summary>Each log equals what happened on the server or holds gaps with true bounds.</summary>
    public async Task CheckAsync()
    {
        foreach (var type in Server.Model.Types)
        {
            await UntilAsync(() => Problem(type) is null);
            Assert.Null(Problem(type));
        }
        Assert.Null((await LogVerifier.VerifyAsync(_store, null, TestContext.Current.CancellationToken)).Problem);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Running.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        _connection?.Dispose();
        Sinks.Dispose();
        await Server.DisposeAsync();
        _stop.Dispose();
        _folder.Dispose();
    }

    string? Problem(ServedType type) =>
        new LogValidator(type.Preferred, Server.Model.History, Server.Model.Restores, Log(type.GroupResource)).Validate(caughtUp: true) is { Count: > 0 } problems ? string.Join(Environment.NewLine, problems) : null;
}
