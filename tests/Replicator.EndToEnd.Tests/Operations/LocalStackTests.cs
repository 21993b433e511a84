using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Npgsql;
using Replicator.EndToEnd.Tests.Stores;
using Replicator.TestKit;
using Replicator.TestKit.EventStoreDb;
using Replicator.TestKit.Rabbit;
using Xunit;

namespace Replicator.EndToEnd.Tests.Operations;

/// <summary>The local stack without an engine: every process of ours that <c>docker-compose.yml</c> starts, with its command line, its settings, its secrets and in its order; hosts are ports of this machine, and folders are temporary.</summary>
public sealed class LocalStackTests(StoreServers servers, RabbitMqFixture rabbit) : IClassFixture<StoreServers>, IClassFixture<RabbitMqFixture>, IAsyncDisposable
{
    const string Database = "replicator";

    readonly TemporaryFolder _folder = new();
    readonly Dictionary<string, ReplicatorProcess> _processes = [];
    readonly Dictionary<string, Uri> _hosts = [];

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _processes.Values)
            await process.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_change_of_the_demo_cluster_comes_to_a_subscriber_and_into_the_API_and_each_role_can_be_scraped()
    {
        var compose = ComposeFile.Read();
        var broker = rabbit.Required;
        servers.Postgres.Require();
        await servers.Postgres.CreateDatabaseAsync(Database);
        var eventStore = await servers.StartStandInAsync(new StandInOptions());
        await MakeSecretsAsync();
        // As the images of the servers do when they start with empty volumes.
        await RunAsync("psql", "-h", new NpgsqlConnectionStringBuilder(servers.Postgres.ConnectionString(Database)).Host!, "-U", "replicator", "-d", Database, "-v", "ON_ERROR_STOP=1", "-f", Translated("deploy/postgres-roles.sql", text => text.Replace("/run/secrets/", _folder.File("deploy/secrets/"), StringComparison.Ordinal)));
        await broker.EvaluateAsync($"{{ok, Definitions}} = file:read_file(\"{_folder.File("deploy/secrets/rabbitmq-definitions.json")}\"), ok = rabbit_definitions:import_raw(Definitions).", Cancel);
        await using var subscriber = await RabbitSubscriber.BindAsync(broker.Port, "shop.#", Cancel);

        string Local(string value) => value
            .Replace("eventstore:2113", new Uri(eventStore.ConnectionString).Authority, StringComparison.Ordinal)
            .Replace("0.0.0.0:7070", "127.0.0.1:0", StringComparison.Ordinal)
            .Replace("0.0.0.0:8080", "127.0.0.1:0", StringComparison.Ordinal)
            .Replace("Demo/shop", Path.Combine(AppContext.BaseDirectory, "Demo", "shop"), StringComparison.Ordinal);
        foreach (var service in compose.ServicesOf("replicator"))
            await StartAsync(compose, service, Local, broker.Port);
        Assert.Equal(["api", "collector", "demo-cluster", "migrate", "projector", "publisher"], _processes.Keys.Order(StringComparer.Ordinal));

        await subscriber.ConsumeAsync(Cancel);
        await Eventually.HoldsAsync(() => subscriber.Received.Any(message => message.Type == "ADDED" && message.RoutingKey.StartsWith("shop.core.pods.", StringComparison.Ordinal)), Cancel, Describe);
        var change = subscriber.Received.First(message => message.Type == "ADDED" && message.RoutingKey.StartsWith("shop.core.pods.", StringComparison.Ordinal));

        using var client = new HttpClient { BaseAddress = _hosts["api"] };
        Assert.Equal(HttpStatusCode.Forbidden, (await client.GetAsync(new Uri("api/v1/clusters", UriKind.Relative), Cancel)).StatusCode);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await File.ReadAllTextAsync(_folder.File("deploy/secrets/api-token"), Cancel));
        await Eventually.HoldsAsync(async () => (await GetAsync(client, "api/v1/clusters"))["checkpoint"]!.GetValue<long>() >= change.Position, Cancel, Describe);
        var pod = await GetAsync(client, $"clusters/shop/as-of/now/api/v1/namespaces/{change.Body.GetProperty("namespace")}/pods/{change.Body.GetProperty("name")}");
        Assert.Equal(change.Body.GetProperty("uid").GetString(), pod["metadata"]!["uid"]!.GetValue<string>());

        foreach (var (role, metric) in ScrapedRoles().Zip((string[])["replicator_informer_deltas_total", "replicator_projector_events_total", "replicator_publisher_lag", "http_server_request_duration"]))
            Assert.Contains(metric, await client.GetStringAsync(new Uri(_hosts[role], "metrics"), Cancel));

        // The roles run as one that changes rows and no table.
        await using var database = NpgsqlDataSource.Create(servers.Postgres.ConnectionString(Database) + ";Pooling=false");
        await using var command = database.CreateCommand("SELECT has_schema_privilege('runtime', 'replicator', 'USAGE') AND NOT has_schema_privilege('runtime', 'replicator', 'CREATE') AND NOT has_database_privilege('runtime', 'replicator', 'CREATE')");
        Assert.Equal(true, await command.ExecuteScalarAsync(Cancel));

        foreach (var role in (string[])["api", "publisher", "projector", "collector", "demo-cluster"])
            Assert.Equal(0, await _processes[role].InterruptAsync());
    }

    async Task StartAsync(ComposeFile compose, ComposeFile.Service service, Func<string, string> local, int rabbitPort)
    {
        var folder = _folder.File(service.Name);
        Directory.CreateDirectory(folder);
        var environment = service.Environment.Where(variable => variable.Key.StartsWith("REPLICATOR__", StringComparison.Ordinal)).ToDictionary(variable => variable.Key, variable => local(variable.Value));
        environment["REPLICATOR__DATA"] = Path.Combine(folder, "data");
        foreach (var (secret, place) in service.Secrets)
        {
            var file = _folder.File(compose.SecretFile(secret)[2..]);
            // Settings are read from the working directory, which is /app there.
            if (Path.GetDirectoryName(place) == "/app")
                File.Copy(file, Path.Combine(folder, Path.GetFileName(place)));
            foreach (var (name, value) in environment.Where(variable => variable.Value == place).ToList())
                environment[name] = file;
        }
        foreach (var (place, source) in service.Files)
        {
            var file = Translated(source, text => text.Replace("http://demo-cluster:8080", _hosts["demo-cluster"].ToString(), StringComparison.Ordinal));
            foreach (var (name, value) in environment.Where(variable => variable.Value == place).ToList())
                environment[name] = file;
        }
        if (environment.TryGetValue("REPLICATOR__STORE__POSTGRES__CONNECTIONSTRING", out var postgres))
        {
            var named = new NpgsqlConnectionStringBuilder(postgres);
            Assert.Equal(("postgres", Database), (named.Host, named.Database));
            environment["REPLICATOR__STORE__POSTGRES__CONNECTIONSTRING"] = servers.Postgres.ConnectionString(Database, named.Username!);
        }
        if (environment.TryGetValue("REPLICATOR__BUS__HOST", out var host))
        {
            Assert.Equal("rabbitmq", host);
            (environment["REPLICATOR__BUS__HOST"], environment["REPLICATOR__BUS__PORT"]) = ("127.0.0.1", $"{rabbitPort}");
        }

        var process = ReplicatorProcess.Start(folder, environment, service.Command.Select(local));
        _processes.Add(service.Name, process);
        if (service.Command[0] == "migrate")
        {
            Assert.True(await process.WaitForExitAsync() == 0, process.Errors);
            return;
        }
        var line = await process.WaitForOutputAsync(service.Command[0] == "replay" ? "serving " : service.Command.Contains("collector") ? "replicating " : "running as ");
        _hosts.Add(service.Name, new Uri(line[(line.LastIndexOf(" at ", StringComparison.Ordinal) + " at ".Length)..]));
        Assert.Equal((0, "", ""), await ReplicatorProcess.RunAsync(_folder.Path, "probe", "--url", _hosts[service.Name].ToString()));
    }

    /// <summary>The hosts of Prometheus' job, in its order.</summary>
    static IEnumerable<string> ScrapedRoles()
    {
        var targets = File.ReadAllLines(Path.Combine(TestRecordings.Repository, "ops", "prometheus", "prometheus.yml")).First(line => line.Contains("targets:", StringComparison.Ordinal));
        return targets.Split('"').Where(part => part.EndsWith(":7070", StringComparison.Ordinal)).Select(part => part[..part.IndexOf(':', StringComparison.Ordinal)]);
    }

    async Task MakeSecretsAsync()
    {
        Directory.CreateDirectory(_folder.File("deploy"));
        File.Copy(Path.Combine(TestRecordings.Repository, "deploy", "make-secrets"), _folder.File("deploy/make-secrets"));
        await RunAsync("bash", _folder.File("deploy/make-secrets"));
    }

    /// <summary>A copy of a file of the repository, for this machine.</summary>
    string Translated(string source, Func<string, string> translate)
    {
        var copy = _folder.File(Path.GetFileName(source));
        File.WriteAllText(copy, translate(File.ReadAllText(Path.Combine(TestRecordings.Repository, source))));
        return copy;
    }

    static async Task<JsonNode> GetAsync(HttpClient client, string path) => JsonNode.Parse(await client.GetStringAsync(new Uri(path, UriKind.Relative), Cancel))!;

    string Describe() => string.Join('\n', _processes.Select(process => $"{process.Key}: {process.Value.Output}\n{process.Value.Errors}"));

    static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync(Cancel);
        var errors = process.StandardError.ReadToEndAsync(Cancel);
        await process.WaitForExitAsync(Cancel);
        Assert.True(process.ExitCode == 0, $"{await output} {await errors}");
    }
}
