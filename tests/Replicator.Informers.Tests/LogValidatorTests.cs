using Replicator.Core.Events;
using Replicator.TestKit.ApiServer;
using Xunit;

namespace Replicator.Informers.Tests;

/// <summary>The judge is judged: each way in which a log can be wrong is found.</summary>
public sealed class LogValidatorTests
{
    [Fact]
    public async Task A_log_that_is_right_is_found_right_and_each_forgery_of_it_is_found()
    {
        await using var rig = await ReflectorRig.StartAsync();
        rig.Put("a", 2);
        rig.Put("d", 1);
        rig.Delete("b");
        await rig.CaughtUpAsync();
        await rig.StopAsync();
        rig.Delete("c");
        rig.Put("a", 3);
        rig.Server.Model.Compact();
        rig.Run();
        rig.Put("e", 1);
        await rig.CaughtUpAsync();
        var log = rig.Log;
        // Gap, start, a, b, c, end; a, d, b; gap, start, a, c gone, end; e (or within the list).
        Assert.Equal(["ObjectModified a 5", "ObjectAdded d 6", "ObjectDeleted b 7", "GapObserved", "SyncStarted"], rig.Shown.Skip(6).Take(5));
        Assert.Empty(Problems(log));

        Assert.Contains(Problems([.. log.Take(6), .. log.Skip(7)]), problem => problem.Contains("comes after a change that is not recorded", StringComparison.Ordinal));
        Assert.Contains(Problems([.. log.SkipLast(1)]), problem => problem.Contains("Not recorded", StringComparison.Ordinal) || problem.Contains("The last gap is open", StringComparison.Ordinal));
        Assert.Contains(Problems([.. log.Take(7), log[6], .. log.Skip(7)]), problem => problem.StartsWith("Doubled", StringComparison.Ordinal));
        Assert.Contains(Problems([.. log.Take(6), log[7], log[6], .. log.Skip(8)]), problem => problem.Contains("is out of order", StringComparison.Ordinal));
        Assert.Contains(Problems([.. log.Take(9), .. log.Skip(10)]), problem => problem.Contains("a list without a gap", StringComparison.Ordinal));
        Assert.Contains(Problems([.. log.Where(recorded => recorded.Type != EventType.ObjectDeleted || recorded.Metadata.Object.Name != "c")]), problem => problem.Contains("still lives", StringComparison.Ordinal));
        Assert.Contains(Problems([.. log.Select(recorded => recorded.Type == EventType.GapObserved && recorded.Revision > 0 ? With(recorded, recorded.Metadata with { GapFrom = "8" }) : recorded)]),
            problem => problem.Contains("claims to begin at 8", StringComparison.Ordinal));
        Assert.Contains(Problems([.. log.Select(recorded => recorded.Type == EventType.GapObserved && recorded.Revision > 0 ? With(recorded, recorded.Metadata with { GapFrom = "3" }) : recorded)]),
            problem => problem.Contains("claims to begin at 3", StringComparison.Ordinal));
        Assert.Contains(Problems([.. log.Select(recorded => recorded.Revision == 7 ? With(recorded, recorded.Metadata, "{}") : recorded)]), problem => problem.Contains("its state is not that of", StringComparison.Ordinal));
        Assert.Contains(Problems([.. log.Select(recorded => recorded.Revision == 7 ? With(recorded, recorded.Metadata with { ResourceVersion = "600" }) : recorded)]), problem => problem.Contains("no such thing happened", StringComparison.Ordinal));

        IReadOnlyList<string> Problems(IReadOnlyList<RecordedEvent> forged) => new LogValidator(rig.Type, rig.Server.Model.History, rig.Server.Model.Restores, forged).Validate(caughtUp: true);
    }

    static RecordedEvent With(RecordedEvent recorded, EventMetadata metadata, string? state = null) => new()
    {
        Position = recorded.Position,
        Stream = recorded.Stream,
        Revision = recorded.Revision,
        Id = recorded.Id,
        Type = recorded.Type,
        Metadata = metadata,
        State = state is null ? recorded.State : System.Text.Encoding.UTF8.GetBytes(state),
        Hash = recorded.Hash,
    };
}
