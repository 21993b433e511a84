using Npgsql;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using Replicator.TestKit.EventStoreDb;
using Xunit;

namespace Replicator.EndToEnd.Tests.Stores;

/// <summary>The settings choose the engines, and every command works on each.</summary>
public sealed class StoreChoiceTests(StoreServers servers) : IClassFixture<StoreServers>, IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("'mysql' is not an engine", "STORE__LOG", "mysql")]
    [InlineData("'redis' is not an engine", "STORE__SNAPSHOTS", "redis")]
    [InlineData("store.postgres.connectionStringFile", "STORE__LOG", "postgres")]
    [InlineData("store.eventstoredb.connectionStringFile", "STORE__LOG", "eventstoredb", "STORE__POSTGRES__CONNECTIONSTRING", "Host=127.0.0.1")]
    [InlineData("needs the log beside it", "STORE__LOG", "postgres", "STORE__SNAPSHOTS", "sqlite")]
    [InlineData("neither store.log nor store.snapshots is postgres", "STORE__POSTGRES__CONNECTIONSTRING", "Host=127.0.0.1;Password=hidden-secret")]
    [InlineData("store.log is not eventstoredb", "STORE__EVENTSTOREDB__CONNECTIONSTRING", "esdb://admin:hidden-secret@127.0.0.1")]
    [InlineData("malformed", "STORE__LOG", "postgres", "STORE__POSTGRES__CONNECTIONSTRING", "Port=1;Password=hidden-secret")]
    [InlineData("keep one", "STORE__LOG", "postgres", "STORE__POSTGRES__CONNECTIONSTRING", "Host=127.0.0.1", "STORE__POSTGRES__CONNECTIONSTRINGFILE", "/nowhere")]
    [InlineData("cannot be read", "STORE__LOG", "postgres", "STORE__POSTGRES__CONNECTIONSTRINGFILE", "/nowhere/at/all")]
    [InlineData("PostgreSQL at 127.0.0.1:1", "STORE__LOG", "postgres", "STORE__POSTGRES__CONNECTIONSTRING", "Host=127.0.0.1;Port=1;Username=u;Password=hidden-secret")]
    public async Task A_store_that_cannot_be_had_is_one_line_that_says_why_and_never_the_password(string expected, params string[] settings)
    {
        var environment = settings.Chunk(2).ToDictionary(pair => $"REPLICATOR__{pair[0]}", pair => pair[1]);
        await using var import = ReplicatorProcess.Start(_folder.Path, environment, "import", TestRecordings.Shop, "--cluster", "shop");
        Assert.Equal(1, await import.WaitForExitAsync());
        Assert.Contains(expected, Assert.Single(import.Errors.Split('\n')), StringComparison.Ordinal);
        Assert.DoesNotContain("hidden-secret", import.Errors + import.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_event_store_that_refuses_the_user_or_is_away_is_one_line()
    {
        var standIn = await servers.StartStandInAsync(new StandInOptions { User = ("admin", "right") });
        var postgres = await servers.CreateDatabaseAsync();
        await Storage.Marten.MartenStores.MigrateAsync(postgres + ";Pooling=false", cancellationToken: TestContext.Current.CancellationToken);
        foreach (var (connection, expected) in ((string, string)[])[(standIn.ConnectionString.Replace("right", "hidden-secret", StringComparison.Ordinal), "user"), ("esdb://admin:hidden-secret@127.0.0.1:1?tls=false&maxDiscoverAttempts=1", "127.0.0.1:1")])
        {
            await using var import = ReplicatorProcess.Start(_folder.Path, new Dictionary<string, string>
            {
                ["REPLICATOR__STORE__EVENTSTOREDB__CONNECTIONSTRING"] = connection,
                ["REPLICATOR__STORE__POSTGRES__CONNECTIONSTRING"] = postgres,
            }, "import", TestRecordings.Shop, "--cluster", "shop", "--log", "eventstoredb");
            Assert.Equal(1, await import.WaitForExitAsync());
            Assert.Contains(expected, Assert.Single(import.Errors.Split('\n')), StringComparison.Ordinal);
            Assert.DoesNotContain("hidden-secret", import.Errors, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_schema_is_made_by_an_account_that_may_and_used_by_one_that_may_not()
    {
        var owner = await servers.CreateDatabaseAsync();
        await using (var admin = NpgsqlDataSource.Create(owner))
        await using (var create = admin.CreateCommand("CREATE ROLE collector LOGIN"))
            await create.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var secret = _folder.File("connection");
        await File.WriteAllTextAsync(secret, owner.Replace("Username=replicator", "Username=collector", StringComparison.Ordinal) + "\n", TestContext.Current.CancellationToken);
        var environment = new Dictionary<string, string> { ["REPLICATOR__STORE__LOG"] = "postgres", ["REPLICATOR__STORE__POSTGRES__CONNECTIONSTRINGFILE"] = secret };
        string[] import = ["import", TestRecordings.Shop, "--cluster", "shop"];
        var (code, _, errors) = await RunAsync(environment, import);
        Assert.Equal(1, code);
        Assert.Contains("replicator migrate", Assert.Single(errors.Split('\n')), StringComparison.Ordinal);

        // As the account of the settings it is refused, with the remedy.
        (code, _, errors) = await RunAsync(environment, "migrate");
        Assert.Equal(1, code);
        Assert.Single(errors.Split('\n'));
        for (var time = 0; time < 2; time++)
        {
            (code, var output, errors) = await RunAsync(environment, "migrate", "--postgres", owner, "--grant-to", "collector");
            Assert.True(code == 0, errors);
            Assert.Contains("'collector' may use it", output, StringComparison.Ordinal);
        }
        (code, _, errors) = await RunAsync(environment, import);
        Assert.True(code == 0, errors);
        (code, var verified, errors) = await RunAsync(environment, "verify");
        Assert.True(code == 0, errors);
        Assert.Contains("every hash follows from its predecessor", verified, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_command_answers_over_servers_what_it_answers_over_a_folder()
    {
        var embedded = await AnswersAsync("sqlite");
        Assert.True(embedded.Count > 1_400);
        foreach (var engine in (string[])["postgres", "eventstoredb"])
        {
            // With another key, what is redacted would have other fingerprints and so other hashes.
            Directory.CreateDirectory(_folder.File(engine));
            File.Copy(DataFolder.RedactionKeyIn(_folder.File("sqlite")), DataFolder.RedactionKeyIn(_folder.File(engine)));
            Assert.Equal(embedded, await AnswersAsync(engine));
        }
    }

    async Task<List<string>> AnswersAsync(string engine)
    {
        var data = _folder.File(engine);
        var environment = (await servers.CreateAsync(engine, data)).Environment;
        var said = new List<string>();
        foreach (var command in (string[][])
            [
                ["import", TestRecordings.Shop, "--cluster", "shop", "--data", data],
                ["import", TestRecordings.Shop, "--cluster", "shop", "--data", data],
                ["history", "deployments.apps/web", "-n", "shop", "--data", data, "-o", "json"],
                ["tail", "--from", "0", "--no-follow", "-o", "json", "--data", data],
                ["verify", "--data", data],
                ["rebuild", "--data", data],
                ["status", "--data", data],
            ])
        {
            var (code, output, errors) = await RunAsync(environment, command);
            Assert.True(code == 0, $"{string.Join(' ', command)}: {errors}");
            if (command[0] is "history" or "tail")
                said.AddRange(output.Split('\n').Select(WithoutPositions).Order(StringComparer.Ordinal));
            else if (command[0] is "verify" or "rebuild")
                said.Add(output);
        }
        return said;
    }

    /// <summary>Positions are an engine's own.</summary>
    static string WithoutPositions(string line)
    {
        var change = System.Text.Json.Nodes.JsonNode.Parse(line)!.AsObject();
        change.Remove("position");
        return change.ToJsonString();
    }

    async Task<(int Code, string Output, string Errors)> RunAsync(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        await using var process = ReplicatorProcess.Start(_folder.Path, environment, arguments);
        var code = await process.WaitForExitAsync();
        return (code, process.Output, process.Errors);
    }
}
