namespace Replicator.Configuration;

/// <summary>Every setting that there is. One that is not here cannot be read, and one that a user writes and is not here is refused.</summary>
static class SettingKeys
{
    const string Patterns = "pattern or list of patterns";

    static readonly SettingKey[] OfAnyCluster =
    [
        new("redact[].type", "required", "plural.group of the objects whose values are replaced by fingerprints."),
        new("redact[].path", "required", "field path of those values."),
        .. Rules("include", "everything", "what to record: where there are such rules, nothing else is."),
        .. Rules("exclude", "leases.coordination.k8s.io", "what not to record, whatever is included."),
        .. Rules("ignore", "none", "changes not to record because they touch only the rule's paths."),
        new("rules.ignore[].paths", "required", "field path or list of field paths."),
        .. Rules("dropManagedFields", "none", "objects to record without metadata.managedFields."),
        new("selfCheck.period", "5m", "how often the log is compared with the server: a number with ms, s, m, h or d, or off."),
        new("selfCheck.patience", "2m", "how long a difference may stand while the watch has not come past the list: a number with ms, s, m, h or d."),
    ];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<SettingKey> All { get; } =
    [
        new("data", "./replicator-data", "folder of the log, the projection and the redaction key."),
        new("listen", "http://127.0.0.1:7070", "URL at which the API listens."),
        new("cluster", "from the context's name", "id under which the one cluster is recorded."),
        new("kubeconfig", "$KUBECONFIG, ~/.kube/config, the pod's service account", "file that says how to reach the one cluster."),
        new("context", "the kubeconfig's current-context", "context of that kubeconfig."),
        new("bufferMiB", "256", "MiB that all clusters and types together may have read and not recorded yet; at the limit reading stops."),
        new("roles", "collector,projector,publisher,api", "what this process does, with commas between them."),
        new("log.format", "text", "text, or json: log lines as JSON objects."),
        new("access.kubernetes", "false", "true to check bearer tokens by TokenReview with the cluster that is asked about, and every read by SubjectAccessReview."),
        new("access.cache", "10s", "how long an answer of a cluster holds: a number with ms, s, m, h or d."),
        new("access.tokens[].name", "required", "whose token it is, for logs and refusals."),
        new("access.tokens[].sha256", "required", "SHA-256 of the token, 64 hexadecimal digits."),
        new("access.tokens[].clusters", "all", "id or list of ids of the clusters that it opens."),
        new("access.tokens[].namespaces", "everything", "namespace or list of namespaces that it opens."),
        new("tls.certificate", "none", "file of the certificate (PEM), and behind it of those that lead to an authority."),
        new("tls.key", "required with tls.certificate", "file of the certificate's private key (PEM)."),
        new("store.log", "sqlite", "engine of the log: sqlite, in the data folder, postgres or eventstoredb."),
        new("store.snapshots", "sqlite where the log is, else postgres", "engine of the projection and of the followers' positions: sqlite or postgres."),
        new("store.postgres.connectionString", "required with postgres", "where PostgreSQL is, and as whom: Host=...;Database=...;Username=...;Password=..."),
        new("store.postgres.connectionStringFile", "none", "file that holds it, in its place."),
        new("store.postgres.passwordFile", "none", "file that holds the password, where the connection string has none."),
        new("store.postgres.schema", "replicator", "schema that holds everything; it belongs to Replicator alone."),
        new("store.eventstoredb.connectionString", "required with eventstoredb", "where EventStoreDB is, and as whom: esdb://..., esdb+discover://..., kurrentdb://..."),
        new("store.eventstoredb.connectionStringFile", "none", "file that holds it, in its place."),
        new("store.eventstoredb.streamPrefix", "none", "put before the name of every stream, so that installations can share a store."),
        new("bus.transport", "in-memory", "in-memory, within the process, or rabbitmq."),
        new("bus.host", "required with rabbitmq", "name or address of the broker."),
        new("bus.port", "5672, with TLS 5671", "port of the broker."),
        new("bus.virtualHost", "/", "virtual host."),
        new("bus.username", "guest", "user, who may configure and write the exchange replicator.changes."),
        new("bus.password", "guest", "password of that user."),
        new("bus.passwordFile", "none", "file that holds the password, in its place."),
        new("bus.tls", "false", "true to speak TLS; the broker's certificate must be valid for bus.host."),
        new("bus.caFile", "the machine's authorities", "file of the authorities' certificates (PEM) to trust in their place."),
        .. OfAnyCluster,
        new("clusters[].id", "required", "id under which the cluster is recorded."),
        new("clusters[].kubeconfig", "as kubeconfig", "file that says how to reach the cluster."),
        new("clusters[].context", "the kubeconfig's current-context", "context of that kubeconfig."),
        .. OfAnyCluster.Select(key => key with { Path = $"clusters[].{key.Path}", Default = key.Default == "required" ? key.Default : "as above" }),
    ];

    /// <summary>The nearest name that may stand at a place, for who has mistyped one.</summary>
    public static string Nearest(string name, IEnumerable<string> known) => known.MinBy(candidate => Distance(name, candidate))!;

    static IEnumerable<SettingKey> Rules(string kind, string @default, string meaning) =>
    [
        new($"rules.{kind}[]", @default, $"{Patterns} of plural.group, or a rule: {meaning}"),
        new($"rules.{kind}[].name", "from its kind, types and namespaces", "what its counts are shown under."),
        new($"rules.{kind}[].types", "*", $"{Patterns} of plural.group."),
        new($"rules.{kind}[].namespaces", "all objects", $"{Patterns} of namespaces."),
    ];

    /// <summary>How many letters have to be put in, taken out or changed (Levenshtein), in any case.</summary>
    static int Distance(string from, string to)
    {
        var row = Enumerable.Range(0, to.Length + 1).ToArray();
        for (var i = 1; i <= from.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var changed = diagonal + (char.ToLowerInvariant(from[i - 1]) == char.ToLowerInvariant(to[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(changed, 1 + Math.Min(row[j], row[j - 1]));
            }
        }
        return row[^1];
    }
}
