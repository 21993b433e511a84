namespace Replicator.Informers;

/// <summary>The API server cannot be reached or does not let us in. The message is one line that names the address, the cause and the remedy.</summary>
public sealed class ClusterUnreachableException(string message, Exception? inner = null) : Exception(OneLine.Of(message), inner);
