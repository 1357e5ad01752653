namespace Softswitch.Datapath.SpanningTree;

/// <summary>The spanning tree algorithm and protocol of one bridge (IEEE 802.1D-1998 §8), without sockets or clocks.</summary>
/// <remarks>
/// First comes what happens to it: BPDUs, time, ports that come and go (§8.7, §8.8); then what it does, by the procedures of §8.6. Every call is given the present, in milliseconds of a clock that never goes back; a call of
/// <see cref="Advance"/> that comes late is as good as one in time. Its size depends on the ports alone, never on what is received.
/// Threads: one at a time.
/// </remarks>
internal sealed class SpanningTreeBridge
{
    private readonly ISpanningTreeOutput _output;
    private readonly BridgeTimes _ownTimes;
    private readonly List<BridgePort> _ports = [];
    private BridgeTimes _times;
    private BridgeTimer _hello;
    private BridgeTimer _changeNotice;
    private BridgeTimer _topologyChange;
    private bool _isChangeDetected;
    private bool _isTopologyChange;
    private long _now;

    /// <param name="id">Bridge identifier: 16 bits of priority, then its address; no two bridges may have the same.</param>
    public SpanningTreeBridge(ulong id, BridgeTimes times, ISpanningTreeOutput output, long now)
    {
        Paths = new PathSelection(id, _ports);
        _output = output;
        _ownTimes = times;
        _times = times;
        _now = now;
        _hello.Start(now);
    }

    /// <summary>The root, the way to it, and the segments served.</summary>
    public PathSelection Paths { get; }

    /// <summary>The times in force, which are the root's.</summary>
    public BridgeTimes Times => _times;

    public IReadOnlyList<BridgePort> Ports => _ports;

    /// <summary>Adds a port, disabled.</summary>
    public void Add(BridgePort port)
    {
        port.State = BridgePortState.Disabled;
        Paths.BecomeDesignated(port);
        _ports.Add(port);
    }

    public void Remove(BridgePort port, long now)
    {
        Disable(port, now);
        _ports.Remove(port);
    }

    /// <summary>§8.8.2: the port has a link.</summary>
    public void Enable(BridgePort port, long now)
    {
        if (port.IsEnabled)
        {
            return;
        }
        _now = now;
        Paths.BecomeDesignated(port);
        port.AcknowledgesChange = false;
        port.IsConfigurationPending = false;
        port.MessageAge.Stop();
        port.ForwardDelay.Stop();
        port.Hold.Stop();
        SetState(port, BridgePortState.Blocking);
        SelectPortStates();
    }

    /// <summary>§8.8.3: the port lost its link.</summary>
    public void Disable(BridgePort port, long now)
    {
        if (!port.IsEnabled)
        {
            return;
        }
        _now = now;
        bool wasRoot = Paths.IsRoot;
        Paths.BecomeDesignated(port);
        port.AcknowledgesChange = false;
        port.IsConfigurationPending = false;
        port.MessageAge.Stop();
        port.ForwardDelay.Stop();
        SetState(port, BridgePortState.Disabled);
        Paths.Update();
        SelectPortStates();
        if (Paths.IsRoot && !wasRoot)
        {
            BecomeRoot();
        }
    }

    /// <summary>§8.8.6: the port's speed is another one.</summary>
    public void SetPathCost(BridgePort port, uint cost, long now)
    {
        if (port.PathCost == cost)
        {
            return;
        }
        _now = now;
        port.PathCost = cost;
        Paths.Update();
        SelectPortStates();
    }

    /// <summary>A BPDU came in on this port.</summary>
    public void Receive(BridgePort port, in Bpdu bpdu, long now)
    {
        if (!port.IsEnabled)
        {
            return;
        }
        _now = now;
        if (bpdu.IsChangeNotice)
        {
            if (Paths.IsDesignated(port)) // §8.7.2
            {
                DetectTopologyChange();
                AcknowledgeChange(port);
            }
        }
        else if (bpdu.Priority.Bridge != Paths.Id || bpdu.Priority.Port != port.Id) // §9.3.4: not our own, come back
        {
            ReceiveConfiguration(port, bpdu);
        }
    }

