using System.Buffers;

namespace Replicator.Core.Json;

/// <summary>
/// JSON Patch (RFC 6902) over UTF-8 text. For any two values <c>a</c> and <c>b</c>, applying the diff of <c>a</c> and <c>b</c> to <c>a</c>
/// gives the canonical form of <c>b</c>.
/// </summary>
/// <remarks>
/// Numbers are compared by their text, unlike RFC 6902, section 4.6: from <c>1.0</c> to <c>1</c> is a change, and <c>test</c> tells the two apart.
/// </remarks>
public static class JsonPatch
{
    /// <summary>Writes a patch of <c>add</c>, <c>remove</c> and <c>replace</c> operations that leads from one document to the other; <c>[]</c> where they are equal.</summary>
    /// <remarks>
    /// Elements of arrays are matched by their keys as Kubernetes names them (<c>name</c>, <c>type</c>, <c>uid</c>, <c>manager</c> with <c>operation</c>) where all of them
    /// have one, else by place. Where a patch of the parts would be longer than the whole value, the whole value is replaced.
    /// </remarks>
    /// <param name="from">The document to start from.</param>
    /// <param name="to">The document to arrive at.</param>
    /// <param name="patch">Receives the patch, canonical values inside.</param>
    /// <exception cref="JsonFormatException">One of the documents is not JSON.</exception>
    public static void Diff(ReadOnlyMemory<byte> from, ReadOnlyMemory<byte> to, IBufferWriter<byte> patch)
    {
        using var differ = JsonPatchDiffer.Take();
        differ.Diff(from.Span, to.Span, patch);
    }

    /// <inheritdoc cref="Diff(ReadOnlyMemory{byte}, ReadOnlyMemory{byte}, IBufferWriter{byte})"/>
    /// <param name="from">The tape of the document to start from.</param>
    /// <param name="fromNode">The node to start from.</param>
    /// <param name="to">The tape of the document to arrive at; may be the same.</param>
    /// <param name="toNode">The node to arrive at.</param>
    /// <param name="patch">Receives the patch; its paths are relative to the two nodes.</param>
    public static void Diff(JsonTape from, int fromNode, JsonTape to, int toNode, IBufferWriter<byte> patch)
    {
        using var differ = JsonPatchDiffer.Take();
        differ.Diff(from, fromNode, to, toNode, patch);
    }

    /// <summary>Applies all operations of <paramref name="patch"/> in order and writes the result in canonical form; nothing is written where one fails.</summary>
    /// <remarks>Operations may nest values deeper than <see cref="JsonTape.MaxDepth"/>; such a result is written, but can no longer be parsed here.</remarks>
    /// <param name="document">The document to change.</param>
    /// <param name="patch">A JSON Patch; all six operations of RFC 6902, section 4 are supported.</param>
    /// <param name="result">Receives the canonical result.</param>
    /// <exception cref="JsonFormatException">The document or the patch is not JSON.</exception>
    /// <exception cref="JsonPatchException">The patch is malformed, or an operation does not fit the document.</exception>
    public static void Apply(ReadOnlyMemory<byte> document, ReadOnlyMemory<byte> patch, IBufferWriter<byte> result)
    {
        using var applier = JsonPatchApplier.Take();
        applier.Apply(document.Span, patch.Span, result);
    }

    /// <inheritdoc cref="Apply(ReadOnlyMemory{byte}, ReadOnlyMemory{byte}, IBufferWriter{byte})"/>
    /// <param name="document">The tape of the document to change; it stays as it is.</param>
    /// <param name="node">The node to change.</param>
    /// <param name="patch">A JSON Patch, its paths relative to the node.</param>
    /// <param name="result">Receives the canonical result.</param>
    public static void Apply(JsonTape document, int node, ReadOnlyMemory<byte> patch, IBufferWriter<byte> result)
    {
        ArgumentNullException.ThrowIfNull(document);
        using var applier = JsonPatchApplier.Take();
        applier.Apply(document, node, patch.Span, result);
    }
}
