using System.Text;
using Replicator.Core.Json;

namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The group <c>autoscaling</c>. The server prints all versions from one internal form, which is that of v2.</summary>
static class AutoscalingTables
{
    /// <summary>How many metrics are shown.</summary>
    const int Most = 2;

    static readonly TableColumn[] Columns =
    [
        Column.Name,
        Column.Text("Reference", "scaleTargetRef points to the target resource to scale, and is used to the pods for which metrics should be collected, as well as to actually change the replica count."),
        Column.Text("Targets", "metrics contains the specifications for which to use to calculate the desired replica count (the maximum replica count across all metrics will be used).  The desired replica count is calculated multiplying the ratio between the target value and the current value by the current number of pods.  Ergo, metrics used must decrease as the pod count is increased, and vice-versa.  See the individual metric source types for more information about how each type of metric must respond. If not set, the default metric will be set to 80% average CPU utilization."),
        Column.Text("MinPods", "minReplicas is the lower limit for the number of replicas to which the autoscaler can scale down.  It defaults to 1 pod.  minReplicas is allowed to be 0 if the alpha feature gate HPAScaleToZero is enabled and at least one Object or External metric is configured.  Scaling is active as long as at least one metric value is available."),
        Column.Text("MaxPods", "maxReplicas is the upper limit for the number of replicas to which the autoscaler can scale up. It cannot be less that minReplicas."),
        Column.Text("Replicas", "currentReplicas is current number of replicas of pods managed by this autoscaler, as last seen by the autoscaler."),
        Column.Age,
    ];

    public static BuiltInTable[] All => [new("horizontalpodautoscalers.autoscaling", Columns, static row => Autoscaler(row, WriteMetrics))];

    /// <summary>Version 1 knows the use of the CPU only, and keeps all other metrics as JSON in annotations.</summary>
    public static readonly TableDefinition AutoscalersV1 = new(Columns, static row => Autoscaler(row, WriteMetricsV1));

    static void Autoscaler(TableRow row, Action<TableRow> writeMetrics)
    {
        var (spec, target) = (row.Spec, row.Spec["scaleTargetRef"u8]);
        row.WriteName();
        row.Text.Add(target["kind"u8]).Add("/"u8).Add(target["name"u8]);
        row.WriteText();
        writeMetrics(row);
        if (spec["minReplicas"u8].IsSet)
            row.Text.AddInteger(spec["minReplicas"u8]);
        row.WriteText("<unset>"u8);
        row.WriteInteger(spec["maxReplicas"u8]);
        row.WriteInteger(row.Status["currentReplicas"u8]);
        row.WriteAge();
    }

    static void WriteMetrics(TableRow row)
    {
        var (specs, statuses) = (row.Spec["metrics"u8], row.Status["currentMetrics"u8]);
        var list = new MetricList(row.Text);
        var index = 0;
        foreach (var spec in specs)
        {
            var status = ElementAt(statuses, index++);
            if (list.Next())
                AddMetric(row.Text, spec, status);
        }
        list.End();
        row.WriteText("<none>"u8);
    }

    static void AddMetric(CellText text, TapeValue spec, TapeValue status)
    {
        var type = spec["type"u8];
        if (type.Is("Resource"u8))
            AddResource(text, spec["resource"u8], status["resource"u8]);
        else if (type.Is("ContainerResource"u8))
            AddResource(text, spec["containerResource"u8], status["containerResource"u8]);
        else if (type.Is("Pods"u8))
            AddValue(text, status["pods"u8].IsSet, status["pods"u8]["current"u8]["averageValue"u8], spec["pods"u8]["target"u8]["averageValue"u8]);
        else if (type.Is("Object"u8))
            AddTotalOrAverage(text, spec["object"u8]["target"u8], status["object"u8]);
        else if (type.Is("External"u8))
            AddTotalOrAverage(text, spec["external"u8]["target"u8], status["external"u8]);
        else
            text.Add("<unknown type>"u8);
    }

    static void AddResource(CellText text, TapeValue spec, TapeValue status)
    {
        var (target, current) = (spec["target"u8], status["current"u8]);
        text.Add(spec["name"u8]).Add(": "u8);
        if (target["averageValue"u8].IsSet)
            AddValue(text, status.IsSet, current["averageValue"u8], target["averageValue"u8]);
        else
            AddUtilization(text, current["averageUtilization"u8], target["averageUtilization"u8]);
    }

    static void AddTotalOrAverage(CellText text, TapeValue target, TapeValue status)
    {
        var current = status["current"u8];
        if (target["averageValue"u8].IsSet)
        {
            AddValue(text, current["averageValue"u8].IsSet, current["averageValue"u8], target["averageValue"u8]);
            text.Add(" (avg)"u8);
        }
        else
        {
            AddValue(text, status.IsSet, current["value"u8], target["value"u8]);
        }
    }

    static void AddValue(CellText text, bool isKnown, TapeValue current, TapeValue target)
    {
        _ = isKnown ? text.AddQuantity(current) : text.Add("<unknown>"u8);
        text.Add("/"u8).AddQuantity(target);
    }

    static void AddUtilization(CellText text, TapeValue current, TapeValue target)
    {
        _ = current.IsSet ? text.AddInteger(current).Add("%"u8) : text.Add("<unknown>"u8);
        text.Add("/"u8);
        _ = target.IsSet ? text.AddInteger(target).Add("%"u8) : text.Add("<auto>"u8);
    }

