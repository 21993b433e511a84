namespace Replicator.Core.Json;

/// <summary>A member of an object: the nodes of its name and of its value.</summary>
/// <param name="Name">The node of the name, a string.</param>
/// <param name="Value">The node of the value.</param>
public readonly record struct JsonMember(int Name, int Value);
