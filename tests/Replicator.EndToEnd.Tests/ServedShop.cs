namespace Replicator.EndToEnd.Tests;

/// <summary>The recorded shop in a log, served over HTTP as the cluster <c>shop</c>.</summary>
public abstract class ServedShop
{
    /// <summary>A client of the API.</summary>
    public HttpClient Client { get; } = new();

    /// <summary>The data folder.</summary>
    public abstract string Folder { get; }

    /// <summary>Whether the last change of each type was observed in the version that the server preferred at the end.</summary>
    public virtual bool EndsInPreferredVersions => true;
}
