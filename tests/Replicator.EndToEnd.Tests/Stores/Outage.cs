namespace Replicator.EndToEnd.Tests.Stores;

/// <summary>A way in which a store goes away from a program under test, and comes back.</summary>
/// <param name="Name">What befalls which store.</param>
/// <param name="Part">The fault's name in <c>/readyz</c>.</param>
/// <param name="Says">What whoever looks is told of it, at least.</param>
/// <param name="BeginAsync">Takes it away.</param>
/// <param name="EndAsync">Brings it back.</param>
sealed record Outage(string Name, string Part, string Says, Func<Task> BeginAsync, Func<Task> EndAsync);
