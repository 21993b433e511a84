using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Replicator.Commands;

/// <summary><c>replicator kubectl</c>.</summary>
static class KubectlCommand
{
    public static Command Create()
    {
        var arguments = new Argument<string[]>("ARGS") { Description = "What kubectl is to do, behind --." };
        var (asOf, cluster, server) = (KubeconfigCommand.AsOfOption(), CommonOptions.Cluster(), new ApiOptions());
        var command = new Command("kubectl", "Runs the kubectl on the path against the past: 'replicator kubectl --as-of -2h -- get pods -A'.") { asOf, cluster, arguments };
        server.AddTo(command);
        command.SetAction(async (result, cancellationToken) =>
        {
            await using var api = await server.OpenAsync(result, mayServe: true, cancellationToken);
            return await RunAsync(api, result.GetValue(asOf)!, result.GetValue(cluster), result.GetValue(arguments)!, cancellationToken);
        });
        return command;
    }

    static async Task<int> RunAsync(ApiSession api, string asOf, string? cluster, string[] arguments, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("replicator-kubectl-");
        try
        {
            var kubeconfig = Path.Combine(folder.FullName, "kubeconfig");
            // It may hold a token.
            var file = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                file.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            await using (var stream = new StreamWriter(kubeconfig, file))
                await stream.WriteAsync(await PastKubeconfig.CreateAsync(api, cluster, asOf, cancellationToken));
            using var kubectl = new Process { StartInfo = new ProcessStartInfo("kubectl", [$"--kubeconfig={kubeconfig}", .. WithPrefix(arguments, PastKubeconfig.Server(api, await api.ResolveClusterAsync(cluster, cancellationToken), asOf).AbsolutePath)]) };
            try
            {
                kubectl.Start();
            }
            catch (Win32Exception exception)
            {
                throw new CommandException($"kubectl cannot be run ({exception.Message}): install it, or put it on the path.");
            }
            // Ctrl-C reaches kubectl from the terminal as well; it decides what becomes of it. A signal to this process alone is passed on.
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
            await using var registration = cancellationToken.Register(() => Interrupt(kubectl));
            await kubectl.WaitForExitAsync(CancellationToken.None);
            return kubectl.ExitCode;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>What <c>get --raw</c> names counts from the server's root, and not from the path that a kubeconfig's server has.</summary>
    static IEnumerable<string> WithPrefix(string[] arguments, string prefix)
    {
        string Within(string path) => path.StartsWith('/') && !path.StartsWith($"{prefix}/", StringComparison.Ordinal) ? prefix + path : path;
        for (var index = 0; index < arguments.Length; index++)
        {
            yield return arguments[index].StartsWith("--raw=", StringComparison.Ordinal) ? $"--raw={Within(arguments[index]["--raw=".Length..])}"
                : index > 0 && arguments[index - 1] == "--raw" ? Within(arguments[index])
                : arguments[index];
        }
    }

    static void Interrupt(Process kubectl)
    {
        if (kubectl.HasExited)
            return;
        if (OperatingSystem.IsWindows() || NativeMethods.Kill(kubectl.Id, NativeMethods.Interrupt) != 0)
            kubectl.Kill();
    }

    static class NativeMethods
    {
        public const int Interrupt = 2;

        [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        public static extern int Kill(int process, int signal);
    }
}
