using System.Text;
using System.Text.Json;

namespace Replicator.Server;

/// <summary>Writes a finding as the API does.</summary>
public static class FindingAnswer
{
    static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>One line of JSON.</summary>
    public static string Of(Finding finding) => Encoding.UTF8.GetString(Utf8(finding));

    internal static byte[] Utf8(Finding finding) => JsonSerializer.SerializeToUtf8Bytes(
        new Answer(finding.Check, finding.Cluster, finding.Level.ToString(), finding.Detail, finding.Remedy, finding.Type?.Type.GroupResource.ToString(), finding.Type is { } check ? SelfCheckState.Of(check) : null), Options);

    internal sealed record Answer(string Check, string? Cluster, string Level, string Detail, string? Remedy, string? Type, SelfCheckState? SelfCheck);
}
