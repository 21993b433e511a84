using System.Globalization;
using System.Runtime.CompilerServices;
using Replicator.Core.Storage;
using Replicator.Server;

namespace Replicator.Examining;

/// <summary>Looks at what a process needs of its own machine: a folder that can be written, room, and a log whose ends follow from what came before.</summary>
static class FolderExamination
{
    const long LittleRoom = 1L << 30;
    const long NoRoom = 100L << 20;
    const double LittleShare = 0.05;

    public static async IAsyncEnumerable<Finding> ExamineAsync(string path, IEventStore? events, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (!Directory.Exists(path))
        {
            yield return new Finding("data folder", null, FindingLevel.Note, $"'{path}' does not exist yet", "It is made by 'replicator up'; name another with --data if this is not the one that was meant.");
            yield break;
        }
        yield return Writable(path);
        yield return Room(new DriveInfo(Path.GetFullPath(path)));
        if (events is null)
            yield break;
        var (streams, problems) = await ChainHeads.VerifyAsync(events, cancellationToken);
        if (problems.Count == 0)
            yield return new Finding("chain", null, FindingLevel.Ok, $"the last event of each of {streams} streams follows from the one before it");
        foreach (var problem in problems)
            yield return new Finding("chain", null, FindingLevel.Problem, problem, "Run 'replicator verify' to find the first event that was altered, and restore the log from a backup.");
    }

    internal static Finding Judge(string drive, long free, long total)
    {
        var detail = string.Create(CultureInfo.InvariantCulture, $"{free / (double)(1L << 30):0.0} GiB of {total / (double)(1L << 30):0.0} GiB are free on {drive}");
        return free < NoRoom ? new Finding("disk", null, FindingLevel.Problem, detail, "Make room, or move the folder with --data: recording waits while the disk is full, and the server's window is about five minutes.")
            : free < LittleRoom || free < total * LittleShare ? new Finding("disk", null, FindingLevel.Warning, detail, "Make room, or move the folder with --data, before recording has to wait.")
            : new Finding("disk", null, FindingLevel.Ok, detail);
    }

    static Finding Room(DriveInfo drive) => Judge(drive.Name, drive.AvailableFreeSpace, drive.TotalSize);

    static Finding Writable(string path)
    {
        var probe = Path.Combine(path, $"doctor-{Environment.ProcessId}.tmp");
        try
        {
            File.WriteAllBytes(probe, [1]);
            File.Delete(probe);
            return new Finding("data folder", null, FindingLevel.Ok, $"'{Path.GetFullPath(path)}' can be written");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return new Finding("data folder", null, FindingLevel.Problem, $"'{path}' cannot be written: {exception.Message}", "Make it writable for this user, or choose another with --data.");
        }
    }
}
