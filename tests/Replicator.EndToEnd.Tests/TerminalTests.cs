using System.Diagnostics;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>What a terminal shows and a file does not: colours, and a pager. The terminal is a pseudo-terminal of <c>script</c> (util-linux).</summary>
public sealed class TerminalTests(ImportedShop shop) : IClassFixture<ImportedShop>
{
    // Select Graphic Rendition (ECMA-48); .NET itself sends a terminal other sequences, such as that for its keypad.
    const string Colour = "\e\\[[0-9;]*m";
    const string Diff = "diff --from rv:997 --to rv:1085 -n shop";

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Colours_appear_on_a_terminal_and_not_where_they_are_not_wanted()
    {
        Assert.Contains("\e[32m+ deployments.apps shop/broken", await OnTerminalAsync(Diff, ("PAGER", "cat"), ("TERM", "xterm")), StringComparison.Ordinal);
        Assert.DoesNotMatch(Colour, await OnTerminalAsync(Diff, ("PAGER", "cat"), ("TERM", "xterm"), ("NO_COLOR", "1")));
        Assert.DoesNotMatch(Colour, await OnTerminalAsync(Diff, ("PAGER", "cat"), ("TERM", "dumb")));
    }

    [Fact]
    public async Task A_pager_gets_what_a_terminal_would_and_less_is_told_to_print_what_fits()
    {
        var paged = await OnTerminalAsync(Diff, ("PAGER", "sed 's/^/paged /'; echo LESS=$LESS"), ("NO_COLOR", "1"));
        Assert.Contains("paged + deployments.apps shop/broken", paged, StringComparison.Ordinal);
        Assert.Contains("LESS=FRX", paged, StringComparison.Ordinal);
        Assert.DoesNotContain("paged", await OnTerminalAsync(Diff, ("PAGER", ""), ("NO_COLOR", "1")), StringComparison.Ordinal);
        // A pager that has seen enough ends the command in peace.
        Assert.DoesNotContain("replicator:", await OnTerminalAsync("history deployment/web -n shop --diff --noise", ("PAGER", "head -n 1"), ("NO_COLOR", "1")), StringComparison.Ordinal);
    }

    async Task<string> OnTerminalAsync(string arguments, params (string Name, string Value)[] environment)
    {
        Assert.SkipUnless(Executables.AreOnPath("script"), "script (util-linux) is not installed: there is no terminal to show it on.");
        var start = new ProcessStartInfo("script", ["-qec", $"dotnet {Path.Combine(AppContext.BaseDirectory, "replicator.dll")} {arguments} --data {shop.Folder}", "/dev/null"]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in (string[])["PAGER", "NO_COLOR", "LESS"])
            start.Environment.Remove(name);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(Cancel), process.StandardError.ReadToEndAsync(Cancel));
        await process.WaitForExitAsync(Cancel);
        Assert.True(process.ExitCode is 0 or 1, $"{process.ExitCode}: {await output} {await errors}");
        return await output;
    }
}
