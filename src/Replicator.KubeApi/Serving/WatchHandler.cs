using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Http;
using Replicator.Core.Kubernetes;

namespace Replicator.KubeApi;

/// <summary>Writes watches: changes as lines, those of a selector as the API server shows them, bookmarks, and how they end.</summary>
sealed class WatchHandler(TimeProvider time, CancellationToken stopping)
{
    const int FlushBytes = 64 * 1024;

    // Between one and two of these, as on the API server, so that many clients do not come back at once.
    static readonly TimeSpan ShortestTimeout = TimeSpan.FromMinutes(30);

    /// <summary>How often a watch in which nothing happens gets a bookmark.</summary>
    public TimeSpan BookmarkPeriod { get; set; } = TimeSpan.FromMinutes(1);

    public async Task WatchAsync(HttpContext context, IObjectSource source, ServedResource resource, ListOptions options, ObjectWriter writer)
    {
        var body = context.Response.BodyWriter;
        var lines = new WatchLines(writer, body, resource.Type);
        using var expiry = new CancellationTokenSource(options.Timeout ?? ShortestTimeout * (1 + Random.Shared.NextDouble()), time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping, expiry.Token);
        using var bookmarks = new PeriodicTimer(BookmarkPeriod, time);
        var version = options.ResourceVersion ?? "";
        try
        {
            var visibility = await Visibility.OpenAsync(source, resource, options, both.Token).ConfigureAwait(false);
            var changes = source.WatchAsync(resource, new WatchRequest(options.ResourceVersion, options.SendsInitialEvents), both.Token).GetAsyncEnumerator(both.Token);
            var (next, due) = (Task.FromResult(true), bookmarks.WaitForNextTickAsync(CancellationToken.None).AsTask());
            try
            {
                while (true)
                {
                    next = changes.MoveNextAsync().AsTask();
                    if (!next.IsCompleted)
                    {
                        // Nothing is there to be said: what was, is sent.
                        await body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
                        while (await Task.WhenAny(next, due).ConfigureAwait(false) != next)
                        {
                            due = bookmarks.WaitForNextTickAsync(CancellationToken.None).AsTask();
                            if (!options.AllowsBookmarks || version.Length == 0)
                                continue;
                            lines.Bookmark(version, endsInitialEvents: false);
                            await body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
                        }
                    }
                    if (!await next.ConfigureAwait(false))
                        return;
                    var change = changes.Current;
                    writer.Now = change.At;
                    if (change.Kind is WatchEventKind.Bookmark or WatchEventKind.InitialEventsEnd)
                    {
                        version = change.ResourceVersion;
                        if (change.Kind == WatchEventKind.InitialEventsEnd || (options.AllowsBookmarks && change.Position > 0))
                            lines.Bookmark(version, change.Kind == WatchEventKind.InitialEventsEnd);
                    }
                    else
                    {
                        await visibility.ShowAsync(change, lines, both.Token).ConfigureAwait(false);
                        if (change.MayResume)
                            version = change.ResourceVersion;
                    }
                    if (body.UnflushedBytes > FlushBytes)
                        await body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
                }
            }
            finally
            {
                // What is being moved cannot be disposed of.
                await both.CancelAsync().ConfigureAwait(false);
                await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await changes.DisposeAsync().ConfigureAwait(false);
            }
        }
        catch (KubeApiException exception) when (exception.Code is StatusCodes.Status410Gone or StatusCodes.Status504GatewayTimeout || context.Response.HasStarted || body.UnflushedBytes > 0)
        {
            // The API server has answered 200 by then: what went wrong is an event.
            lines.Error(KubeStatus.Create(exception));
            await body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when ((expiry.IsCancellationRequested || stopping.IsCancellationRequested) && !context.RequestAborted.IsCancellationRequested)
        {
            if (options.AllowsBookmarks && version.Length > 0)
                lines.Bookmark(version, endsInitialEvents: false);
            await body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
        }
    }

    /// <summary>What of the changes a client sees: an object that begins to match his selector is added to him, one that stops is deleted.</summary>
    sealed class Visibility(IObjectSource source, ServedResource resource, ObjectSelector selector, HashSet<string>? shown)
    {
        public static async ValueTask<Visibility> OpenAsync(IObjectSource source, ServedResource resource, ListOptions options, CancellationToken cancellationToken)
        {
            var selector = options.Selector;
            if (!selector.MayChange)
                return new Visibility(source, resource, selector, shown: null);
            var shown = new HashSet<string>(StringComparer.Ordinal);
            if (options.ResourceVersion is { } version)
            {
                // What the client has seen already by his list.
                var listing = await source.ListAsync(resource, new ListRequest { Namespace = selector.Namespace, Labels = selector.Labels, ResourceVersion = version, IsExact = true }, cancellationToken).ConfigureAwait(false);
                await foreach (var item in listing.Objects.WithCancellation(cancellationToken).ConfigureAwait(false))
                {
                    if (selector.MatchesFields(item.Object, item.State))
                        shown.Add(item.Object.ToString());
                }
            }
            return new Visibility(source, resource, selector, shown);
        }

        public async ValueTask ShowAsync(WatchEvent change, WatchLines lines, CancellationToken cancellationToken)
        {
            if (!selector.MatchesIdentity(change.Object))
                return;
            if (shown is null)
            {
                if (selector.Matches(change.Object, change.State))
                    lines.Change(change.Kind, change.State, change.ResourceVersion);
                return;
            }
            var key = change.Object.ToString();
            if (change.Kind == WatchEventKind.Deleted)
            {
                if (shown.Remove(key))
                    lines.Change(WatchEventKind.Deleted, change.State, change.ResourceVersion);
            }
            else if (selector.Matches(change.Object, change.State))
            {
                lines.Change(shown.Add(key) ? WatchEventKind.Added : WatchEventKind.Modified, change.State, change.ResourceVersion);
            }
            else if (shown.Remove(key))
            {
                // It is shown as it was when it last matched, with the version of the change.
                var before = await source.GetBeforeAsync(resource, change, cancellationToken).ConfigureAwait(false);
                lines.Change(WatchEventKind.Deleted, before is { } last ? VersionEdit.Apply(last.State, change.ResourceVersion) : change.State, change.ResourceVersion);
            }
        }
    }
}

/// <summary>Writes the lines of a watch. Not thread-safe.</summary>
sealed class WatchLines(ObjectWriter writer, IBufferWriter<byte> body, ResourceType type)
{
    bool _hasColumns;

