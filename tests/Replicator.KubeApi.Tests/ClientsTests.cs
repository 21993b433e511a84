using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using Replicator.TestKit;
using Xunit;

namespace Replicator.KubeApi.Tests;

/// <summary>A replay as other people's clients see it: KubernetesClient and kubectl.</summary>
public sealed class ClientsTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task KubernetesClient_lists_gets_and_watches_typed_objects()
    {
        await using var rig = await ReplayRig.StartAsync();
        rig.Server.WriteKubeconfig(_folder.File("kubeconfig"));
        using var client = new Kubernetes(KubernetesClientConfiguration.BuildConfigFromConfigFile(_folder.File("kubeconfig")));
        var watched = new List<string>();
        var recorded = RecordedLines.Read("core_v1_pods").Where(line => line.IsLive).ToList();
        var watching = Task.Run(async () =>
        {
            await foreach (var (type, pod) in client.CoreV1.WatchListPodForAllNamespacesAsync(resourceVersion: "277", cancellationToken: Cancel))
            {
                watched.Add($"{type} {pod.Namespace()}/{pod.Name()} {pod.ResourceVersion()}");
                if (watched.Count == recorded.Count)
                    break;
            }
        }, Cancel);
        await Eventually.HoldsAsync(() =>
        {
            rig.Clock.Advance(TimeSpan.FromMilliseconds(100));
            return watching.IsCompleted;
        }, Cancel);
        await watching;
        Assert.Equal(recorded.Select(line => $"{line.Type[..1]}{line.Type[1..].ToLowerInvariant()} {line.Key} {line.Version}"), watched);

        await rig.PlayToEndAsync();
        var (names, token) = (new List<string>(), (string?)null);
        do
        {
            var page = await client.CoreV1.ListPodForAllNamespacesAsync(limit: 5, continueParameter: token, cancellationToken: Cancel);
            names.AddRange(page.Items.Select(pod => pod.Name()));
            token = page.Continue();
        }
        while (!string.IsNullOrEmpty(token));
        Assert.Equal((await client.CoreV1.ListPodForAllNamespacesAsync(cancellationToken: Cancel)).Items.Select(pod => pod.Name()), names);
        var node = await client.CoreV1.ReadNodeAsync("node-001", cancellationToken: Cancel);
        Assert.Equal("node-001", node.Metadata.Labels["kubernetes.io/hostname"]);
    }

    [Fact]
    public async Task Kubectl_lists_gets_and_watches()
    {
        await using var rig = await ReplayRig.StartAsync();
        await rig.PlayToEndAsync();
        rig.Server.WriteKubeconfig(_folder.File("kubeconfig"));
        var pods = (await KubectlAsync("get", "pods", "-n", "shop", "-o", "name")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal((await rig.GetAsync("api/v1/namespaces/shop/pods"))["items"]!.AsArray().Select(pod => $"pod/{pod!["metadata"]!["name"]}"), pods);
        Assert.StartsWith("NAME", await KubectlAsync("get", "pods", "-n", "shop"), StringComparison.Ordinal);
        Assert.Equal("node-001", await KubectlAsync("get", "node", "node-001", "-o", "jsonpath={.metadata.name}"));
        Assert.Equal("application.lab.example.com/storefront\n", await KubectlAsync("get", "applications.lab.example.com", "-A", "-o", "name"));
        Assert.Contains("deployments", await KubectlAsync("api-resources"), StringComparison.Ordinal);
        Assert.Contains("Server Version", await KubectlAsync("version"), StringComparison.Ordinal);
        // A watch gives what there is, and ends at its timeout.
        var expired = Task.Run(async () =>
        {
            var printed = KubectlAsync("get", "pods", "-n", "shop", "-o", "name", "--watch", "--request-timeout=1s");
            await Eventually.HoldsAsync(() =>
            {
                rig.Clock.Advance(TimeSpan.FromMilliseconds(100));
                return printed.IsCompleted;
            }, Cancel);
            return await printed;
        }, Cancel);
        Assert.Equal(pods, (await expired).Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task Kubectl_prints_what_it_printed_when_the_recording_was_made_ages_too()
    {
        const string folder = "03-incident";
        await using var rig = await ReplayRig.StartAsync();
        rig.Server.WriteKubeconfig(_folder.File("kubeconfig"));
        var moment = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(TestRecordings.Shop, "golden", "index.json"), Cancel))!.AsArray().Single(moment => moment!["folder"]!.GetValue<string>() == folder)!;
        var (from, to) = (DateTimeOffset.UnixEpoch.AddSeconds(moment["from"]!.GetValue<double>()), DateTimeOffset.UnixEpoch.AddSeconds(moment["to"]!.GetValue<double>()));
        await rig.PlayUntilAsync(from);
        // The commands ran one after the other in two seconds in which a crash loop went on and ages grew; each is tried from where the one before it was right.
        foreach (var (name, line) in moment["commands"]!.AsObject().Where(command => command.Key is "nodes-wide" or "pods-all" or "pods-wide" or "svc" or "selector" or "fields" or "apps"))
        {
            var expected = await File.ReadAllTextAsync(Path.Combine(TestRecordings.Shop, "golden", folder, $"{name}.out"), Cancel);
            var arguments = line!.GetValue<string>().Split(' ')[1..];
            var printed = await KubectlAsync(arguments);
            while (printed != expected && rig.Server.Now < to)
            {
                await rig.PlayUntilAsync(rig.Server.Now + TimeSpan.FromMilliseconds(50));
                printed = await KubectlAsync(arguments);
            }
            Assert.Equal(expected, printed);
        }
    }

    [Fact]
    public async Task Kubectl_may_read_a_replay_and_is_told_why_it_may_not_change_it()
    {
        const string refusal = "this is a replay of the recording 'shop': it can be read and not changed";
        await using var rig = await ReplayRig.StartAsync();
        rig.Server.WriteKubeconfig(_folder.File("kubeconfig"));
        Assert.Equal("yes\n", await KubectlAsync("auth", "can-i", "list", "pods", "-n", "shop"));
        Assert.Equal($"no - {refusal}\n", await KubectlAsync(1, "auth", "can-i", "delete", "pods", "-n", "shop"));
        Assert.Contains("[get list watch]", await KubectlAsync("auth", "can-i", "--list"), StringComparison.Ordinal);
        Assert.Contains(refusal, await KubectlAsync(1, "delete", "node", "node-001", "--wait=false"), StringComparison.Ordinal);
    }

    Task<string> KubectlAsync(params string[] arguments) => KubectlAsync(0, arguments);

    async Task<string> KubectlAsync(int code, params string[] arguments)
    {
        using var kubectl = new System.Diagnostics.Process
        {
            StartInfo = new System.Diagnostics.ProcessStartInfo("kubectl", [$"--kubeconfig={_folder.File("kubeconfig")}", .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true },
        };
        // What it knows of other servers is in the home folder.
        kubectl.StartInfo.Environment["HOME"] = _folder.Path;
        Assert.SkipUnless(Executables.AreOnPath("kubectl"), "There is no kubectl on this machine's path: 'apt-get install kubernetes-client' (tests/run does so as root).");
        kubectl.Start();
        var (output, errors) = (kubectl.StandardOutput.ReadToEndAsync(Cancel), kubectl.StandardError.ReadToEndAsync(Cancel));
        await kubectl.WaitForExitAsync(Cancel);
        Assert.True(kubectl.ExitCode == code || arguments.Contains("--watch"), $"kubectl {string.Join(' ', arguments)}: {await errors}");
        return code == 0 ? await output : await output + await errors;
    }
}
