namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>Pods: the aggregate of what their containers report.</summary>
static class PodTable
{
    static readonly TableColumn[] Columns =
    [
        Column.Name,
        Column.Text("Ready", "The aggregate readiness state of this pod for accepting traffic."),
        Column.Text("Status", "The aggregate status of the containers in this pod."),
        Column.Text("Restarts", "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted."),
        Column.Age,
        Column.Text("IP", "podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated.", priority: 1),
        Column.Text("Node", "NodeName indicates in which node this pod is scheduled. If empty, this pod is a candidate for scheduling by the scheduler defined in schedulerName. Once this field is set, the kubelet for this node becomes responsible for the lifecycle of this pod. This field should not be used to express a desire for the pod to be scheduled on a specific node. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodename", priority: 1),
        Column.Text("Nominated Node", "nominatedNodeName is set only when this pod preempts other pods on the node, but it cannot be scheduled right away as preemption victims receive their graceful termination periods. This field does not guarantee that the pod will be scheduled on this node. Scheduler may decide to place the pod elsewhere if other nodes become available sooner. Scheduler may also decide to give the resources on this node to a higher priority pod that is created after preemption. As a result, this field may be different than PodSpec.nodeName when the pod is scheduled.", priority: 1),
        Column.Text("Readiness Gates", "If specified, all readiness gates will be evaluated for pod readiness. A pod is ready when all its containers are ready AND all conditions specified in the readiness gates have status equal to \"True\" More info: https://git.k8s.io/enhancements/keps/sig-network/580-pod-readiness-gates", priority: 1),
    ];

    public static readonly TableDefinition Definition = new(Columns, Cells, Conditions);

    static void Cells(TableRow row)
    {
        var (spec, status) = (row.Spec, row.Status);
        var reading = new Reading(row, spec, status);
        reading.ReadInitContainers();
        if (!reading.IsInitializing || IsInitialized(status["conditions"u8]))
            reading.ReadContainers();

        row.WriteName();
        row.Text.Add(reading.Ready).Add("/"u8).Add(reading.Total);
        row.WriteText();
        reading.WriteReason();
        row.Text.Add(reading.Restarts);
        if (reading.Restarts != 0 && reading.LastRestart != 0)
            row.Text.Add(" ("u8).AddDuration(row.Now - reading.LastRestart).Add(" ago)"u8);
        row.WriteText();
        row.WriteAge();

        // The older field is the one that counts, as it does for the server where the two differ.
        row.WriteUnlessEmpty(status["podIP"u8].HasText ? status["podIP"u8] : status["podIPs"u8].First["ip"u8], "<none>"u8);
        row.WriteUnlessEmpty(spec["nodeName"u8], "<none>"u8);
        row.WriteUnlessEmpty(status["nominatedNodeName"u8], "<none>"u8);
        WriteReadinessGates(row, spec["readinessGates"u8], status["conditions"u8]);
    }

    /// <summary>Marks the rows of pods that have ended, so that clients may leave them out.</summary>
    static void Conditions(TableRow row)
    {
        var phase = row.Status["phase"u8];
        var hasSucceeded = phase.Is("Succeeded"u8);
        if (!hasSucceeded && !phase.Is("Failed"u8))
            return;
        row.Json.WriteStartArray("conditions"u8);
        row.Json.WriteStartObject();
        row.Json.WriteString("type"u8, "Completed"u8);
        row.Json.WriteString("status"u8, "True"u8);
        row.Json.WriteString("reason"u8, hasSucceeded ? "Succeeded"u8 : "Failed"u8);
        row.Json.WriteString("message"u8, hasSucceeded ? "The pod has completed successfully."u8 : "The pod failed."u8);
        row.Json.WriteEndObject();
        row.Json.WriteEndArray();
    }

    static void WriteReadinessGates(TableRow row, TapeValue gates, TapeValue conditions)
    {
        if (gates.Count == 0)
        {
            row.Write("<none>"u8);
            return;
        }
        var open = 0;
        foreach (var gate in gates)
        {
            foreach (var condition in conditions)
            {
                if (!condition["type"u8].IsSameText(gate["conditionType"u8]))
                    continue;
                if (condition["status"u8].Is("True"u8))
                    open++;
                break;
            }
        }
        row.Text.Add(open).Add("/"u8).Add(gates.Count);
        row.WriteText();
    }

    static bool IsInitialized(TapeValue conditions)
    {
        foreach (var condition in conditions)
        {
            if (condition["type"u8].Is("Initialized"u8))
                return condition["status"u8].Is("True"u8);
        }
        return false;
    }

