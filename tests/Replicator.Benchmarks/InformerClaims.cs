
namespace Replicator.Benchmarks;

/// <summary>What <see cref="InformerBenchmark"/> and <see cref="ColdStartBenchmark"/> claim of their trials.</summary>
static class InformerClaims
{
    public static IEnumerable<Claim> Of(int pods, Trial[] client, Trial[] informer, double rate, double memory, double bytesPerObject)
    {
        yield return new Claim($"rate-{pods}",
            new Measure("changes held by a SharedInformer", informer.Select(trial => trial.PerSecond).Median(), "changes/s"),
            new Measure("changes held as typed pods of KubernetesClient's watch", client.Select(trial => trial.PerSecond).Median(), "changes/s"),
            informer.Zip(client, (result, beside) => result.PerSecond / beside.PerSecond).Median(), rate, IsFloor: true);
        yield return new Claim($"memory-{pods}",
            new Measure("peak memory of the SharedInformer's process", informer.Select(trial => trial.PeakMemoryMiB).Median(), "MiB"),
            new Measure("peak memory of the KubernetesClient process", client.Select(trial => trial.PeakMemoryMiB).Median(), "MiB"),
            informer.Zip(client, (result, beside) => result.PeakMemoryMiB / beside.PeakMemoryMiB).Median(), memory, IsFloor: false);
        yield return new Claim($"object-{pods}",
            new Measure("heap per held object, strings, dictionaries and indexes included", PerObject(informer), "B"),
            new Measure("what it may be", bytesPerObject, "B"),
            PerObject(informer) / bytesPerObject, 1, IsFloor: false);
    }

    public static void AddDetails(Dictionary<string, object> details, int pods, Trial[] client, Trial[] informer)
    {
        details[$"heldBytesPerObject{pods}"] = informer.Select(trial => trial.Values["heldBytesPerObject"]).Median();
        details[$"heapBytesPerObjectOfClient{pods}"] = PerObject(client);
        details[$"cpuMicrosecondsPerChange{pods}"] = informer.Select(trial => trial.Values["cpuSeconds"] * 1e6 / trial.Count).Median();
        details[$"cpuMicrosecondsPerChangeOfClient{pods}"] = client.Select(trial => trial.Values["cpuSeconds"] * 1e6 / trial.Count).Median();
        details[$"allocatedBytesPerChange{pods}"] = informer.Select(trial => (double)trial.AllocatedBytes / trial.Count).Median();
    }

    static double PerObject(Trial[] trials) => trials.Select(trial => trial.Values[InformerTrials.HeapBytesPerObject]).Median();
}
