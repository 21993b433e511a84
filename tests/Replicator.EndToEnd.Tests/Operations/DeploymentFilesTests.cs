using System.Diagnostics;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Replicator.Configuration;
using Replicator.TestKit;
using Xunit;
using YamlDotNet.RepresentationModel;

namespace Replicator.EndToEnd.Tests.Operations;

/// <summary>The compose file, the image and the manifests: what can be held without an engine or a cluster.</summary>
public sealed partial class DeploymentFilesTests
{
    static readonly string Root = TestRecordings.Repository;

    public static TheoryData<string> Services => [.. Map(Compose(), "services").Children.Keys.Select(Text)];

    public static TheoryData<string> Overlays => ["embedded", "roles"];

    [Theory]
    [MemberData(nameof(Services))]
    public void A_service_is_pinned_checked_limited_and_has_no_secret_in_the_file(string name)
    {
        var service = Map(Map(Compose(), "services"), name);
        var image = Text(service["image"]);
        Assert.Matches(@"^[a-z0-9./-]+:v?\d+\.\d+(\.\d+)?[a-z0-9.-]*$", image);
        Assert.True(service.Children.ContainsKey("healthcheck"), $"{name} has no health check.");
        var limits = Map(Map(Map(service, "deploy"), "resources"), "limits");
        Assert.Equal(["cpus", "memory"], limits.Children.Keys.Select(Text).Order(StringComparer.Ordinal));
        Assert.Equal(["ALL"], Items(service["cap_drop"]));
        if (!service.Children.TryGetValue("environment", out var environment))
            return;
        foreach (var (key, value) in ((YamlMappingNode)environment).Children)
        {
            if (SecretName().IsMatch(Text(key)))
                Assert.StartsWith("/run/secrets/", Text(value));
        }
    }

