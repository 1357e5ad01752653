using System.Net.Sockets;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Connections;

namespace Softswitch.OfAgent.Learning;

/// <summary>An OpenFlow 1.0 controller that makes of each switch that connects a learning bridge.</summary>
/// <remarks>
/// It installs a flow for exactly each packet whose destination is known, and floods the others.
/// Threads: one that accepts and one per switch; the members below may be called by any.
/// </remarks>
public sealed class LearningController : IDisposable
{
    private readonly LearningOptions _options;
    private readonly ConnectionTarget _target;
    private readonly Lock _gate = new();
    private readonly List<SwitchSession> _sessions = [];
    private readonly List<Thread> _threads = [];
    private readonly RefusalLog _refusals;
    private SocketListener? _listener;
    private long _endedPacketIns;
    private long _endedFlows;
    private bool _isStopped;

    /// <exception cref="OfClientException">There is nothing to listen on in <see cref="LearningOptions.Listen"/>.</exception>
    public LearningController(LearningOptions options)
    {
        _options = options;
        if (!ConnectionTarget.TryParse(options.Listen, out ConnectionTarget? target, out string error))
        {
            throw new OfClientException(error);
        }
        if (!target!.IsPassive)
        {
            throw new OfClientException($"{options.Listen}: a target to listen on is needed ({ConnectionTarget.PassiveForms})");
        }
        if (target.NeedsTls && options.Tls is null)
        {
            throw new OfClientException($"{options.Listen}: needs --private-key, --certificate and --ca-cert");
        }
        _target = target;
        _refusals = new RefusalLog(line => options.Log?.Invoke(line), TimeProvider.System);
    }

    /// <summary>The TCP port it listens on, once started.</summary>
    public int Port { get; private set; }

    /// <summary>For people: where it listens, once started, and whether everybody may connect there.</summary>
    public string ListeningLine => (_target with { Port = Port }).ListeningLine;

    /// <summary>Switches connected now.</summary>
    public int SwitchCount
    {
        get
        {
            lock (_gate)
            {
                return _sessions.Count;
            }
        }
    }

    /// <summary>Packet-ins received since the start.</summary>
    public long PacketInCount
    {
        get
        {
            lock (_gate)
            {
                return _endedPacketIns + _sessions.Sum(s => s.PacketInCount);
            }
        }
    }

    /// <summary>Flows installed since the start.</summary>
    public long FlowCount
    {
        get
        {
            lock (_gate)
            {
                return _endedFlows + _sessions.Sum(s => s.FlowCount);
            }
        }
    }

    /// <summary>Listens and returns; switches are served from now on.</summary>
    /// <exception cref="OfClientException">The address is taken or not ours.</exception>
    public void Start()
    {
        try
        {
            _listener = new SocketListener(_target, _options.Tls);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            string reason = e is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } ? "address already in use" : e.Message;
            throw new OfClientException($"{_options.Listen}: {reason}", e);
        }
        Port = _listener.Port;
        if (!TryStartThread(Accept, "learning controller"))
        {
            throw new OfClientException($"{_options.Listen}: the system has no thread left");
        }
    }

    /// <summary>Closes every connection and waits until the threads are gone.</summary>
    public void Dispose()
    {
        Thread[] threads;
        lock (_gate)
        {
            if (_isStopped)
            {
                return;
            }
            _isStopped = true;
            _sessions.ForEach(s => s.Dispose());
            threads = [.. _threads];
        }
        _listener?.Dispose();
        foreach (Thread thread in threads)
        {
            thread.Join();
        }
    }

    private void Accept()
    {
        while (_listener!.Accept() is IChannel channel)
        {
            Admit(new SwitchSession(channel, _options), channel.IsOneTooMany);
        }
    }

    private void Admit(SwitchSession session, bool isOneTooMany)
    {
        string refusal = RefusalLog.NoThread;
        lock (_gate)
        {
            if (isOneTooMany)
            {
                refusal = RefusalLog.NoDescriptor;
            }
            else if (_sessions.Count >= _options.MaxSwitches)
            {
                refusal = $"refused: {_options.MaxSwitches} are connected";
            }
            else if (!_isStopped && TryStartThread(() => Serve(session), "switch " + session.Peer))
            {
                _sessions.Add(session); // its thread cannot have ended: it would have to take the gate
                return;
            }
        }
        _refusals.Note($"switch at {session.Peer}", refusal);
        session.Dispose();
    }

    private void Serve(SwitchSession session)
    {
        string why = session.Run();
        session.Dispose();
        lock (_gate)
        {
            _sessions.Remove(session);
            _threads.Remove(Thread.CurrentThread);
            _endedPacketIns += session.PacketInCount;
            _endedFlows += session.FlowCount;
            if (_isStopped)
            {
                return;
            }
        }
        _options.Log?.Invoke($"switch {session.DatapathId:x16} at {session.Peer}: disconnected: {why}");
    }

    private bool TryStartThread(ThreadStart body, string name)
    {
        lock (_gate)
        {
            Thread? thread = ThreadStarter.TryStart(name, body);
            if (thread is not null)
            {
                _threads.Add(thread);
            }
            return thread is not null;
        }
    }
}
