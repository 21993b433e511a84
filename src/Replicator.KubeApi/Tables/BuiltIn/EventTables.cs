namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>Events, which are served by two groups with different names for the same fields.</summary>
static class EventTables
{
    static readonly TableColumn[] Columns =
    [
        Column.Text("Last Seen", "The time at which the most recent occurrence of this event was recorded."),
        Column.Text("Type", "Type of this event (Normal, Warning), new types could be added in the future"),
        Column.Text("Reason", "This should be a short, machine understandable string that gives the reason for the transition into the object's current status."),
        Column.Text("Object", "The object that this event is about."),
        Column.Text("Subobject", "If referring to a piece of an object instead of an entire object, this string should contain a valid JSON/Go field access statement, such as desiredState.manifest.containers[2]. For example, if the object reference is to a container within a pod, this would take on a value like: \"spec.containers{name}\" (where \"name\" refers to the name of the container that triggered the event) or if no container name is specified \"spec.containers[2]\" (container with index 2 in this pod). This syntax is chosen only to have some well-defined way of referencing a part of an object.", priority: 1),
        Column.Text("Source", "The component reporting this event. Should be a short machine understandable string.", priority: 1),
        Column.Text("Message", "A human-readable description of the status of this operation."),
        Column.Text("First Seen", "The time at which the event was first recorded. (Time of server receipt is in TypeMeta.)", priority: 1),
        Column.Text("Count", "The number of times this event has occurred.", priority: 1),
        Column.Name with { Priority = 1 },
    ];

    public static BuiltInTable[] All =>
    [
        new("events", Columns, static row =>
        {
            var entry = row.Object;
            Write(row, new Fields(entry["firstTimestamp"u8], entry["lastTimestamp"u8], entry["count"u8], entry["involvedObject"u8], entry["source"u8], entry["reportingComponent"u8], entry["message"u8]));
        }),
        new("events.events.k8s.io", Columns, static row =>
        {
            var entry = row.Object;
            Write(row, new Fields(entry["deprecatedFirstTimestamp"u8], entry["deprecatedLastTimestamp"u8], entry["deprecatedCount"u8], entry["regarding"u8], entry["deprecatedSource"u8],
                entry["reportingController"u8], entry["note"u8]));
        }),
    ];

    static void Write(TableRow row, in Fields fields)
    {
        var (entry, series, source) = (row.Object, row.Object["series"u8], fields.Source);
        var first = fields.First.TryGetTime(out _) ? fields.First : entry["eventTime"u8];
        row.WriteSince(series.IsSet ? series["lastObservedTime"u8] : fields.Last.TryGetTime(out _) ? fields.Last : first);
        row.Write(entry["type"u8]);
        row.Write(entry["reason"u8]);

        row.Text.AddLower(fields.Regarding["kind"u8]);
        if (fields.Regarding["name"u8].HasText)
            row.Text.Add("/"u8).Add(fields.Regarding["name"u8]);
        row.WriteText();
        row.Write(fields.Regarding["fieldPath"u8]);

        row.Text.Add(source["component"u8].HasText ? source["component"u8] : fields.Controller);
        var instance = source["host"u8].HasText ? source["host"u8] : entry["reportingInstance"u8];
        if (instance.HasText)
            row.Text.Add(", "u8).Add(instance);
        row.WriteText();

        row.Text.AddTrimmed(fields.Message);
        row.WriteText();
        row.WriteSince(first);
        // An event of the newer API that happened once has no count.
        var count = fields.Count.Integer;
        row.Write(series.IsSet ? series["count"u8].Integer : count == 0 ? 1 : count);
        row.WriteName();
    }

    readonly record struct Fields(TapeValue First, TapeValue Last, TapeValue Count, TapeValue Regarding, TapeValue Source, TapeValue Controller, TapeValue Message);
}