    public void Change(WatchEventKind kind, ReadOnlyMemory<byte> state, string resourceVersion)
    {
        body.Write(kind switch { WatchEventKind.Added => "{\"type\":\"ADDED\",\"object\":"u8, WatchEventKind.Modified => "{\"type\":\"MODIFIED\",\"object\":"u8, _ => "{\"type\":\"DELETED\",\"object\":"u8 });
        writer.WriteSingle(state, resourceVersion, !_hasColumns);
        _hasColumns = true;
        body.Write("}\n"u8);
    }

    public void Bookmark(string version, bool endsInitialEvents)
    {
        body.Write("{\"type\":\"BOOKMARK\",\"object\":"u8);
        writer.WriteSingle(Encoding.UTF8.GetBytes(
            $$$"""{"kind":"{{{type.Kind}}}","apiVersion":"{{{type.ApiVersion}}}","metadata":{"resourceVersion":"{{{version}}}"{{{(endsInitialEvents ? ""","annotations":{"k8s.io/initial-events-end":"true"}""" : "")}}}}}"""), version, !_hasColumns);
        _hasColumns = true;
        body.Write("}\n"u8);
    }

    public void Error(byte[] status)
    {
        body.Write("{\"type\":\"ERROR\",\"object\":"u8);
        body.Write(status);
        body.Write("}\n"u8);
    }
}
