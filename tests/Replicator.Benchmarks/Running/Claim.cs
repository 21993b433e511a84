namespace Replicator.Benchmarks;

/// <summary>What the project claims of a result, and whether it holds.</summary>
/// <param name="Name">What it is about.</param>
/// <param name="Result">What was measured.</param>
/// <param name="Baseline">What it is compared with.</param>
/// <param name="Ratio">The median over the runs of result divided by the baseline measured beside it.</param>
/// <param name="Bound">The bound of the ratio.</param>
/// <param name="IsFloor">Whether the bound is the least that the ratio may be, rather than the most.</param>
sealed record Claim(string Name, Measure Result, Measure Baseline, double Ratio, double Bound, bool IsFloor)
{
    public string Text => FormattableString.Invariant($"{(IsFloor ? "at least" : "at most")} {Bound} x baseline");

    public bool Holds => IsFloor ? Ratio >= Bound : Ratio <= Bound;
}
