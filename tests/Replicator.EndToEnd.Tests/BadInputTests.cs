using System.Net;
using System.Net.Sockets;
using System.IO.Compression;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>Bad input to the real executable: one line on standard error that names the value and the remedy, an exit code that is not zero, and a log that is whole afterwards.</summary>
public sealed class BadInputTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string, string[], string> Cases => new()
    {
        { "no kubeconfig", ["up", "--data", "data"], "There is no kubeconfig (looked at $KUBECONFIG and ~/.kube/config) and this is no pod; name one with --kubeconfig." },
        { "a kubeconfig that does not exist", ["up", "--kubeconfig", "missing"], "The kubeconfig 'missing' does not exist." },
        { "a kubeconfig that is a directory", ["up", "--kubeconfig", "."], "The kubeconfig '.' is a directory; name a file." },
        { "a kubeconfig that is not YAML", ["up", "--kubeconfig", "broken.yaml"], "The kubeconfig '{folder}/broken.yaml' (from --kubeconfig) is not valid YAML of a kubeconfig: While parsing a flow sequence, did not find expected ',' or ']'." },
        { "a wrong context", ["up", "--kubeconfig", "kubeconfig", "--context", "nope"], "The kubeconfig '{folder}/kubeconfig' (from --kubeconfig) has no context 'nope'. It has: nowhere." },
        { "an unreachable server", ["up", "--kubeconfig", "kubeconfig", "--data", "data", "--listen", "http://127.0.0.1:0"], "The API server at http://127.0.0.1:1/ cannot be reached: Connection refused" },
        { "a cluster id that is none", ["up", "--kubeconfig", "kubeconfig", "--cluster", "My Cluster"], "'My Cluster' is not a cluster id: write at most 63 lower-case letters, digits, '-', '.' and '_', beginning with a letter or digit." },
        { "an address that is none", ["up", "--kubeconfig", "kubeconfig", "--listen", "nonsense"], "'nonsense' is not an address to listen on: write http://, an IP address, localhost or *, and a port, such as http://127.0.0.1:7070." },
        { "an address that others can reach, open to all", ["up", "--kubeconfig", "kubeconfig", "--data", "data", "--listen", "http://0.0.0.0:0"], "http://0.0.0.0:0 can be reached from other machines, and nothing says who may read: set access.kubernetes to true or name access.tokens (docs/access.md), or listen on http://127.0.0.1:7070." },
        { "https without a certificate", ["up", "--kubeconfig", "kubeconfig", "--listen", "https://127.0.0.1:0"], "'https://127.0.0.1:0' needs a certificate: set tls.certificate and tls.key (docs/access.md)." },
        { "an address that would be every interface", ["replay", "{shop}", "--listen", "http://256.1.1.1:80"], "'http://256.1.1.1:80' is not an address to listen on: write http://, an IP address, localhost or *, and a port, such as http://127.0.0.1:7070." },
        { "an address that is in use", ["replay", "{shop}", "--listen", "http://127.0.0.1:{port}"], "Cannot listen on http://127.0.0.1:{port} (Address already in use): choose another address with --listen." },
        { "a speed that is none", ["replay", "{shop}", "--speed", "fast"], "'fast' is not a speed: write a number above 0, or max." },
        { "a speed of zero", ["replay", "{shop}", "--speed", "0"], "'0' is not a speed: write a number above 0, or max." },
        { "a kubeconfig that cannot be written", ["replay", "{shop}", "--listen", "http://127.0.0.1:0", "--kubeconfig-out", "nowhere/kubeconfig"], "The kubeconfig cannot be written to 'nowhere/kubeconfig' (Could not find a part of the path '{folder}/nowhere/kubeconfig'.): choose another file with --kubeconfig-out." },
        { "no recording", ["import", "nowhere", "--cluster", "shop"], "'nowhere' is not a recording: it has no folder 'watch' with files such as core_v1_pods.log.gz." },
        { "a recording without discovery", ["import", "bare", "--cluster", "shop"], "'bare/discovery/api.aggregated.json.gz' is not an aggregated discovery document (Could not find a part of the path '{folder}/bare/discovery/api.aggregated.json.gz'.): a recording needs discovery/api.aggregated.json[.gz]." },
        { "an import without a cluster", ["import", "{shop}"], "Option '--cluster' is required. See 'replicator import --help'." },
        { "a role that is none", ["up", "--roles", "collector,publsher"], "'publsher' is not a role: known are collector, projector, publisher, api." },
        { "no role", ["up", "--roles", ","], "No role is named: leave --roles out for all, or name some of collector, projector, publisher, api." },
        { "roles apart over a data folder", ["up", "--roles", "collector,publisher", "--data", "data"], "The roles 'collector,publisher' leave 'projector,api' to another process, but one process alone can hold the data folder 'data': add what is missing to --roles, or keep log and snapshots in servers that processes can share." },
        { "a demo that nobody collects", ["up", "--roles", "api,projector", "--demo"], "--demo is a cluster to collect from, and the roles 'projector,api' do not collect: add collector to --roles, or leave --demo out." },
        { "a probe of nobody", ["probe", "--url", "http://127.0.0.1:1"], "Connection refused (127.0.0.1:1)" },
        { "a probe of nothing", ["probe", "--url", "nonsense"], "'nonsense' is not an address: write one such as http://127.0.0.1:7070 in --url." },
        { "an unknown command", ["frobnicate"], "'frobnicate' is no command of 'replicator'. See 'replicator --help'." },
        { "an unknown flag", ["status", "--frobnicate"], "'--frobnicate' is no option of 'replicator status'. See 'replicator status --help'." },
        { "no data folder", ["status", "--data", "nowhere"], "There is no data folder 'nowhere': name one with --data, or make one with 'replicator up' or 'replicator import'." },
        { "an output format that is none", ["status", "--data", "data", "--output", "xml"], "'xml' is not an output format: write table, json or yaml." },
        { "an instant that is none", ["tail", "--data", "imported", "--from", "yesterday", "--no-follow"], "'yesterday' is not an instant: write an RFC 3339 time (2026-01-31T03:00:00Z), a relative time (-15m, -2h, -3d), rv:N (a resource version) or now." },
        { "an object without a name", ["history", "pods", "--data", "imported"], "'pods' is not KIND/NAME: write for example pod/web-0." },
        { "a type that was never recorded", ["history", "gadgets/x", "--data", "imported"], "Cluster 'shop' has no recorded type 'gadgets': write a kind, a plural, a short name or plural.group, such as Pod, pods, po or deployments.apps." },
        { "a data folder that cannot be made", ["import", "{shop}", "--cluster", "shop", "--data", "/proc/replicator"], "The data folder '/proc/replicator' cannot be used (Could not find file '/proc/replicator'.): make it writable for this user, or choose another with --data." },
        { "a data folder that is a file", ["import", "{shop}", "--cluster", "shop", "--data", "kubeconfig"], "The data folder '{folder}/kubeconfig' cannot be used (The file '{folder}/kubeconfig' already exists.): make it writable for this user, or choose another with --data." },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Bad_input_gets_one_line_that_names_it(string what, string[] arguments, string line)
    {
        Assert.NotEmpty(what);
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        await File.WriteAllTextAsync(_folder.File("kubeconfig"), Kubeconfig("http://127.0.0.1:1"), Cancel);
        await File.WriteAllTextAsync(_folder.File("broken.yaml"), "this: [is not\n  yaml", Cancel);
        Directory.CreateDirectory(_folder.File("data"));
        Directory.CreateDirectory(_folder.File("bare/watch"));
        if (arguments.Contains("imported"))
            await ImportAsync(SmallRecording("small"), "imported");
        string Fill(string text) => text.Replace("{folder}", Path.GetFullPath(_folder.Path), StringComparison.Ordinal).Replace("{shop}", TestRecordings.Shop, StringComparison.Ordinal)
            .Replace("{port}", $"{((IPEndPoint)taken.LocalEndpoint).Port}", StringComparison.Ordinal);

        var (code, _, errors) = await ReplicatorProcess.RunAsync(_folder.Path, arguments.Select(Fill));
        Assert.Equal($"replicator: {Fill(line)}", errors);
        Assert.Equal(1, code);
    }

    [Theory]
    [InlineData("listne: http://127.0.0.1:7070", "'listne' is not a setting of replicator.yaml")]
    [InlineData("redact:\n- type: configmaps", "needs a 'type' (such as configmaps or deployments.apps) and a 'path' (such as $.data.password).")]
    [InlineData("redact:\n- type: configmaps\n  path: data.[", "'data.['")]
    [InlineData("data: [", "'replicator.yaml' cannot be read")]
    [InlineData("roles: [collector]", "one process alone can hold the data folder 'data'")]
    [InlineData("log: { format: xml }", "'xml' is not a format of log lines: write text or json in log.format.")]
    public async Task A_slip_in_the_settings_is_no_setting_that_is_passed_over(string yaml, string named)
    {
        await File.WriteAllTextAsync(_folder.File("replicator.yaml"), yaml, Cancel);
        await File.WriteAllTextAsync(_folder.File("kubeconfig"), Kubeconfig("http://127.0.0.1:1"), Cancel);
        var (code, _, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "up", "--kubeconfig", "kubeconfig", "--listen", "http://127.0.0.1:0", "--data", "data");
        Assert.StartsWith("replicator: ", errors, StringComparison.Ordinal);
        Assert.Contains(named, errors, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', errors);
        Assert.Equal(1, code);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_recording_that_is_cut_off_is_imported_up_to_there_and_says_where_that_is(bool zipped)
    {
        var recording = SmallRecording("cut");
        var file = Path.Combine(recording, "watch", "core_v1_pods.log.gz");
        var whole = await File.ReadAllBytesAsync(file, Cancel);
        if (zipped)
        {
            await File.WriteAllBytesAsync(file, whole[..(whole.Length / 2)], Cancel);
        }
        else
        {
            using var text = new MemoryStream();
            await new GZipStream(new MemoryStream(whole), CompressionMode.Decompress).CopyToAsync(text, Cancel);
            File.Delete(file);
            file = file[..^".gz".Length];
            await File.WriteAllBytesAsync(file, text.ToArray()[..(int)(text.Length / 2)], Cancel);
        }
        var (code, _, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "import", "cut", "--cluster", "shop", "--data", "data");
        Assert.Equal(1, code);
        Assert.Matches($@"^replicator: 'cut/watch/{Path.GetFileName(file)}' (is cut off in line \d+: make it anew, or end it behind line \d+ to take what is there\.|cannot be read behind line \d+ \(.*\): it is damaged or cut off; make it anew\.)$", errors);
        await AssertWholeAsync("data", atLeast: 50);

        // A replay plays it up to there, and ends with the same line.
        (code, _, var replayed) = await ReplicatorProcess.RunAsync(_folder.Path, "replay", "cut", "--listen", "http://127.0.0.1:0", "--speed", "max");
        Assert.Equal((1, errors), (code, replayed));
    }

    [Fact]
    public async Task A_data_folder_in_use_names_the_process_that_uses_it()
    {
        await ImportAsync(SmallRecording("small"), "data");
        await using var host = await ReplicatorHost.StartAsync(_folder.File("data"), "http://127.0.0.1:0", publishes: false, Cancel);
        var (code, _, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "import", "small", "--cluster", "other", "--data", "data");
        Assert.Equal($"replicator: The data folder '{Path.GetFullPath(_folder.File("data"))}' is in use by process {Environment.ProcessId}, which serves it at {host.Url}: stop it, or choose another folder with --data.", errors);
        Assert.Equal(1, code);
        // Reading commands ask that process.
        (code, var output, errors) = await ReplicatorProcess.RunAsync(_folder.Path, "verify", "--data", "data");
        Assert.True(code == 0, errors);
        Assert.EndsWith("every hash follows from its predecessor", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_read_only_disk_is_one_line_and_the_log_on_it_stays_whole()
    {
        await ImportAsync(SmallRecording("small"), "disk");
        await using var import = await StartOnDiskAsync("mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\"", _folder.File("disk"), "import", TestRecordings.Shop, "--cluster", "shop", "--data", "disk");
        Assert.Equal(1, await import.WaitForExitAsync());
        Assert.StartsWith($"replicator: The data folder '{Path.GetFullPath(_folder.File("disk"))}' cannot be used (Read-only file system", import.Errors, StringComparison.Ordinal);
        Assert.EndsWith(": make it writable for this user, or choose another with --data.", import.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', import.Errors);
        await AssertWholeAsync("disk", atLeast: 50);
    }

    [Fact]
    public async Task An_import_onto_a_full_disk_is_one_line_and_goes_on_when_there_is_room()
    {
        Directory.CreateDirectory(_folder.File("disk"));
        // What is on the small disk is carried out of the namespace, so that it can be looked at.
        await using var import = await StartOnDiskAsync("mount -t tmpfs -o size=1m tmpfs \"$0\" && trap 'cp -r \"$0\" \"$0-after\"' EXIT && \"$@\"; exit $?; :", _folder.File("disk"), "import", TestRecordings.Shop, "--cluster", "shop", "--data", "disk");
        var code = await import.WaitForExitAsync();
        Assert.Matches(@"^replicator: The disk that holds '.*/disk/log\.db' is full: make room\. Then import again: what is there already is not recorded twice\.$", import.Errors.Split('\n')[^1]);
        Assert.Equal(1, code);
        Assert.Equal("left out events.k8s.io_v1_events.log.gz: the core group serves the same objects", string.Join('\n', import.Errors.Split('\n')[..^1]));
        await AssertWholeAsync("disk-after", atLeast: 1);
        (code, _, var errors) = await ReplicatorProcess.RunAsync(_folder.Path, "import", TestRecordings.Shop, "--cluster", "shop", "--data", "disk-after");
        Assert.True(code == 0, errors);
        await AssertWholeAsync("disk-after", atLeast: 1400);
    }

    [Fact]
    public async Task When_the_disk_fills_up_waits_says_so_and_goes_on_when_there_is_room_again()
    {
        Directory.CreateDirectory(_folder.File("disk"));
        await using var replay = await SteeredReplay.StartAsync(_folder.File("kubeconfig"));
        await using var up = await StartOnDiskAsync("mount -t tmpfs -o size=64m tmpfs \"$0\" && exec \"$@\"", _folder.File("disk"), "up", "--kubeconfig", "kubeconfig", "--cluster", "shop", "--data", "disk", "--listen", "http://127.0.0.1:0");
        using var client = new HttpClient { BaseAddress = await up.WaitForApiAsync() };
        await LiveLog.WaitForAsync(client, up, RecordedShop.FirstVersions);
        // The process's own view of the disk.
        var filler = $"/proc/{up.Id}/root{Path.GetFullPath(_folder.File("disk"))}/filler";
        await using (var file = new FileStream(filler, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
        {
            try
            {
                while (true)
                    await file.WriteAsync(new byte[4096], Cancel);
            }
            catch (IOException)
            {
                // It is full now, which is what was wanted.
            }
        }
        await replay.PlayToEndAsync();
        await up.WaitForErrorAsync("is full: make room. Recording waits for it, loses nothing meanwhile, and goes on by itself.");
        using (var ready = await client.GetAsync(new Uri("readyz", UriKind.Relative), Cancel))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
            Assert.Contains("is full", await ready.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }
        File.Delete(filler);
        await up.WaitForErrorAsync("the log can be written again; recording goes on");
        await LiveLog.WaitForAsync(client, up, RecordedShop.LastVersions);
        RecordedShop.AssertCompleteOrConfessed(await LiveLog.ReadChangesAsync(client.BaseAddress!), wasNeverInterrupted: true);
        Assert.False(up.HasExited);
    }

    /// <summary>Starts the executable in a mount namespace of its own, behind a command of the shell that makes a disk of the folder; the test is skipped, and counted as such, where this machine allows none.</summary>
    async Task<ReplicatorProcess> StartOnDiskAsync(string mount, string disk, params string[] arguments)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && await CanMountAsync(), "This machine lets the test mount no disk of its own (unshare -rm).");
        var script = mount.Contains("\"$@\"", StringComparison.Ordinal) ? mount : $"{mount} && exec \"$@\"";
        return ReplicatorProcess.StartThrough("unshare", ["-rm", "sh", "-c", script, Path.GetFullPath(disk)], _folder.Path, arguments);
    }

    static async Task<bool> CanMountAsync()
    {
        try
        {
            using var folder = new TemporaryFolder();
            using var probe = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", folder.Path]) { RedirectStandardError = true })!;
            await probe.WaitForExitAsync(Cancel);
            return probe.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    /// <summary>The pods and services of the shop alone.</summary>
    string SmallRecording(string name)
    {
        var recording = _folder.File(name);
        foreach (var part in (string[])["watch", "discovery"])
            Directory.CreateDirectory(Path.Combine(recording, part));
        foreach (var file in Directory.EnumerateFiles(Path.Combine(TestRecordings.Shop, "discovery")))
            File.Copy(file, Path.Combine(recording, "discovery", Path.GetFileName(file)));
        foreach (var file in (string[])["core_v1_pods.log.gz", "core_v1_services.log.gz"])
            File.Copy(Path.Combine(TestRecordings.Shop, "watch", file), Path.Combine(recording, "watch", file));
        return recording;
    }

    async Task ImportAsync(string recording, string data)
    {
        await using var opened = await SqliteDataFolder.OpenAsync(_folder.File(data));
        await Core.Recordings.RecordingImport.RunAsync(Core.Recordings.Recording.Open(recording), opened.Events, "shop", new Core.Redaction.Redactor(new byte[32]), TimeProvider.System, null, Cancel);
    }

    async Task AssertWholeAsync(string data, long atLeast)
    {
        await using var opened = await SqliteDataFolder.OpenAsync(_folder.File(data));
        var verification = await Core.Storage.LogVerifier.VerifyAsync(opened.Events, null, Cancel);
        Assert.Null(verification.Problem);
        Assert.InRange(verification.Events, atLeast, long.MaxValue);
    }

    static string Kubeconfig(string server) => $$"""
        apiVersion: v1
        kind: Config
        current-context: nowhere
        contexts:
        - name: nowhere
          context: {cluster: nowhere, user: nobody}
        clusters:
        - name: nowhere
          cluster: {server: "{{server}}"}
        users:
        - name: nobody
          user: {}
        """;
}
