namespace Replicator.Core.SelfChecking;

/// <summary>The objects that a stream holds as live, as of one resource version.</summary>
/// <param name="Versions">By namespace and name, the version last seen. Uncertain is one whose later changes may have been ignored by a rule before this process started.</param>
/// <param name="SeenVersion">Up to where the recorder has seen everything: a fold as of a later version may still lack changes that are on their way.</param>
public sealed record LogFold(IReadOnlyDictionary<(string Namespace, string Name), (string ResourceVersion, bool IsUncertain)> Versions, string SeenVersion);
