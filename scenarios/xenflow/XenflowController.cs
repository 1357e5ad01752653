using System.Diagnostics;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.Lab;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Learning;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

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
internal sealed class XenflowController(
    (MacAddress Left, MacAddress Right) addresses, IReadOnlyDictionary<ulong, RouterPorts> machines, IReadOnlyList<LinkSwitch> links, ulong place)
    : OfController(new ControllerOptions { Name = "XenFlow controller" })
{
    /// <summary>Interfaces of the virtual machine, as its routing table names them.</summary>
    public const string LeftInterface = "leg0";

    public const string RightInterface = "leg1";

    /// <summary>Ethernet type of the probe that shows that what was sent before it has passed: IEEE's first for local experiments.</summary>
    private const ushort ProbeType = 0x88b5;

    private const int ProbeLength = 60;
    private const ushort IdleTimeoutSeconds = 300;

    private readonly Dictionary<ushort, uint> _slices = [];
    private readonly Dictionary<Be32, NextHop> _decided = [];
    private readonly List<PortNews> _portNews = [];
    private RoutingTable? _table;
    private FlowMove? _move;
    private uint _selection; // xid of the request that selects what moves
    private long _packetIns;
    private long _unroutable;

    /// <summary>Datapath id of the machine where packets to the router are sent.</summary>
    public ulong Place => Volatile.Read(ref place);

    /// <summary>Packets without an entry that came here.</summary>
    public long PacketIns => Volatile.Read(ref _packetIns);

    /// <summary>Those of them that the routing table has no way for.</summary>
    public long Unroutable => Volatile.Read(ref _unroutable);

    /// <summary>Ports that came, went or changed, in the order they were told.</summary>
    public IReadOnlyList<PortNews> PortNews
    {
        get
        {
            lock (HandlerLock)
            {
                return [.. _portNews];
            }
        }
    }

    /// <summary>The routing daemon's table, now. Flows to where the way has changed are taken out: they come back on demand.</summary>
    public RoutingTable? Table
    {
        get
        {
            lock (HandlerLock)
            {
                return _table;
            }
        }

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

    /// <summary>Begins to move the router's flows: make before break, or for comparison break before make.</summary>
    /// <returns>Its progress.</returns>
    /// <exception cref="TestbedException">A move is under way, or a switch is not connected.</exception>
    public FlowMove Move(ulong to, bool breaksFirst = false)
    {
        lock (HandlerLock)
        {
            if (_move != null || Find(to) == null || Find(place) is not { } source)
            {
                throw new TestbedException("the flows cannot be moved: a move is under way, or a switch is not connected");
            }
            _move = new FlowMove(place, to, breaksFirst);
            var all = new FlowFilter(FlowMatch.Any);
            _selection = source.Send((buffer, xid) => FlowStatsMessage.WriteRequest(buffer, xid, all));
            source.Flush();
            return _move;
        }
    }

    /// <summary>Sends probes again that have not come back; one may have been lost where too much was sent.</summary>
    public void ProbeAgain()
    {
        lock (HandlerLock)
        {
            if (_move is { LinkedAt: > 0, DrainedAt: 0 })
            {
                Probe();
            }
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
        bool isSuspended = _move is { BreaksFirst: true };
        if (!isSuspended && match.Wildcards == FlowWildcards.None && match.DlType == EtherType.Ipv4)
        {
            Route(from, ports, packetIn, match);
        }
    }

    protected override void OnStatsReply(SwitchConnection from, uint xid, OfStatsType type, ReadOnlySpan<byte> body, bool isLast)
    {
        if (_move is not { } move || from.DatapathId != move.From || type != OfStatsType.Flow || xid != _selection)
        {
            return;
        }
        FlowAction[] storage = new FlowAction[OfActions.MaxCount];
        while (FlowStatsMessage.TryReadEntry(ref body, storage, out FlowStatistics flow))
        {
            Select(move, flow);
        }
        if (isLast)
        {
            _selection = 0;
            Begin(move, from);
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
            var flow = new MigratingFlow(match, ParsedFlow.DefaultPriority, IdleTimeoutSeconds, Cookie: 0, actions);
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

    private void Select(FlowMove move, in FlowStatistics flow)
    {
        if (flow.Match.Wildcards == FlowWildcards.None && IsForRouter(flow.Match.DlDst)
            && machines[move.From].TryTranslate(
                new MigratingFlow(flow.Match, flow.Priority, flow.IdleTimeoutSeconds, flow.Cookie, flow.Actions.ToArray()), machines[move.To], out MigratingFlow translated))
        {
            move.Flows.Add(translated);
        }
    }

    private void Begin(FlowMove move, SwitchConnection source)
    {
        if (!move.BreaksFirst)
        {
            AddAll(move);
            return;
        }
        Delete(source, "ip");
        source.Barrier(when =>
        {
            move.DeletedAt = when;
            AddAll(move);
        });
    }

    private void AddAll(FlowMove move)
    {
        if (Find(move.To) is not { } destination)
        {
            return;
        }
        move.Flows.ForEach(flow => Install(destination, flow));
        destination.Barrier(when =>
        {
            move.AddedAt = when;
            ChangeLinks(move);
        });
    }

    private void ChangeLinks(FlowMove move)
    {
        SwitchConnection[] ends = [.. links.Select(link => Find(link.DatapathId)).OfType<SwitchConnection>()];
        foreach (SwitchConnection end in ends)
        {
            end.Send($"in_port=1,actions=output:{PortTo(move.To, end.DatapathId)}", FlowSyntaxMode.ModifyStrict);
        }
        BarrierAll(ends, answers =>
        {
            move.LinkedAt = answers.Max();
            Volatile.Write(ref place, move.To);
            if (move.BreaksFirst)
            {
                End(move);
            }
            else
            {
                Probe();
            }
        });
    }

    /// <summary>
    /// Sends a probe by each link to where the router was. A link switch's barrier says that it sends nothing there any more, not that what it sent has been
    /// treated there: entries deleted now could be missed by packets that wait in front of the switch. A probe waits behind them.
    /// </summary>
    private void Probe()
    {
        foreach (LinkSwitch link in links.Where(link => !_move!.Drained.Contains(link.DatapathId)))
        {
            byte[] frame = new byte[ProbeLength];
            MacAddress.Broadcast.CopyTo(frame);
            addresses.Left.CopyTo(frame.AsSpan(MacAddress.Size));
            frame[12] = ProbeType >> 8;
            frame[13] = ProbeType & 0xff;
            Find(link.DatapathId)?.Send(new PacketOut { Actions = [FlowAction.Output(link.Ports[_move!.From])], Data = frame });
            Find(link.DatapathId)?.Flush();
        }
    }

    private void TakeProbe(SwitchConnection from, ushort inPort, RouterPorts ports)
    {
        if (_move is not { LinkedAt: > 0, DrainedAt: 0 } move || from.DatapathId != move.From)
        {
            return;
        }
        move.Drained.Add(links[inPort == ports.Left ? 0 : 1].DatapathId);
        if (move.Drained.Count == links.Count)
        {
            move.DrainedAt = Stopwatch.GetTimestamp();
            from.Barrier(static _ => { }); // ends the pass that took the last packets, before the deletion behind it
            Delete(from, "ip");
            from.Barrier(when =>
            {
                move.DeletedAt = when;
                End(move);
            });
        }
    }

    private void End(FlowMove move)
    {
        _move = null;
        move.End();
    }

    private ushort PortTo(ulong machine, ulong link) => links.First(one => one.DatapathId == link).Ports[machine];

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
