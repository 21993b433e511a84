using System.Diagnostics.CodeAnalysis;
using System.Text;
using Replicator.Informers.Caching;

namespace Replicator.Informers;

/// <summary>Compares keys ordinally, and finds them by the UTF-8 that a server sent, so that an event of a known object allocates no string.</summary>
sealed class ObjectKeyComparer : IEqualityComparer<ObjectKey>, IAlternateEqualityComparer<Utf8ObjectKey, ObjectKey>
{
    // Names have at most 253 characters and namespaces 63.
    const int StackLimit = 512;

    ObjectKeyComparer()
    {
    }

    public static ObjectKeyComparer Instance { get; } = new();

    public bool Equals(ObjectKey left, ObjectKey right) => left.Name == right.Name && left.Namespace == right.Namespace;

    public bool Equals(Utf8ObjectKey alternate, ObjectKey other) => Equals(alternate.Name, other.Name) && Equals(alternate.Namespace, other.Namespace);

    public int GetHashCode([DisallowNull] ObjectKey key)
    {
        Span<byte> scratch = stackalloc byte[StackLimit];
        var hash = new HashCode();
        Add(ref hash, key.Namespace, scratch);
        Add(ref hash, key.Name, scratch);
        return hash.ToHashCode();
    }

    public int GetHashCode(Utf8ObjectKey alternate)
    {
        var hash = new HashCode();
        hash.AddBytes(alternate.Namespace);
        hash.AddBytes(alternate.Name);
        return hash.ToHashCode();
    }

    public ObjectKey Create(Utf8ObjectKey alternate) => new(Encoding.UTF8.GetString(alternate.Namespace), Encoding.UTF8.GetString(alternate.Name));

    static void Add(ref HashCode hash, string text, Span<byte> scratch)
    {
        if (Encoding.UTF8.TryGetBytes(text, scratch, out var length))
            hash.AddBytes(scratch[..length]);
        else
            hash.AddBytes(Encoding.UTF8.GetBytes(text));
    }

    static bool Equals(ReadOnlySpan<byte> utf8, string text) =>
        Ascii.Equals(utf8, text) || !Ascii.IsValid(utf8) && Encoding.UTF8.GetString(utf8) == text;
}
