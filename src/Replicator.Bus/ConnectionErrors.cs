using Microsoft.Extensions.Logging;

namespace Replicator.Bus;

/// <summary>Hears what MassTransit's transports log when they cannot connect or send: the only place where that reason comes out while they go on trying.</summary>
[ProviderAlias("ReplicatorBus")]
sealed class ConnectionErrors : ILoggerProvider
{
    /// <summary>The category whose errors are heard.</summary>
    public const string Category = "MassTransit.SendTransport";

    volatile string? _last;

    /// <summary>The reason of the last failure, in the words of who refused; null where there was none since <see cref="Clear"/>.</summary>
    public string? Last => _last;

    public void Clear() => _last = null;

    public ILogger CreateLogger(string categoryName) => new Listener(this);

    public void Dispose() { }

    sealed class Listener(ConnectionErrors errors) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel) && exception is not null)
                errors._last = exception.GetBaseException().Message.ReplaceLineEndings(" ");
        }
    }
}
