namespace Replicator.Core.Json;

/// <summary>Enumerates the nodes of an array's elements in order, without allocating.</summary>
public struct JsonElements
{
    readonly JsonTape _tape;
    readonly int _end;
    int _next;

    internal JsonElements(JsonTape tape, int first, int end)
    {
        _tape = tape;
        _next = first;
        _end = end;
        Current = -1;
    }

    /// <summary>The node that the last <see cref="MoveNext"/> reached.</summary>
    public int Current { get; private set; }

    /// <summary>Returns this enumerator, for <c>foreach</c>.</summary>
    public readonly JsonElements GetEnumerator() => this;

    /// <summary>Moves to the next element; <see langword="false"/> after the last.</summary>
    public bool MoveNext()
    {
        if (_next >= _end)
            return false;
        Current = _next;
        _next = _tape.Next(_next);
        return true;
    }
}