    /// <summary>Lets every timer that is due expire (§8.7.3 to §8.7.8).</summary>
    public void Advance(long now)
    {
        _now = now;
        if (_hello.TryExpire(now, _ownTimes.Hello))
        {
            GenerateConfigurations();
            _hello.Start(now);
        }
        foreach (BridgePort port in _ports)
        {
            if (port.MessageAge.TryExpire(now, _times.MaxAge))
            {
                ExpireMessage(port);
            }
            if (port.ForwardDelay.TryExpire(now, _times.ForwardDelay))
            {
                ExpireForwardDelay(port);
            }
            if (port.Hold.TryExpire(now, BridgeTimes.Hold) && port.IsConfigurationPending)
            {
                SendConfiguration(port);
            }
        }
        if (_changeNotice.TryExpire(now, _ownTimes.Hello))
        {
            SendChangeNotice();
            _changeNotice.Start(now);
        }
        if (_topologyChange.TryExpire(now, _ownTimes.MaxAge + _ownTimes.ForwardDelay))
        {
            _isChangeDetected = false;
            SetTopologyChange(false);
        }
    }

    /// <summary>When the next timer expires.</summary>
    public long NextDeadline()
    {
        long next = Math.Min(_hello.Deadline(_ownTimes.Hello), _changeNotice.Deadline(_ownTimes.Hello));
        next = Math.Min(next, _topologyChange.Deadline(_ownTimes.MaxAge + _ownTimes.ForwardDelay));
        foreach (BridgePort port in _ports)
        {
            next = Math.Min(next, port.MessageAge.Deadline(_times.MaxAge));
            next = Math.Min(next, port.ForwardDelay.Deadline(_times.ForwardDelay));
            next = Math.Min(next, port.Hold.Deadline(BridgeTimes.Hold));
        }
        return next;
    }

    /// <summary>§8.7.1.</summary>
    private void ReceiveConfiguration(BridgePort port, in Bpdu bpdu)
    {
        if (!Paths.Supersedes(bpdu.Priority, port))
        {
            if (Paths.IsDesignated(port))
            {
                SendConfiguration(port); // §8.6.5: reply to the inferior bridge
            }
            return;
        }
        bool wasRoot = Paths.IsRoot;
        port.Designated = bpdu.Priority;
        port.MessageAge.Start(_now, bpdu.MessageAge);
        Paths.Update();
        SelectPortStates();
        if (wasRoot && !Paths.IsRoot)
        {
            _hello.Stop();
            if (_isChangeDetected)
            {
                _topologyChange.Stop();
                SendChangeNotice();
                _changeNotice.Start(_now);
            }
        }
        if (port == Paths.RootPort)
        {
            _times = bpdu.Times.Clamp();
            SetTopologyChange(bpdu.TopologyChange);
            GenerateConfigurations();
            if (bpdu.ChangeAcknowledged)
            {
                _isChangeDetected = false;
                _changeNotice.Stop();
            }
        }
    }

    /// <summary>§8.7.4: the neighbour has been silent for too long.</summary>
    private void ExpireMessage(BridgePort port)
    {
        bool wasRoot = Paths.IsRoot;
        Paths.BecomeDesignated(port);
        Paths.Update();
        SelectPortStates();
        if (Paths.IsRoot && !wasRoot)
        {
            BecomeRoot();
        }
    }

    /// <summary>§8.7.5.</summary>
    private void ExpireForwardDelay(BridgePort port)
    {
        if (port.State == BridgePortState.Listening)
        {
            SetState(port, BridgePortState.Learning);
            port.ForwardDelay.Start(_now);
        }
        else if (port.State == BridgePortState.Learning)
        {
            SetState(port, BridgePortState.Forwarding);
            if (_ports.Exists(p => p.IsEnabled && Paths.IsDesignated(p)))
            {
                DetectTopologyChange();
            }
        }
    }

