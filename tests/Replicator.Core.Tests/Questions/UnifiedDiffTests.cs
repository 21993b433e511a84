using CsCheck;
using Replicator.Core.Questions;
using Xunit;

namespace Replicator.Core.Tests.Questions;

public sealed class UnifiedDiffTests
{
    [Fact]
    public void A_patch_made_of_it_leads_from_the_one_text_to_the_other() => Gen.Select(Lines, Lines).Sample((from, to) =>
    {
        var diff = UnifiedDiff.Write("a", from, "b", to);
        Assert.Equal(from.SequenceEqual(to), diff.Length == 0);
        Assert.Equal(to, Apply(from, diff));
    }, iter: 1000);

    [Fact]
    public void Hunks_have_three_lines_of_context_and_near_ones_are_one()
    {
        string[] from = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20"];
        string[] to = ["1", "2", "3", "4", "five", "6", "7", "8", "9", "ten", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20", "21"];
        Assert.Equal("--- a\n+++ b\n@@ -2,12 +2,12 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n-10\n+ten\n 11\n 12\n 13\n@@ -18,3 +18,4 @@\n 18\n 19\n 20\n+21\n", UnifiedDiff.Write("a", from, "b", to));
        Assert.Equal("--- /dev/null\n+++ b\n@@ -0,0 +1,2 @@\n+x\n+y\n", UnifiedDiff.Write("/dev/null", [], "b", ["x", "y"]));
        Assert.Equal("", UnifiedDiff.Write("a", from, "b", from));
    }

    [Fact]
    public void Texts_without_anything_in_common_are_replaced_and_not_pondered()
    {
        var (from, to) = (Enumerable.Range(0, 6000).Select(index => $"a{index}").ToList(), Enumerable.Range(0, 6000).Select(index => $"b{index}").ToList());
        Assert.Equal(to, Apply(from, UnifiedDiff.Write("a", from, "b", to)));
    }

    static Gen<string[]> Lines => Gen.OneOf("a", "b", "c", "d", "e").Array[0, 30];

    static List<string> Apply(IReadOnlyList<string> from, string diff)
    {
        var (result, place) = (new List<string>(), 0);
        foreach (var line in diff.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(2))
        {
            switch (line[0])
            {
                case '@':
                    var range = line.Split(' ')[1][1..].Split(',');
                    var first = int.Parse(range[0], System.Globalization.CultureInfo.InvariantCulture) - (range.Length > 1 && range[1] == "0" ? 0 : 1);
                    while (place < first)
                        result.Add(from[place++]);
                    break;
                case ' ':
                    Assert.Equal(from[place], line[1..]);
                    result.Add(from[place++]);
                    break;
                case '-':
                    Assert.Equal(from[place++], line[1..]);
                    break;
                default:
                    result.Add(line[1..]);
                    break;
            }
        }
        while (place < from.Count)
            result.Add(from[place++]);
        return result;
    }
}
