namespace Replicator;

/// <summary>How the commands of this machine get at a guarded API: by a token beside the data, which only the data's owner can read, and which is another with every start.</summary>
static class LocalAccess
{
    const string FileName = "api-token";

    /// <summary>Leaves the token in the data folder; null takes it away.</summary>
    public static void Write(string data, string? token)
    {
        var file = Path.Combine(data, FileName);
        File.Delete(file);
        if (token is null)
            return;
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var writer = new StreamWriter(file, options);
        writer.Write(token);
    }

    /// <summary>The token of the process that serves the folder; null where its API is open.</summary>
    /// <exception cref="CommandException">It belongs to somebody else.</exception>
    public static string? Read(string data)
    {
        var file = Path.Combine(data, FileName);
        try
        {
            return File.Exists(file) ? File.ReadAllText(file) : null;
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new CommandException($"The API over '{data}' is guarded, and its token cannot be read ({exception.Message}): run the command as the user who runs 'replicator up'.");
        }
    }
}
