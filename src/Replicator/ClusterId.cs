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
}