    [Fact]
    public void Every_setting_of_the_compose_file_is_one_that_the_program_knows()
    {
        var used = File.ReadAllLines(Path.Combine(Root, "docker-compose.yml")).Select(line => SettingName().Match(line)).Where(match => match.Success).Select(match => match.Value["REPLICATOR__".Length..].Replace("__", ".", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(used);
        Assert.Empty(used.Except(SettingKeys.All.Select(key => key.Path), StringComparer.OrdinalIgnoreCase));
    }

    [Fact]
    public void What_the_compose_file_mounts_is_there_and_what_it_depends_on_can_be_healthy()
    {
        var compose = Compose();
        var services = Map(compose, "services");
        var volumes = Map(compose, "volumes").Children.Keys.Select(Text).ToHashSet();
        var secrets = Map(compose, "secrets").Children.Keys.Select(Text).ToHashSet();
        foreach (var service in services.Children.Values.Cast<YamlMappingNode>())
        {
            foreach (var source in Sequence(service, "volumes").Select(volume => volume is YamlMappingNode mapping ? Text(mapping["source"]) : Text(volume).Split(':')[0]).Select(source => Default().Replace(source, "${default}")))
                Assert.True(source.StartsWith('.') ? Path.Exists(Path.Combine(Root, source)) : volumes.Contains(source), $"The compose file mounts '{source}', which is neither there nor a volume.");
            Assert.Subset(secrets, Sequence(service, "secrets").Select(secret => Text(secret is YamlMappingNode mapping ? mapping["source"] : secret)).ToHashSet());
            if (!service.Children.TryGetValue("depends_on", out var needs))
                continue;
            foreach (var (name, need) in ((YamlMappingNode)needs).Children)
            {
                var needed = Map(services, Text(name));
                // What ends has no health: it is waited for, and not started again.
                var ends = needed.Children.TryGetValue("restart", out var restart) && Text(restart) == "no";
                Assert.Equal(ends, Text(need["condition"]) == "service_completed_successfully");
                Assert.Equal(ends, Map(needed, "healthcheck").Children.ContainsKey("disable"));
            }
        }
    }

    [Fact]
    public void The_image_is_pinned_has_no_shell_and_runs_as_nobody_in_particular()
    {
        var lines = File.ReadAllLines(Path.Combine(Root, "deploy", "Dockerfile"));
        var bases = lines.Where(line => line.StartsWith("FROM ", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, bases.Count);
        Assert.All(bases, line => Assert.Matches(@"^FROM [a-z0-9./-]+:\d+\.\d+\.\d+-[a-z-]+( AS [a-z]+)?$", line));
        Assert.Contains("-chiseled", bases[^1]);
        Assert.Contains("USER 1654:1654", lines);
        Assert.Contains(lines, line => line.StartsWith("HEALTHCHECK ", StringComparison.Ordinal) && line.EndsWith("""CMD ["dotnet", "replicator.dll", "probe"]""", StringComparison.Ordinal));
        // Whatever is copied is in the context.
        var ignored = File.ReadAllLines(Path.Combine(Root, ".dockerignore"));
        foreach (var source in lines.Where(line => line.StartsWith("COPY ", StringComparison.Ordinal) && !line.Contains("--from", StringComparison.Ordinal)).SelectMany(line => line.Split(' ')[1..^1]))
        {
            Assert.True(Path.Exists(Path.Combine(Root, source)), source);
            Assert.Contains($"!{source.TrimEnd('/')}", ignored);
        }
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task The_manifests_grant_reading_only_and_run_what_may_do_nothing_else(string overlay)
    {
        var manifests = await KustomizeAsync(overlay);
        foreach (var role in manifests.Where(manifest => Kind(manifest) is "ClusterRole" or "Role"))
            Assert.Subset(new HashSet<string> { "get", "list", "watch" }, ((YamlSequenceNode)role["rules"]).SelectMany(rule => Items(rule["verbs"])).ToHashSet());
        var pods = manifests.Where(manifest => Kind(manifest) is "Deployment" or "StatefulSet").ToList();
        Assert.Equal(overlay == "roles" ? 4 : 1, pods.Count);
        var jobs = manifests.Where(manifest => Kind(manifest) == "Job").ToList();
        Assert.Equal(overlay == "roles" ? ["migrate"] : [], jobs.Select(job => Items(Container(job)["args"]).First()));
        foreach (var workload in pods.Concat(jobs))
        {
            var pod = Map(Map(Map(workload, "spec"), "template"), "spec");
            Assert.Equal("true", Text(Map(pod, "securityContext")["runAsNonRoot"]));
            Assert.Equal("RuntimeDefault", Text(Map(Map(pod, "securityContext"), "seccompProfile")["type"]));
            var container = Container(workload);
            var security = Map(container, "securityContext");
            Assert.Equal(("false", "true"), (Text(security["allowPrivilegeEscalation"]), Text(security["readOnlyRootFilesystem"])));
            Assert.Equal(["ALL"], Items(Map(security, "capabilities")["drop"]));
            Assert.True(Map(Map(container, "resources"), "limits").Children.ContainsKey("memory"));
            Assert.Matches(@":\d+\.\d+\.\d+$", Text(container["image"]));
        }
        foreach (var workload in pods)
        {
            var template = Map(Map(workload, "spec"), "template");
            var container = Container(workload);
            Assert.True(container.Children.ContainsKey("livenessProbe") && container.Children.ContainsKey("readinessProbe"));
            var arguments = Items(container["args"]).ToList();
            Assert.Equal("up", arguments[0]);
            if (arguments.IndexOf("--roles") is > 0 and var place)
                Assert.NotEqual(Roles.None, RoleNames.Parse(arguments[place + 1]));

            var label = Text(Map(Map(template, "metadata"), "labels")["replicator.dev/role"]);
            Assert.Contains(manifests, manifest => Kind(manifest) == "PodDisruptionBudget" && Text(Map(Map(Map(manifest, "spec"), "selector"), "matchLabels")["replicator.dev/role"]) == label);
        }
        var service = Assert.Single(manifests, manifest => Kind(manifest) == "Service");
        Assert.Single(pods, pod => Map(Map(Map(Map(pod, "spec"), "template"), "metadata"), "labels").Children.ContainsKey("replicator.dev/api") && Map(Map(service, "spec"), "selector").Children.ContainsKey("replicator.dev/api"));
        Assert.Contains(manifests, manifest => Kind(manifest) == "NetworkPolicy");
        Assert.Contains(manifests, manifest => Kind(manifest) == "Namespace");
    }

    [Theory]
    [InlineData("base", "Sqlite over Sqlite to InMemory")]
    [InlineData("roles", "EventStoreDb over Postgres to RabbitMq")]
    public void The_configuration_of_the_manifests_is_one_that_the_program_reads(string overlay, string expected)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(YamlSettings.Read(Path.Combine(Root, "deploy", overlay, "replicator.yaml")));
        if (overlay == "roles")
        {
            var servers = File.ReadAllLines(Path.Combine(Root, "deploy", "roles", "servers.env.example")).Where(line => line.StartsWith("REPLICATOR__", StringComparison.Ordinal)).Select(line => line["REPLICATOR__".Length..].Split('=', 2)).ToDictionary(pair => pair[0].Replace("__", ":", StringComparison.Ordinal), pair => (string?)pair[1]);
            Assert.Empty(servers.Keys.Select(name => name.Replace(':', '.')).Except(SettingKeys.All.Select(key => key.Path), StringComparer.OrdinalIgnoreCase));
            configuration.AddInMemoryCollection(servers);
        }
        var settings = Settings.Load(configuration.Build());
        Assert.Equal(("/data", true, "in-cluster"), (settings.Data, settings.LogsJson, settings.Cluster.Id));
        Assert.Equal(expected, $"{settings.Store().Log} over {settings.Store().Snapshots} to {settings.Bus.Transport}");
    }

    [Fact]
    public async Task The_job_that_makes_the_tables_needs_to_know_nothing_but_the_owners_connection()
    {
        var job = Assert.Single(await KustomizeAsync("roles"), manifest => Kind(manifest) == "Job");
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(Root, "deploy", "roles", "replicator.yaml"), folder.File("replicator.yaml"));
        await File.WriteAllTextAsync(folder.File("postgres"), "Host=127.0.0.1;Port=1;Username=owner;Password=hidden-secret\n", TestContext.Current.CancellationToken);
        var (code, _, errors) = await ReplicatorProcess.RunAsync(folder.Path, Items(Container(job)["args"]).Select(argument => argument.Replace("/run/secrets/owner/", $"{folder.Path}/", StringComparison.Ordinal)));
        Assert.Equal(1, code);
        Assert.Contains("PostgreSQL at 127.0.0.1:1", Assert.Single(errors.Split('\n')), StringComparison.Ordinal);
        Assert.DoesNotContain("hidden-secret", errors, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task An_API_server_accepts_the_manifests(string overlay)
    {
        var kubeconfig = Environment.GetEnvironmentVariable("REPLICATOR_TEST_KUBECONFIG");
        Assert.SkipWhen(string.IsNullOrEmpty(kubeconfig), "REPLICATOR_TEST_KUBECONFIG names no cluster to try them on.");
        await RunAsync("kubectl", "--kubeconfig", kubeconfig!, "apply", "--dry-run=server", "-k", Path.Combine(Root, "deploy", overlay));
    }

    static async Task<List<YamlMappingNode>> KustomizeAsync(string overlay)
    {
        Assert.SkipUnless(Executables.AreOnPath("kubectl"), "There is no kubectl on this machine: 'apt-get install kubernetes-client' (tests/run does so as root).");
        // One that does not name its kustomize has version 2 (kubectl 1.20), which knows no 'labels'.
        Assert.SkipUnless((await RunAsync("kubectl", "version", "--client", "--output=json")).Contains("kustomizeVersion", StringComparison.Ordinal), "The kubectl of this machine is older than 1.24, whose kustomize reads today's manifests.");
        return Load(await RunAsync("kubectl", "kustomize", Path.Combine(Root, "deploy", overlay)));
    }

    static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, await errors);
        return await output;
    }

    static YamlMappingNode Compose() => ComposeFile.Load();

    static List<YamlMappingNode> Load(string yaml)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(yaml));
        return [.. stream.Documents.Select(document => (YamlMappingNode)document.RootNode)];
    }

    static YamlMappingNode Container(YamlMappingNode workload) => (YamlMappingNode)Assert.Single((YamlSequenceNode)Map(Map(Map(workload, "spec"), "template"), "spec")["containers"]);

    static string Kind(YamlMappingNode manifest) => Text(manifest["kind"]);

    static YamlMappingNode Map(YamlMappingNode node, string key) => (YamlMappingNode)node[key];

    static IEnumerable<YamlNode> Sequence(YamlMappingNode node, string key) => node.Children.TryGetValue(key, out var items) ? (YamlSequenceNode)items : [];

    static IEnumerable<string> Items(YamlNode node) => ((YamlSequenceNode)node).Select(Text);

    static string Text(YamlNode node) => ((YamlScalarNode)node).Value!;

    [GeneratedRegex(@"PASSWORD|SECRET|TOKEN", RegexOptions.IgnoreCase)]
    private static partial Regex SecretName();

    [GeneratedRegex(@"\bREPLICATOR__[A-Z_]+")]
    private static partial Regex SettingName();

    [GeneratedRegex(@"^\$\{\w+:-(?<default>[^}]+)\}$")]
    private static partial Regex Default();
}
