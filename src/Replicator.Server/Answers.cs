using System.Text.Json;

namespace Replicator.Server;

// The shapes of what is written without an object in between, for the document of the API. A test holds them to what is written.

/// <summary>A page of changes.</summary>
sealed record ChangePage(IReadOnlyList<Change> Items, long After, bool More);

/// <summary>A recorded change; what is optional is there where it applies.</summary>
sealed record Change(long Position, string Stream, long Revision, string Id, string Type, string Cluster, string Group, string Version, string Resource, string Kind, string Namespace, string Name, string Uid,
    string ResourceVersion, string ObservedAt, string Provenance, string Hash, long? Epoch = null, string? GapFrom = null, string? GapFromTime = null, string? Reason = null, JsonElement? Rules = null,
    string? Traceparent = null, JsonElement? Object = null, JsonElement? Patch = null);

/// <summary>The versions of an object, oldest first.</summary>
sealed record HistoryPage(IReadOnlyList<HistoryVersion> Items);

/// <summary>A version of an object; the last one has no end. The value of a field is any JSON.</summary>
sealed record HistoryVersion(long Position, string Type, string Group, string Version, string Resource, string Kind, string Namespace, string Name, string Uid, string ResourceVersion, string From, string Provenance,
    IReadOnlyList<string> Managers, string Summary, string? To = null, IReadOnlyList<FieldDifference>? Changes = null, int? Hidden = null, JsonElement? Object = null);

/// <summary>A field that differs; what was not there before has no <c>from</c>, what is there no more no <c>to</c>.</summary>
sealed record FieldDifference(string Path, string Change, JsonElement? From = null, JsonElement? To = null);

/// <summary>What differs between two moments.</summary>
sealed record DiffAnswer(string Cluster, string From, string To, IReadOnlyList<string> Warnings, IReadOnlyList<DiffItem> Items, long Hidden, long Transient);

/// <summary>An object that differs: <c>added</c>, <c>removed</c>, <c>changed</c> or <c>recreated</c>.</summary>
sealed record DiffItem(string Change, string Group, string Version, string Resource, string Kind, string Namespace, string Name, IReadOnlyList<FieldDifference> Fields, DiffSide? From = null, DiffSide? To = null,
    JsonElement? Before = null, JsonElement? After = null);

/// <summary>What an object was at a moment.</summary>
sealed record DiffSide(string Uid, string ResourceVersion);

/// <summary>Who set each field of an object, and when.</summary>
sealed record BlameAnswer(string Cluster, string At, IReadOnlyList<string> Warnings, string Group, string Version, string Resource, string Kind, string Namespace, string Name, string Uid, string ResourceVersion,
    IReadOnlyList<BlameField> Fields, IReadOnlyList<BlameLine> Lines);

/// <summary>A field with who set it: at <c>time</c>, or at some time <c>before</c>.</summary>
sealed record BlameField(string Path, JsonElement Value, IReadOnlyList<string> Managers, string ResourceVersion, string Provenance, string? Time = null, string? Before = null);

/// <summary>A line of the object's YAML with who set the field that it shows; without, where it shows none.</summary>
sealed record BlameLine(string Text, IReadOnlyList<string>? Managers = null, string? ResourceVersion = null, string? Provenance = null, string? Time = null, string? Before = null);

/// <summary>Manifests, and what was left out.</summary>
sealed record ExportAnswer(string Cluster, string At, IReadOnlyList<string> Warnings, IReadOnlyList<JsonElement> Items, IReadOnlyList<OmittedCount> Omitted);

/// <summary>How many objects were left out for a reason.</summary>
sealed record OmittedCount(string Reason, long Count);

/// <summary>A line of a verification: progress (position, head), the outcome (done), or an error.</summary>
sealed record VerifyLine(long? Position = null, long? Head = null, bool? Done = null, bool? Whole = null, long? Events = null, long? BadPosition = null, string? Problem = null, string? Error = null);

/// <summary>A line of a rebuild: progress (position, head), the end (done), or an error.</summary>
sealed record RebuildLine(long? Position = null, long? Head = null, bool? Done = null, string? Error = null);
