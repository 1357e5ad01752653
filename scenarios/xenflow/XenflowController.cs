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

/// <summary>What a switch said of its ports.</summary>
internal sealed record PortNews(ulong DatapathId, PortStatusReason Reason, ushort Port);

/// <summary>XenFlow's controller: gives the packets of a virtual router exact flows where the router is, and moves them when it moves.</summary>
/// <param name="addresses">The router's hardware addresses, left and right.</param>
/// <param name="machines">Its ports on each physical machine, by datapath id.</param>
/// <param name="place">The machine it is on.</param>
internal sealed partial class XenflowController(
    (MacAddress Left, MacAddress Right) addresses, IReadOnlyDictionary<ulong, RouterPorts> machines, IReadOnlyList<LinkSwitch> links, ulong place)
    : ScenarioController("XenFlow controller")
{
    /// <summary>Interfaces of the virtual machine, as its routing table names them.</summary>
    public const string LeftInterface = "leg0";

    public const string RightInterface = "leg1";

    private const ushort IdleTimeoutSeconds = 300;

    private readonly Dictionary<ushort, uint> _slices = [];
    private readonly Dictionary<Be32, NextHop> _decided = [];
    private readonly List<PortNews> _portNews = [];
    private RoutingTable? _table;
    private long _packetIns;
    private long _unroutable;

    /// <summary>Datapath id of the machine where packets to the router are sent.</summary>
    public ulong Place => Volatile.Read(ref place);

    /// <summary>Packets without an entry that came here.</summary>
    public long PacketIns => Volatile.Read(ref _packetIns);

    /// <summary>Those of them that the routing table has no way for.</summary>
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
                    Delete(Find(place), $"ip,nw_dst={Ipv4Text.Format(destination)}");
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
            Delete(Find(place), $"udp,tp_dst={udpPort}");
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
                    Install(device, Make(match, actions));
                }
            }
            device.Barrier(_ => done());
            device.Flush();
        }
    }

    protected override void OnConnected(SwitchConnection from)
    {
        if (machines.TryGetValue(from.DatapathId, out RouterPorts? ports))
        {
            Load(from, "xenflow/router.flows", ports.Words);
            from.Send($"dl_type=0x{ProbeType:x},actions=CONTROLLER:{ProbeLength}");
        }
        else if (links.FirstOrDefault(link => link.DatapathId == from.DatapathId) is { } link)
        {
            Load(from, "xenflow/link.flows", ("MACHINE", $"{link.Ports[place]}"));
        }
    }

    protected override void OnPortStatus(SwitchConnection from, PortStatusReason reason, in PortDescription port) =>
        _portNews.Add(new PortNews(from.DatapathId, reason, port.Number));

    protected override void OnPacketIn(SwitchConnection from, in ReceivedPacketIn packetIn)
    {
        if (!machines.TryGetValue(from.DatapathId, out RouterPorts? ports) || !PacketMatch.TryCreate(packetIn.Data, packetIn.InPort, out FlowMatch match))
        {
            return;
        }
        if (match.DlType == ProbeType)
        {
            TakeProbe(from, packetIn.InPort, ports);
            return;
        }
        _packetIns++;
        bool isSuspended = _move is { Steps.BreaksFirst: true };
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
        if (from.DatapathId == place || from.DatapathId == _move?.To)
        {
            MigratingFlow flow = Make(match, actions);
            Install(from, flow, packetIn.BufferId);
            // What is new while the flows move belongs to them.
            if (_move is { } move && from.DatapathId == move.From && ports.TryTranslate(flow, machines[move.To], out MigratingFlow translated))
            {
                move.Flows.Add(translated);
                Install(Find(move.To), translated);
            }
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
        if (!IsForRouter(match.DlDst) || _table?.Find(destination) is not { } next)
        {
            return null;
        }
        _decided[destination] = next;
        ushort port = next.Interface == LeftInterface ? ports.Left : ports.Right;
        bool isInSlice = match.NwProto == IpProtocol.Udp && _slices.ContainsKey(match.TpDst);
        return [FlowAction.SetDlDst(next.HardwareAddress), isInSlice ? FlowAction.Enqueue(port, _slices[match.TpDst]) : FlowAction.Output(port)];
    }

    private bool IsForRouter(MacAddress address) => address == addresses.Left || address == addresses.Right;

    private static MigratingFlow Make(in FlowMatch match, FlowAction[] actions) => new(match, ParsedFlow.DefaultPriority, IdleTimeoutSeconds, Cookie: 0, actions);

    private static void Install(SwitchConnection? to, MigratingFlow flow, uint buffer = FlowMod.NoBuffer) => to?.Send(new FlowMod
    {
        Match = flow.Match,
        Priority = flow.Priority,
        IdleTimeoutSeconds = flow.IdleTimeoutSeconds,
        Cookie = flow.Cookie,
        BufferId = buffer,
        Actions = flow.Actions,
    });

    /// <summary>Deletes flows of the router, but none of those it has from the start: they leave the hardware address open.</summary>
    /// <param name="match">What else they must have, such as ip.</param>
    private void Delete(SwitchConnection? from, string match)
    {
        foreach (MacAddress address in (MacAddress[])[addresses.Left, addresses.Right])
        {
            from?.Send($"{match},dl_dst={address}", FlowSyntaxMode.Delete);
        }
        from?.Flush();
    }

    private static void Load(SwitchConnection to, string file, params (string Word, string Meaning)[] words)
    {
        foreach (ParsedFlow flow in FlowFile.Read(file, words))
        {
            to.Send(flow.ToFlowMod());
        }
    }
}
