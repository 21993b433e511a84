using Xunit;

namespace Replicator.Bus.Tests;

/// <summary>Tests that publish: the instruments are the process's, so one runs at a time.</summary>
[CollectionDefinition(Name)]
public sealed class Metered
{
    public const string Name = "metered";
}
