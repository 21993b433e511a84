namespace Replicator.Core.Json;

/// <summary>Enumerates the members of an object in the order of the text, duplicates included, without allocating.</summary>
public struct JsonMembers
{
    readonly JsonTape _tape;
    readonly int _end;
    int _next;
    int _name;

    internal JsonMembers(JsonTape tape, int first, int end)
    {
        _tape = tape;
        _next = first;
        _end = end;
    }

    /// <summary>The member that the last <see cref="MoveNext"/> reached.</summary>
    public readonly JsonMember Current => new(_name, _name + 1);

    /// <summary>Returns this enumerator, for <c>foreach</c>.</summary>
    public readonly JsonMembers GetEnumerator() => this;

    /// <summary>Moves to the next member; <see langword="false"/> after the last.</summary>
    public bool MoveNext()
    {
        if (_next >= _end)
            return false;
        _name = _next;
        _next = _tape.Next(_name + 1);
        return true;
    }
}
