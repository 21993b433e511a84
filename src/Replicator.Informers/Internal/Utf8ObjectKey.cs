namespace Replicator.Informers;

/// <summary>An object's key as a server sent it.</summary>
readonly ref struct Utf8ObjectKey(ReadOnlySpan<byte> scope, ReadOnlySpan<byte> name)
{
    public ReadOnlySpan<byte> Namespace { get; } = scope;

    public ReadOnlySpan<byte> Name { get; } = name;
}
