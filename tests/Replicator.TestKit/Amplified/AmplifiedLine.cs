namespace Replicator.TestKit.Amplified;

/// <summary>A line of an amplified watch.</summary>
/// <param name="Microseconds">When the server sent it, since 1970.</param>
/// <param name="Type">ADDED, MODIFIED, DELETED or BOOKMARK.</param>
/// <param name="IsInitial">Whether it belongs to the streaming list before the live watch; the bookmark that ends the list does.</param>
/// <param name="Json">The watch line without its line feed; valid until the next is asked for.</param>
public readonly record struct AmplifiedLine(long Microseconds, string Type, bool IsInitial, ReadOnlyMemory<byte> Json);
