namespace Replicator.Core.SelfChecking;

/// <summary>Which object, at which version.</summary>
public readonly record struct ObjectVersion(string Namespace, string Name, string ResourceVersion);
