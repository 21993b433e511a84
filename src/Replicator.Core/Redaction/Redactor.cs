using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Replicator.Core.Json;
using Replicator.Core.Kubernetes;

namespace Replicator.Core.Redaction;

/// <summary>
/// Replaces secret values by fingerprints before anything else sees the object: HMAC-SHA-256 under a local key over object, field and value. That a value changed, or is the same as
/// before, stays visible; the value stays unguessable without the key. A Secret's <c>data</c> and <c>stringData</c> and their copies in annotations are always covered.
/// </summary>
/// <remarks>Not thread-safe: one per recording stream.</remarks>
public sealed class Redactor : IDisposable
{
    const string Prefix = "redacted:";
    static readonly GroupResource Secrets = new("", "secrets");

    readonly byte[] _key;
    readonly ILookup<GroupResource, RedactionRule> _rules;
    readonly List<int> _matches = [];
    readonly JsonTape _inner = new();
    readonly JsonEdits _innerEdits = new();
    readonly PooledBufferWriter _innerText = new();

    /// <summary>Creates a redactor.</summary>
    /// <param name="key">See <see cref="RedactionKey"/>.</param>
    /// <param name="rules">What to redact besides Secrets.</param>
    public Redactor(ReadOnlySpan<byte> key, IEnumerable<RedactionRule>? rules = null)
    {
        _key = key.ToArray();
        _rules = (rules ?? []).ToLookup(rule => rule.Type);
    }

    /// <summary>Whether objects of the type can hold anything to redact.</summary>
    public bool Concerns(GroupResource type) => type == Secrets || _rules.Contains(type);

    /// <summary>Adds to <paramref name="edits"/> what must be replaced in the parsed object.</summary>
    public void Redact(GroupResource type, JsonTape tape, int node, ObjectIdentity identity, JsonEdits edits)
    {
        var subject = identity.ToString();
        if (type == Secrets)
        {
            RedactSecret(tape, node, subject, edits);
            if (tape.TryGetProperty(node, "metadata"u8, out var metadata) && tape.TryGetProperty(metadata, "annotations"u8, out var annotations)
                && tape.Kind(annotations) == JsonKind.Object)
            {
                foreach (var member in tape.Members(annotations))
                    RedactCopy(tape, member, subject, edits);
            }
        }
        foreach (var rule in _rules[type])
        {
            _matches.Clear();
            rule.Path.Find(tape, node, _matches);
            foreach (var match in _matches)
                edits.Replace(match, Fingerprint(tape, match, subject, rule.Path.ToString()!, base64: false));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _innerEdits.Dispose();
        _innerText.Dispose();
        CryptographicOperations.ZeroMemory(_key);
    }

    void RedactSecret(JsonTape tape, int node, string subject, JsonEdits edits)
    {
        RedactValues(tape, node, "data"u8, base64: true, subject, edits);
        RedactValues(tape, node, "stringData"u8, base64: false, subject, edits);
    }

    void RedactValues(JsonTape tape, int node, ReadOnlySpan<byte> field, bool base64, string subject, JsonEdits edits)
    {
        if (!tape.TryGetProperty(node, field, out var values) || tape.Kind(values) == JsonKind.Null)
            return;
        if (tape.Kind(values) != JsonKind.Object)
        {
            edits.Replace(values, Fingerprint(tape, values, subject, Encoding.UTF8.GetString(field), base64: false));
            return;
        }
        foreach (var member in tape.Members(values))
            edits.Replace(member.Value, Fingerprint(tape, member.Value, subject, tape.GetString(member.Name), base64));
    }

    // kubectl's last-applied annotation holds the whole manifest as text; other tools keep copies under names of their own. What parses as an object is redacted like one.
    void RedactCopy(JsonTape tape, JsonMember annotation, string subject, JsonEdits edits)
    {
        if (tape.Kind(annotation.Value) != JsonKind.String)
            return;
        var lastApplied = tape.StringEquals(annotation.Name, "kubectl.kubernetes.io/last-applied-configuration"u8);
        var raw = tape.RawText(annotation.Value);
        if (!lastApplied && raw.IndexOf((byte)'{') < 0)
            return;
        var scratch = ArrayPool<byte>.Shared.Rent(raw.Length);
        try
        {
            _inner.Parse(tape.StringBytes(annotation.Value, scratch));
            if (_inner.Kind(_inner.Root) != JsonKind.Object)
                throw new JsonFormatException(0, "The annotation holds no object.");
            _innerEdits.Clear();
            _innerText.Clear();
            RedactSecret(_inner, _inner.Root, subject, _innerEdits);
            CanonicalJson.Write(_inner, _inner.Root, _innerText, _innerEdits);
            edits.Replace(annotation.Value, JsonSerializer.SerializeToUtf8Bytes(Encoding.UTF8.GetString(_innerText.WrittenSpan)));
        }
        catch (JsonFormatException)
        {
            // A copy that cannot be read cannot be shown to hold no secret.
            if (lastApplied)
                edits.Replace(annotation.Value, Fingerprint(tape, annotation.Value, subject, "last-applied-configuration", base64: false));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(scratch, clearArray: true);
        }
    }

    byte[] Fingerprint(JsonTape tape, int node, string subject, string field, bool base64)
    {
        var raw = tape.RawText(node);
        var scratch = ArrayPool<byte>.Shared.Rent(raw.Length);
        var decoded = ArrayPool<byte>.Shared.Rent(raw.Length);
        try
        {
            var value = tape.Kind(node) == JsonKind.String ? tape.StringBytes(node, scratch) : raw;
            // Over the decoded value, so that data and stringData of one field have one fingerprint.
            if (base64 && Base64.DecodeFromUtf8(value, decoded, out _, out var written) == OperationStatus.Done)
                value = decoded.AsSpan(0, written);
            using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _key);
            hmac.AppendData(Encoding.UTF8.GetBytes($"{subject}\n{field}\n"));
            hmac.AppendData(value);
            var text = Prefix + Convert.ToHexStringLower(hmac.GetHashAndReset().AsSpan(0, 16));
            return Encoding.UTF8.GetBytes($"\"{(base64 ? Convert.ToBase64String(Encoding.UTF8.GetBytes(text)) : text)}\"");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(scratch, clearArray: true);
            ArrayPool<byte>.Shared.Return(decoded, clearArray: true);
        }
    }
}
