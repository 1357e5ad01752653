using System.Net.Sockets;
using Softswitch.OfAgent.Connections;

namespace Softswitch.OfAgent.Agent;

/// <content>Whom it connects to and where it listens, which may change while it runs.</content>
/// <remarks>
/// Threads: changes are made by any thread, one at a time, without the control lock. Both lists are replaced, never changed, so
/// whoever reads one sees it whole.
/// </remarks>
internal sealed partial class SwitchAgent
{
    private readonly Lock _changing = new(); // taken before the control lock
    private volatile AgentOptions _options;
    private volatile ControllerConnector[] _connectors = [];
    private volatile OpenListener[] _listeners = [];

    /// <summary>The TCP ports listened on, in the order of <see cref="AgentOptions.Listeners"/>; 0 for a Unix socket.</summary>
    public IReadOnlyList<int> ListenPorts => [.. _listeners.Select(open => open.Socket.Port)];

    /// <summary>Where clients on this host reach the switch, in the order of <see cref="AgentOptions.Listeners"/>.</summary>
    public IReadOnlyList<ConnectionTarget> Reachable => [.. _listeners.Select(open => open.Target.ToReach(open.Socket.Port))];

    /// <summary>Changes what is in force at once: fail mode and attempts before an emergency.</summary>
    public void Change(FailMode failMode, int emergencyAttempts) =>
        Change(options => options with { FailMode = failMode, EmergencyAttempts = emergencyAttempts });

    /// <summary>Has connections made from now on use other credentials. Those before stay in use by the connections there are.</summary>
    public void UseTls(TlsCredentials? tls)
    {
        Change(options => options with { Tls = tls });
        foreach (OpenListener open in _listeners)
        {
            open.Socket.UseTls(tls);
        }
    }

    /// <summary>Starts to connect to one more controller.</summary>
    /// <exception cref="IOException">The system has no thread left; nothing is changed then.</exception>
    public void AddController(ConnectionTarget target)
    {
        lock (_changing)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Connect(target);
            Change(options => options with { Controllers = [.. options.Controllers, target] });
        }
    }

    /// <summary>
    /// Gives a controller up. When this returns it has no say any more and is sent nothing; its connection ends by itself. One that leaves no
    /// other is no emergency: it was meant.
    /// </summary>
    public void RemoveController(ConnectionTarget target)
    {
        lock (_changing)
        {
            if (_connectors.FirstOrDefault(connector => connector.Target == target) is not { } connector)
            {
                return;
            }
            _connectors = [.. _connectors.Where(other => other != connector)];
            Change(
                options => options with { Controllers = [.. options.Controllers.Where(other => other != target)] },
                connector.Target, () => connector.Stop("closed: the controller was removed from the configuration"));
        }
        LogEmergency();
    }

    /// <summary>Listens at one more place.</summary>
    /// <exception cref="IOException">It cannot be listened at; the message names it and the system's reason. Nothing is changed then.</exception>
    public void AddListener(ConnectionTarget target)
    {
        lock (_changing)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Listen(target);
            Change(options => options with { Listeners = [.. options.Listeners, target] });
        }
    }

    /// <summary>Listens at a place no longer, and ends the connections that were made there. They are sent nothing any more when this returns.</summary>
    public void RemoveListener(ConnectionTarget target)
    {
        lock (_changing)
        {
            if (_listeners.FirstOrDefault(open => open.Target == target) is not { } listener)
            {
                return;
            }
            listener.Socket.Dispose();
            listener.Thread.Join(); // what it was taking in is among the connections now
            _listeners = [.. _listeners.Where(open => open != listener)];
            List<ConnectionTarget> left = [.. Options.Listeners];
            left.Remove(target);
            Change(
                options => options with { Listeners = left },
                listener.Target, () => Table.Close(listener.Target, $"closed: {target} is not listened on any more"));
        }
        LogEmergency();
    }

    private void Connect(ConnectionTarget target)
    {
        ControllerConnector connector = new(this, target, _stopping.Token);
        StartThread($"connect {target}", connector.Run);
        _connectors = [.. _connectors, connector];
    }

    /// <param name="isPaused">Whether nobody is accepted yet.</param>
    private void Listen(ConnectionTarget target, bool isPaused = false)
    {
        try
        {
            target = target with { }; // its own, to tell its connections by: two may listen at port 0
            SocketListener socket = new(target, Options.Tls, Options.TakeListener(target));
            try
            {
                if (isPaused)
                {
                    socket.Socket.Pause();
                }
                _listeners = [.. _listeners, new OpenListener(target, socket, StartThread($"listen {target}", () => AcceptLoop(target, socket)))];
            }
            catch
            {
                socket.Dispose();
                throw;
            }
            if (target.IsOpenToAll)
            {
                AgentLog.OpenToAll(Log, target with { Port = socket.Port }, ConnectionTarget.OpenToAllWarning);
            }
        }
        catch (Exception exception) when (exception is SocketException or IOException)
        {
            throw new IOException($"{target}: {exception.Message}", exception);
        }
    }

    /// <param name="leaving">Whose connections have no say any more.</param>
    /// <param name="close">Closes them: with the lock held, or they would be gone, and missed, before it is known that they are meant to be.</param>
    private void Change(Func<AgentOptions, AgentOptions> change, ConnectionTarget? leaving = null, Action? close = null)
    {
        using (Control.Enter()) // with the table: an emergency may be due
        {
            close?.Invoke();
            _options = change(_options);
            _contact.Configure(_options);
            foreach (ControllerConnection connection in _connections.Where(connection => connection.IsFor(leaving)).ToList())
            {
                Remove(connection);
            }
            OnSessionChanged();
        }
    }

    private sealed record OpenListener(ConnectionTarget Target, SocketListener Socket, Thread Thread);
}
