using System.IO.Pipelines;
using CsCheck;
using Xunit;

namespace Replicator.Informers.Tests;

public sealed class ReadAheadStreamTests
{
    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_comes_is_read_in_its_order_however_it_comes_and_whatever_is_asked_for() =>
        await Gen.Select(Gen.Byte.Array[0, 100_000].Array[1, 6], Gen.Int[0, 70_000].Array[1, 20]).SampleAsync(async (parts, asks) =>
        {
            var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
            await using var stream = new ReadAheadStream(pipe.Reader.AsStream());
            var (expected, actual) = (new MemoryStream(), new MemoryStream());
            var (buffer, ask) = (new byte[70_000], 0);
            foreach (var part in parts)
            {
                await pipe.Writer.WriteAsync(part, Cancel);
                expected.Write(part);
                await ReadAsync(toEnd: false);
            }
            await pipe.Writer.CompleteAsync();
            await ReadAsync(toEnd: true);
            Assert.Equal(expected.ToArray(), actual.ToArray());

            async Task ReadAsync(bool toEnd)
            {
                while (toEnd || actual.Length < expected.Length)
                {
                    var size = asks[ask++ % asks.Length];
                    var read = await stream.ReadAsync(buffer.AsMemory(0, size), Cancel);
                    actual.Write(buffer, 0, read);
                    if (read == 0 && size > 0)
                        return;
                    if (size == 0 && asks.All(each => each == 0))
                        asks = [1000];
                }
            }
        }, iter: 200);

    [Fact]
    public async Task One_read_of_the_connection_serves_many_small_ones()
    {
        var connection = new CountingStream(new byte[40_000]);
        await using var stream = new ReadAheadStream(connection);
        var buffer = new byte[100];
        for (var read = 0; read < 40_000;)
            read += await stream.ReadAsync(buffer, Cancel);
        Assert.Equal(1, connection.Reads);
    }

    [Fact]
    public async Task What_is_written_goes_straight_through_while_something_read_is_waiting()
    {
        var connection = new CountingStream(new byte[1000]);
        await using var stream = new ReadAheadStream(connection);
        _ = await stream.ReadAsync(new byte[10], Cancel);
        await stream.WriteAsync("request"u8.ToArray(), Cancel);
        Assert.Equal("request"u8.ToArray(), connection.Written.ToArray());
        Assert.Equal(990, await stream.ReadAsync(new byte[2000], Cancel));
    }

    sealed class CountingStream(byte[] content) : MemoryStream(content, writable: false)
    {
        public int Reads { get; private set; }

        public MemoryStream Written { get; } = new();

        public override bool CanWrite => true;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (!buffer.IsEmpty)
                Reads++;
            return base.ReadAsync(buffer, cancellationToken);
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => Written.WriteAsync(buffer, cancellationToken);
    }
}
