namespace Replicator.Informers.Caching;

/// <summary>Says under which values an object is found in an index (client-go's IndexFunc). It must depend on nothing but the object.</summary>
/// <param name="item">The object.</param>
/// <param name="values">Where the values are added; none leaves the object out of the index.</param>
public delegate void IndexFunction(scoped in ObjectView item, ICollection<string> values);