    /// <summary>What has been read of a pod's containers so far. The reason is put together aside, for it comes behind what is counted.</summary>
    ref struct Reading
    {
        readonly TableRow _row;
        readonly TapeValue _spec;
        readonly TapeValue _status;
        readonly TapeValue _initContainers;
        long _restartsOfSidecars;
        long _lastRestartOfSidecars;

        public Reading(TableRow row, TapeValue spec, TapeValue status)
        {
            (_row, _spec, _status) = (row, spec, status);
            _initContainers = spec["initContainers"u8];
            Total = spec["containers"u8].Count;
            foreach (var container in _initContainers)
            {
                if (IsSidecar(container))
                    Total++;
            }

            var isGated = false;
            foreach (var condition in status["conditions"u8])
                isGated |= condition["type"u8].Is("PodScheduled"u8) && condition["reason"u8].Is("SchedulingGated"u8);
            if (isGated)
                SetReason("SchedulingGated"u8);
            else
                _row.Aside.Add(status["reason"u8].HasText ? status["reason"u8] : status["phase"u8]);
        }

        public int Ready { get; private set; }

        public int Total { get; }

        public long Restarts { get; private set; }

        /// <summary>UTC ticks, 0 where nothing has restarted.</summary>
        public long LastRestart { get; private set; }

        /// <summary>Whether an init container has not done its part, so that the pod is where that container is.</summary>
        public bool IsInitializing { get; private set; }

        public void ReadInitContainers()
        {
            var index = 0;
            foreach (var container in _status["initContainerStatuses"u8])
            {
                var (state, isSidecar) = (container["state"u8], IsSidecar(container["name"u8], index));
                var (terminated, waiting) = (state["terminated"u8], state["waiting"u8]);
                Restarts += container["restartCount"u8].Integer;
                LastRestart = Math.Max(LastRestart, Restart(container));
                if (isSidecar)
                {
                    _restartsOfSidecars += container["restartCount"u8].Integer;
                    _lastRestartOfSidecars = Math.Max(_lastRestartOfSidecars, Restart(container));
                }

                if (terminated.IsSet && terminated["exitCode"u8].Integer == 0)
                {
                    index++;
                    continue;
                }
                if (isSidecar && container["started"u8].IsTrue)
                {
                    if (container["ready"u8].IsTrue)
                        Ready++;
                    index++;
                    continue;
                }
                SetReason("Init:"u8);
                if (terminated.IsSet)
                    AddTermination(terminated);
                else if (waiting["reason"u8].HasText && !waiting["reason"u8].Is("PodInitializing"u8))
                    _row.Aside.Add(waiting["reason"u8]);
                else
                    _row.Aside.Add(index).Add("/"u8).Add(_initContainers.Count);
                IsInitializing = true;
                return;
            }
        }

        public void ReadContainers()
        {
            (Restarts, LastRestart) = (_restartsOfSidecars, _lastRestartOfSidecars);
            // The server goes from the last container to the first and lets each overwrite the reason: what the first has to say, says the pod. So read forwards, the first to speak decides.
            var (hasReason, hasRunning) = (false, false);
            TapeValue error = default;
            foreach (var container in _status["containerStatuses"u8])
            {
                var state = container["state"u8];
                var (waiting, terminated) = (state["waiting"u8], state["terminated"u8]);
                Restarts += container["restartCount"u8].Integer;
                LastRestart = Math.Max(LastRestart, Restart(container));
                if (waiting["reason"u8].HasText)
                {
                    if (!hasReason)
                    {
                        SetReason(""u8);
                        _row.Aside.Add(waiting["reason"u8]);
                    }
                    hasReason = true;
                }
                else if (terminated.IsSet)
                {
                    if (!hasReason)
                    {
                        SetReason(""u8);
                        AddTermination(terminated);
                    }
                    hasReason = true;
                    if (terminated["exitCode"u8].Integer != 0 && error.Tape is null)
                        error = terminated;
                }
                else if (container["ready"u8].IsTrue && state["running"u8].IsSet)
                {
                    hasRunning = true;
                    Ready++;
                }
            }
            if (!_row.Aside.Written.SequenceEqual("Completed"u8))
                return;
            // One container that is done does not make a pod of several done.
            if (hasRunning && IsReady())
            {
                SetReason("Running"u8);
            }
            else if (error.Tape is not null)
            {
                SetReason(""u8);
                AddTermination(error);
            }
            else if (hasRunning)
            {
                SetReason("NotReady"u8);
            }
        }

        public readonly void WriteReason()
        {
            if (_row.IsBeingDeleted)
            {
                // The node's lifecycle controller marks pods whose node no longer answers.
                if (_status["reason"u8].Is("NodeLost"u8))
                    SetReason("Unknown"u8);
                else if (!_status["phase"u8].Is("Failed"u8) && !_status["phase"u8].Is("Succeeded"u8))
                    SetReason("Terminating"u8);
            }
            _row.Write(_row.Aside.Written);
        }

        readonly bool IsReady()
        {
            foreach (var condition in _status["conditions"u8])
            {
                if (condition["type"u8].Is("Ready"u8) && condition["status"u8].Is("True"u8))
                    return true;
            }
            return false;
        }

        readonly void SetReason(ReadOnlySpan<byte> text)
        {
            _row.Aside.Clear();
            _row.Aside.Add(text);
        }

        readonly void AddTermination(TapeValue terminated)
        {
            if (terminated["reason"u8].HasText)
                _row.Aside.Add(terminated["reason"u8]);
            else if (terminated["signal"u8].Integer != 0)
                _row.Aside.Add("Signal:"u8).Add(terminated["signal"u8].Integer);
            else
                _row.Aside.Add("ExitCode:"u8).Add(terminated["exitCode"u8].Integer);
        }

        static long Restart(TapeValue container) => container["lastState"u8]["terminated"u8]["finishedAt"u8].TryGetTime(out var ticks) ? ticks : 0;

        /// <summary>Whether the init container of that name runs beside the pod's containers. Statuses come in the order of the containers, so the guess is mostly right.</summary>
        readonly bool IsSidecar(TapeValue name, int guess)
        {
            var index = 0;
            foreach (var container in _initContainers)
            {
                if (index++ == guess && container["name"u8].IsSameText(name))
                    return IsSidecar(container);
            }
            foreach (var container in _initContainers)
            {
                if (container["name"u8].IsSameText(name))
                    return IsSidecar(container);
            }
            return false;
        }

        static bool IsSidecar(TapeValue initContainer) => initContainer["restartPolicy"u8].Is("Always"u8);
    }
}
