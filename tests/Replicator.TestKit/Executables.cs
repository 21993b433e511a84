namespace Replicator.TestKit;

/// <summary>The programs of this machine that tests run beside the project.</summary>
public static class Executables
{
    /// <summary>Whether a program of that name is in one of the folders of <c>PATH</c>.</summary>
    public static bool AreOnPath(string name) => Array.Exists((Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator), folder => File.Exists(Path.Combine(folder, name)));
}
