using System.Reflection;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>The directions of dependency: adapters know Core, Core knows no adapter and no package, only the executable knows them all.</summary>
public sealed class ArchitectureTests
{
    static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Replicator.Core"] = [],
        ["Replicator.Contracts"] = [],
        ["Replicator.Informers"] = ["Replicator.Core"],
        ["Replicator.Storage.Sqlite"] = ["Replicator.Core"],
        ["Replicator.Storage.EventStoreDb"] = ["Replicator.Core"],
        ["Replicator.Storage.Marten"] = ["Replicator.Core"],
        // A package id for the restore and nothing else.
        ["Patched.DistributedLock.Postgres"] = [],
        ["Replicator.Bus"] = ["Replicator.Core", "Replicator.Contracts"],
        ["Replicator.KubeApi"] = ["Replicator.Core"],
        ["Replicator.Server"] = ["Replicator.Core", "Replicator.KubeApi"],
    };

    public static TheoryData<string> Assemblies => [.. Allowed.Keys];

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void Dependencies_point_towards_the_core(string name)
    {
        var references = Assembly.Load(name).GetReferencedAssemblies().Select(reference => reference.Name!).ToList();
        Assert.Empty(references.Where(reference => reference.StartsWith("Replicator", StringComparison.OrdinalIgnoreCase)).Except(Allowed[name]));
    }

    [Fact]
    public void The_core_and_the_contracts_need_nothing_but_the_runtime()
    {
        foreach (var name in (string[])["Replicator.Core", "Replicator.Contracts"])
        {
            Assert.DoesNotContain(Assembly.Load(name).GetReferencedAssemblies(), reference =>
                !reference.Name!.StartsWith("System.", StringComparison.Ordinal) && reference.Name is not ("netstandard" or "mscorlib"));
        }
    }

    [Fact]
    public void Every_project_of_the_sources_is_held()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Replicator.sln")))
            folder = folder.Parent!;
        var projects = Directory.EnumerateDirectories(Path.Combine(folder.FullName, "src")).Select(Path.GetFileName);
        Assert.Equal(Allowed.Keys.Append("Replicator").Order(StringComparer.Ordinal), projects.Order(StringComparer.Ordinal));
    }
}
