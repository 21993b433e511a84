namespace Replicator.Informers;

/// <summary>A discovery document as the server wrote it.</summary>
/// <param name="Path">Where it was served, without a leading slash: <c>version</c>, <c>api</c>, <c>apis</c>, and where the server knows no aggregated discovery also <c>api/v1</c>, <c>apis/apps/v1</c>.</param>
/// <param name="MediaType">The answer's Content-Type; tells an aggregated document (<c>as=APIGroupDiscoveryList</c>) from a plain one.</param>
/// <param name="Content">The body, JSON.</param>
public sealed record DiscoveryDocument(string Path, string MediaType, ReadOnlyMemory<byte> Content);
