using Microsoft.Extensions.Logging;

namespace Softswitch.OfAgent.Agent;

/// <summary>A log that passes on all lines of any level, without further structure.</summary>
/// <param name="take">Takes each, on any thread.</param>
internal sealed class LineLogger(Action<string> take) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Debug;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            take(formatter(state, exception));
        }
    }
}
