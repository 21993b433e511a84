namespace Replicator.KubeApi;

/// <summary>How a client wants objects to be shown.</summary>
enum RepresentationKind
{
    /// <summary>Whole.</summary>
    Object,
    /// <summary>Only their metadata (PartialObjectMetadata).</summary>
    Metadata,
    /// <summary>As rows (Table).</summary>
    Table,
}

/// <summary>What a client accepts.</summary>
/// <param name="Kind">How objects are shown.</param>
/// <param name="MetaVersion">The version of <c>meta.k8s.io</c> in which Tables and partial objects are.</param>
readonly record struct Representation(RepresentationKind Kind, string MetaVersion)
{
    public static Representation Whole { get; } = new(RepresentationKind.Object, "v1");

    /// <summary>The first of the media types that can be served; JSON is the one encoding.</summary>
    /// <exception cref="KubeApiException">None can (406).</exception>
    public static Representation Choose(string accept)
    {
        if (accept.Length == 0)
            return Whole;
        foreach (var type in accept.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = type.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            if (parts is not [var media, ..] || media.ToLowerInvariant() is not ("application/json" or "application/*" or "*/*"))
                continue;
            string? Parameter(string name) => Array.Find(parts, part => part.StartsWith($"{name}=", StringComparison.OrdinalIgnoreCase))?[(name.Length + 1)..];
            if (Parameter("as") is not { } form)
                return Whole;
            if (Parameter("g") != "meta.k8s.io" || Parameter("v") is not (("v1" or "v1beta1") and var version))
                continue;
            switch (form)
            {
                case "Table":
                    return new Representation(RepresentationKind.Table, version);
                case "PartialObjectMetadata" or "PartialObjectMetadataList":
                    return new Representation(RepresentationKind.Metadata, version);
            }
        }
        throw new KubeApiException(406, "NotAcceptable", "only the following media types are accepted: application/json, application/json;as=Table;g=meta.k8s.io;v=v1, application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
    }
}
