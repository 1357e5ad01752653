using System.Diagnostics;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Pipeline;
using Softswitch.Lab;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Learning;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;
using Softswitch.Scenarios.Controllers;

namespace Softswitch.Scenarios.Twaren;

/// <summary>How a flow came into a table. The number is its cookie.</summary>
internal enum Insertion : ulong
{
    /// <summary>From a file, before any packet.</summary>
    Proactive = 1,

    /// <summary>From a file or for an ARP, when a packet had no flow.</summary>
    Reactive = 2,

    /// <summary>For a pair of machines, when a flow sent their first packet to the controller.</summary>
    OnDemand = 3,

    /// <summary>For hosts that no file names, as a learning bridge does.</summary>
    Learned = 4,
}

/// <summary>An IPv4 packet that reached a controller.</summary>
internal sealed record ArrivedPacket(ulong Switch, PacketInReason Reason, Be32 Source, Be32 Destination, ushort SourcePort, long When);

/// <summary>An entry that its switch removed.</summary>
internal sealed record RemovedFlow(ulong Switch, FlowMatch Match, FlowRemovedReason Reason, TimeSpan Lived);

/// <summary>One of the paper's three controllers: Floodlight with the Static Flow Pusher, Forwarding, and flows on demand.</summary>
/// <remarks>
/// <list type="bullet">
/// <item>Proactive: <see cref="Push"/> sends flows of a file at once.</item>
/// <item>Reactive: flows given to <see cref="Offer"/> are sent when the first packet that they match has no flow, and on access switches one for
/// the ARP packets to a host. Those for ARP go again after <see cref="ArpSeconds"/>.</item>
/// <item>On demand: an IPv4 packet that a flow sends here gets a flow of its own straight to where ARP has shown its destination.</item>
/// <item>Everything else is bridged: learned, sent on, flooded.</item>
/// </list>
/// </remarks>
/// <param name="bridgedPorts">Ports of the layer-2 domain, the same on each of its switches that <see cref="SetPorts"/> does not name.</param>
/// <param name="isAccess">Whether its switches are where hosts are.</param>
internal sealed class TwarenController(string name, IReadOnlyList<ushort> bridgedPorts, bool isAccess, Action<string> say)
    : ScenarioController(name)
{
    private const ushort LearnedPriority = 1; // below whatever a file has
    private const ushort LearnedIdleSeconds = 5;
    private const ushort OnDemandPriority = 32768;

    private readonly Dictionary<ulong, TwarenBridge> _bridges = [];
    private readonly List<ArrivedPacket> _arrived = [];
    private readonly List<RemovedFlow> _removed = [];
    private readonly HashSet<(ulong Switch, FlowMatch Match, ushort Priority)> _sent = [];

    /// <summary>How long reactive ARP flows live: the paper's fixed time.</summary>
    public ushort ArpSeconds { get; set; } = 5;

    /// <summary>IPv4 packets that reached it, in their order.</summary>
    public IReadOnlyList<ArrivedPacket> Arrived => Read(() => _arrived.ToArray());

    public IReadOnlyList<RemovedFlow> Removed => Read(() => _removed.ToArray());

    /// <summary>Sends flows to their switches, those of a file that are to be sent.</summary>
    /// <exception cref="TestbedException">A switch is not here.</exception>
    public void Push(IEnumerable<StaticFlow> flows)
    {
        lock (HandlerLock)
        {
            foreach (StaticFlow flow in flows.Where(flow => flow.IsActive))
            {
                Send(Get(flow.Switch), flow.Flow.Match, flow.Flow.Priority, flow.Flow.Actions, Insertion.Proactive);
            }
            FlushSwitches();
        }
    }

    /// <summary>Keeps flows to be sent when they are needed.</summary>
    public void Offer(IEnumerable<StaticFlow> flows)
    {
        lock (HandlerLock)
        {
            foreach (StaticFlow flow in flows)
            {
                BridgeOf(flow.Switch).Offer(flow);
            }
        }
    }

    /// <summary>Gives a switch ports of its own in the layer-2 domain, before it connects.</summary>
    /// <param name="meshed">Ports to the other switches of a full mesh. Packets of one are not flooded to another: they would circle.</param>
    public void SetPorts(ulong datapathId, IReadOnlyList<ushort> ports, IReadOnlyList<ushort> meshed)
    {
        lock (HandlerLock)
        {
            _bridges[datapathId] = new TwarenBridge(ports, meshed);
        }
    }

    /// <summary>Deletes flows and brings others: at once, or reactively, as packets come.</summary>
    /// <param name="come">May have those that are there with other actions.</param>
    public void Change(IEnumerable<StaticFlow> gone, IEnumerable<StaticFlow> come, Insertion insertion)
    {
        lock (HandlerLock)
        {
            foreach (StaticFlow flow in gone)
            {
                Remove(flow);
            }
            foreach (StaticFlow flow in come)
            {
                if (insertion == Insertion.Reactive)
                {
                    Remove(flow);
                    BridgeOf(flow.Switch).Offer(flow);
                }
                else
                {
                    Send(Get(flow.Switch), flow.Flow.Match, flow.Flow.Priority, flow.Flow.Actions, insertion);
                }
            }
            FlushSwitches();
        }
    }

    /// <summary>A machine is elsewhere, and no entry of a file is to go: what was learned of it does, and the entries that its ARP brought.</summary>
    /// <returns>The switches that had such an entry.</returns>
    public IReadOnlyList<ulong> ForgetArp(MacAddress machine)
    {
        var told = new List<ulong>();
        lock (HandlerLock)
        {
            foreach (SwitchConnection connection in Switches)
            {
                TwarenBridge bridge = BridgeOf(connection.DatapathId);
                bridge.Stations.Remove(machine);
                if (bridge.ArpEntries.Remove(machine))
                {
                    connection.Send(new FlowMod { Command = FlowModCommand.DeleteStrict, Match = MatchArpTo(machine), Priority = LearnedPriority });
                    told.Add(connection.DatapathId);
                }
            }
            FlushSwitches();
        }
        return told;
    }

    /// <summary>Deletes every flow of a switch and forgets what was offered for it; what was learned of hosts stays.</summary>
    public void Clear(ulong datapathId)
    {
        lock (HandlerLock)
        {
            BridgeOf(datapathId).WithdrawAll();
            _sent.RemoveWhere(one => one.Switch == datapathId);
            Get(datapathId).Send(new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any });
            FlushSwitches();
        }
    }

    /// <summary>A machine is no longer where it was: what was learned of it goes, and the flows with it.</summary>
    public void Forget(MacAddress machine)
    {
        lock (HandlerLock)
        {
            foreach (SwitchConnection connection in Switches)
            {
                BridgeOf(connection.DatapathId).Stations.Remove(machine);
                FlowMatch match = FlowMatch.Any with { DlSrc = machine, Wildcards = FlowWildcards.All & ~FlowWildcards.DlSrc };
                connection.Send(new FlowMod { Command = FlowModCommand.Delete, Match = match });
                match = FlowMatch.Any with { DlDst = machine, Wildcards = FlowWildcards.All & ~FlowWildcards.DlDst };
                connection.Send(new FlowMod { Command = FlowModCommand.Delete, Match = match });
            }
            FlushSwitches();
        }
    }

    protected override void OnPacketIn(SwitchConnection from, in ReceivedPacketIn packetIn)
    {
        if (!PacketMatch.TryCreate(packetIn.Data, packetIn.InPort, out FlowMatch packet))
        {
            return;
        }
        TwarenBridge bridge = BridgeOf(from.DatapathId);
        bridge.Learn(packet);
        if (packet.DlType == EtherType.Ipv4)
        {
            _arrived.Add(new ArrivedPacket(from.DatapathId, packetIn.Reason, Be32.FromHost(packet.NwSrc), Be32.FromHost(packet.NwDst), packet.TpSrc, Stopwatch.GetTimestamp()));
        }
        FlowAction[] actions =
            packetIn.Reason == PacketInReason.Action && packet.DlType == EtherType.Ipv4 ? AnswerDemand(from, bridge, packet)
            : bridge.FindOffered(packet) is { } offered ? InsertOffered(from, offered.Flow)
            : Forward(from, bridge, packet);
        if (actions.Length > 0)
        {
            from.Send(new PacketOut { InPort = packetIn.InPort, Actions = actions, Data = packetIn.Data });
        }
    }

    protected override void OnFlowRemoved(SwitchConnection from, in FlowRemoved removed) =>
        _removed.Add(new RemovedFlow(from.DatapathId, removed.Match, removed.Reason, removed.Duration));

    /// <summary>A flow straight to the destination, if ARP has shown where it is at this switch; else the packet goes the way it would have gone.</summary>
    private FlowAction[] AnswerDemand(SwitchConnection from, TwarenBridge bridge, in FlowMatch packet)
    {
        if (!bridge.Neighbours.TryGetValue(packet.NwDst, out MacAddress address) || !bridge.Stations.TryGetValue(address, out ushort port))
        {
            return bridge.Outputs(packet);
        }
        FlowMatch match = FlowMatch.Any with
        {
            DlSrc = packet.DlSrc,
            DlDst = packet.DlDst,
            DlType = EtherType.Ipv4,
            NwSrc = packet.NwSrc,
            NwDst = packet.NwDst,
            Wildcards = FlowWildcards.All & ~(FlowWildcards.DlSrc | FlowWildcards.DlDst | FlowWildcards.DlType),
        };
        match.SetNwWildBits(0, 0);
        FlowAction[] actions = [FlowAction.SetDlDst(address), FlowAction.Output(port)];
        if (Send(from, match, OnDemandPriority, actions, Insertion.OnDemand) && bridge.Demands++ == 0)
        {
            say($"{Name}: {Ipv4Text.Format(Be32.FromHost(packet.NwSrc))} to {Ipv4Text.Format(Be32.FromHost(packet.NwDst))}: a flow on demand, to {address} at port {port}");
        }
        return actions;
    }

    private FlowAction[] InsertOffered(SwitchConnection from, ParsedFlow flow)
    {
        Send(from, flow.Match, flow.Priority, flow.Actions, Insertion.Reactive);
        return flow.Actions;
    }

    /// <summary>A learning bridge; on access switches with a flow for the ARP packets to each host.</summary>
    private FlowAction[] Forward(SwitchConnection from, TwarenBridge bridge, in FlowMatch packet)
    {
        FlowAction[] actions = bridge.Outputs(packet);
        if (actions.Length == 0 || !bridge.Stations.ContainsKey(packet.DlDst))
        {
            return actions;
        }
        if (packet.DlType == EtherType.Arp)
        {
            if (isAccess)
            {
                Send(from, MatchArpTo(packet.DlDst), LearnedPriority, actions, Insertion.Reactive);
                bridge.ArpEntries.Add(packet.DlDst);
            }
            return actions;
        }
        FlowMatch match = FlowMatch.Any with
        {
            DlSrc = packet.DlSrc,
            DlDst = packet.DlDst,
            DlType = packet.DlType,
            Wildcards = FlowWildcards.All & ~(FlowWildcards.DlSrc | FlowWildcards.DlDst | FlowWildcards.DlType),
        };
        Send(from, match, LearnedPriority, actions, Insertion.Learned);
        return actions;
    }

    private static FlowMatch MatchArpTo(MacAddress machine) =>
        FlowMatch.Any with { DlDst = machine, DlType = EtherType.Arp, Wildcards = FlowWildcards.All & ~(FlowWildcards.DlDst | FlowWildcards.DlType) };

    private void Remove(StaticFlow flow)
    {
        BridgeOf(flow.Switch).Withdraw(flow);
        Get(flow.Switch).Send(new FlowMod { Command = FlowModCommand.DeleteStrict, Match = flow.Flow.Match, Priority = flow.Flow.Priority });
    }

    /// <returns>Whether it is the first of its kind there.</returns>
    private bool Send(SwitchConnection to, in FlowMatch match, ushort priority, FlowAction[] actions, Insertion insertion)
    {
        bool expires = insertion == Insertion.Reactive && match.DlType == EtherType.Arp;
        to.Send(new FlowMod
        {
            Match = match,
            Priority = priority,
            Cookie = (ulong)insertion,
            HardTimeoutSeconds = expires ? ArpSeconds : (ushort)0,
            IdleTimeoutSeconds = insertion == Insertion.Learned ? LearnedIdleSeconds : (ushort)0,
            Flags = expires ? FlowModFlags.SendFlowRemoved : FlowModFlags.None,
            Actions = actions,
        });
        return _sent.Add((to.DatapathId, match, priority));
    }

    private TwarenBridge BridgeOf(ulong datapathId)
    {
        if (!_bridges.TryGetValue(datapathId, out TwarenBridge? bridge))
        {
            _bridges.Add(datapathId, bridge = new TwarenBridge(bridgedPorts, []));
        }
        return bridge;
    }
}
