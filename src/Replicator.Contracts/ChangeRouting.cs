namespace Replicator.Contracts;

/// <summary>Where changes are found on a broker: the exchange, and the routing key by which a subscriber selects among them.</summary>
/// <remarks>
/// A key has four words, <c>cluster.group.resource.namespace</c>, so that a topic binding (AMQP 0-9-1: <c>*</c> is one word, <c>#</c> any number) selects by each of them: <c>shop.#</c> is a cluster, <c>*.apps.deployments.*</c> a type,
/// <c>*.*.*.payments</c> a namespace. A dot within a word is written <c>_</c>: <c>networking_k8s_io</c>.
/// </remarks>
public static class ChangeRouting
{
    /// <summary>The name of the durable topic exchange.</summary>
    public const string Exchange = "replicator.changes";

    /// <summary>The group word of the core group, whose name is empty. No other group can bear it: theirs have a dot, or are Kubernetes' own.</summary>
    public const string CoreGroup = "core";

    /// <summary>The namespace word of cluster-scoped objects, and of what the observer says of itself (GAP, SYNC_STARTED, ...).</summary>
    public const string NoNamespace = "-";

    /// <summary>What the group word ends with where it had to be cut.</summary>
    public const string Cut = "~";

    // A short string of AMQP 0-9-1 (4.2.5.3) has at most 255 bytes; a group and a plural may have 253 together, a cluster and a namespace 63 each.
    const int MaxLength = 255;

    /// <summary>The routing key of a change. Keys that would have more than 255 bytes have their group cut, ending in <see cref="Cut"/>.</summary>
    public static string KeyOf(string cluster, string group, string resource, string @namespace)
    {
        var groupWord = Word(group, CoreGroup);
        var head = Word(cluster, NoNamespace);
        var tail = $"{Word(resource, NoNamespace)}.{Word(@namespace, NoNamespace)}";
        var excess = head.Length + groupWord.Length + tail.Length + 2 - MaxLength;
        if (excess > 0)
            groupWord = string.Concat(groupWord.AsSpan(0, Math.Max(0, groupWord.Length - excess - Cut.Length)), Cut);
        return $"{head}.{groupWord}.{tail}";
    }

    /// <summary>A topic binding: null selects every cluster, group, resource or namespace.</summary>
    public static string Pattern(string? cluster = null, string? group = null, string? resource = null, string? @namespace = null) =>
        $"{Part(cluster, NoNamespace)}.{Part(group, CoreGroup)}.{Part(resource, NoNamespace)}.{Part(@namespace, NoNamespace)}";

    static string Part(string? text, string empty) => text is null ? "*" : Word(text, empty);

    static string Word(string text, string empty) => text.Length == 0 ? empty : text.Replace('.', '_');
}
