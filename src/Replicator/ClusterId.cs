namespace Replicator;

/// <summary>A cluster's id is a part of stream names and paths.</summary>
static class ClusterId
{
    /// <exception cref="CommandException">It cannot be one.</exception>
    public static void Check(string id)
    {
        if (id.Length is 0 or > 63 || !char.IsAsciiLetterOrDigit(id[0]) || !id.All(character => char.IsAsciiLetterLower(character) || char.IsAsciiDigit(character) || character is '-' or '.' or '_'))
            throw new CommandException($"'{id}' is not a cluster id: write at most 63 lower-case letters, digits, '-', '.' and '_', beginning with a letter or digit.");
    }

    /// <summary>An id from a context's name, which may be anything (an ARN, a user at a host).</summary>
    public static string From(string context)
    {
        var id = new string([.. context.ToLowerInvariant().Select(character => char.IsAsciiLetterLower(character) || char.IsAsciiDigit(character) || character is '.' or '_' ? character : '-')]).Trim('-', '.', '_');
        return id.Length > 63 ? id[^63..].TrimStart('-', '.', '_') : id;
    }
}
