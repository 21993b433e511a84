using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Replicator.Core.Storage;

namespace Replicator.Core.Projecting;

/// <summary>Reads the next pages of a log while the last one is worked on.</summary>
static class ReadAhead
{
    // One that waits and one that is being read beside the one that is worked on: more would only be memory.
    const int Pages = 1;

    /// <summary>The pages of a read in their order; whoever enumerates disposes them, and those that were read in vain are disposed with the enumeration.</summary>
    /// <param name="read">The read, by the token that ends it.</param>
    /// <param name="cancellationToken">Ends both.</param>
    public static async IAsyncEnumerable<EventPage> Of(Func<CancellationToken, IAsyncEnumerable<EventPage>> read, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pages = Channel.CreateBounded<EventPage>(new BoundedChannelOptions(Pages) { SingleReader = true, SingleWriter = true });
        // A store may read in the calling thread, so it gets one of its own.
        var reading = Task.Run(() => ReadAsync(read, pages.Writer, stopping.Token), CancellationToken.None);
        try
        {
            while (await pages.Reader.WaitToReadAsync(CancellationToken.None).ConfigureAwait(false))
            {
                while (pages.Reader.TryRead(out var page))
                    yield return page;
            }
            // What ended the read, if it was not its end.
            await reading.ConfigureAwait(false);
        }
        finally
        {
            await stopping.CancelAsync().ConfigureAwait(false);
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            while (pages.Reader.TryRead(out var page))
                page.Dispose();
        }
    }

    static async Task ReadAsync(Func<CancellationToken, IAsyncEnumerable<EventPage>> read, ChannelWriter<EventPage> pages, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var page in read(cancellationToken).ConfigureAwait(false))
            {
                try
                {
                    await pages.WriteAsync(page, cancellationToken).ConfigureAwait(false);
                }
                catch (OperationCanceledException)
                {
                    page.Dispose();
                    throw;
                }
            }
        }
        finally
        {
            pages.Complete();
        }
    }
}