    /// <summary>
    /// The use of the CPU has a field of its own, all other metrics are in an annotation. Where it stood among them is told only by the current metrics, which are all in one annotation; without these it comes last.
    /// </summary>
    static void WriteMetricsV1(TableRow row)
    {
        var annotations = row.Metadata["annotations"u8];
        var specs = ParseArray(annotations["autoscaling.alpha.kubernetes.io/metrics"u8]);
        var statuses = ParseArray(annotations["autoscaling.alpha.kubernetes.io/current-metrics"u8]);
        var cpu = row.Spec["targetCPUUtilizationPercentage"u8];
        var place = cpu.IsSet ? PlaceOfCpu(statuses, specs.Count) : -1;
        var list = new MetricList(row.Text);
        var index = 0;
        foreach (var spec in specs)
        {
            if (index == place)
                AddCpu(row, ref list, index++, specs, statuses);
            var status = ElementAt(statuses, index++);
            if (list.Next())
                AddMetricV1(row.Text, spec, status);
        }
        if (index == place)
            AddCpu(row, ref list, index, specs, statuses);
        list.End();
        row.WriteText("<none>"u8);
    }

    static void AddCpu(TableRow row, ref MetricList list, int index, TapeValue specs, TapeValue statuses)
    {
        if (!list.Next())
            return;
        var current = statuses.Count > 0 ? ElementAt(statuses, index)["resource"u8]["currentAverageUtilization"u8]
            : specs.Count == 0 ? row.Status["currentCPUUtilizationPercentage"u8] : TapeValue.None;
        AddUtilization(row.Text.Add("cpu: "u8), current, row.Spec["targetCPUUtilizationPercentage"u8]);
    }

    static int PlaceOfCpu(TapeValue statuses, int others)
    {
        var index = 0;
        foreach (var status in statuses)
        {
            if (status["type"u8].Is("Resource"u8) && status["resource"u8]["name"u8].Is("cpu"u8))
                return Math.Min(index, others);
            index++;
        }
        return others;
    }

    static void AddMetricV1(CellText text, TapeValue spec, TapeValue status)
    {
        var type = spec["type"u8];
        if (type.Is("Resource"u8))
            AddResourceV1(text, spec["resource"u8], status["resource"u8]);
        else if (type.Is("ContainerResource"u8))
            AddResourceV1(text, spec["containerResource"u8], status["containerResource"u8]);
        else if (type.Is("Pods"u8))
            AddValue(text, status["pods"u8].IsSet, status["pods"u8]["currentAverageValue"u8], spec["pods"u8]["targetAverageValue"u8]);
        else if (type.Is("Object"u8))
            AddTotalOrAverageV1(text, spec["object"u8], status["object"u8], "averageValue"u8, "averageValue"u8);
        else if (type.Is("External"u8))
            AddTotalOrAverageV1(text, spec["external"u8], status["external"u8], "targetAverageValue"u8, "currentAverageValue"u8);
        else
            text.Add("<unknown type>"u8);
    }

    static void AddResourceV1(CellText text, TapeValue spec, TapeValue status)
    {
        text.Add(spec["name"u8]).Add(": "u8);
        if (spec["targetAverageValue"u8].IsSet)
            AddValue(text, status.IsSet, status["currentAverageValue"u8], spec["targetAverageValue"u8]);
        else
            AddUtilization(text, status["currentAverageUtilization"u8], spec["targetAverageUtilization"u8]);
    }

    static void AddTotalOrAverageV1(CellText text, TapeValue spec, TapeValue status, ReadOnlySpan<byte> targetAverage, ReadOnlySpan<byte> currentAverage)
    {
        if (spec[targetAverage].IsSet)
        {
            AddValue(text, status[currentAverage].IsSet, status[currentAverage], spec[targetAverage]);
            text.Add(" (avg)"u8);
        }
        else
        {
            AddValue(text, status.IsSet, status["currentValue"u8], spec["targetValue"u8]);
        }
    }

    static TapeValue ElementAt(TapeValue array, int index)
    {
        foreach (var element in array)
        {
            if (index-- == 0)
                return element;
        }
        return TapeValue.None;
    }

    /// <summary>The array in an annotation; nothing where there is none that could be read, which is what the server makes of it.</summary>
    static TapeValue ParseArray(TapeValue annotation)
    {
        if (!annotation.HasText)
            return TapeValue.None;
        var tape = new JsonTape();
        try
        {
            tape.Parse(Encoding.UTF8.GetBytes(annotation.Tape.GetString(annotation.Node)));
        }
        catch (JsonFormatException)
        {
            return TapeValue.None;
        }
        return tape.Kind(tape.Root) == JsonKind.Array ? new TapeValue(tape, tape.Root) : TapeValue.None;
    }

    /// <summary>Joins the first metrics with a comma and a space and counts the others.</summary>
    struct MetricList(CellText text)
    {
        int _count;

        public bool Next()
        {
            if (_count++ >= Most)
                return false;
            if (_count > 1)
                text.Add(", "u8);
            return true;
        }

        public readonly void End()
        {
            if (_count > Most)
                text.Add(" + "u8).Add(_count - Most).Add(" more..."u8);
        }
    }
}
