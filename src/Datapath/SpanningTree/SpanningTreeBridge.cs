namespace Softswitch.Datapath.SpanningTree;

/// <summary>The spanning tree algorithm and protocol of one bridge (IEEE 802.1D-1998 §8), without sockets or clocks.</summary>
/// <remarks>
/// Here is what happens to it: BPDUs, time, ports that come and go (§8.7, §8.8). What it does then, procedure by procedure of §8.6,
/// is in the other half of this class. Every call is given the present, in milliseconds of a clock that never goes back; a call of
/// <see cref="Advance"/> that comes late is as good as one in time. Its size depends on the ports alone, never on what is received.
/// Threads: one at a time.
/// </remarks>
internal sealed partial class SpanningTreeBridge
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
        Id = id;
        Root = id;
        _output = output;
        _ownTimes = times;
        _times = times;
        _now = now;
        _hello.Start(now);
    }

    public ulong Id { get; }

    /// <summary>The bridge taken for the root.</summary>
    public ulong Root { get; private set; }

    public uint RootPathCost { get; private set; }

    /// <summary>The port towards the root; null on the root itself.</summary>
    public BridgePort? RootPort { get; private set; }

    public bool IsRoot => RootPort == null;

    /// <summary>The times in force, which are the root's.</summary>
    public BridgeTimes Times => _times;

    public IReadOnlyList<BridgePort> Ports => _ports;

    /// <summary>Whether the bridge serves the segment behind this port.</summary>
    public bool IsDesignated(BridgePort port) => port.Designated.Bridge == Id && port.Designated.Port == port.Id;

    /// <summary>Adds a port, disabled.</summary>
    public void Add(BridgePort port)
    {
        port.State = BridgePortState.Disabled;
        BecomeDesignated(port);
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
        BecomeDesignated(port);
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
        bool wasRoot = IsRoot;
        BecomeDesignated(port);
        port.AcknowledgesChange = false;
        port.IsConfigurationPending = false;
        port.MessageAge.Stop();
        port.ForwardDelay.Stop();
        SetState(port, BridgePortState.Disabled);
        UpdateConfiguration();
        SelectPortStates();
        if (IsRoot && !wasRoot)
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
        UpdateConfiguration();
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
            if (IsDesignated(port)) // §8.7.2
            {
                DetectTopologyChange();
                AcknowledgeChange(port);
            }
        }
        else if (bpdu.Priority.Bridge != Id || bpdu.Priority.Port != port.Id) // §9.3.4: not our own, come back
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
        if (!Supersedes(bpdu.Priority, port))
        {
            if (IsDesignated(port))
            {
                SendConfiguration(port); // §8.6.5: reply to the inferior bridge
            }
            return;
        }
        bool wasRoot = IsRoot;
        port.Designated = bpdu.Priority;
        port.MessageAge.Start(_now, bpdu.MessageAge);
        UpdateConfiguration();
        SelectPortStates();
        if (wasRoot && !IsRoot)
        {
            _hello.Stop();
            if (_isChangeDetected)
            {
                _topologyChange.Stop();
                SendChangeNotice();
                _changeNotice.Start(_now);
            }
        }
        if (port == RootPort)
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
        bool wasRoot = IsRoot;
        BecomeDesignated(port);
        UpdateConfiguration();
        SelectPortStates();
        if (IsRoot && !wasRoot)
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
            if (_ports.Exists(p => p.IsEnabled && IsDesignated(p)))
            {
                DetectTopologyChange();
            }
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
