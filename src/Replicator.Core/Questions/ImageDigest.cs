using System.Buffers;

namespace Replicator.Core.Questions;

/// <summary>A digest that somebody looks for, whole or by its beginning.</summary>
sealed class ImageDigest
{
    const int FewestDigits = 7;

    static readonly SearchValues<char> Digits = SearchValues.Create("0123456789abcdef");

    readonly string _text;
    readonly bool _hasAlgorithm;

    public ImageDigest(string text)
    {
        var at = text.LastIndexOf('@');
        _text = text[(at + 1)..].ToLowerInvariant();
        var colon = _text.IndexOf(':', StringComparison.Ordinal);
        _hasAlgorithm = colon >= 0;
        var digits = _text.AsSpan(colon + 1);
        if (digits.Length < FewestDigits || digits.IndexOfAnyExcept(Digits) >= 0)
            throw new FormatException($"'{text}' is not an image digest: write sha256: and its hexadecimal digits, of which the first {FewestDigits} are enough.");
    }

    /// <summary>The digest that an image id holds; empty where it holds none.</summary>
    public static string In(string imageId)
    {
        var digest = imageId[(imageId.LastIndexOf('@') + 1)..];
        var colon = digest.IndexOf(':', StringComparison.Ordinal);
        return colon > 0 && digest.Length > colon + FewestDigits && digest.AsSpan(colon + 1).IndexOfAnyExcept(Digits) < 0 ? digest : "";
    }

    public bool Matches(string imageId)
    {
        var digest = In(imageId);
        return digest.Length > 0 && (_hasAlgorithm ? digest : digest[(digest.IndexOf(':', StringComparison.Ordinal) + 1)..]).StartsWith(_text, StringComparison.Ordinal);
    }

    /// <summary>Whether a state can hold it at all: cheaper than to parse it.</summary>
    public bool MayBeIn(ReadOnlySpan<byte> state) => state.IndexOf(System.Text.Encoding.ASCII.GetBytes(_text)) >= 0;
}
