using Replicator.Core.Json;
using Replicator.Core.Kubernetes;
using Replicator.Core.Rules;
using Xunit;

namespace Replicator.Core.Tests.Rules;

public sealed class RecordingRulesTests
{
    static readonly ResourceType Pods = new("", "v1", "pods", "Pod", Namespaced: true);
    static readonly ResourceType Nodes = new("", "v1", "nodes", "Node", Namespaced: false);
    static readonly ResourceType Leases = new("coordination.k8s.io", "v1", "leases", "Lease", Namespaced: true);
    static readonly ResourceType PodMetrics = new("metrics.k8s.io", "v1", "pods", "PodMetrics", Namespaced: true);

    [Theory]
    [InlineData("pods", "pods", true)]
    [InlineData("pods", "pods.metrics.k8s.io", false)]
    [InlineData("*", "deployments.apps", true)]
    [InlineData("*.apps", "deployments.apps", true)]
    [InlineData("*.apps", "pods", false)]
    [InlineData("*.k8s.io", "leases.coordination.k8s.io", true)]
    [InlineData("*s.*.io", "leases.coordination.k8s.io", true)]
    [InlineData("le*s*io", "leases.coordination.k8s.io.example", false)]
    [InlineData("Deployments.Apps", "deployments.apps", true)]
    [InlineData("a*b*c", "aXbXbXc", true)]
    public void A_star_stands_for_any_number_of_characters(string pattern, string type, bool matches)
    {
        var (group, resource) = GroupResource.Parse(type);
        Assert.Equal(matches, Named("any", [pattern]).Concerns(new ResourceType(group, "v1", resource, "Any", Namespaced: true)));
    }

    [Fact]
    public void Leases_are_what_is_excluded_by_default()
    {
        var rules = new RecordingRules([RecordingRules.DefaultExclusion]);
        Assert.False(rules.Records(Leases));
        Assert.True(rules.Records(Pods));
        Assert.Null(rules.For(Pods, null));
    }

    [Fact]
    public void A_type_that_no_inclusion_names_is_not_recorded()
    {
        var rules = new RecordingRules([Rule(RuleKind.Include, ["pods"]), Rule(RuleKind.Exclude, ["*.metrics.k8s.io"])]);
        Assert.True(rules.Records(Pods));
        Assert.False(rules.Records(PodMetrics));
        Assert.False(rules.Records(Nodes));
        Assert.Equal("""{"include":[]}""", rules.For(Nodes, null)!.Text);
    }

    [Fact]
    public void An_exclusion_outweighs_an_inclusion()
    {
        var rules = new RecordingRules([Rule(RuleKind.Include, ["*"]), Rule(RuleKind.Exclude, ["pods"], ["kube-*"])]).For(Pods, null)!;
        Assert.True(rules.Excludes("kube-system"));
        Assert.False(rules.Excludes("shop"));
        Assert.False(rules.ExcludesType);
    }

    [Fact]
    public void A_rule_that_names_namespaces_does_not_concern_cluster_scoped_objects()
    {
        Assert.True(new RecordingRules([Rule(RuleKind.Exclude, ["*"], ["*"])]).Records(Nodes));
        Assert.False(new RecordingRules([Rule(RuleKind.Include, ["*"], ["*"])]).Records(Nodes));
    }

    [Theory]
    [InlineData("{}", """{"exclude":[{"name":"a"}]}""", false)]
    [InlineData("""{"exclude":[{"name":"a"}]}""", "{}", true)]
    [InlineData("""{"exclude":[{"name":"a","namespaces":["x"]}]}""", """{"exclude":[{"name":"a","namespaces":["y"]}]}""", true)]
    [InlineData("{}", """{"include":[{"name":"a"}]}""", false)]
    [InlineData("""{"include":[{"name":"a"}]}""", "{}", true)]
    [InlineData("""{"include":[]}""", """{"include":[{"name":"a"}]}""", true)]
    [InlineData("""{"include":[{"name":"a"},{"name":"b"}]}""", """{"include":[{"name":"b"}]}""", false)]
    [InlineData("""{"ignore":[{"name":"a"}]}""", """{"exclude":[{"name":"a"}]}""", true)]
    [InlineData("""{"dropManagedFields":[{"name":"a"}]}""", "{}", false)]
    public void Only_what_lets_in_something_new_needs_a_list(string before, string now, bool widens) => Assert.Equal(widens, TypeRules.Widens(before, now));

    [Fact]
    public void Rules_that_cannot_be_meant_are_refused_by_name()
    {
        Assert.Contains("'twice'", Assert.Throws<FormatException>(() => new RecordingRules([Named("twice", ["pods"]), Named("twice", ["nodes"])])).Message, StringComparison.Ordinal);
        Assert.Contains("'no-type'", Assert.Throws<FormatException>(() => new RecordingRules([Named("no-type", [])])).Message, StringComparison.Ordinal);
        Assert.Contains("no path", Assert.Throws<FormatException>(() => new RecordingRules([Rule(RuleKind.Ignore, ["pods"])])).Message, StringComparison.Ordinal);
        Assert.Contains("every change", Assert.Throws<FormatException>(() => new RecordingRules([Rule(RuleKind.Ignore, ["pods"]) with { Paths = [FieldPath.Parse("$")] }])).Message, StringComparison.Ordinal);
    }

    static RecordingRule Named(string name, string[] types) => new() { Name = name, Kind = RuleKind.Exclude, Types = types };

    static RecordingRule Rule(RuleKind kind, string[] types, string[]? namespaces = null) =>
        new() { Name = $"{kind}:{string.Join(',', types)}", Kind = kind, Types = types, Namespaces = namespaces ?? [] };
}
