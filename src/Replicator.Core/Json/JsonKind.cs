namespace Replicator.Core.Json;

/// <summary>The seven kinds of JSON value (RFC 8259, section 3).</summary>
public enum JsonKind : byte
{
    /// <summary>No value: nothing has been parsed.</summary>
    None,

    /// <summary>An object.</summary>
    Object,

    /// <summary>An array.</summary>
    Array,

    /// <summary>A string, or the name of a member.</summary>
    String,

    /// <summary>A number, kept as the text it was written with.</summary>
    Number,

    /// <summary>The literal <c>true</c>.</summary>
    True,

    /// <summary>The literal <c>false</c>.</summary>
    False,

    /// <summary>The literal <c>null</c>.</summary>
    Null,
}
