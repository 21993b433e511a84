namespace Replicator.TestKit.Amplified;

/// <summary>What distinguishes a pod from the recorded one whose life it leads; texts as UTF-8.</summary>
sealed record PodIdentity
{
    public required byte[] Name { get; init; }
    public required byte[] Namespace { get; init; }
    public required byte[] Uid { get; init; }
    public required byte[] OwnerUid { get; init; }
    public required byte[] Node { get; init; }
    public required byte[] NodeAddress { get; init; }
    public required byte[] Address { get; init; }
    public required byte[] Volume { get; init; }
    /// <summary>By how much its times are later than the recorded ones.</summary>
    public required TimeSpan Shift { get; init; }
}
