using Replicator.Core.Json;
using Xunit;

namespace Replicator.Core.Tests.Json;

public sealed class PooledBufferWriterTests
{
    [Fact]
    public void What_was_written_survives_growth()
    {
        using var writer = new PooledBufferWriter(1);
        for (var i = 0; i < 10_000; i++)
            writer.WriteByte((byte)i);
        writer.GetSpan(50_000)[0] = 1;
        writer.Advance(1);
        Assert.Equal([.. Enumerable.Range(0, 10_000).Select(i => (byte)i), 1], writer.WrittenMemory.ToArray());
    }

    [Fact]
    public void A_cleared_or_disposed_writer_is_empty_and_can_be_used_again()
    {
        var writer = new PooledBufferWriter();
        writer.Write("abc"u8);
        writer.Clear();
        Assert.Equal(0, writer.WrittenCount);
        writer.Write("d"u8);
        writer.Dispose();
        Assert.True(writer.WrittenSpan.IsEmpty);
        writer.Write("ef"u8);
        Assert.Equal("ef"u8.ToArray(), writer.WrittenSpan.ToArray());
        writer.Dispose();
    }

    [Fact]
    public void Advancing_beyond_the_buffer_is_refused()
    {
        using var writer = new PooledBufferWriter(16);
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.Advance(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.Advance(writer.Capacity + 1));
    }
}
