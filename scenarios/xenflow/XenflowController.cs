using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.Lab;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Learning;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;
using Softswitch.Scenarios.Controllers;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>A switch between a host and the two physical machines.</summary>
/// <param name="Ports">Its port towards each machine, by the machine's datapath id.</param>
internal sealed record LinkSwitch(ulong DatapathId, IReadOnlyDictionary<ulong, ushort> Ports);

/// <summary>A change of a port, as its switch told it.</summary>
internal sealed record PortNews(ulong DatapathId, PortStatusReason Reason, ushort Port);

/// <summary>XenFlow's controller: gives the packets of a virtual router exact flows where the router is, and moves them when it moves.</summary>
/// <param name="addresses">The router's hardware addresses, left and right.</param>
/// <param name="machines">Its ports on each physical machine, by datapath id.</param>
/// <param name="place">The machine it is on.</param>
internal sealed class XenflowController(
    (MacAddress Left, MacAddress Right) addresses, IReadOnlyDictionary<ulong, RouterPorts> machines, IReadOnlyList<LinkSwitch> links, ulong place)
    : ScenarioController("XenFlow controller")
{
    /// <summary>Interfaces of the virtual machine, as its routing table names them.</summary>
    public const string LeftInterface = "leg0";

    public const string RightInterface = "leg1";

    private readonly RouterFlows _router = new(addresses.Left, addresses.Right);
    private readonly Dictionary<ushort, uint> _slices = [];
    private readonly Dictionary<Be32, NextHop> _decided = [];
    private readonly List<PortNews> _portNews = [];
    private RoutingTable? _table;
    private FlowMover? _mover; // while a move is under way
    private long _packetIns;
    private long _unroutable;

    /// <summary>Datapath id of the machine where packets to the router are sent.</summary>
    public ulong Place => Volatile.Read(ref place);

    /// <summary>Packets without an entry that came here.</summary>
    public long PacketIns => Volatile.Read(ref _packetIns);

    /// <summary>Packets of these that the routing table has no route for.</summary>
    public long Unroutable => Volatile.Read(ref _unroutable);

    /// <summary>Ports that came, went or changed, in the order they were told.</summary>
    public IReadOnlyList<PortNews> PortNews => Read(() => _portNews.ToArray());

    /// <summary>The routing daemon's table, now. Flows to where the way has changed are taken out: they come back on demand.</summary>
    public RoutingTable? Table
    {
        get => Read(() => _table);
        set
        {
            lock (HandlerLock)
            {
                _table = value;
                // A next hop that is not known at the moment, as after a link was down, is no reason to stop: a new one is.
                foreach (Be32 destination in _decided.Where(old => value?.Find(old.Key) is { } now && now != old.Value).Select(old => old.Key).ToList())
                {
                    _decided.Remove(destination);
                    _router.Delete(Find(place), $"ip,nw_dst={Ipv4Text.Format(destination)}");
                }
            }
        }
    }

    /// <summary>Gives UDP to this port, in flows to come, a queue of its own on whatever port it leaves by.</summary>
    public void SetSlice(ushort udpPort, uint queue)
    {
        lock (HandlerLock)
        {
            _slices[udpPort] = queue;
            _router.Delete(Find(place), $"udp,tp_dst={udpPort}");
        }
    }

    /// <summary>Makes the flows of packets from the left before these come.</summary>
    /// <param name="frames">The first bytes of each.</param>
    /// <param name="done">Called under the controller's lock, when the switch has them.</param>
    /// <exception cref="TestbedException">The switch is not connected.</exception>
    public void Insert(IEnumerable<byte[]> frames, Action done)
    {
        lock (HandlerLock)
        {
            SwitchConnection device = Get(place);
            RouterPorts ports = machines[place];
            foreach (byte[] frame in frames)
            {
                if (PacketMatch.TryCreate(frame, ports.Left, out FlowMatch match) && Decide(match, ports) is { } actions)
                {
                    RouterFlows.Install(device, RouterFlows.Make(match, actions));
                }
            }
            device.Barrier(_ => done());
            device.Flush();
        }
    }

    /// <summary>Begins to move the router's flows.</summary>
    /// <returns>Its progress.</returns>
    /// <exception cref="TestbedException">A move is under way, or a switch is not connected.</exception>
    public FlowMove Move(ulong to, MoveSteps steps)
    {
        lock (HandlerLock)
        {
            if (_mover != null || Find(to) == null || Find(place) is not { } source)
            {
                throw new TestbedException("the flows cannot be moved: a move is under way, or a switch is not connected");
            }
            _mover = new FlowMover(new FlowMove(place, to, steps), Find, _router, machines, links)
            {
                OnLinked = () => Volatile.Write(ref place, to),
                OnEnd = () => _mover = null,
            };
            _mover.Start(source);
            return _mover.Move;
        }
    }

    /// <summary>Sends probes again that have not come back; one may have been lost where too much was sent.</summary>
    public void ProbeAgain()
    {
        lock (HandlerLock)
        {
            _mover?.ProbeAgain();
        }
    }

    protected override void OnConnected(SwitchConnection from)
    {
        if (machines.TryGetValue(from.DatapathId, out RouterPorts? ports))
        {
            Load(from, "xenflow/router.flows", ports.Words);
            from.Send($"dl_type=0x{FlowMover.ProbeType:x},actions=CONTROLLER:{FlowMover.ProbeLength}");
        }
        else if (links.FirstOrDefault(link => link.DatapathId == from.DatapathId) is { } link)
        {
            Load(from, "xenflow/link.flows", ("MACHINE", $"{link.Ports[place]}"));
        }
    }

    protected override void OnPortStatus(SwitchConnection from, PortStatusReason reason, in PortDescription port) =>
        _portNews.Add(new PortNews(from.DatapathId, reason, port.Number));

    protected override void OnStatsReply(SwitchConnection from, uint xid, OfStatsType type, ReadOnlySpan<byte> body, bool isLast)
    {
        if (type == OfStatsType.Flow)
        {
            _mover?.TakeFlows(from, xid, body, isLast);
        }
    }

    protected override void OnPacketIn(SwitchConnection from, in ReceivedPacketIn packetIn)
    {
        if (!machines.TryGetValue(from.DatapathId, out RouterPorts? ports) || !PacketMatch.TryCreate(packetIn.Data, packetIn.InPort, out FlowMatch match))
        {
            return;
        }
        if (match.DlType == FlowMover.ProbeType)
        {
            _mover?.TakeProbe(from, packetIn.InPort == ports.Left ? links[0] : links[1]);
            return;
        }
        _packetIns++;
        bool isSuspended = _mover is { Move.Steps.BreaksFirst: true };
        if (!isSuspended && match.Wildcards == FlowWildcards.None && match.DlType == EtherType.Ipv4)
        {
            Route(from, ports, packetIn, match);
        }
    }

    /// <summary>The exact flow for the packet's twelve fields, and the packet itself along it (§3.1 of the paper).</summary>
    private void Route(SwitchConnection from, RouterPorts ports, in ReceivedPacketIn packetIn, in FlowMatch match)
    {
        if (Decide(match, ports) is not { } actions)
        {
            _unroutable++;
            return;
        }
        if (from.DatapathId == place || from.DatapathId == _mover?.Move.To)
        {
            MigratingFlow flow = RouterFlows.Make(match, actions);
            RouterFlows.Install(from, flow, packetIn.BufferId);
            _mover?.AddNew(from, flow);
            if (packetIn.BufferId != FlowMod.NoBuffer)
            {
                return;
            }
        }
        from.Send(new PacketOut { BufferId = packetIn.BufferId, InPort = packetIn.InPort, Actions = actions, Data = packetIn.BufferId == FlowMod.NoBuffer ? packetIn.Data : default });
    }

    private FlowAction[]? Decide(in FlowMatch match, RouterPorts ports)
    {
        Be32 destination = Be32.FromHost(match.NwDst);
        if (!_router.AreFor(match.DlDst) || _table?.Find(destination) is not { } next)
        {
            return null;
        }
        _decided[destination] = next;
        ushort port = next.Interface == LeftInterface ? ports.Left : ports.Right;
        bool isInSlice = match.NwProto == IpProtocol.Udp && _slices.ContainsKey(match.TpDst);
        return [FlowAction.SetDlDst(next.HardwareAddress), isInSlice ? FlowAction.Enqueue(port, _slices[match.TpDst]) : FlowAction.Output(port)];
    }

    private static void Load(SwitchConnection to, string file, params (string Word, string Meaning)[] words)
    {
        foreach (ParsedFlow flow in FlowFile.Read(file, words))
        {
            to.Send(flow.ToFlowMod());
        }
    }
}
