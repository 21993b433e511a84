namespace Replicator.Core.Json;

/// <summary>A JSON Patch (RFC 6902) that is malformed or does not fit the document; names the operation, its path and the reason.</summary>
public sealed class JsonPatchException : Exception
{
    /// <summary>Creates the exception for the operation at <paramref name="operationIndex"/>.</summary>
    /// <param name="operationIndex">Zero-based index of the operation, or -1 where the patch as a whole is at fault.</param>
    /// <param name="path">The pointer at fault, or the empty string where none was read.</param>
    /// <param name="reason">What is wrong, as a clause without a full stop.</param>
    public JsonPatchException(int operationIndex, string path, string reason)
        : base(operationIndex < 0 ? $"Malformed JSON Patch: {reason}." : $"JSON Patch operation {operationIndex} at '{path}': {reason}.")
    {
        OperationIndex = operationIndex;
        Path = path;
        Reason = reason;
    }

    /// <summary>Zero-based index of the operation, or -1 where the patch as a whole is at fault.</summary>
    public int OperationIndex { get; }

    /// <summary>The pointer at fault.</summary>
    public string Path { get; }

    /// <summary>What is wrong, as a clause without a full stop.</summary>
    public string Reason { get; }
}
