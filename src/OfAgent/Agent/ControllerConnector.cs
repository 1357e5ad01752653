using System.Net.Sockets;
using Softswitch.OfAgent.Connections;

namespace Softswitch.OfAgent.Agent;

/// <summary>Keeps one controller connected: connects, serves the connection, waits, connects again.</summary>
/// <remarks>Threads: <see cref="Run"/> is the body of a thread of its own, on which the connection's messages are handled, too.</remarks>
internal sealed class ControllerConnector
{
    private readonly SwitchAgent _agent;
    private readonly ConnectionTarget _target;
    private readonly CancellationTokenSource _stopping;
    private readonly Lock _lock = new();
    private ControllerConnection? _connection;
    private string? _lastError;
    private TimeSpan? _delay;
    private long _changedAt;
    private bool _hasEnded;

    public ControllerConnector(SwitchAgent agent, ConnectionTarget target, CancellationToken stopping)
    {
        _agent = agent;
        _target = target;
        _stopping = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        _changedAt = agent.Options.TimeProvider.GetTimestamp();
    }

    public ConnectionTarget Target => _target;

    /// <summary>Has <see cref="Run"/> return, which closes the connection first if there is one. Any thread; does not wait for it.</summary>
    public void Stop(string reason)
    {
        ControllerConnection? connection;
        lock (_lock)
        {
            if (_hasEnded)
            {
                return;
            }
            _stopping.Cancel();
            connection = _connection;
        }
        connection?.Close(reason);
    }

    /// <summary>How far it is. Any thread; under the control lock.</summary>
    public ControllerStatus ReadStatus()
    {
        lock (_lock)
        {
            ControllerStatus? connected = _connection?.ReadStatus();
            if (connected is { State: ControllerState.Connected })
            {
                return connected;
            }
            TimeSpan since = _agent.Options.TimeProvider.GetElapsedTime(_changedAt);
            ControllerState state = _delay is null ? ControllerState.Connecting : ControllerState.Waiting;
            return new ControllerStatus(
                $"{_target}", IsPassive: false, state, since, LastError: _lastError, NextAttempt: _delay is { } delay && delay > since ? delay - since : null);
        }
    }

    /// <summary>Returns when it is stopped or the agent ends. Does not throw.</summary>
    public void Run()
    {
        ConnectUntilStopped();
        lock (_lock)
        {
            _hasEnded = true;
            _connection = null;
        }
        _stopping.Dispose();
    }

    private void ConnectUntilStopped()
    {
        ReconnectDelay delay = new();
        string lastFailure = "";
        while (!_stopping.IsCancellationRequested)
        {
            bool worked = false;
            Note(connection: null, _lastError, delay: null);
            if (TryConnect(out IChannel? channel, out string failure))
            {
                ControllerConnection connection = new(_agent, channel!, new ConnectionName(_target));
                Note(connection, _lastError, delay: null);
                failure = Serve(connection);
                worked = connection.Session.IsNegotiated;
            }
            if (_stopping.IsCancellationRequested)
            {
                return;
            }
            if (failure != lastFailure)
            {
                AgentLog.Lost(_agent.Log, $"{_target}", failure);
            }
            _agent.NoteAttempt(worked);
            lastFailure = worked ? "" : failure; // one line, however often the same attempt fails
            TimeSpan pause = delay.Next(worked);
            Note(connection: null, failure, pause);
            Wait(pause);
        }
    }

    private void Note(ControllerConnection? connection, string? error, TimeSpan? delay)
    {
        lock (_lock)
        {
            (_connection, _lastError, _delay) = (connection, error, delay);
            _changedAt = _agent.Options.TimeProvider.GetTimestamp();
        }
    }

    /// <returns>Why the connection ended.</returns>
    private string Serve(ControllerConnection connection)
    {
        string refusal = _stopping.IsCancellationRequested || !_agent.Table.TryAdd(connection) ? SwitchAgent.Ending : connection.TryStartWriter() ? "" : RefusalLog.NoThread;
        if (refusal.Length == 0)
        {
            _agent.Table.Remember(connection.Origin);
            return connection.Run();
        }
        connection.Discard();
        return refusal;
    }

    private bool TryConnect(out IChannel? channel, out string failure)
    {
        using CancellationTokenSource timeout = new(AgentOptions.ConnectTimeout, _agent.Options.TimeProvider);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _stopping.Token);
        channel = null;
        try
        {
            channel = SocketChannel.Connect(_target, _agent.Options.Tls, either.Token);
            channel.Open(either.Token);
            failure = "";
            return true;
        }
        catch (Exception exception) when (exception is SocketException or TlsException or ArgumentException)
        {
            failure = $"cannot connect: {exception.Message}";
        }
        catch (OperationCanceledException)
        {
            string what = HostLookup.IsWaitedFor(_target.Host) ? $"the resolver has not answered for '{_target.Host}'" : "no answer";
            failure = $"cannot connect: {what} within {AgentOptions.ConnectTimeout.TotalSeconds:0} s";
        }
        channel?.Dispose();
        return false;
    }

    /// <summary>Waits by the agent's clock; ends at once when the agent does.</summary>
    private void Wait(TimeSpan delay)
    {
        try
        {
            Task.Delay(delay, _agent.Options.TimeProvider, _stopping.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            // the loop looks itself
        }
    }
}

/// <summary>How long to wait before the next attempt: half a second after a working connection ended, then 1, 2, 4, 8, 8, ... seconds.</summary>
internal sealed class ReconnectDelay
{
    /// <summary>Below the second within which controllers expect a switch back after a restart.</summary>
    public static readonly TimeSpan AfterClose = TimeSpan.FromMilliseconds(500);

    public static readonly TimeSpan First = TimeSpan.FromSeconds(1);

    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(8);

    private TimeSpan _next = First;

    /// <summary>The wait after an attempt.</summary>
    /// <param name="worked">Whether HELLOs were exchanged. A peer that accepts and closes counts as failure, or we would hammer it.</param>
    public TimeSpan Next(bool worked)
    {
        if (worked)
        {
            _next = First;
            return AfterClose;
        }
        TimeSpan delay = _next;
        _next = delay * 2 < Longest ? delay * 2 : Longest;
        return delay;
    }
}
