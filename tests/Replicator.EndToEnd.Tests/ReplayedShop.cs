using Replicator.TestKit;
using Xunit;

namespace Replicator.EndToEnd.Tests;

/// <summary>The recorded shop, replayed once to a process of the whole pipeline, which goes on to serve it.</summary>
public sealed class ReplayedShop : ServedShop, IAsyncLifetime
{
    readonly TemporaryFolder _folder = new();
    SteeredReplay? _replay;
    ReplicatorProcess? _up;

    public override string Folder => _folder.File("data");

    /// <summary>Whether a version that the server comes to prefer is seen depends on whether the object changes once more behind the moment of discovery.</summary>
    public override bool EndsInPreferredVersions => false;

    public async ValueTask InitializeAsync()
    {
        _replay = await SteeredReplay.StartAsync(_folder.File("kubeconfig"));
        _up = ReplicatorProcess.Start(_folder.Path, "up", "--kubeconfig", "kubeconfig", "--cluster", "shop", "--data", "data", "--listen", "http://127.0.0.1:0");
        Client.BaseAddress = await _up.WaitForApiAsync();
        await LiveLog.WaitForAsync(Client, _up, RecordedShop.FirstVersions);
        await _replay.PlayToEndAsync();
        await LiveLog.WaitForAsync(Client, _up, RecordedShop.LastVersions);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (_up is not null)
            await _up.DisposeAsync();
        if (_replay is not null)
            await _replay.DisposeAsync();
        _folder.Dispose();
    }
}
