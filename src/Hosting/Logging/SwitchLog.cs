using System.Collections;
using Microsoft.Extensions.Logging;

namespace Softswitch.Hosting.Logging;

/// <summary>The log of one of several switches: its lines name it. Threads: as the log behind it.</summary>
/// <param name="log">Where they go.</param>
/// <param name="findName">The switch's name; null while there is one switch only, which is not named.</param>
internal sealed class SwitchLog(ILogger log, Func<string?> findName) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => log.BeginScope(state);

    public bool IsEnabled(LogLevel logLevel) => log.IsEnabled(logLevel);

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (findName() is not { } name)
        {
            log.Log(logLevel, eventId, state, exception, formatter);
            return;
        }
        if (log.IsEnabled(logLevel))
        {
            log.Log(logLevel, eventId, new SwitchLogState(name, formatter(state, exception), state as IReadOnlyList<KeyValuePair<string, object?>> ?? []),
                exception, static (named, _) => $"{named.Switch}: {named.Text}");
        }
    }
}

/// <summary>What a switch says: the fields of its own line, and its name as the field <c>Switch</c>.</summary>
/// <param name="Text">Without the name.</param>
internal sealed record SwitchLogState(string Switch, string Text, IReadOnlyList<KeyValuePair<string, object?>> Fields) : IReadOnlyList<KeyValuePair<string, object?>>
{
    public int Count => Fields.Count + 1;

    public KeyValuePair<string, object?> this[int index] => index < Fields.Count ? Fields[index] : new(nameof(Switch), Switch);

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => Fields.Append(this[Fields.Count]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
