namespace Replicator.Core.Json;

/// <summary>What the scanner learns about a token on its way, so that no later step has to look again.</summary>
[Flags]
enum JsonTokenFlags : byte
{
    None = 0,

    /// <summary>The token's text, its whole subtree included, is known to be in canonical form.</summary>
    Canonical = 1,

    /// <summary>A string that holds at least one escape.</summary>
    Escaped = 2,

    /// <summary>An object whose own names ascend strictly, so that none is there twice.</summary>
    Sorted = 4,
}
