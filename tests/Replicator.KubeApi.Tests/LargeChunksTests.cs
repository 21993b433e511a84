using System.Buffers;
using System.IO.Pipelines;
using CsCheck;
using Xunit;

namespace Replicator.KubeApi.Tests;

public sealed class LargeChunksTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public Task What_is_written_in_pieces_of_any_size_arrives_as_it_was_written() => Gen.Select(Gen.OneOf(Gen.Int[0, 300], Gen.Int[60_000, 70_000], Gen.Int[100_000, 200_000]), Gen.Bool, Gen.Bool).Array[0, 12]
        .SampleAsync(async pieces =>
        {
            var (written, arrived) = (new MemoryStream(), new MemoryStream());
            var pipe = PipeWriter.Create(arrived);
            var body = new LargeChunks(pipe);
            var value = 0;
            foreach (var (length, asksForRoom, flushes) in pieces)
            {
                var piece = Enumerable.Range(0, length).Select(_ => (byte)(value++ * 31)).ToArray();
                written.Write(piece);
                // Some ask for all the room that they need, some for whatever there is.
                if (asksForRoom)
                {
                    piece.CopyTo(body.GetSpan(length));
                    body.Advance(length);
                }
                else
                {
                    body.Write(piece);
                }
                if (flushes || body.IsWorthSending)
                    await body.FlushAsync(Token);
            }
            await body.FlushAsync(Token);
            Assert.False(body.IsWorthSending);
            Assert.Equal(written.ToArray(), arrived.ToArray());
        }, iter: 200);
}
