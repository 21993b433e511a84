using System.Diagnostics.CodeAnalysis;

namespace Replicator.Storage.Sqlite.Snapshots;

/// <summary>A facet's bytes as a dictionary key, to be looked up by a span.</summary>
sealed class FacetKey(long type, byte[] content)
{
    public static IEqualityComparer<FacetKey> Comparer { get; } = new ByContent();

    public long Type { get; } = type;

    public byte[] Content { get; } = content;

    public readonly ref struct Span(long type, ReadOnlySpan<byte> content)
    {
        public long Type { get; } = type;
        public ReadOnlySpan<byte> Content { get; } = content;
    }

    sealed class ByContent : IEqualityComparer<FacetKey>, IAlternateEqualityComparer<Span, FacetKey>
    {
        public bool Equals(FacetKey? left, FacetKey? right) =>
            ReferenceEquals(left, right) || (left is not null && right is not null && left.Type == right.Type && left.Content.AsSpan().SequenceEqual(right.Content));

        public int GetHashCode([DisallowNull] FacetKey key) => Hash(key.Type, key.Content);

        public bool Equals(Span alternate, FacetKey other) => alternate.Type == other.Type && alternate.Content.SequenceEqual(other.Content);

        public int GetHashCode(Span alternate) => Hash(alternate.Type, alternate.Content);

        public FacetKey Create(Span alternate) => new(alternate.Type, alternate.Content.ToArray());

        static int Hash(long type, ReadOnlySpan<byte> content)
        {
            var hash = new HashCode();
            hash.Add(type);
            hash.AddBytes(content);
            return hash.ToHashCode();
        }
    }
}
