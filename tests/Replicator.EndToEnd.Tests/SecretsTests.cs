using System.Collections.Concurrent;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MassTransit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Replicator.Bus;
using Replicator.Contracts;
using Replicator.Core.Publishing;
using Replicator.Core.Recordings;
using Replicator.Core.Redaction;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>Secrets stay secret: no value of one leaves the process, by whatever way; that it changed still shows.</summary>
public sealed class SecretsTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task No_secret_value_is_in_any_file_answer_message_trace_or_line_of_the_whole_pipeline()
    {
        var recording = WithCopies();
        var values = Values(recording);
        Assert.True(values.Count >= 6, $"Only {values.Count} values to look for.");
        // The search finds what is there to be found.
        var raw = string.Concat(Directory.EnumerateFiles(Path.Combine(recording, "watch"), "core_v1_secrets*").Select(Unzip));
        Assert.All(values, value => Assert.Contains(value, raw, StringComparison.Ordinal));
        var places = new List<(string Where, string Text)>();

        var traces = new ConcurrentQueue<(string Path, byte[] Body)>();
        await using (var collector = await StartCollectorAsync(traces))
        await using (var replay = await SteeredReplay.StartAsync(_folder.File("kubeconfig"), recording))
        {
            var telemetry = new Dictionary<string, string> { ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Urls.First(), ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf" };
            await using var up = ReplicatorProcess.Start(_folder.Path, telemetry, "up", "--kubeconfig", "kubeconfig", "--cluster", "shop", "--data", "data", "--listen", "http://127.0.0.1:0");
            using var client = new HttpClient { BaseAddress = await up.WaitForApiAsync() };
            await LiveLog.WaitForAsync(client, up, RecordedShop.FirstVersions);
            await replay.PlayToEndAsync();
            await LiveLog.WaitForAsync(client, up, RecordedShop.LastVersions);
            foreach (var path in (string[])["api/v1/clusters/shop/changes?objects=true&patches=true&limit=10000", "clusters/shop/as-of/now/api/v1/secrets", "clusters/shop/as-of/rv:1100/api/v1/secrets", "api/v1/clusters/shop/history/secrets/shop-payments/db?objects=true",
                "api/v1/clusters/shop/status", "api/v1/clusters/shop/gaps", "api/v1/clusters", "readyz", "metrics"])
                places.Add((path, await client.GetStringAsync(new Uri(path, UriKind.Relative), Cancel)));
            Assert.Contains("\"password\":", places[0].Text, StringComparison.Ordinal);
            Assert.Contains("last-applied-configuration", places[1].Text, StringComparison.Ordinal);
            Assert.Equal(0, await up.InterruptAsync());
            places.Add(("standard output", up.Output));
            places.Add(("standard error", up.Errors));
        }
        places.AddRange(traces.Select(trace => (trace.Path, Encoding.Latin1.GetString(trace.Body))));
        Assert.Contains(places, place => place.Where == "/v1/traces" && place.Text.Contains("replicator.informer", StringComparison.Ordinal));
        Assert.Contains(places, place => place.Where == "/v1/metrics");

        var messages = await PublishAsync();
        Assert.True(messages.Count > 1200, $"Only {messages.Count} messages.");
        Assert.Contains(messages, message => message.Contains("\"secrets\"", StringComparison.Ordinal));
        places.AddRange(messages.Select(message => ("a message", message)));

        var files = Directory.EnumerateFiles(_folder.File("data")).ToList();
        Assert.Contains(files, file => file.EndsWith("log.db", StringComparison.Ordinal));
        places.AddRange(files.Select(file => (file, Encoding.Latin1.GetString(File.ReadAllBytes(file)))));
        foreach (var (where, text) in places)
            Assert.False(values.Exists(value => text.Contains(value, StringComparison.Ordinal)), $"A secret value is in {where}.");
    }

    [Fact]
    public async Task A_fingerprint_is_the_same_for_the_same_value_another_for_another_and_another_under_another_key()
    {
        var versions = await ImportAsync("one", new byte[RedactionKey.Length]);
        Assert.Equal(["ADDED", "MODIFIED", "DELETED"], versions.Select(version => version["type"]!.GetValue<string>()));
        var data = versions.Select(version => version["object"]!["data"]!).ToList();
        Assert.All(data.SelectMany(fields => fields.AsObject()), field => Assert.StartsWith("redacted:", Encoding.UTF8.GetString(Convert.FromBase64String(field.Value!.GetValue<string>())), StringComparison.Ordinal));
        string Of(int version, string field) => data[version][field]!.GetValue<string>();
        Assert.Equal(Of(0, "user"), Of(1, "user"));
        Assert.NotEqual(Of(0, "password"), Of(1, "password"));
        Assert.Equal(Of(1, "password"), Of(2, "password"));
        Assert.NotEqual(Of(0, "user"), Of(0, "password"));

        var again = await ImportAsync("again", new byte[RedactionKey.Length]);
        Assert.True(JsonNode.DeepEquals(versions[1]["object"], again[1]["object"]));
        var other = await ImportAsync("other", [.. Enumerable.Repeat((byte)7, RedactionKey.Length)]);
        Assert.All((string[])["user", "password"], field => Assert.NotEqual(Of(1, field), other[1]["object"]!["data"]![field]!.GetValue<string>()));
    }

    [Fact]
    public async Task Rules_in_the_settings_redact_too()
    {
        const string value = "featureFlags";
        await File.WriteAllTextAsync(_folder.File("replicator.yaml"), "redact:\n- type: configmaps\n  path: $.data['app.yaml']\n", Cancel);
        Assert.Contains(value, Unzip(Path.Combine(TestRecordings.Shop, "watch", "core_v1_configmaps.log.gz")), StringComparison.Ordinal);
        var (code, output, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "import", TestRecordings.Shop, "--cluster", "shop", "--data", "data");
        Assert.True(code == 0, errors);
        await using var host = await ReplicatorHost.StartAsync(_folder.File("data"), "http://127.0.0.1:0", publishes: false, Cancel);
        using var client = new HttpClient { BaseAddress = host.Url };
        var answer = await client.GetStringAsync(new Uri("clusters/shop/as-of/rv:1000/api/v1/namespaces/shop/configmaps/settings", UriKind.Relative), Cancel);
        Assert.StartsWith("redacted:", JsonNode.Parse(answer)!["data"]!["app.yaml"]!.GetValue<string>(), StringComparison.Ordinal);
        // What no rule names is there.
        Assert.Equal("héllo → 世界 🚀 ", JsonNode.Parse(answer)!["data"]!["unicode"]!.GetValue<string>());
        var changes = await client.GetStringAsync(new Uri("api/v1/clusters/shop/changes?objects=true&patches=true&resource=configmaps&limit=10000", UriKind.Relative), Cancel);
        Assert.DoesNotContain(value, changes + output + errors, StringComparison.Ordinal);
    }

    /// <summary>The recorded shop, each secret with what kubectl would have left of it in its annotation.</summary>
    string WithCopies()
    {
        var recording = _folder.File("recording");
        foreach (var part in (string[])["watch", "discovery"])
        {
            Directory.CreateDirectory(Path.Combine(recording, part));
            foreach (var file in Directory.EnumerateFiles(Path.Combine(TestRecordings.Shop, part)))
                File.Copy(file, Path.Combine(recording, part, Path.GetFileName(file)));
        }
        var secrets = Path.Combine(recording, "watch", "core_v1_secrets.log.gz");
        var lines = RecordedShop.Lines(secrets).ToList();
        File.Delete(secrets);
        using var writer = new StreamWriter(Path.Combine(recording, "watch", "core_v1_secrets.log"));
        foreach (var (time, line) in lines)
        {
            if (line["object"]!["data"] is JsonObject data)
            {
                var manifest = new JsonObject
                {
                    ["kind"] = "Secret",
                    ["data"] = data.DeepClone(),
                    ["stringData"] = new JsonObject(data.Select(field => KeyValuePair.Create(field.Key, (JsonNode?)Plain(field.Value!)))),
                };
                line["object"]!["metadata"]!.AsObject()["annotations"] = new JsonObject { ["kubectl.kubernetes.io/last-applied-configuration"] = manifest.ToJsonString() };
            }
            writer.Write($"{time}\t{line.ToJsonString()}\n");
        }
        return recording;
    }

    /// <summary>The values of all recorded secrets, as they are and in base64; not those of a letter or two, which are found in anything.</summary>
    static List<string> Values(string recording) => [.. RecordedShop.Lines(Path.Combine(recording, "watch", "core_v1_secrets.log"))
        .SelectMany(line => line.Event["object"]!["data"]?.AsObject() ?? [])
        .SelectMany(field => (string[])[field.Value!.GetValue<string>(), Plain(field.Value)]).Where(value => value.Length >= 6).Distinct()];

    static string Plain(JsonNode base64) => Encoding.UTF8.GetString(Convert.FromBase64String(base64.GetValue<string>()));

    static string Unzip(string file)
    {
        using Stream stream = file.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(File.OpenRead(file), CompressionMode.Decompress) : File.OpenRead(file);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    async Task<List<JsonNode>> ImportAsync(string data, byte[] key)
    {
        await using (var opened = await SqliteDataFolder.OpenAsync(_folder.File(data)))
        {
            await File.WriteAllBytesAsync(opened.RedactionKeyPath, key, Cancel);
            await RecordingImport.RunAsync(Recording.Open(TestRecordings.Shop), opened.Events, "shop", new Redactor(RedactionKey.LoadOrCreate(opened.RedactionKeyPath)), TimeProvider.System, null, Cancel);
        }
        await using var host = await ReplicatorHost.StartAsync(_folder.File(data), "http://127.0.0.1:0", publishes: false, Cancel);
        using var client = new HttpClient { BaseAddress = host.Url };
        return [.. JsonNode.Parse(await client.GetStringAsync(new Uri("api/v1/clusters/shop/history/secrets/shop-payments/db?objects=true", UriKind.Relative), Cancel))!["items"]!.AsArray().Select(version => version!)];
    }

    /// <summary>Carries the log to a bus with a subscriber, and returns each message as it would be on the wire.</summary>
    async Task<IReadOnlyCollection<string>> PublishAsync()
    {
        await using var data = await SqliteDataFolder.OpenAsync(_folder.File("data"));
        var head = await data.Events.GetHeadAsync(Cancel);
        var received = new ConcurrentQueue<string>();
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton(received);
        builder.Services.AddReplicatorBus(new BusOptions(), bus => bus.AddConsumer<Collecting>());
        using var host = builder.Build();
        await host.StartAsync(Cancel);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        using var publisher = new Publisher(data.Events, data.Checkpoints, host.Services.GetRequiredService<MassTransitPublisher>(), TimeProvider.System, "secrets-test");
        var publishing = publisher.RunAsync(stop.Token);
        while (received.Count < head && !publishing.IsCompleted)
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Cancel);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => publishing);
        await host.StopAsync(Cancel);
        return received;
    }

    /// <summary>Something that OTLP is exported to.</summary>
    static async Task<WebApplication> StartCollectorAsync(ConcurrentQueue<(string Path, byte[] Body)> received)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            received.Enqueue((context.Request.Path.Value!, body.ToArray()));
        });
        await app.StartAsync(Cancel);
        return app;
    }

    sealed class Collecting(ConcurrentQueue<string> received) : IConsumer<ResourceChanged>
    {
        public Task Consume(ConsumeContext<ResourceChanged> context)
        {
            received.Enqueue(JsonSerializer.Serialize(context.Message));
            return Task.CompletedTask;
        }
    }
}
