using System.Buffers;
using Replicator.Core.Json;

namespace Replicator.Storage.Marten.Log;

/// <summary>Which JSON texts <c>jsonb</c> gives back with the same strings and the same number texts (PostgreSQL manual, 8.14).</summary>
/// <remarks>
/// It holds numbers as <c>numeric</c>, which keeps <c>1.00</c> and any length, but writes out exponents and drops the sign of zero; it refuses <c>\u0000</c> and lone surrogates. The order of members,
/// which it changes, is no matter: canonical JSON has one of its own.
/// </remarks>
static class JsonbText
{
    /// <summary>Far below what <c>numeric</c> holds, far above what anybody writes.</summary>
    const int MaxNumberLength = 1000;

    static readonly SearchValues<byte> Beginnings = SearchValues.Create("\"-0123456789"u8);
    static readonly SearchValues<byte> OfNumbers = SearchValues.Create("-+.0123456789eE"u8);

    public static bool Keeps(ReadOnlySpan<byte> json)
    {
        for (var index = 0; index < json.Length;)
        {
            var next = json[index..].IndexOfAny(Beginnings);
            if (next < 0)
                return true;
            index += next;
            if (json[index] == (byte)'"')
            {
                if (!KeepsString(json, ref index))
                    return false;
            }
            else
            {
                var number = json[index..];
                var length = number.IndexOfAnyExcept(OfNumbers);
                number = length < 0 ? number : number[..length];
                if (number.Length > MaxNumberLength || number.IndexOfAny("eE"u8) >= 0 || (number[0] == (byte)'-' && number.IndexOfAnyInRange((byte)'1', (byte)'9') < 0))
                    return false;
                index += number.Length;
            }
        }
        return true;
    }

    /// <summary>Whether a state is canonical, so that it can be had again from the same value in another order of members.</summary>
    public static bool IsCanonical(ReadOnlySpan<byte> json, PooledBufferWriter scratch)
    {
        scratch.Clear();
        CanonicalJson.Write(json, scratch);
        return scratch.WrittenSpan.SequenceEqual(json);
    }

    /// <summary>Goes over a string, from its first quote to after its last.</summary>
    static bool KeepsString(ReadOnlySpan<byte> json, ref int index)
    {
        index++;
        while (true)
        {
            index += json[index..].IndexOfAny((byte)'"', (byte)'\\');
            if (json[index] == (byte)'"')
            {
                index++;
                return true;
            }
            // Canonical text has pairs of surrogates as UTF-8, so that one behind an escape is alone.
            if (json[index + 1] == (byte)'u' && (json.Slice(index + 2, 4).SequenceEqual("0000"u8) || json[index + 2] is (byte)'d' or (byte)'D'))
                return false;
            index += 2;
        }
    }
}
