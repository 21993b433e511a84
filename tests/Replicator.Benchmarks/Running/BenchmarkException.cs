namespace Replicator.Benchmarks;

/// <summary>A benchmark could not be run; the message is for whoever started it.</summary>
sealed class BenchmarkException(string message) : Exception(message);
