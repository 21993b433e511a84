using System.Globalization;
using System.Text;
using Replicator.Core.Events;
using Replicator.Core.Json;
using Replicator.Core.Recordings;

namespace Replicator.TestKit.Amplified;

/// <summary>
/// The watch of a large cluster's pods, made of a small recording's: a streaming list of so many pods, and then exactly so many changes. Every pod leads the life of a recorded one, state by state, under a name, uid, owner,
/// address, node and times of its own.
/// </summary>
/// <remarks>
/// <para>Pods that the recording saw deleted live, rest and are deleted, and another takes their place in the line after; those that it did not see deleted rest throughout. So as many live at any moment, one less between a
/// deletion and the addition that follows it. Some hundred lives are under way at a time, interleaved at random.</para>
/// <para>The same arguments give the same bytes. What is held in memory grows with the pods, not with the changes.</para>
/// </remarks>
public sealed class PodAmplifier
{
    const int MaxMoving = 256;
    const int MeanMicrosecondsPerChange = 4000;
    const int Nodes = 100;
    const long FirstVersion = 100_000;

    // What the API server makes generated names of (k8s.io/apimachinery, util/rand).
    const string NameAlphabet = "bcdfghjklmnpqrstvwxz2456789";
    const int NameSuffixLength = 5;

    readonly List<PodTemplate[]> _lives = [];
    readonly List<PodTemplate[]> _ended = [];
    readonly int _pods, _changes, _seed, _podsPerTenant;
    readonly long _startsAt;

    /// <summary>Reads the recording's pods.</summary>
    /// <param name="recording">The recording's folder.</param>
    /// <param name="pods">How many live at any moment.</param>
    /// <param name="changes">How many changes follow the list.</param>
    /// <param name="seed">What every choice follows from.</param>
    /// <param name="podsPerTenant">How many of the pods belong to a tenant, who has namespaces of his own: one for each that the recording has pods in.</param>
    public PodAmplifier(string recording, int pods, int changes, int seed, int podsPerTenant = 40)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(pods, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(changes);
        ArgumentOutOfRangeException.ThrowIfLessThan(podsPerTenant, 1);
        (_pods, _changes, _seed, _podsPerTenant) = (pods, changes, seed, podsPerTenant);
        var (path, type) = Recording.Open(recording).Files.Single(file => file.Type.GroupResource.ToString() == "pods");
        var lives = new Dictionary<string, List<PodTemplate>>();
        using var file = new RecordingFile(path, type);
        while (file.Read() is { } line)
        {
            if (line.Type == "BOOKMARK")
                continue;
            if (lives.Count == 0)
                _startsAt = HashChain.Microseconds(line.Time);
            var template = new PodTemplate(line.Type, line.Object, line.Time);
            if (!lives.TryGetValue(template.Uid, out var life))
                lives.Add(template.Uid, life = []);
            life.Add(template);
        }
        foreach (var life in lives.Values)
        {
            _lives.Add([.. life]);
            if (life[^1].Type == "DELETED")
                _ended.Add(_lives[^1]);
        }
        if (_ended.Count == 0)
            throw new ArgumentException($"'{recording}' saw no pod deleted: nothing can be made of it that goes on.", nameof(recording));
    }

