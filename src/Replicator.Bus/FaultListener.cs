using Microsoft.Extensions.Logging;

namespace Replicator.Bus;

/// <summary>Hears what MassTransit logs when it cannot connect or send: the only place where that comes out while it goes on trying by itself, for hours and with waits of up to half a minute.</summary>
sealed class FaultListener(Action<Exception> fault) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new Listener(fault);

    public void Dispose() { }

    sealed class Listener(Action<Exception> fault) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel) && exception is not null)
                fault(exception);
        }
    }
}
