using System.Net.Sockets;
using Softswitch.OfAgent.Connections;

namespace Softswitch.OfAgent.Agent;

/// <summary>Keeps one controller connected: connects, serves the connection, waits, connects again.</summary>
/// <remarks>Threads: <see cref="Run"/> is the body of a thread of its own, on which the connection's messages are handled, too.</remarks>
internal sealed class ControllerConnector
{
    private readonly SwitchAgent _agent;
    private readonly ConnectionTarget _target;
    private readonly CancellationToken _stopping;

    public ControllerConnector(SwitchAgent agent, ConnectionTarget target, CancellationToken stopping)
    {
        _agent = agent;
        _target = target;
        _stopping = stopping;
    }

    /// <summary>Returns when the agent ends. Does not throw.</summary>
    public void Run()
    {
        ReconnectDelay delay = new();
        string lastFailure = "";
        while (!_stopping.IsCancellationRequested)
        {
            bool worked = false;
            if (TryConnect(out IChannel? channel, out string failure))
            {
                ControllerConnection connection = new(_agent, channel!, $"{_target}", isPassive: false);
                failure = Serve(connection);
                worked = connection.Session.IsNegotiated;
            }
            if (!_stopping.IsCancellationRequested && failure != lastFailure)
            {
                _agent.Log($"{_target}: {failure}; trying again");
            }
            _agent.NoteAttempt(worked);
            lastFailure = worked ? "" : failure; // one line, however often the same attempt fails
            Wait(delay.Next(worked));
        }
    }

    /// <returns>Why the connection ended.</returns>
    private string Serve(ControllerConnection connection)
    {
        string refusal = !_agent.Table.TryAdd(connection) ? SwitchAgent.Ending : connection.TryStartWriter() ? "" : RefusalLog.NoThread;
        if (refusal.Length == 0)
        {
            return connection.Run();
        }
        connection.Discard();
        return refusal;
    }

    private bool TryConnect(out IChannel? channel, out string failure)
    {
        using CancellationTokenSource timeout = new(AgentOptions.ConnectTimeout, _agent.Options.TimeProvider);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _stopping);
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
            failure = $"cannot connect: no answer within {AgentOptions.ConnectTimeout.TotalSeconds:0} s";
        }
        channel?.Dispose();
        return false;
    }

    /// <summary>Waits by the agent's clock; ends at once when the agent does.</summary>
    private void Wait(TimeSpan delay)
    {
        try
        {
            Task.Delay(delay, _agent.Options.TimeProvider, _stopping).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            // the loop looks itself
        }
    }
}