    /// <summary>The lines: additions, the bookmark that ends the list, and the changes.</summary>
    public IEnumerable<AmplifiedLine> ReadLines()
    {
        var random = new Random(_seed);
        using var output = new PooledBufferWriter();
        var (version, now) = (FirstVersion, _startsAt);
        var slots = new Slot[_pods];
        var names = new HashSet<string>();
        for (var number = 0; number < slots.Length; number++)
        {
            // The ones whose lives end come first, so that there is something to move among a few.
            var life = number < _ended.Count ? _ended[number] : _lives[number % _lives.Count];
            var slot = slots[number] = new Slot(number);
            // Up to a month old.
            slot.Begin(life, NewIdentity(slot.Number, life, now - random.NextInt64(30L * 24 * 3600 * 1_000_000), random, names));
            slot.Next = slot.RestsAt + 1;
            yield return Line(slot.Life[slot.RestsAt], slot.Pod, "ADDED", isInitial: true);
        }
        version++;
        output.Clear();
        output.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"{{\"type\":\"BOOKMARK\",\"object\":{{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{{\"resourceVersion\":\"{version}\",\"annotations\":{{\"k8s.io/initial-events-end\":\"true\"}}}},\"spec\":{{\"containers\":null}},\"status\":{{}}}}}}")));
        yield return new AmplifiedLine(now, "BOOKMARK", true, output.WrittenMemory);

        // The moving ones come first, the resting ones behind them.
        var mortal = slots.Where(slot => slot.IsMortal).ToArray();
        var moving = Math.Min(Math.Clamp(_pods / 20, 1, MaxMoving), mortal.Length);
        for (var change = 0; change < _changes; change++)
        {
            now += random.Next(2 * MeanMicrosecondsPerChange);
            var index = random.Next(moving);
            var slot = mortal[index];
            var template = slot.Life[slot.Next];
            yield return Line(template, slot.Pod, template.Type, isInitial: false);
            if (++slot.Next == slot.Life.Length)
            {
                if (++change == _changes)
                    break;
                now += random.Next(2 * MeanMicrosecondsPerChange);
                var life = _ended[random.Next(_ended.Count)];
                slot.Begin(life, NewIdentity(slot.Number, life, now, random, names));
                yield return Line(life[0], slot.Pod, life[0].Type, isInitial: false);
                slot.Next = 1;
            }
            else if (slot.Next == slot.RestsAt + 1 && moving < mortal.Length)
            {
                var other = random.Next(moving, mortal.Length);
                (mortal[index], mortal[other]) = (mortal[other], mortal[index]);
            }
        }

        AmplifiedLine Line(PodTemplate template, PodIdentity pod, string type, bool isInitial)
        {
            // Between two changes of pods there are those of other types.
            version += random.Next(1, 4);
            output.Clear();
            template.Write(pod, type, version, output);
            return new AmplifiedLine(now, type, isInitial, output.WrittenMemory);
        }
    }

    PodIdentity NewIdentity(int slot, PodTemplate[] life, long bornAt, Random random, HashSet<string> names)
    {
        var recorded = life[0];
        var tenant = slot / _podsPerTenant;
        var node = random.Next(Nodes);
        var stem = recorded.Name[..(recorded.Name.LastIndexOf('-') + 1)];
        string name;
        do
            name = stem + Text(random, NameSuffixLength);
        while (!names.Add(name));
        Span<byte> uid = stackalloc byte[16];
        random.NextBytes(uid);
        // RFC 9562, version 4.
        uid[6] = (byte)((uid[6] & 0x0F) | 0x40);
        uid[8] = (byte)((uid[8] & 0x3F) | 0x80);
        return new PodIdentity
        {
            Name = Encoding.ASCII.GetBytes(name),
            Namespace = Encoding.ASCII.GetBytes($"{recorded.Namespace}-{tenant:D3}"),
            Uid = Encoding.ASCII.GetBytes(new Guid(uid, bigEndian: true).ToString("D")),
            // One owner per tenant, as every tenant runs the recorded workloads once.
            OwnerUid = Encoding.ASCII.GetBytes(recorded.OwnerUid.Length == 0 ? "" : $"{tenant:x8}{recorded.OwnerUid[8..]}"),
            Node = Encoding.ASCII.GetBytes($"node-{node}"),
            NodeAddress = Encoding.ASCII.GetBytes($"10.0.0.{node + 1}"),
            Address = Encoding.ASCII.GetBytes($"10.{128 + random.Next(128)}.{random.Next(256)}.{random.Next(1, 255)}"),
            Volume = Encoding.ASCII.GetBytes(Text(random, NameSuffixLength)),
            Shift = TimeSpan.FromSeconds(Math.Round((HashChain.FromMicroseconds(bornAt) - recorded.RecordedAt).TotalSeconds)),
        };
    }

    static string Text(Random random, int length) => new(random.GetItems<char>(NameAlphabet, length));

    /// <summary>A place that one pod after another has.</summary>
    sealed class Slot(int number)
    {
        public int Number { get; } = number;

        public PodTemplate[] Life { get; private set; } = [];

        public PodIdentity Pod { get; private set; } = null!;

        /// <summary>The state that it has while nothing happens to it.</summary>
        public int RestsAt { get; private set; }

        public int Next { get; set; }

        public bool IsMortal => Life[^1].Type == "DELETED";

        public void Begin(PodTemplate[] life, PodIdentity pod)
        {
            (Life, Pod) = (life, pod);
            var ends = Array.FindIndex(life, state => state.IsTerminating || state.Type == "DELETED");
            RestsAt = (ends < 0 ? life.Length : ends) - 1;
        }
    }
}
