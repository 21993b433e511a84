using Microsoft.Extensions.Time.Testing;
using Replicator.TestKit.Rabbit;
using Replicator.TestKit.Stores;
using Xunit;

namespace Replicator.Bus.Tests;

static class Expectations
{
    /// <summary>Nothing is missing, every repetition has the id of what it repeats, and whoever drops what is not newer than what he has of the object sees its changes in order.</summary>
    public static async Task AssertCompleteAsync(this RabbitSubscriber subscriber, InMemoryEventStore store, CancellationToken cancellationToken)
    {
        var expected = store.Log.Select(recorded => recorded.Id.ToString()).ToHashSet();
        await subscriber.ConsumeAsync(cancellationToken);
        var seen = new HashSet<string?>();
        var taken = 0;
        var latest = new Dictionary<string, long>();
        while (seen.Count < expected.Count)
        {
            await Changes.Until(() => subscriber.Received.Count > taken, cancellationToken);
            foreach (var message in subscriber.Received.Skip(taken).ToList())
            {
                taken++;
                Assert.Equal(message.Body.GetProperty("eventId").GetString(), message.Id);
                Assert.Contains(message.Id!, expected);
                if (!seen.Add(message.Id))
                    continue;
                Assert.True(message.Revision > latest.GetValueOrDefault(message.Object, -1), $"{message.Object}: revision {message.Revision} came after {latest.GetValueOrDefault(message.Object, -1)}.");
                latest[message.Object] = message.Revision;
            }
        }
    }

    /// <summary>Lets time pass, and what waits for it run.</summary>
    public static async Task PassAsync(this FakeTimeProvider time, TimeSpan span, CancellationToken cancellationToken)
    {
        time.Advance(span);
        await Task.Delay(TimeSpan.FromMilliseconds(10), cancellationToken);
    }
}
