namespace Replicator.Core.Kubernetes;

/// <summary>A resource type without its version, written <c>pods</c> or <c>deployments.apps</c>.</summary>
public readonly record struct GroupResource(string Group, string Resource)
{
    /// <inheritdoc/>
    public override string ToString() => Group.Length == 0 ? Resource : $"{Resource}.{Group}";

    /// <summary>Parses <c>plural[.group]</c>.</summary>
    /// <exception cref="FormatException">The text is empty or starts with a dot.</exception>
    public static GroupResource Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        if (text.Length == 0 || dot == 0)
            throw new FormatException($"'{text}' is not a resource type: write 'plural' or 'plural.group', such as 'pods' or 'deployments.apps'.");
        return dot < 0 ? new("", text) : new(text[(dot + 1)..], text[..dot]);
    }
}
