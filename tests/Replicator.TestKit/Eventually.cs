using System.Runtime.CompilerServices;
using Xunit;

namespace Replicator.TestKit;

/// <summary>Waiting for something to become true, for as long as a hung test is not to be mistaken for a slow machine.</summary>
public static class Eventually
{
    static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);
    static readonly TimeSpan Period = TimeSpan.FromMilliseconds(2);

    /// <summary>Returns once the condition holds, and fails with its text and <paramref name="state"/> where it never does.</summary>
    public static Task HoldsAsync(Func<bool> condition, CancellationToken cancellationToken, Func<string>? state = null, [CallerArgumentExpression(nameof(condition))] string text = "") =>
        HoldsAsync(() => Task.FromResult(condition()), cancellationToken, state, text);

    /// <inheritdoc cref="HoldsAsync(Func{bool}, CancellationToken, Func{string}?, string)"/>
    public static async Task HoldsAsync(Func<Task<bool>> condition, CancellationToken cancellationToken, Func<string>? state = null, [CallerArgumentExpression(nameof(condition))] string text = "")
    {
        if (await condition())
            return;
        using var longest = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        longest.CancelAfter(Longest);
        using var timer = new PeriodicTimer(Period);
        try
        {
            while (await timer.WaitForNextTickAsync(longest.Token))
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
