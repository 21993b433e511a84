using System.Runtime.CompilerServices;
using Xunit;

namespace Replicator.TestKit;

/// <summary>Waiting for something to become true, for as long as a hung test is not to be mistaken for a slow machine.</summary>
public static class Eventually
{
    /// <summary>How long much work at a store or a broker may take.</summary>
    public static readonly TimeSpan Work = TimeSpan.FromMinutes(5);

    static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);
    static readonly TimeSpan Period = TimeSpan.FromMilliseconds(2);

    /// <summary>Returns once the condition holds, and fails with its text and <paramref name="state"/> where it never does.</summary>
    public static Task HoldsAsync(Func<bool> condition, CancellationToken cancellationToken, Func<string>? state = null, TimeSpan? longest = null, [CallerArgumentExpression(nameof(condition))] string text = "") =>
        HoldsAsync(() => Task.FromResult(condition()), cancellationToken, state, longest, text);

    /// <inheritdoc cref="HoldsAsync(Func{bool}, CancellationToken, Func{string}?, TimeSpan?, string)"/>
    public static async Task HoldsAsync(Func<Task<bool>> condition, CancellationToken cancellationToken, Func<string>? state = null, TimeSpan? longest = null, [CallerArgumentExpression(nameof(condition))] string text = "")
    {
        if (await condition())
            return;
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        waiting.CancelAfter(longest ?? Longest);
        using var timer = new PeriodicTimer(Period);
        try
        {
            while (await timer.WaitForNextTickAsync(waiting.Token))
            {
                if (await condition())
                    return;
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Assert.Fail($"It never came to this: {text}. {state?.Invoke()}");
        }
    }
}
