namespace Replicator.TestKit;

/// <summary>The recordings beside the tests.</summary>
public static class TestRecordings
{
    /// <summary>A busy minute of a small cluster, with kubectl's own answers.</summary>
    public static string Shop { get; } = Path.Combine(Find(), "tests", "recordings", "shop");

    /// <summary>The root of the checkout.</summary>
    public static string Repository => Find();

    /// <summary>Single answers of a real API server.</summary>
    public static string Protocol { get; } = Path.Combine(Find(), "tests", "recordings", "protocol");

    static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Replicator.sln")))
                return folder.FullName;
        }
        throw new DirectoryNotFoundException($"No folder above '{AppContext.BaseDirectory}' holds Replicator.sln.");
    }
}
