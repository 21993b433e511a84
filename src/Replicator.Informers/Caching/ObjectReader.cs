namespace Replicator.Informers.Caching;

/// <summary>Makes a typed object of an object's JSON: <c>json => JsonSerializer.Deserialize&lt;Application&gt;(json)!</c>.</summary>
/// <param name="json">UTF-8; valid only during the call.</param>
public delegate T ObjectReader<out T>(ReadOnlySpan<byte> json);
