using System.Security.Cryptography;

namespace Replicator.Core.Redaction;

/// <summary>The key under which fingerprints are made. Whoever holds it can test guesses, so the file is readable by its owner alone.</summary>
public static class RedactionKey
{
    /// <summary>The key's length in bytes.</summary>
    public const int Length = 32;

    /// <summary>Reads the key, or makes one at the first start.</summary>
    /// <exception cref="InvalidDataException">The file does not hold a key: fingerprints under a new one would not compare with the recorded ones.</exception>
    public static byte[] LoadOrCreate(string path)
    {
        if (!File.Exists(path))
        {
            var key = RandomNumberGenerator.GetBytes(Length);
            var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            // Written aside and renamed, so that a crash leaves no half key behind.
            using (var file = new FileStream(path + ".new", options))
            {
                file.Write(key);
                file.Flush(flushToDisk: true);
            }
            File.Move(path + ".new", path);
            return key;
        }
        var stored = File.ReadAllBytes(path);
        return stored.Length == Length
            ? stored
            : throw new InvalidDataException(
                $"'{path}' holds {stored.Length} bytes where a redaction key of {Length} is expected: restore it from a backup; fingerprints under a new key cannot be compared with the recorded ones.");
    }
}
