using Replicator.Core.Recordings;
using Replicator.Core.Redaction;
using Replicator.Storage.Sqlite;
using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>The recorded shop, imported once and served over HTTP.</summary>
public sealed class ImportedShop : ServedShop, IAsyncLifetime
{
    readonly TemporaryFolder _folder = new();
    ReplicatorHost? _host;

    public override string Folder => _folder.Path;

    public async ValueTask InitializeAsync()
    {
        await using (var data = await SqliteDataFolder.OpenAsync(_folder.Path))
            await RecordingImport.RunAsync(Core.Recordings.Recording.Open(TestRecordings.Shop), data.Events, "shop", new Redactor(RedactionKey.LoadOrCreate(data.RedactionKeyPath)), TimeProvider.System, null, CancellationToken.None);
        _host = await ReplicatorHost.StartAsync(_folder.Path, "http://127.0.0.1:0", publishes: false, CancellationToken.None);
        Client.BaseAddress = _host.Url;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _host!.DisposeAsync();
        _folder.Dispose();
    }
}
