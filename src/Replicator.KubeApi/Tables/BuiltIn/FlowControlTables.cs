using Replicator.Core.Json;

namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The group <c>flowcontrol.apiserver.k8s.io</c>.</summary>
static class FlowControlTables
{
    public static BuiltInTable[] All =>
    [
        new("flowschemas.flowcontrol.apiserver.k8s.io", new TableDefinition(
        [
            Column.Name,
            Column.Text("PriorityLevel", "`name` is the name of the priority level configuration being referenced Required."),
            Column.Text("MatchingPrecedence", "`matchingPrecedence` is used to choose among the FlowSchemas that match a given request. The chosen FlowSchema is among those with the numerically lowest (which we take to be logically highest) MatchingPrecedence.  Each MatchingPrecedence value must be ranged in [1,10000]. Note that if the precedence is not specified, it will be set to 1000 as default."),
            Column.Text("DistinguisherMethod", "`distinguisherMethod` defines how to compute the flow distinguisher for requests that match this schema. `nil` specifies that the distinguisher is disabled and thus will always be the empty string."),
            Column.Age,
            Column.Text("MissingPL", "references a broken or non-existent PriorityLevelConfiguration"),
        ], FlowSchema)
        {
            RowOrder = ByPrecedence,
        }),
        new("prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
        [
            Column.Name,
            Column.Text("Type", "`type` indicates whether this priority level is subject to limitation on request execution.  A value of `\"Exempt\"` means that requests of this priority level are not subject to a limit (and thus are never queued) and do not detract from the capacity made available to other priority levels.  A value of `\"Limited\"` means that (a) requests of this priority level _are_ subject to limits and (b) some of the server's limited capacity is made available exclusively to this priority level. Required."),
            Column.Text("NominalConcurrencyShares", "`nominalConcurrencyShares` (NCS) contributes to the computation of the NominalConcurrencyLimit (NominalCL) of this level. This is the number of execution seats available at this priority level. This is used both for requests dispatched from this priority level as well as requests dispatched from other priority levels borrowing seats from this level. The server's concurrency limit (ServerCL) is divided among the Limited priority levels in proportion to their NCS values:\n\nNominalCL(i)  = ceil( ServerCL * NCS(i) / sum_ncs ) sum_ncs = sum[priority level k] NCS(k)\n\nBigger numbers mean a larger nominal concurrency limit, at the expense of every other priority level.\n\nIf not specified, this field defaults to a value of 30.\n\nSetting this field to zero supports the construction of a \"jail\" for this priority level that is used to hold some request(s)"),
            Column.Text("Queues", "`queues` is the number of queues for this priority level. The queues exist independently at each apiserver. The value must be positive.  Setting it to 1 effectively precludes shufflesharding and thus makes the distinguisher method of associated flow schemas irrelevant.  This field has a default value of 64."),
            Column.Text("HandSize", "`handSize` is a small positive number that configures the shuffle sharding of requests into queues.  When enqueuing a request at this priority level the request's flow identifier (a string pair) is hashed and the hash value is used to shuffle the list of queues and deal a hand of the size specified here.  The request is put into one of the shortest queues in that hand. `handSize` must be no larger than `queues`, and should be significantly smaller (so that a few heavy flows do not saturate most of the queues).  See the user-facing documentation for more extensive guidance on setting this field.  This field has a default value of 8."),
            Column.Text("QueueLengthLimit", "`queueLengthLimit` is the maximum number of requests allowed to be waiting in a given queue of this priority level at a time; excess requests are rejected.  This value must be positive.  If not specified, it will be defaulted to 50."),
            Column.Age,
        ], PriorityLevelConfiguration),
    ];

    /// <summary>The order in which the server tries flow schemas: by precedence, then by name.</summary>
    static int ByPrecedence(JsonTape x, JsonTape y)
    {
        var (first, second) = (new TapeValue(x, x.Root), new TapeValue(y, y.Root));
        var order = first["spec"u8]["matchingPrecedence"u8].Integer.CompareTo(second["spec"u8]["matchingPrecedence"u8].Integer);
        return order != 0 ? order : string.CompareOrdinal(Name(first), Name(second));

        static string Name(TapeValue schema) => schema["metadata"u8]["name"u8] is { IsString: true } name ? name.Tape.GetString(name.Node) : "";
    }

    static void FlowSchema(TableRow row)
    {
        var spec = row.Spec;
        row.WriteName();
        row.Write(spec["priorityLevelConfiguration"u8]["name"u8]);
        row.WriteInteger(spec["matchingPrecedence"u8]);
        if (spec["distinguisherMethod"u8].IsSet)
            row.Write(spec["distinguisherMethod"u8]["type"u8]);
        else
            row.Write("<none>"u8);
        row.WriteAge();
        foreach (var condition in row.Status["conditions"u8])
        {
            if (!condition["type"u8].Is("Dangling"u8))
                continue;
            row.Write(condition["status"u8]);
            return;
        }
        row.Write("?"u8);
    }

    static void PriorityLevelConfiguration(TableRow row)
    {
        var limited = row.Spec["limited"u8];
        var queuing = limited["limitResponse"u8]["queuing"u8];
        // Earlier versions had another name for the shares.
        var shares = limited["nominalConcurrencyShares"u8].IsSet ? limited["nominalConcurrencyShares"u8] : limited["assuredConcurrencyShares"u8];
        row.WriteName();
        row.Write(row.Spec["type"u8]);
        WriteNumber(row, limited.IsSet, shares);
        WriteNumber(row, queuing.IsSet, queuing["queues"u8]);
        WriteNumber(row, queuing.IsSet, queuing["handSize"u8]);
        WriteNumber(row, queuing.IsSet, queuing["queueLengthLimit"u8]);
        row.WriteAge();
    }

    static void WriteNumber(TableRow row, bool isSet, TapeValue value)
    {
        if (isSet)
            row.WriteInteger(value);
        else
            row.Write("<none>"u8);
    }
}
