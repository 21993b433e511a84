using System.CommandLine;

namespace Replicator.Benchmarks;

/// <summary>The options that several benchmarks have.</summary>
static class CommonOptions
{
    public static Option<int> Runs(int usual = 5) => new("--runs") { Description = "How often each side runs, in turns.", HelpName = "N", DefaultValueFactory = _ => usual };

    public static Option<int> Seed() => new("--seed") { Description = "What the random choices follow from.", HelpName = "N", DefaultValueFactory = _ => 1 };

    public static Option<int> Pods() => new("--pods") { Description = "How many pods live at any moment.", HelpName = "N", DefaultValueFactory = _ => 5_000 };

    public static Option<int> Changes() => new("--changes") { Description = "How many changes follow the first list.", HelpName = "N", DefaultValueFactory = _ => 100_000 };

    public static Option<string?> Folder() => new("--folder") { Description = "Where the recorded feed is, or is to be made and kept; without it, a temporary one is made.", HelpName = "DIR" };
}
