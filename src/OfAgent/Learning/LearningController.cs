using System.Net;
using System.Net.Sockets;
using Softswitch.OfAgent.Client;

namespace Softswitch.OfAgent.Learning;

/// <summary>An OpenFlow 1.0 controller that makes of each switch that connects a learning bridge.</summary>
/// <remarks>
/// It installs a flow for exactly each packet whose destination is known, and floods the others.
/// Threads: one that accepts and one per switch; the members below may be called by any.
/// </remarks>
public sealed class LearningController : IDisposable
{
    private readonly LearningOptions _options;
    private readonly OfTarget _target;
    private readonly Lock _gate = new();
    private readonly List<SwitchSession> _sessions = [];
    private readonly List<Thread> _threads = [];
    private Socket? _listener;
    private long _endedPacketIns;
    private long _endedFlows;
    private bool _isStopped;

    /// <exception cref="OfClientException">There is nothing to listen on in <see cref="LearningOptions.Listen"/>.</exception>
    public LearningController(LearningOptions options)
    {
        _options = options;
        if (!OfTarget.TryParse(options.Listen, out _target, out string error))
        {
            throw new OfClientException(error);
        }
        if (!_target.IsPassive)
        {
            throw new OfClientException($"{options.Listen}: a target to listen on is needed (ptcp:PORT:HOST or punix:PATH)");
        }
    }

    /// <summary>The TCP port it listens on, once started.</summary>
    public int Port { get; private set; }

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
            EndPoint endPoint = _target.Resolve()[0];
            _listener = OfTarget.CreateSocket(endPoint);
            _listener.Bind(endPoint);
            _listener.Listen();
        }
        catch (Exception e) when (e is SocketException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            _listener?.Dispose();
            string reason = e is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } ? "address already in use" : e.Message;
            throw new OfClientException($"{_options.Listen}: {reason}", e);
        }
        Port = (_listener.LocalEndPoint as IPEndPoint)?.Port ?? 0;
        StartThread(Accept, "learning controller");
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
        while (true)
        {
            Socket socket;
            try
            {
                socket = _listener!.Accept();
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Interrupted)
            {
                lock (_gate)
                {
                    if (_isStopped)
                    {
                        return;
                    }
                }
                continue; // the peer went away between its connect and our accept
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                if (!Volatile.Read(ref _isStopped))
                {
                    _options.Log?.Invoke($"{_options.Listen}: no longer accepts connections: {e.Message}");
                }
                return;
            }
            Admit(socket);
        }
    }

    private void Admit(Socket socket)
    {
        SwitchSession? session = null;
        try
        {
            if (!_target.IsUnix)
            {
                socket.NoDelay = true;
            }
            session = new SwitchSession(socket, _options);
        }
        catch (SocketException)
        {
            socket.Dispose(); // closed again already
            return;
        }
        lock (_gate)
        {
            if (!_isStopped && _sessions.Count < _options.MaxSwitches)
            {
                _sessions.Add(session);
                SwitchSession admitted = session;
                StartThread(() => Serve(admitted), "switch " + session.Peer);
                return;
            }
        }
        _options.Log?.Invoke($"switch at {session.Peer}: refused, {_options.MaxSwitches} are connected");
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

    private void StartThread(ThreadStart body, string name)
    {
        Thread thread = new(body) { IsBackground = true, Name = name };
        lock (_gate)
        {
            _threads.Add(thread);
        }
        thread.Start();
    }
}
