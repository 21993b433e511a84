using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Replicator.Bus;
using Replicator.Commands;
using Replicator.Contracts;
using Replicator.Core.Diagnostics;
using Replicator.Core.Publishing;
using Replicator.Core.Recording;
using Replicator.Core.Redaction;
using Replicator.Core.Rules;
using Replicator.Informers;
using Replicator.KubeApi;
using Replicator.Server;
using Replicator.Storage.EventStoreDb;
using Replicator.Storage.Marten;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using Replicator.TestKit.Network;
using Xunit;

namespace Replicator.EndToEnd.Tests.Operations;

public sealed class TelemetryTests
{
    // A bus that gives it something to complain of.
    static readonly Dictionary<string, string> UnreachableBus = new() { ["REPLICATOR__BUS__TRANSPORT"] = "rabbitmq", ["REPLICATOR__BUS__HOST"] = "127.0.0.1", ["REPLICATOR__BUS__PORT"] = "1" };

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_metric_is_in_the_reference_with_its_kind_and_unit_and_no_other()
    {
        var found = new ConcurrentDictionary<string, Metric>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name == "Replicator" || instrument.Meter.Name.StartsWith("Replicator.", StringComparison.Ordinal))
                    found[instrument.Name] = new Metric(instrument.Name, Kind(instrument), instrument.Unit ?? "");
            },
        };
        listener.Start();
        // Whatever may be used: a store that this process does not open too.
        foreach (var assembly in (Assembly[])[typeof(CoreTelemetry).Assembly, typeof(InformersTelemetry).Assembly, typeof(SqliteDataFolder).Assembly, typeof(EventStoreDbEventStore).Assembly, typeof(MartenStores).Assembly, typeof(MassTransitPublisher).Assembly, typeof(ReplicatorHealth).Assembly, typeof(ReplayServer).Assembly, typeof(ReplicatorHost).Assembly])
        {
            foreach (var type in assembly.GetTypes().Where(type => !type.ContainsGenericParameters && type.GetFields(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public).Any(field => field.FieldType.IsSubclassOf(typeof(Instrument)))))
                RuntimeHelpers.RunClassConstructor(type.TypeHandle);
        }
        using var folder = new TemporaryFolder();
        await using (await ReplicatorHost.StartAsync(folder.Path, "http://127.0.0.1:0", publishes: true, Cancel))
            Assert.Equal(found.Values.OrderBy(metric => metric.Name, StringComparer.Ordinal), MetricsReference.Rows.OrderBy(metric => metric.Name, StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_change_is_one_trace_from_the_watch_to_the_subscriber()
    {
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name.StartsWith("Replicator.", StringComparison.Ordinal) || source.Name == "MassTransit",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        // What runs tests may be traced itself.
        Activity.Current = null;
        var received = new ConcurrentQueue<Received>();
        var builder = new HostApplicationBuilder();
        builder.Services.AddSingleton(received);
        builder.Services.AddReplicatorBus(new BusOptions(), bus => bus.AddConsumer<Subscriber>());
        using var host = builder.Build();
        await host.StartAsync(Cancel);

        using var folder = new TemporaryFolder();
        await using var data = await SqliteDataFolder.OpenAsync(folder.Path);
        await using var replay = await ReplayCommand.StartAsync(new ReplayOptions { RecordingPath = TestRecordings.Shop, Speed = ReplayCommand.ParseSpeed("max"), WaitForWatchers = true }, Cancel);
        replay.WriteKubeconfig(folder.File("kubeconfig"));
        using var connection = ClusterConnection.Open(new ClusterOptions { KubeconfigPath = folder.File("kubeconfig") });
        var key = RedactionKey.LoadOrCreate(data.RedactionKeyPath);
        using var sinks = new RecorderSinks(data.Events, new CollectorFence(data.Events, "shop", TimeProvider.System), "shop", new RecordingRules([]), new RuleCounts("shop"), () => new Redactor(key), new ReplicatorHealth(), NullLogger.Instance, TimeProvider.System);
        using var publisher = new Publisher(data.Events, data.Checkpoints, host.Services.GetRequiredService<MassTransitPublisher>(), TimeProvider.System);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var running = Task.WhenAll(new ClusterReflectors(connection.Client, sinks, new ClusterReflectorsOptions(), TimeProvider.System).RunAsync(stop.Token), publisher.RunAsync(stop.Token));

        Received? change;
        while ((change = received.FirstOrDefault(message => message is { Provenance: "watch", TraceParent: not null })) is null)
        {
            if (running.IsFaulted)
                await running;
            await Task.Delay(TimeSpan.FromMilliseconds(10), Cancel);
        }
        await stop.CancelAsync();
        await running.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        await host.StopAsync(Cancel);

        Assert.True(ActivityContext.TryParse(change.TraceParent, null, out var context));
        var publish = Assert.Single(spans, span => span.SpanId == context.SpanId);
        Assert.Equal("replicator.publisher.publish", publish.OperationName);
        var watch = Assert.Single(spans, span => span.SpanId == publish.ParentSpanId);
        Assert.Equal("replicator.informer.changes", watch.OperationName);
        Assert.True(watch.ParentSpanId == default, $"It belongs to '{watch.Parent?.OperationName ?? watch.ParentId}'.");
        Assert.Equal(watch.TraceId, change.Consuming);
    }

    [Fact]
    public async Task Traces_metrics_and_logs_go_where_the_OTLP_endpoint_says()
    {
        using var collector = new HttpListener();
        var port = FreePort.Find(1)[0];
        collector.Prefixes.Add($"http://127.0.0.1:{port}/");
        collector.Start();
        using var folder = new TemporaryFolder();
        await using var up = ReplicatorProcess.Start(folder.Path, new Dictionary<string, string>(UnreachableBus)
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = $"http://127.0.0.1:{port}",
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "500",
            ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
            ["OTEL_BLRP_SCHEDULE_DELAY"] = "200",
        }, "up", "--demo", "--speed", "max", "--listen", "http://127.0.0.1:0", "--data", folder.File("data"));
        var missing = new HashSet<(string Path, string Text)>
        {
            ("/v1/traces", "replicator.informer.changes"),
            ("/v1/traces", "service.name"),
            ("/v1/traces", "collector,projector,publisher,api"),
            ("/v1/metrics", "replicator.recorder.events"),
            ("/v1/metrics", "replicator.publisher.lag"),
            ("/v1/logs", "did not take a change"),
            ("/v1/logs", "RabbitMQ at 127.0.0.1:1"),
        };
        while (missing.Count > 0)
        {
            var request = collector.GetContextAsync();
            var exit = up.WaitForExitAsync();
            if (await Task.WhenAny(request, exit) == exit)
                Assert.Fail($"The process ended before it had sent {string.Join(", ", missing)}: {up.Output} {up.Errors}");
            var context = await request;
            using var body = new MemoryStream();
            await context.Request.InputStream.CopyToAsync(body, Cancel);
            // Texts stand in a protobuf message as they are.
            var text = Encoding.Latin1.GetString(body.ToArray());
            missing.RemoveWhere(expected => context.Request.Url!.AbsolutePath == expected.Path && text.Contains(expected.Text, StringComparison.Ordinal));
            context.Response.ContentType = "application/x-protobuf";
            context.Response.Close();
        }
    }

    [Fact]
    public async Task Log_lines_are_JSON_objects_with_the_parts_of_their_message_where_that_is_asked_for()
    {
        using var folder = new TemporaryFolder();
        await using var up = ReplicatorProcess.Start(folder.Path, new Dictionary<string, string>(UnreachableBus) { ["REPLICATOR__LOG__FORMAT"] = "json" },
            "up", "--demo", "--speed", "max", "--listen", "http://127.0.0.1:0", "--data", folder.File("data"));
        using var line = JsonDocument.Parse(await up.WaitForErrorAsync("did not take a change"));
        var state = line.RootElement.GetProperty("State");
        Assert.Equal(("Warning", "RabbitMQ at 127.0.0.1:1"), (line.RootElement.GetProperty("LogLevel").GetString(), state.GetProperty("Destination").GetString()));
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", line.RootElement.GetProperty("Timestamp").GetString());
        Assert.Equal(0, await up.InterruptAsync());
        Assert.All(up.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries), text => Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(text).RootElement.ValueKind));
    }

    static string Kind(Instrument instrument) => instrument.GetType().GetGenericTypeDefinition() switch
    {
        var type when type == typeof(Counter<>) || type == typeof(ObservableCounter<>) => "counter",
        var type when type == typeof(UpDownCounter<>) || type == typeof(ObservableUpDownCounter<>) => "up-down counter",
        var type when type == typeof(Histogram<>) => "histogram",
        _ => "gauge",
    };

    sealed record Received(string Provenance, string? TraceParent, ActivityTraceId? Consuming);

    sealed class Subscriber(ConcurrentQueue<Received> received) : IConsumer<ResourceChanged>
    {
        public Task Consume(ConsumeContext<ResourceChanged> context)
        {
            received.Enqueue(new Received(context.Message.Provenance, context.Headers.Get<string>(MassTransitPublisher.TraceParentHeader), Activity.Current?.TraceId));
            return Task.CompletedTask;
        }
    }
}
