using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Replicator.Benchmarks;

/// <summary>The answer of a benchmark: one line of JSON.</summary>
sealed record Report
{
    /// <summary>The benchmark.</summary>
    public required string Name { get; init; }

    /// <summary>What was varied, by name.</summary>
    public required IReadOnlyDictionary<string, object> Parameters { get; init; }

    /// <summary>The claims.</summary>
    public required IReadOnlyList<Claim> Claims { get; init; }

    /// <summary>What else was measured, by name.</summary>
    public IReadOnlyDictionary<string, object> Details { get; init; } = new Dictionary<string, object>();

    /// <summary>The most memory that the measured side had resident in any run.</summary>
    public required double PeakMemoryMiB { get; init; }

    /// <summary>How often each side ran.</summary>
    public required int Runs { get; init; }

    /// <summary>What the random choices followed from.</summary>
    public required int Seed { get; init; }

    /// <summary>Prints the line and returns the exit code.</summary>
    public int Print()
    {
        var json = new JsonObject
        {
            ["name"] = Name,
            ["parameters"] = Object(Parameters),
            ["claims"] = new JsonArray([.. Claims.Select(claim => new JsonObject
            {
                ["name"] = claim.Name,
                ["result"] = Object(claim.Result),
                ["baseline"] = Object(claim.Baseline),
                ["ratio"] = Rounded(claim.Ratio),
                ["claim"] = claim.Text,
                ["holds"] = claim.Holds,
            })]),
            ["holds"] = Claims.All(claim => claim.Holds),
            ["details"] = Object(Details),
            ["peakMemoryMiB"] = Rounded(PeakMemoryMiB),
            ["cores"] = Environment.ProcessorCount,
            ["runs"] = Runs,
            ["seed"] = Seed,
        };
        Console.WriteLine(json.ToJsonString());
        return Claims.All(claim => claim.Holds) ? 0 : 1;
    }

    static JsonObject Object(Measure measure) => new() { ["what"] = measure.What, ["value"] = Rounded(measure.Value), ["unit"] = measure.Unit };

    static JsonObject Object(IReadOnlyDictionary<string, object> values) =>
        new(values.Select(pair => KeyValuePair.Create(pair.Key, pair.Value is double number ? Rounded(number) : JsonSerializer.SerializeToNode(pair.Value))));

    // Four digits are more than any of these measurements repeats to.
    static JsonNode Rounded(double value) => JsonValue.Create(double.Parse(value.ToString("G4", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture));
}
