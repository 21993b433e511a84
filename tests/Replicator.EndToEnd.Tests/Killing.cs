using System.Globalization;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>What the tests that kill are told by the environment.</summary>
static class Killing
{
    /// <summary>The instants of the kills follow from this. Its seed is printed; <c>REPLICATOR_TEST_SEED</c> repeats it.</summary>
    public static Random Seeded(ITestOutputHelper output)
    {
        var seed = Number("REPLICATOR_TEST_SEED") ?? Random.Shared.Next();
        output.WriteLine($"REPLICATOR_TEST_SEED={seed}");
        return new Random(seed);
    }

    /// <summary>How many kills there are: <c>REPLICATOR_TEST_KILLS</c>, or as many as usual.</summary>
    public static int Times(int usual) => Number("REPLICATOR_TEST_KILLS") ?? usual;

    static int? Number(string name) => int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
