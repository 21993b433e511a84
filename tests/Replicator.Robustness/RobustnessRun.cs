using System.Globalization;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Replicator.Core.Events;
using Replicator.Core.Kubernetes;
using Replicator.Core.Projecting;
using Replicator.Core.Storage;
using Replicator.Informers;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using Replicator.TestKit.ApiServer;

namespace Replicator.Robustness;

/// <summary>
/// Random traffic and random faults between an API server that knows the truth and a collector that writes a log; in between, whenever all is well again, the log is held against the truth: nothing lost, nothing doubled,
/// everything in order, gaps with true bounds, deletions of outages found, the past as of any resource version what it was.
/// </summary>
/// <remarks>What happens follows from the seed alone; only how it interleaves with the collector does not.</remarks>
public sealed class RobustnessRun : IAsyncDisposable
{
    static readonly GroupResource Pods = ServedType.Pods().GroupResource;
    static readonly string[] Namespaces = ["shop", "shop-a", "kube-system"];
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    readonly RobustnessOptions _options;
    readonly Random _random;
    readonly TextWriter _output;
    readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 3, 0, 0, TimeSpan.Zero));
    readonly TemporaryFolder _folder = new();
    readonly List<string> _steps = [];
    readonly ServedType _widgets = new("example.com", "widgets", "Widget", true, "v1") { IsCustom = true };
    readonly ServedType _samples = new("metrics.example.com", "samples", "Sample", true, "v1");
    readonly List<ServedType> _types;
    readonly CancellationTokenSource _stopClock = new();
    readonly Dictionary<string, int> _counts = [];

    TestApiServer _server = null!;
    SqliteDataFolder _data = null!;
    RecorderSinks _sinks = null!;
    ClusterConnection _connection = null!;
    ClusterReflectors _reflectors = null!;
    CancellationTokenSource? _life;
    Task _running = Task.CompletedTask;
    Task _clock = Task.CompletedTask;
    bool _down, _broken;
    int _value;

    RobustnessRun(RobustnessOptions options, TextWriter output)
    {
        (_options, _output, _random) = (options, output, new Random(options.Seed));
        _types = [ServedType.Pods(), ServedType.ConfigMaps(), ServedType.Nodes(), ServedType.Deployments(), ServedType.CustomResourceDefinitions(), ServedType.ApiServices(), _widgets, _samples];
    }

    /// <summary>Runs.</summary>
    /// <returns>What was wrong, or nothing.</returns>
    public static async Task<IReadOnlyList<string>> RunAsync(RobustnessOptions options, TextWriter output, CancellationToken cancellationToken)
    {
        await output.WriteLineAsync($"robustness: seed {options.Seed}, {options.Steps} steps{(options.Tls ? ", TLS and HTTP/2" : "")}");
        await using var run = new RobustnessRun(options, output);
        IReadOnlyList<string> problems;
        try
        {
            problems = await run.RunAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            problems = [exception.ToString()];
        }
        if (problems.Count > 0)
            await output.WriteLineAsync($"robustness: FAILED; the report is in {await run.ReportAsync(problems)}; run it again with --seed {options.Seed} --steps {options.Steps}{(options.Tls ? " --tls" : "")}");
        return problems;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopClock.CancelAsync();
        await _clock;
        if (_life is not null)
            await StopCollectorAsync();
        _connection?.Dispose();
        _sinks?.Dispose();
        if (_data is not null)
            await _data.DisposeAsync();
        if (_server is not null)
            await _server.DisposeAsync();
        _stopClock.Dispose();
        _folder.Dispose();
    }

    async Task<IReadOnlyList<string>> RunAsync(CancellationToken cancellationToken)
    {
        _server = await TestApiServer.StartAsync(_types, _options.Tls, time: _time);
        _data = await SqliteDataFolder.OpenAsync(Path.Combine(_folder.Path, "data"));
        _sinks = new RecorderSinks(_data.Events, "test", _time);
        _connection = ClusterConnection.Open(new ClusterOptions { KubeconfigPath = TestKubeconfig.Write(_server, _folder.File("config")) });
        _clock = RunClockAsync();
        for (var object_ = 0; object_ < 20; object_++)
            Change();
        StartCollector();

        for (var step = 1; step <= _options.Steps; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await StepAsync(cancellationToken);
            if (_running.IsFaulted)
                return [$"The collector ended: {_running.Exception.InnerException}"];
            if (step % _options.CheckEvery != 0 && step != _options.Steps)
                continue;
            await HealAsync(cancellationToken);
            if (await CheckAsync(cancellationToken) is { Count: > 0 } problems)
                return problems;
        }
        await _output.WriteLineAsync($"robustness: {string.Join(", ", _counts.OrderByDescending(pair => pair.Value).Select(pair => $"{pair.Value} x {pair.Key}"))}");
        await _output.WriteLineAsync($"robustness: {_server.Model.History.Count} changes, {await _data.Events.GetHeadAsync(cancellationToken)} events, {_server.Requests.Count} requests, {_server.Model.Era} restores; all held");
        return [];
    }

    // ---- What happens

    async Task StepAsync(CancellationToken cancellationToken)
    {
        var dice = _random.Next(1000);
        if (dice < 820)
        {
            var changes = _random.Next(1, 8);
            Say("traffic", $"{changes} changes");
            for (var change = 0; change < changes; change++)
                Change();
            // Now and then the collector gets the time to follow; mostly it does not.
            if (_random.Next(4) == 0)
                await BreatheAsync(cancellationToken);
            return;
        }
        switch (dice)
        {
            case < 850:
                Say("bookmarks");
                _server.Model.Tick(_random.Next(5));
                _server.Model.SendBookmarks();
                break;
            case < 870:
                Say("cut", "connections are reset");
                _server.Relay.Cut();
                break;
            case < 880:
                Say("freeze", "connections are half-open");
                _server.Relay.Freeze();
                break;
            case < 895:
                Say("watches end");
                _server.Model.EndWatches();
                break;
            case < 910:
                var behind = _random.Next(0, 40);
                Say("compaction", $"up to {behind} before the last");
                _server.Model.Compact(Math.Max(0, _server.Model.Revision - behind));
                break;
            case < 922 when !_down:
                Say("server down", "killed");
                _server.Kill();
                _down = true;
                break;
            case < 930 when !_down:
                Say("server down", "shut down");
                await _server.ShutDownAsync(cancellationToken);
                _down = true;
                break;
            case < 940 when _down:
                Say("server up");
                _server.StartAgain();
                _down = false;
                break;
            case < 948:
                Say("collector restarts");
                await StopCollectorAsync();
                StartCollector();
                break;
            case < 953:
                await RestoreAsync(cancellationToken);
                break;
            case < 958:
                _server.StreamingLists = !_server.StreamingLists;
                Say("streaming lists", _server.StreamingLists ? "granted" : "refused");
                break;
            case < 963:
                _server.ExpiredIsStatus = !_server.ExpiredIsStatus;
                _server.TooLargeIsError = _server.ExpiredIsStatus;
                _server.AggregatedDiscovery = !_server.ExpiredIsStatus;
                Say("server's ways", _server.ExpiredIsStatus ? "410 as a status, plain discovery" : "410 in the stream, aggregated discovery");
                break;
            case < 968:
                _broken = !_broken;
                Say("aggregated API", _broken ? "breaks" : "heals");
                if (_broken)
                    _server.Break("metrics.example.com", "v1");
                else
                    _server.Heal("metrics.example.com");
                break;
            case < 972:
                var served = _server.Model.Types.Any(type => type.GroupResource == _widgets.GroupResource);
                Say("custom resource", served ? "removed" : "added");
                if (served)
                    _server.RemoveCustomType(_widgets);
                else
                    _server.AddCustomType(_widgets);
                break;
            case < 976:
                Say("large object");
                _server.Model.Put(Pods, "shop", "large", $"\"data\":{{\"value\":{++_value}}}", $$"""{"ballast":"{{new string('x', 1_000_000 + _random.Next(2_000_000))}}"}""");
                break;
            case < 980:
                _server.Relay.PieceBytes = _random.Next(3) == 0 ? _random.Next(1, 2000) : 64 * 1024;
                Say("pieces", $"of {_server.Relay.PieceBytes} bytes");
                break;
            default:
                Script();
                break;
        }
        if (_random.Next(2) == 0)
            await BreatheAsync(cancellationToken);
    }

    /// <summary>A fault for the next requests of one kind.</summary>
    void Script()
    {
        var lines = _random.Next(0, 6);
        var kind = _random.Next(15);
        var request = kind switch { < 8 => "watch", < 10 => "stream", _ => (string[])["watch", "stream", "list"] is var all ? all[_random.Next(3)] : "" };
        var (name, fault) = ((string, Func<Fault>))(kind switch
        {
            0 => ("cut inside line", () => Fault.CutInsideLine(lines)),
            1 => ("silent after", () => Fault.SilentAfter(lines)),
            2 => ("ends after", () => Fault.EndAfter(lines)),
            3 => ("every line twice", Fault.EveryLineTwice),
            4 => ("no bookmarks", Fault.NoBookmarks),
            5 => ("late bookmarks", Fault.LateBookmarks),
            6 => ("malformed line", () => Fault.InsertAfter(lines, "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"torn")),
            7 => ("410 in the stream", () => Fault.Recorded("watch-410-in-stream")),
            8 => ("cut inside line", () => Fault.CutInsideLine(lines)),
            9 => ("silent after", () => Fault.SilentAfter(lines)),
            10 => ("401", () => Fault.Recorded("bad-token-401")),
            11 => ("429", () => Fault.Status(429, "TooManyRequests", "", ("Retry-After", "2"))),
            12 => ("500", () => Fault.Status(500, "InternalError", "etcdserver: leader changed")),
            13 => ("504", () => Fault.Status(504, "Timeout", "")),
            _ => ("no connection", Fault.NoConnection),
        });
        var resource = _types[_random.Next(_types.Count)].Resource;
        Say($"{request}: {name}", $"{resource}, {lines} lines");
        _server.Faults.Next(_random.Next(1, 3), $"{request} {resource}", fault);
    }

    void Change()
    {
        var types = _server.Model.Types.Where(type => type.Resource is not ("customresourcedefinitions" or "apiservices")).ToList();
        var type = types[_random.Next(types.Count)];
        var @namespace = type.Namespaced ? Namespaces[_random.Next(Namespaces.Length)] : "";
        var name = $"o{_random.Next(8)}";
        var lives = _server.Model.List(type.GroupResource).Any(change => change.Object.Namespace == @namespace && change.Object.Name == name);
        if (lives && _random.Next(4) == 0)
            _server.Model.Delete(type.GroupResource, @namespace, name);
        else
            _server.Model.Put(type.GroupResource, @namespace, name, $"\"data\":{{\"value\":{++_value}}}", $"{{\"shape\":\"{_random.Next(3)}\"}}");
    }

    /// <summary>etcd is restored from a backup. All is well before, so that the restore can be seen: who was behind it needs to see nothing.</summary>
    async Task RestoreAsync(CancellationToken cancellationToken)
    {
        await HealAsync(cancellationToken);
        await CaughtUpAsync(cancellationToken);
        var back = _random.Next(1, 60);
        var collectorIsDown = _random.Next(2) == 0;
        Say("restore", $"{back} back{(collectorIsDown ? ", while the collector is down" : "")}");
        if (collectorIsDown)
            await StopCollectorAsync();
        _server.Kill();
        _server.Model.Restore(Math.Max(2, _server.Model.Revision - back));
        _server.StartAgain();
        if (collectorIsDown)
            StartCollector();
        await CaughtUpAsync(cancellationToken);
    }

    // ---- When all is well

    async Task HealAsync(CancellationToken cancellationToken)
    {
        _server.Faults.Clear();
        _server.Relay.PieceBytes = 64 * 1024;
        _server.StreamingLists = true;
        if (_down)
            _server.StartAgain();
        _down = false;
        if (_broken)
            _server.Heal("metrics.example.com");
        _broken = false;
        if (_server.Model.Types.All(type => type.GroupResource != _widgets.GroupResource))
            _server.AddCustomType(_widgets);
        // What a fault still holds open ends here.
        _server.Relay.Cut();
        await BreatheAsync(cancellationToken);
    }

    async Task CaughtUpAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<string> problems = [];
        var deadline = TimeProvider.System.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            if (_running.IsFaulted)
                throw new InvalidOperationException("The collector ended.", _running.Exception.InnerException);
            problems = await ValidateAsync(cancellationToken);
            if (problems.Count == 0)
                return;
            if (TimeProvider.System.GetElapsedTime(deadline) > Patience)
                throw new InvalidOperationException($"The log never came to hold what happened:{Environment.NewLine}{string.Join(Environment.NewLine, problems)}");
            await timer.WaitForNextTickAsync(cancellationToken);
        }
    }

    async Task<IReadOnlyList<string>> CheckAsync(CancellationToken cancellationToken)
    {
        await CaughtUpAsync(cancellationToken);
        var verification = await LogVerifier.VerifyAsync(_data.Events, null, cancellationToken);
        if (verification.Problem is { } broken)
            return [broken];
        using (var projector = new Projector(_data.Events, _data.Snapshots))
            await projector.CatchUpAsync(cancellationToken);
        var problems = new List<string>();
        foreach (var type in _types)
        {
            var log = await LogAsync(type.GroupResource, cancellationToken);
            var validator = Validator(type, log);
            problems.AddRange(validator.Validate(caughtUp: true));
            foreach (var (version, expected) in validator.Moments(_random.Next(), 12))
                problems.AddRange(await CompareAsync(type, Cut.AtResourceVersion(version.ToString(CultureInfo.InvariantCulture)), $"as of resource version {version}", expected, cancellationToken));
            problems.AddRange(await CompareAsync(type, Cut.Now, "now", _server.Model.List(type.GroupResource), cancellationToken));
        }
        return problems;
    }

    async Task<IReadOnlyList<string>> CompareAsync(ServedType type, Cut cut, string what, IEnumerable<ModelChange> expected, CancellationToken cancellationToken)
    {
        var held = new Dictionary<(string, string), string>();
        await foreach (var one in _data.Snapshots.ListAsync(new ObjectQuery { Cluster = "test", Type = type.GroupResource, Cut = cut }, cancellationToken))
            held[(one.Object.Namespace, one.Object.Name)] = Encoding.UTF8.GetString(one.State.Span);
        var problems = new List<string>();
        foreach (var change in expected)
        {
            var key = (change.Object.Namespace, change.Object.Name);
            if (!held.Remove(key, out var state))
                problems.Add($"{type.Resource} {what}: {change} is missing.");
            else if (state != Encoding.UTF8.GetString(change.Canonical(type.Preferred)))
                problems.Add($"{type.Resource} {what}: in the place of {change} stands {(state.Length > 500 ? state[..500] : state)}");
        }
        problems.AddRange(held.Select(pair => $"{type.Resource} {what}: {pair.Key} should not be there."));
        return problems;
    }

    async Task<IReadOnlyList<string>> ValidateAsync(CancellationToken cancellationToken)
    {
        var problems = new List<string>();
        foreach (var type in _types)
            problems.AddRange(Validator(type, await LogAsync(type.GroupResource, cancellationToken)).Validate(caughtUp: true).Select(problem => $"{type.Resource}: {problem}"));
        return problems;
    }

    LogValidator Validator(ServedType type, IReadOnlyList<RecordedEvent> log) => new(type.Preferred, _server.Model.History, _server.Model.Restores, log);

    async Task<IReadOnlyList<RecordedEvent>> LogAsync(GroupResource type, CancellationToken cancellationToken)
    {
        var log = new List<RecordedEvent>();
        await foreach (var page in _data.Events.ReadStreamAsync(new StreamId("test", type), 0, backwards: false, new ReadOptions(), cancellationToken))
        {
            using (page)
                log.AddRange(page.Events.Select(Keep));
        }
        return log;

        // States are gone with their page.
        static RecordedEvent Keep(RecordedEvent recorded) => new()
        {
            Position = recorded.Position,
            Stream = recorded.Stream,
            Revision = recorded.Revision,
            Id = recorded.Id,
            Type = recorded.Type,
            Metadata = recorded.Metadata,
            State = recorded.State.ToArray(),
            Hash = recorded.Hash.ToArray(),
        };
    }

    // ---- The collector and its clock

    void StartCollector()
    {
        _life = new CancellationTokenSource();
        _reflectors = new ClusterReflectors(
            _connection.Client, _sinks,
            new ClusterReflectorsOptions { FailWhenUnreachableAtStart = false, Reflector = new ReflectorOptions { PageSize = 7, MaxBatchDeltas = 32 } }, _time);
        _running = Task.Run(() => _reflectors.RunAsync(_life.Token));
    }

    async Task StopCollectorAsync()
    {
        await _life!.CancelAsync();
        await _running;
        _life.Dispose();
        _life = null;
    }

    /// <summary>A few turns of the clock, and of the collector.</summary>
    static async Task BreatheAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        await timer.WaitForNextTickAsync(cancellationToken);
    }

    /// <summary>Runs the collector's time two hundred times as fast as ours: back-offs, watchdogs and timeouts of minutes take part.</summary>
    async Task RunClockAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        try
        {
            while (await timer.WaitForNextTickAsync(_stopClock.Token))
                _time.Advance(TimeSpan.FromMilliseconds(200));
        }
        catch (OperationCanceledException)
        {
            // The run has ended.
        }
    }

    // ---- What is said of it

    void Say(string kind, string detail = "")
    {
        _counts[kind] = _counts.GetValueOrDefault(kind) + 1;
        _steps.Add($"{_steps.Count + 1}: {kind}{(detail.Length > 0 ? $", {detail}" : "")} (revision {_server.Model.Revision})");
    }

    async Task<string> ReportAsync(IReadOnlyList<string> problems)
    {
        var folder = _options.ReportFolder ?? Directory.CreateTempSubdirectory($"robustness-{_options.Seed}-").FullName;
        Directory.CreateDirectory(folder);
        await File.WriteAllLinesAsync(Path.Combine(folder, "problems.txt"), problems.Prepend($"seed {_options.Seed}, {_options.Steps} steps{(_options.Tls ? ", TLS" : "")}"));
        await File.WriteAllLinesAsync(Path.Combine(folder, "steps.txt"), _steps);
        await File.WriteAllLinesAsync(Path.Combine(folder, "history.txt"), _server.Model.History.Select(change => change.ToString()).Append($"restored to: {string.Join(", ", _server.Model.Restores)}"));
        await File.WriteAllLinesAsync(Path.Combine(folder, "requests.txt"), _server.Requests.Select(request => $"{request} -> {request.Status}"));
        await File.WriteAllLinesAsync(Path.Combine(folder, "health.txt"), _reflectors.Health.Types.Select(health => health.ToString()));
        foreach (var type in _types)
            await File.WriteAllLinesAsync(Path.Combine(folder, $"log-{type.GroupResource}.txt"), (await LogAsync(type.GroupResource, CancellationToken.None)).Select(LogValidator.Text));
        return folder;
    }
}
