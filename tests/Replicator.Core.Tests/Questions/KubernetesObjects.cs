using CsCheck;

namespace Replicator.Core.Tests.Questions;

/// <summary>Random objects of the shapes that Kubernetes has, few enough values that two of them have much in common.</summary>
static class KubernetesObjects
{
    /// <summary>An object's canonical JSON without managed fields.</summary>
    public static Gen<string> State { get; } = Gen.Select(Containers, Strings("labels"), Gen.Int[0, 2], Gen.OneOf("a", "b", "c").Array[0, 4], Gen.Bool, Conditions, (containers, labels, replicas, args, paused, conditions) =>
        $$$"""{"metadata":{"labels":{{{labels}}},"name":"o"},"spec":{"args":[{{{string.Join(',', args.Select(arg => $"\"{arg}\""))}}}],"containers":{{{containers}}}{{{(paused ? ",\"paused\":true" : "")}}},"replicas":{{{replicas}}}},"status":{"conditions":{{{conditions}}}}}""");

    static Gen<string> Containers => Keyed("name", ["web", "proxy", "init"], Gen.Select(Keyed("name", ["A", "B", "C"], Gen.Int[0, 2].Select(number => $"\"value\":\"{number}\"")), Gen.Int[0, 2], (env, tag) => $"\"env\":{env},\"image\":\"app:{tag}\""), before: true);

    static Gen<string> Conditions => Keyed("type", ["Ready", "Available"], Gen.Bool.Select(isTrue => $"\"status\":\"{isTrue}\""), before: true);

    static Gen<string> Strings(string _) => Gen.Select(Gen.OneOf("app", "tier", "zone"), Gen.Int[0, 2]).Array[0, 3].Select(pairs =>
        $"{{{string.Join(',', pairs.DistinctBy(pair => pair.Item1).OrderBy(pair => pair.Item1, StringComparer.Ordinal).Select(pair => $"\"{pair.Item1}\":\"{pair.Item2}\""))}}}");

    static Gen<string> Keyed(string key, string[] names, Gen<string> fields, bool before = false) => Gen.Select(Gen.OneOf(names), fields).Array[0, names.Length].Select(pairs =>
        $"[{string.Join(',', pairs.DistinctBy(pair => pair.Item1).Select(pair => before ? $"{{{pair.Item2},\"{key}\":\"{pair.Item1}\"}}" : $"{{\"{key}\":\"{pair.Item1}\",{pair.Item2}}}"))}]");
}
