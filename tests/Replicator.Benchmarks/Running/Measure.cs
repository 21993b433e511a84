namespace Replicator.Benchmarks;

/// <summary>A measured value.</summary>
/// <param name="What">What was measured.</param>
/// <param name="Value">The median over the runs.</param>
/// <param name="Unit">Its unit.</param>
sealed record Measure(string What, double Value, string Unit);
