namespace Replicator;

/// <summary>Roles as flags and settings name them.</summary>
static class RoleNames
{
    const string Known = "collector, projector, publisher, api";

    /// <summary>Reads names with commas between them.</summary>
    /// <exception cref="CommandException">One of them is no role, or there is none.</exception>
    public static Roles Parse(string text)
    {
        var roles = Roles.None;
        foreach (var name in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            roles |= name switch
            {
                "collector" => Roles.Collector,
                "projector" => Roles.Projector,
                "publisher" => Roles.Publisher,
                "api" => Roles.Api,
                _ => throw new CommandException($"'{name}' is not a role: known are {Known}."),
            };
        }
        return roles == Roles.None ? throw new CommandException($"No role is named: leave --roles out for all, or name some of {Known}.") : roles;
    }

    /// <summary>The names, as <see cref="Parse"/> reads them.</summary>
    public static string Format(Roles roles) =>
        string.Join(",", ((Roles[])[Roles.Collector, Roles.Projector, Roles.Publisher, Roles.Api]).Where(role => roles.HasFlag(role)).Select(role => role.ToString().ToLowerInvariant()));

    /// <summary>Refuses roles that cannot run apart over the embedded store: one process holds its folder, so what it leaves out nobody else can do. Collecting and publishing may be left out altogether.</summary>
    /// <exception cref="CommandException">The projector or the API is missing.</exception>
    public static void CheckEmbedded(Roles roles, string data)
    {
        var missing = (Roles.Projector | Roles.Api) & ~roles;
        if (missing != Roles.None)
            throw new CommandException($"The roles '{Format(roles)}' leave '{Format(missing)}' to another process, but one process alone can hold the data folder '{data}': add what is missing to --roles, or keep log and snapshots in servers that processes can share.");
    }
}
