using System.Diagnostics.CodeAnalysis;
using Replicator.Core.Kubernetes;

namespace Replicator.Informers.Caching;

/// <summary>The objects of a type, readable by key and by index. Every answer is of one moment, and stays what it was whatever happens afterwards. Safe for concurrent use.</summary>
public interface IIndexer
{
    /// <summary>How many objects there are.</summary>
    int Count { get; }

    /// <summary>Gets an object by its key.</summary>
    bool TryGet(ObjectKey key, [NotNullWhen(true)] out Unstructured? found);

    /// <summary>All objects, in no particular order.</summary>
    IReadOnlyList<Unstructured> List();

    /// <summary>The objects whose labels fulfil a selector. Decodes every object that it looks at; for what is asked often add an index.</summary>
    /// <param name="selector">The selector.</param>
    /// <param name="scope">The namespace; null for all.</param>
    IReadOnlyList<Unstructured> List(LabelSelector selector, string? scope = null);

    /// <summary>The keys of all objects, in no particular order.</summary>
    IReadOnlyList<ObjectKey> ListKeys();

    /// <summary>The objects that an index has under a value.</summary>
    /// <exception cref="KeyNotFoundException">There is no such index.</exception>
    IReadOnlyList<Unstructured> ByIndex(string index, string value);

    /// <summary>The keys of the objects that an index has under a value.</summary>
    /// <exception cref="KeyNotFoundException">There is no such index.</exception>
    IReadOnlyList<ObjectKey> IndexKeys(string index, string value);

    /// <summary>The values under which an index has any object.</summary>
    /// <exception cref="KeyNotFoundException">There is no such index.</exception>
    IReadOnlyList<string> IndexValues(string index);

    /// <summary>Adds an index over what is there and what comes.</summary>
    /// <exception cref="ArgumentException">There is an index of that name.</exception>
    void AddIndex(string name, IndexFunction function);
}
