namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The group <c>batch</c>.</summary>
static class BatchTables
{
    public static BuiltInTable[] All =>
    [
        new("jobs.batch",
        [
            Column.Name,
            Column.Text("Status", "Status of the job."),
            Column.Text("Completions", "The number of pods which reached phase Succeeded. The value increases monotonically for a given spec. However, it may decrease in reaction to scale down of elastic indexed jobs."),
            Column.Text("Duration", "Time required to complete the job."),
            Column.Age,
            Column.Containers,
            Column.Images,
            Column.Text("Selector", "A label query over pods that should match the pod count. Normally, the system sets this field for you. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors", priority: 1),
        ], Job),
        new("cronjobs.batch",
        [
            Column.Name,
            Column.Text("Schedule", "The schedule in Cron format, see https://en.wikipedia.org/wiki/Cron."),
            Column.Text("Timezone", "The time zone name for the given schedule, see https://en.wikipedia.org/wiki/List_of_tz_database_time_zones. If not specified, this will default to the time zone of the kube-controller-manager process. The set of valid time zone names and the time zone offset is loaded from the system-wide time zone database by the API server during CronJob validation and the controller manager during execution. If no system-wide time zone database can be found a bundled version of the database is used instead. If the time zone name becomes invalid during the lifetime of a CronJob or due to a change in host configuration, the controller will stop creating new new Jobs and will create a system event with the reason UnknownTimeZone. More information can be found in https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones"),
            Column.Boolean("Suspend", "This flag tells the controller to suspend subsequent executions, it does not apply to already started executions.  Defaults to false."),
            Column.Integer("Active", "A list of pointers to currently running jobs."),
            Column.Text("Last Schedule", "Information when was the last time the job was successfully scheduled."),
            Column.Age,
            Column.Containers,
            Column.Images,
            Column.Text("Selector", "A label query over pods that should match the pod count. Normally, the system sets this field for you. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors", priority: 1),
        ], CronJob),
    ];

    static void Job(TableRow row)
    {
        var (spec, status) = (row.Spec, row.Status);
        row.WriteName();
        row.Write(JobStatus(row, status["conditions"u8]));
        WriteCompletions(row, spec, status["succeeded"u8]);
        if (status["startTime"u8].TryGetTime(out var start))
            row.Text.AddDuration((status["completionTime"u8].TryGetTime(out var end) ? end : row.Now) - start);
        row.WriteText();
        row.WriteAge();
        row.WriteContainers(spec["template"u8]["spec"u8]);
        row.WriteSelector(spec["selector"u8]);
    }

    static ReadOnlySpan<byte> JobStatus(TableRow row, TapeValue conditions)
    {
        if (HasCondition(conditions, "Complete"u8))
            return "Complete"u8;
        if (HasCondition(conditions, "Failed"u8))
            return "Failed"u8;
        if (row.IsBeingDeleted)
            return "Terminating"u8;
        if (HasCondition(conditions, "Suspended"u8))
            return "Suspended"u8;
        if (HasCondition(conditions, "FailureTarget"u8))
            return "FailureTarget"u8;
        return HasCondition(conditions, "SuccessCriteriaMet"u8) ? "SuccessCriteriaMet"u8 : "Running"u8;
    }

    static bool HasCondition(TapeValue conditions, ReadOnlySpan<byte> type)
    {
        foreach (var condition in conditions)
        {
            if (condition["type"u8].Is(type))
                return condition["status"u8].Is("True"u8);
        }
        return false;
    }

    /// <summary>Without a number of completions one is enough, from however many pods at a time.</summary>
    static void WriteCompletions(TableRow row, TapeValue spec, TapeValue succeeded)
    {
        row.Text.AddInteger(succeeded).Add("/"u8);
        if (spec["completions"u8].IsSet)
        {
            row.Text.AddInteger(spec["completions"u8]);
        }
        else
        {
            row.Text.Add("1"u8);
            if (spec["parallelism"u8].Integer > 1)
                row.Text.Add(" of "u8).AddInteger(spec["parallelism"u8]);
        }
        row.WriteText();
    }

    static void CronJob(TableRow row)
    {
        var (spec, status) = (row.Spec, row.Status);
        var job = spec["jobTemplate"u8]["spec"u8];
        row.WriteName();
        row.Write(spec["schedule"u8]);
        row.Write(spec["timeZone"u8], "<none>"u8);
        row.Write(!spec["suspend"u8].IsSet ? "<unset>"u8 : spec["suspend"u8].IsTrue ? "True"u8 : "False"u8);
        row.Write(status["active"u8].Count);
        if (status["lastScheduleTime"u8].IsSet)
            row.WriteSince(status["lastScheduleTime"u8]);
        else
            row.Write("<none>"u8);
        row.WriteAge();
        row.WriteContainers(job["template"u8]["spec"u8]);
        row.WriteSelector(job["selector"u8]);
    }
}
