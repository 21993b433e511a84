namespace Replicator.Informers;

/// <summary>What says how to reach the cluster is missing or wrong. The message is one line that names the file, the value and the remedy.</summary>
public sealed class ClusterConfigurationException(string message, Exception? inner = null) : Exception(OneLine.Of(message), inner);
