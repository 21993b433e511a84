using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>What the API of a running process says of the log of the shop.</summary>
static class LiveLog
{
    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Waits until the lists of these types are complete and the projection has come to these versions.</summary>
    public static async Task WaitForAsync(HttpClient client, ReplicatorProcess up, IReadOnlyDictionary<string, long> versions)
    {
        var waiting = Stopwatch.StartNew();
        for (var missing = versions.Keys.ToList(); missing.Count > 0; missing = await MissingAsync(client, versions))
        {
            Assert.False(up.HasExited, $"It ended by itself: {up.Output}\n{up.Errors}");
            if (waiting.Elapsed > ReplicatorProcess.Hung)
                Assert.Fail($"The last changes of these do not come: {string.Join(", ", missing)}\n{up.Errors}\n{await DescribeAsync(client, missing)}");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Cancel);
        }
    }

    /// <summary>Every change but the discovery documents, with its object.</summary>
    public static async Task<IReadOnlyList<JsonNode>> ReadChangesAsync(Uri url)
    {
        using var client = new HttpClient { BaseAddress = url };
        using var request = new HttpRequestMessage(HttpMethod.Get, "api/v1/clusters/shop/changes?objects=true");
        request.Headers.Accept.ParseAdd("application/x-ndjson");
        using var response = await client.SendAsync(request, Cancel);
        return [.. (await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync(Cancel)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!).Where(change => change["resource"]!.GetValue<string>() != "$discovery")];
    }

    static async Task<string> DescribeAsync(HttpClient client, List<string> missing)
    {
        var all = new List<string> { await client.GetStringAsync(new Uri("readyz", UriKind.Relative), Cancel), await client.GetStringAsync(new Uri("api/v1/clusters/shop/status", UriKind.Relative), Cancel) };
        foreach (var type in missing)
            all.Add(await client.GetStringAsync(new Uri($"api/v1/clusters/shop/changes?resource={type.Split('.')[0]}", UriKind.Relative), Cancel));
        return string.Join('\n', all);
    }

    static async Task<List<string>> MissingAsync(HttpClient client, IReadOnlyDictionary<string, long> versions)
    {
        using var response = await client.GetAsync(new Uri("api/v1/clusters/shop/status", UriKind.Relative), Cancel);
        if (response.StatusCode == HttpStatusCode.NotFound)
            return [.. versions.Keys];
        var types = JsonNode.Parse(await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync(Cancel))!["types"]!.AsArray();
        var reached = types.Where(type => type!["synced"]!.GetValue<bool>()).ToDictionary(
            type => type!["group"]!.GetValue<string>() is { Length: > 0 } group ? $"{type["resource"]}.{group}" : $"{type["resource"]}",
            type => long.TryParse(type!["resourceVersion"]!.GetValue<string>(), NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : 0);
        return [.. versions.Where(pair => reached.GetValueOrDefault(pair.Key, -1) < pair.Value).Select(pair => pair.Key)];
    }
}
