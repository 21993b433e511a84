using System.Security.Cryptography;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.Core.Rules;

/// <summary>Remembers of every object a fingerprint of what the ignore rules look past and one of the rest, so that a change can be told by which of them differ.</summary>
sealed class IgnoreFilter : IDisposable
{
    /// <summary>How many rules may cover one object: a bit of the answer each.</summary>
    public const int MaxRules = 64;

    const int RestLength = 16;
    const int PartLength = 8;

    readonly Dictionary<ObjectIdentity, byte[]> _known = [];
    readonly JsonEdits _edits = new();
    readonly PooledBufferWriter _text = new();
    readonly List<int> _matches = [];

    /// <summary>Remembers a state. Returns, as bits, the rules that a change from the last state touches, where it touches nothing else; null where there is no last state, or more has changed.</summary>
    public ulong? Observe(JsonTape tape, ObjectIdentity identity, RecordingRule[] rules)
    {
        Span<byte> now = stackalloc byte[RestLength + MaxRules * PartLength];
        now = now[..(RestLength + rules.Length * PartLength)];
        Fingerprint(tape, rules, now);
        if (!_known.TryGetValue(identity, out var last))
        {
            _known[identity] = now.ToArray();
            return null;
        }
        ulong changed = 0;
        for (var i = 0; i < rules.Length; i++)
        {
            if (!Part(now, i).SequenceEqual(Part(last, i)))
                changed |= 1UL << i;
        }
        var isRestSame = now[..RestLength].SequenceEqual(last.AsSpan(0, RestLength));
        now.CopyTo(last);
        // Where no rule's own paths changed it was a change of managedFields alone: that fields changed hands is not what anybody asked to ignore.
        return isRestSame && changed != 0 ? changed : null;
    }

    public bool Knows(ObjectIdentity identity) => _known.ContainsKey(identity);

    public void Forget(ObjectIdentity identity) => _known.Remove(identity);

    public void Dispose()
    {
        _edits.Dispose();
        _text.Dispose();
    }

    void Fingerprint(JsonTape tape, RecordingRule[] rules, Span<byte> fingerprint)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        _edits.Clear();
        for (var i = 0; i < rules.Length; i++)
        {
            _text.Clear();
            foreach (var path in rules[i].Paths)
            {
                _matches.Clear();
                path.Find(tape, tape.Root, _matches);
                foreach (var match in _matches)
                {
                    CanonicalJson.Write(tape, match, _text);
                    _text.GetSpan(1)[0] = (byte)'\n';
                    _text.Advance(1);
                    _edits.Remove(match);
                }
            }
            SHA256.HashData(_text.WrittenSpan, hash);
            hash[..PartLength].CopyTo(Part(fingerprint, i));
        }
        // These change with every write, whatever it touches.
        if (tape.TryGetProperty(tape.Root, "metadata"u8, out var metadata))
        {
            if (tape.TryGetProperty(metadata, "resourceVersion"u8, out var version))
                _edits.Remove(version);
            if (tape.TryGetProperty(metadata, "managedFields"u8, out var fields))
                _edits.Remove(fields);
        }
        _text.Clear();
        CanonicalJson.Write(tape, tape.Root, _text, _edits);
        SHA256.HashData(_text.WrittenSpan, hash);
        hash[..RestLength].CopyTo(fingerprint);
    }

    static Span<byte> Part(Span<byte> fingerprint, int index) => fingerprint.Slice(RestLength + index * PartLength, PartLength);
}