    /// <summary>§8.6.1: at most one configuration per hold time; what comes sooner is sent when that is over.</summary>
    private void SendConfiguration(BridgePort port)
    {
        if (port.Hold.IsRunning)
        {
            port.IsConfigurationPending = true;
            return;
        }
        int age = Paths.RootPort == null ? 0 : Paths.RootPort.MessageAge.Value(_now) + BridgeTimes.AgeIncrement;
        if (age >= _times.MaxAge)
        {
            return;
        }
        BridgePriority claim = new(Paths.Root, Paths.RootPathCost, Paths.Id, port.Id);
        Bpdu bpdu = new(false, claim, age, _times, _isTopologyChange, port.AcknowledgesChange);
        port.AcknowledgesChange = false;
        port.IsConfigurationPending = false;
        port.Hold.Start(_now);
        _output.Send(port, bpdu);
    }

    /// <summary>§8.6.4.</summary>
    private void GenerateConfigurations()
    {
        foreach (BridgePort port in _ports)
        {
            if (port.IsEnabled && Paths.IsDesignated(port))
            {
                SendConfiguration(port);
            }
        }
    }

    /// <summary>§8.6.6: tells the bridge nearer to the root that the topology changed.</summary>
    private void SendChangeNotice()
    {
        if (Paths.RootPort != null)
        {
            _output.Send(Paths.RootPort, new Bpdu { IsChangeNotice = true });
        }
    }

    /// <summary>§8.6.11.</summary>
    private void SelectPortStates()
    {
        foreach (BridgePort port in _ports)
        {
            bool isDesignated = Paths.IsDesignated(port);
            if (isDesignated)
            {
                port.MessageAge.Stop();
            }
            else
            {
                port.IsConfigurationPending = false;
                port.AcknowledgesChange = false;
            }
            if (isDesignated || port == Paths.RootPort)
            {
                MakeForwarding(port);
            }
            else
            {
                MakeBlocking(port);
            }
        }
    }

    /// <summary>§8.6.12: by way of listening and learning.</summary>
    private void MakeForwarding(BridgePort port)
    {
        if (port.State == BridgePortState.Blocking)
        {
            SetState(port, BridgePortState.Listening);
            port.ForwardDelay.Start(_now);
        }
    }

    /// <summary>§8.6.13.</summary>
    private void MakeBlocking(BridgePort port)
    {
        if (port.State is BridgePortState.Disabled or BridgePortState.Blocking)
        {
            return;
        }
        bool knewStations = port.State is BridgePortState.Learning or BridgePortState.Forwarding;
        SetState(port, BridgePortState.Blocking);
        port.ForwardDelay.Stop();
        if (knewStations)
        {
            DetectTopologyChange();
        }
    }

    /// <summary>§8.6.14: the root tells all bridges; another bridge tells the root, until it gets an acknowledgement.</summary>
    private void DetectTopologyChange()
    {
        if (Paths.IsRoot)
        {
            SetTopologyChange(true);
            _topologyChange.Start(_now);
        }
        else if (!_isChangeDetected)
        {
            SendChangeNotice();
            _changeNotice.Start(_now);
        }
        _isChangeDetected = true;
    }

    /// <summary>§8.6.16.</summary>
    private void AcknowledgeChange(BridgePort port)
    {
        port.AcknowledgesChange = true;
        SendConfiguration(port);
    }

    /// <summary>The second part of §8.7.4 and §8.8.3: no better bridge is left.</summary>
    private void BecomeRoot()
    {
        _times = _ownTimes;
        DetectTopologyChange();
        _changeNotice.Stop();
        GenerateConfigurations();
        _hello.Start(_now);
    }

    private void SetTopologyChange(bool active)
    {
        if (_isTopologyChange != active)
        {
            _isTopologyChange = active;
            _output.OnTopologyChange(active);
        }
    }

    private void SetState(BridgePort port, BridgePortState state)
    {
        if (port.State != state)
        {
            port.State = state;
            _output.OnStateChanged(port);
        }
    }
}

/// <summary>What a <see cref="SpanningTreeBridge"/> wants done. Called while it works: implementations do not call back.</summary>
internal interface ISpanningTreeOutput
{
    /// <summary>The BPDU leaves through this port.</summary>
    void Send(BridgePort port, in Bpdu bpdu);

    /// <summary><see cref="BridgePort.State"/> is another one now.</summary>
    void OnStateChanged(BridgePort port);

    /// <summary>Stations may have moved: while this is so, what was learned is to be forgotten after the forward delay.</summary>
    void OnTopologyChange(bool active);
}
