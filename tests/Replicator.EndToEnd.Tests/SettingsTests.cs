using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Replicator.Configuration;
using Replicator.Core.Kubernetes;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>What replicator.yaml and the environment say.</summary>
public sealed partial class SettingsTests
{
    static readonly ResourceType Leases = new("coordination.k8s.io", "v1", "leases", "Lease", Namespaced: true);
    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);
    static readonly ResourceType Nodes = new("", "v1", "nodes", "Node", Namespaced: false);

    [Fact]
    public void Nothing_said_is_one_cluster_of_which_all_but_leases_is_recorded()
    {
        var settings = Load("");
        Assert.Equal(("./replicator-data", "http://127.0.0.1:7070"), (settings.Data, settings.Listen));
        var cluster = Assert.Single(settings.Clusters);
        Assert.False(cluster.Rules.Records(Leases));
        Assert.True(cluster.Rules.Records(Pods));
    }

    [Theory]
    [InlineData("rules:\n  exclude: []\n", null, null)]
    [InlineData("", "rules:exclude", "[]")]
    [InlineData("", "rules:exclude", "")]
    [InlineData("rules:\n  exclude: [leases.coordination.k8s.io]\n", "rules:exclude", "[]")]
    public void An_empty_list_of_exclusions_records_leases_too(string yaml, string? name, string? value) =>
        Assert.True(Load(yaml, name is null ? [] : [(name, value!)]).Cluster.Rules.Records(Leases));

    [Fact]
    public void Rules_are_read_in_their_short_and_in_their_long_form()
    {
        var rules = Load("""
            rules:
              include:
                - "*"
              exclude:
                - events, "*.metrics.k8s.io"
                - name: system
                  types: pods
                  namespaces: [kube-*, "*-system"]
              ignore:
                - types: [nodes]
                  paths: ["$.status.conditions[*].lastHeartbeatTime", "$.metadata.annotations['a.b/c']"]
              dropManagedFields: [configmaps]
            """.Replace("events, \"*.metrics.k8s.io\"", "\"*.metrics.k8s.io\"", StringComparison.Ordinal)).Cluster.Rules;
        Assert.Equal(["include:*", "exclude:*.metrics.k8s.io", "system", "ignore:nodes", "dropManagedFields:configmaps"], rules.All.Select(rule => rule.Name));
        Assert.True(rules.For(Pods, null)!.Excludes("kube-system"));
        Assert.False(rules.For(Pods, null)!.Excludes("shop"));
        Assert.Equal(2, rules.All[3].Paths.Count);
        // Naming exclusions takes the default's place.
        Assert.True(rules.Records(Leases));
    }

    [Fact]
    public void A_list_in_one_environment_variable_has_commas()
    {
        var rules = Load("", ("rules:exclude", "leases.coordination.k8s.io, events"), ("rules:ignore:0:types", "nodes,pods"), ("rules:ignore:0:paths:0", "$.status")).Cluster.Rules;
        Assert.Equal(["exclude:leases.coordination.k8s.io", "exclude:events", "ignore:nodes,pods"], rules.All.Select(rule => rule.Name));
    }

    [Fact]
    public void Each_cluster_has_its_own_rules_and_the_common_ones_where_it_has_none()
    {
        var clusters = Load("""
            rules:
              exclude: [events]
              ignore: [{ types: nodes, paths: $.status }]
            redact: [{ type: configmaps, path: $.data.token }]
            clusters:
              - id: east
                kubeconfig: east.yaml
                rules: { exclude: [] }
              - id: west
                kubeconfig: west.yaml
                context: admin
                redact: []
            """).Clusters;
        Assert.Equal([("east", "east.yaml", null), ("west", "west.yaml", "admin")], clusters.Select(cluster => (cluster.Id!, cluster.Kubeconfig!, cluster.Context)));
        Assert.Equal(["ignore:nodes"], clusters[0].Rules.All.Select(rule => rule.Name));
        Assert.Equal(["exclude:events", "ignore:nodes"], clusters[1].Rules.All.Select(rule => rule.Name));
        Assert.Single(clusters[0].Redact);
        Assert.Empty(clusters[1].Redact);
    }

    [Theory]
    [InlineData("lisen: http://localhost:1", "'lisen'", "'listen'")]
    [InlineData("rules: { exlude: [pods] }", "'rules.exlude'", "'exclude'")]
    [InlineData("rules: { exclude: [{ type: pods }] }", "'rules.exclude.0.type'", "'types'")]
    [InlineData("clusters: [{ id: a, kubeconfg: x }]", "'clusters.0.kubeconfg'", "'kubeconfig'")]
    [InlineData("clusters: [{ id: a, rules: { ignor: [] } }]", "'clusters.0.rules.ignor'", "'ignore'")]
    [InlineData("clusters: { east: { kubeconfig: x } }", "'clusters.east'", "is a list")]
    [InlineData("data: { path: x }", "'data.path'", "nothing below it")]
    [InlineData("rules: { include: [{ types: [{ a: b }] }] }", "rules.include.0.types.0", "must be a text")]
    public void An_unknown_key_is_refused_with_the_nearest_name(string yaml, string named, string hint)
    {
        var refusal = Assert.Throws<CommandException>(() => Load(yaml)).Message;
        Assert.Contains(named, refusal, StringComparison.Ordinal);
        Assert.Contains(hint, refusal, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rules: { ignore: [{ types: pods, paths: ['$.a[?b]'] }] }", "no field path")]
    [InlineData("rules: { ignore: [pods] }", "names no path")]
    [InlineData("rules: { exclude: ['po ds'] }", "'po ds' is no pattern")]
    [InlineData("rules: { exclude: [pods, pods] }", "Two rules have the name 'exclude:pods'")]
    [InlineData("clusters: [{ kubeconfig: x }]", "needs an 'id'")]
    [InlineData("clusters: [{ id: a }, { id: a }]", "have the id 'a'")]
    [InlineData("kubeconfig: x\nclusters: [{ id: a }]", "Both 'kubeconfig' (x) and 'clusters'")]
    [InlineData("redact: [{ type: pods }]", "redact.0")]
    [InlineData("selfCheck: { period: 5 }", "selfCheck.period")]
    [InlineData("bufferMiB: 0", "'bufferMiB'")]
    [InlineData("bufferMiB: 1GB", "'1GB'")]
    [InlineData("selfCheck: { period: 0s }", "no length of time")]
    [InlineData("selfCheck: { patience: off }", "selfCheck.patience")]
    [InlineData("- a", "cannot be read at line 1")]
    [InlineData("a: [", "cannot be read at line")]
    [InlineData("data: a\ndata: b", "cannot be read at line 2")]
    public void A_setting_that_cannot_be_meant_is_refused_in_one_line_that_names_it(string yaml, string expected)
    {
        var refusal = Assert.Throws<CommandException>(() => Load(yaml)).Message;
        Assert.Contains(expected, refusal, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Trim());
    }

    [Fact]
    public void Lengths_of_time_have_a_unit_and_a_cluster_may_have_its_own()
    {
        Assert.Equal((TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(2)), (Load("").Cluster.SelfCheck.Period!.Value, Load("").Cluster.SelfCheck.Patience));
        var clusters = Load("selfCheck: { period: 1.5h }\nclusters: [{ id: a, selfCheck: { period: off } }, { id: b, selfCheck: { patience: 250ms } }]").Clusters;
        Assert.Null(clusters[0].SelfCheck.Period);
        Assert.Equal((TimeSpan.FromMinutes(90), TimeSpan.FromMilliseconds(250)), (clusters[1].SelfCheck.Period!.Value, clusters[1].SelfCheck.Patience));
    }

    [Fact]
    public void A_rule_that_names_namespaces_leaves_cluster_scoped_objects_alone() =>
        Assert.True(Load("rules: { exclude: [{ namespaces: ['*'] }] }").Cluster.Rules.Records(Nodes));

    [Fact]
    public void Access_is_open_unless_something_says_who_may_read()
    {
        Assert.True(Load("").Access.IsOpen);
        var access = Load($$"""
            access:
              kubernetes: true
              cache: 30s
              tokens:
                - name: ci
                  sha256: {{new string('a', 64)}}
                  clusters: prod
                  namespaces: [shop, payments]
            tls: { certificate: tls.crt, key: tls.key }
            """).Access;
        Assert.Equal((false, true, TimeSpan.FromSeconds(30), ("tls.crt", "tls.key")), (access.IsOpen, access.Kubernetes, access.Cache, access.Tls!.Value));
        var token = Assert.Single(access.Tokens);
        Assert.Equal(("ci", "prod", "shop,payments", 32), (token.Name, string.Join(',', token.Clusters), string.Join(',', token.Namespaces), token.Sha256.Length));
    }

    [Theory]
    [InlineData("access: { kubernetes: yes please }", "access.kubernetes in replicator.yaml or REPLICATOR__... is 'yes please'; it is true or false.")]
    [InlineData("access: { tokens: [{ name: ci }] }", "access.tokens.0 in replicator.yaml or REPLICATOR__... needs a 'name', under which the logs know it, and the 'sha256' of the token.")]
    [InlineData("access: { tokens: [{ name: ci, sha256: my-secret-token }] }", "access.tokens: the sha256 of 'ci' is not 64 hexadecimal digits: write what \"printf %s TOKEN | sha256sum\" prints, and not the token.")]
    [InlineData("tls: { certificate: tls.crt }", "Only one of tls.certificate and tls.key is set in replicator.yaml or REPLICATOR__...: a certificate needs its key.")]
    public void A_slip_in_who_may_read_is_found_at_once_and_shows_no_secret(string yaml, string message) => Assert.Equal(message, Assert.Throws<CommandException>(() => Load(yaml)).Message);

    [Fact]
    public void Every_setting_is_in_the_reference_with_its_default()
    {
        var rows = Row().Matches(File.ReadAllText(Path.Combine(TestRecordings.Repository, "docs", "configuration.md"))).ToDictionary(row => row.Groups["path"].Value, row => row.Groups["default"].Value.Trim('`', ' '));
        Assert.Equal(SettingKeys.All.Select(key => key.Path).Order(StringComparer.Ordinal), rows.Keys.Order(StringComparer.Ordinal));
        Assert.All(SettingKeys.All, key => Assert.Equal(key.Default, rows[key.Path]));
    }

    [GeneratedRegex(@"^\| `(?<path>[^`]+)` \| (?<default>[^|]+) \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    static Settings Load(string yaml, params (string Name, string Value)[] environment)
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "replicator.yaml");
        File.WriteAllText(file, yaml);
        return Settings.Load(new ConfigurationBuilder().AddInMemoryCollection(YamlSettings.Read(file))
            .AddInMemoryCollection(environment.Select(pair => KeyValuePair.Create(pair.Name, (string?)pair.Value))).Build());
    }
}
