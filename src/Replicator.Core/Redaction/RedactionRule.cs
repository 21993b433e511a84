using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.Core.Redaction;

/// <summary>A path in the objects of a type whose values must not be recorded.</summary>
/// <param name="Type">The type.</param>
/// <param name="Path">Where, such as <c>$.spec.template.spec.containers[*].env[*].value</c>.</param>
public sealed record RedactionRule(GroupResource Type, FieldPath Path);
