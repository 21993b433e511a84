using Replicator.Core.Kubernetes;

namespace Replicator.Informers;

/// <summary>Something that went wrong and is dealt with: for a log line.</summary>
/// <param name="Type">The type; null where it concerns discovery.</param>
/// <param name="Message">What happened and what is done about it, in one line.</param>
public sealed record ReflectorProblem(ResourceType? Type, string Message);
