using Replicator.Core.Kubernetes;

namespace Replicator.Core.Storage;

/// <summary>A name under which different things were at two moments.</summary>
/// <param name="Type">The type, in the version last observed.</param>
/// <param name="Namespace">The namespace; empty for none.</param>
/// <param name="Name">The name.</param>
/// <param name="Before">What was there at the first moment; null where nothing was.</param>
/// <param name="After">What was there at the second.</param>
public readonly record struct ChangedObject(ResourceType Type, string Namespace, string Name, StoredObject? Before, StoredObject? After);
