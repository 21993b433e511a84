using CsCheck;
using Xunit;

namespace Replicator.Informers.Tests.Caching;

/// <summary>Held objects come back byte for byte, however the samples have changed since.</summary>
public sealed class ObjectCompressorTests
{
    public static TheoryData<string> Files =>
    [
        "core_v1_pods.log.gz", "core_v1_configmaps.log.gz", "coordination.k8s.io_v1_leases.log.gz", "apps_v1_deployments.log.gz", "core_v1_secrets.log.gz", "rbac.authorization.k8s.io_v1_clusterroles.log.gz",
    ];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_recorded_object_comes_back_as_it_was(string file)
    {
        using var compressor = new ObjectCompressor();
        var held = Pods.Recorded(file).Select(json => (Json: json, Data: compressor.Compress(json, out var dictionary), dictionary)).ToList();
        Assert.NotEmpty(held);
        foreach (var (json, data, dictionary) in held)
            Assert.Equal(json, Decode(data, dictionary, json.Length));
    }

    [Fact]
    public void The_recorded_pods_take_a_tenth_of_their_length()
    {
        using var compressor = new ObjectCompressor();
        var pods = Pods.Recorded("core_v1_pods.log.gz");
        var held = pods.Sum(json => compressor.Compress(json, out _).Length);
        Assert.InRange(held, 1, pods.Sum(json => json.Length) / 10);
    }

    [Fact]
    public void What_cannot_be_compressed_is_held_as_it_is_and_spoils_no_sample()
    {
        using var compressor = new ObjectCompressor();
        var random = new Random(1);
        var noise = new byte[5000];
        for (var number = 0; number < 100; number++)
        {
            random.NextBytes(noise);
            Assert.Equal(noise, Decode(compressor.Compress(noise, out var dictionary), dictionary, noise.Length));
            Assert.True(dictionary is null);
        }
    }

    [Fact]
    public void Objects_held_against_old_samples_outlive_them()
    {
        using var compressor = new ObjectCompressor();
        var held = new List<(byte[] Json, byte[] Data, SampleDictionary? Dictionary)>();
        // Ten kinds of objects, one after another, each unlike all others: the samples of the first are given up.
        for (var kind = 0; kind < 10; kind++)
        {
            var random = new Random(kind);
            var words = Enumerable.Range(0, 2000).Select(_ => random.Next().ToString("x8", System.Globalization.CultureInfo.InvariantCulture)).ToArray();
            for (var number = 0; number < 3000; number++)
            {
                var json = System.Text.Encoding.UTF8.GetBytes("{\"words\":\"" + string.Join(' ', random.GetItems(words, 20)) + new string('x', 300) + "\"}");
                held.Add((json, compressor.Compress(json, out var dictionary), dictionary));
            }
        }
        Assert.True(held.Select(item => item.Dictionary).Distinct().Count() > 1);
        foreach (var (json, data, dictionary) in held)
            Assert.Equal(json, Decode(data, dictionary, json.Length));
    }

    [Fact]
    public void Any_bytes_come_back()
    {
        using var compressor = new ObjectCompressor();
        Gen.OneOf(
            Gen.Byte.Array[0, 400],
            Gen.Select(Gen.String, Gen.Int[0, 60], (text, count) => System.Text.Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(text, count))))).Sample(
            bytes => Decode(compressor.Compress(bytes, out var dictionary), dictionary, bytes.Length).AsSpan().SequenceEqual(bytes), threads: 1);
    }

    [Fact]
    public async Task Many_threads_may_read_while_samples_are_added()
    {
        using var compressor = new ObjectCompressor();
        var pods = Pods.Recorded("core_v1_pods.log.gz");
        var held = new System.Collections.Concurrent.ConcurrentQueue<(byte[] Json, byte[] Data, SampleDictionary? Dictionary)>();
        var writing = Task.Run(() =>
        {
            foreach (var json in pods)
                held.Enqueue((json, compressor.Compress(json, out var dictionary), dictionary));
        }, TestContext.Current.CancellationToken);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            var read = 0;
            while (read < pods.Count)
            {
                if (!held.TryDequeue(out var item))
                {
                    if (writing.IsCompleted && held.IsEmpty)
                        return;
                    Thread.Yield();
                    continue;
                }
                read++;
                Assert.Equal(item.Json, Decode(item.Data, item.Dictionary, item.Json.Length));
            }
        })));
        await writing;
    }

    static byte[] Decode(byte[] data, SampleDictionary? dictionary, int length)
    {
        if (dictionary is null)
            return data;
        var json = new byte[length];
        dictionary.Decompress(data, json);
        return json;
    }
}
