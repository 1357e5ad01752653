using System.Diagnostics;
using Softswitch.Datapath.Headers;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;
using Softswitch.Scenarios.Controllers;

namespace Softswitch.Scenarios.Mat;

/// <summary>A network with a switch of ours between its hosts and its legacy router.</summary>
/// <param name="HostPort">Where mobile nodes and correspondents are.</param>
/// <param name="RouterPort">Towards the router.</param>
/// <param name="Router">The router's address in this network.</param>
/// <param name="Mobile">The address a mobile node has while it is here (MoA).</param>
/// <param name="HasLegacyHosts">Whether hosts with addresses of this network are here, whose packets pass as they are.</param>
internal sealed record MatNetwork(ulong Switch, ushort HostPort, ushort RouterPort, Be32 Router, Be32 Mobile, bool HasLegacyHosts)
{
    /// <summary>Where mobile nodes are. Among hosts whose packets pass as they are theirs would too; so there it is another port.</summary>
    public ushort MobilePort { get; init; } = HostPort;
}

/// <summary>How a mobile node's address was updated. Times are Stopwatch.GetTimestamp's.</summary>
/// <param name="Home">HoA: what it and its correspondents know.</param>
/// <param name="Before">MoA of the network it left; null for the first.</param>
/// <param name="After">MoA of the network it is in.</param>
/// <param name="HeardAt">When its RARP was there.</param>
/// <param name="LearnedAt">When its reply to the probe was there.</param>
/// <param name="WrittenAt">When the last switch's flow-mods went to the kernel.</param>
/// <param name="DoneAt">When each switch had answered its barrier, by datapath id; without barriers, when it was written to.</param>
/// <param name="Worked">Processor time that the process used from <paramref name="LearnedAt"/> until all was done.</param>
internal sealed record MatUpdate(
    Be32 Home, Be32? Before, Be32 After, long HeardAt, long LearnedAt, long WrittenAt, IReadOnlyDictionary<ulong, long> DoneAt,
    TimeSpan Worked)
{
    public long LastDoneAt => DoneAt.Values.Max();

    /// <summary>How many processors the process kept busy in that time.</summary>
    public double BusyProcessors => Worked / Stopwatch.GetElapsedTime(LearnedAt, LastDoneAt);
}

/// <summary>MAT's controller: mobile nodes keep their home address (HoA), the network between carries the address of where they are (MoA), and switches translate.</summary>
/// <remarks>
/// The update, in the paper's steps: (1) the RARP of a node that has moved comes as a packet-in; (2) an ARP probe goes to its port as a packet-out;
/// (3) its reply tells the home address; (4) every switch gets its flows; (5) a barrier to each; the update is over with the last reply.
/// </remarks>
/// <param name="homeGateway">What mobile nodes have as their gateway; the controller answers for it.</param>
/// <param name="homes">The home addresses that are served: those the probe asks for.</param>
internal sealed class MatController(IReadOnlyList<MatNetwork> networks, Be32 homeGateway, IReadOnlyList<Be32> homes, Action<string> say)
    : SteppedController("MAT controller")
{
    private const ushort MostSpecific = 100;

    // RFC 5227 §1.1: a probe may be lost. PROBE_NUM of them, the next after PROBE_MIN.
    private const int Probes = 3;
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(1);

    private static readonly MacAddress OwnAddress = new(0x0200_5e00_0a7e); // gateway of mobile nodes, and every MoA for the legacy routers

    private readonly Dictionary<ulong, MacAddress> _routers = []; // by switch
    private readonly Dictionary<MacAddress, (MatNetwork Place, long HeardAt)> _probed = []; // nodes whose RARP was heard, until they answer
    private readonly Dictionary<MacAddress, MatNetwork> _nodes = []; // where those that have answered are
    private readonly Dictionary<Be32, MatNetwork> _places = []; // of home addresses
    private readonly List<MatUpdate> _updates = [];

    /// <summary>How long the translation of the old address stays, for what is under way; 0 for not at all.</summary>
    public ushort GraceSeconds { get; init; } = 5;

    /// <summary>By OFPFC_DELETE_STRICT, which names a flow; for OFPFC_DELETE a switch looks at all it has.</summary>
    public bool DeletesStrictly { get; init; } = true;

    /// <summary>Updates that every switch has confirmed, in their order.</summary>
    public IReadOnlyList<MatUpdate> Updates => Read(() => _updates.ToArray());

    /// <summary>Networks whose router's Ethernet address is known: mobile nodes can be served there.</summary>
    public int ReadyNetworks => Read(() => _routers.Count);

    /// <summary>Asks the routers that have not answered once more: a link that is just coming up loses what it is sent.</summary>
    public void AskRouters()
    {
        lock (HandlerLock)
        {
            foreach (SwitchConnection one in Switches.Where(one => !_routers.ContainsKey(one.DatapathId)))
            {
                AskRouter(one, NetworkOf(one));
            }
            FlushSwitches();
        }
    }

    protected override void OnConnected(SwitchConnection from)
    {
        MatNetwork network = NetworkOf(from);
        UploadArp(from);
        if (network.HasLegacyHosts)
        {
            from.Send($"priority=1,ip,in_port={network.HostPort},actions=output:{network.RouterPort}");
            from.Send($"priority=1,ip,in_port={network.RouterPort},actions=output:{network.HostPort}");
            foreach (MatNetwork other in networks)
            {
                // A node's packet may arrive here before its translation is installed. Its correspondent would answer the strange address with a RST, and the node would accept that.
                from.Send($"priority=2,ip,in_port={network.RouterPort},nw_src={Ipv4Text.Format(other.Mobile)},actions=drop");
            }
            if (network.MobilePort != network.HostPort)
            {
                from.Send($"priority=1,ip,in_port={network.MobilePort},actions=drop");
                from.Send($"priority=2,ip,nw_dst={Ipv4Text.Format(network.Mobile)},actions=drop");
            }
        }
        else
        {
            from.Send("priority=1,ip,actions=drop");
        }
        AskRouter(from, network);
    }

    protected override void OnPacketIn(SwitchConnection from, in ReceivedPacketIn packetIn)
    {
        long now = Stopwatch.GetTimestamp();
        if (!ArpMessage.TryRead(packetIn.Data, out ArpMessage arp))
        {
            return;
        }
        MatNetwork network = NetworkOf(from);
        bool isFromRouter = packetIn.InPort == network.RouterPort;
        bool isFromMobile = packetIn.InPort == network.MobilePort;
        if (isFromMobile && arp.Operation == ArpMessage.RequestReverse)
        {
            Hear(from, network, arp.SenderHardware, now);
        }
        else if (isFromMobile && arp.Operation == ArpMessage.Reply && homes.Contains(arp.Sender)
            && _probed.TryGetValue(arp.SenderHardware, out (MatNetwork Place, long HeardAt) probed) && probed.Place == network)
        {
            _probed.Remove(arp.SenderHardware);
            _nodes[arp.SenderHardware] = network;
            Update(arp, network, probed.HeardAt, now);
        }
        else if (arp.Operation == ArpMessage.Request && (isFromRouter ? arp.Target == network.Mobile : isFromMobile && arp.Target == homeGateway))
        {
            AnswerArp(from, packetIn.InPort, arp, OwnAddress);
        }
        else if (isFromRouter && arp.Operation == ArpMessage.Reply && arp.Sender == network.Router && arp.Target == network.Mobile)
        {
            _routers[from.DatapathId] = arp.SenderHardware;
        }
        else if (network.HasLegacyHosts && (isFromRouter || packetIn.InPort == network.HostPort))
        {
            ushort other = isFromRouter ? network.HostPort : network.RouterPort;
            SendFrame(from, other, packetIn.Data);
        }
    }

    /// <summary>Makes us known as well: the router will not have to ask for the MoA when the first packet is there.</summary>
    private static void AskRouter(SwitchConnection to, MatNetwork network) =>
        SendArp(
            to, network.RouterPort, MacAddress.Broadcast, new ArpMessage(ArpMessage.Request, OwnAddress, network.Mobile, default, network.Router));

    private MatNetwork NetworkOf(SwitchConnection from) => networks.Single(network => network.Switch == from.DatapathId);

    /// <summary>(1). A hypervisor says it several times, and first before the machine goes on: it may not have been there for the first probe.</summary>
    private void Hear(SwitchConnection from, MatNetwork network, MacAddress node, long now)
    {
        if (_probed.TryGetValue(node, out (MatNetwork Place, long HeardAt) probed) && probed.Place == network)
        {
            SendProbe(from, network, node);
        }
        else if (_nodes.GetValueOrDefault(node) != network)
        {
            say($"RARP of {node} at switch {from.DatapathId:x}: probing");
            _probed[node] = (network, now);
            Probe(from, network, node, now, Probes);
        }
    }

    /// <summary>(2): asks the node which of the home addresses is its own. The sender's address is 0, so that no host's neighbour table changes (RFC 5227 §1.1).</summary>
    private void Probe(SwitchConnection from, MatNetwork network, MacAddress node, long heardAt, int probes)
    {
        if (probes == 0 || _probed.GetValueOrDefault(node) != (network, heardAt)) // it has answered, or moved on
        {
            return;
        }
        SendProbe(from, network, node);
        Later(ProbeInterval, () => Probe(from, network, node, heardAt, probes - 1));
    }

    private void SendProbe(SwitchConnection to, MatNetwork network, MacAddress node)
    {
        foreach (Be32 home in homes)
        {
            SendArp(to, network.MobilePort, node, new ArpMessage(ArpMessage.Request, OwnAddress, default, default, home));
        }
    }

    /// <summary>(4) and (5).</summary>
    private void Update(ArpMessage node, MatNetwork place, long heardAt, long now)
    {
        TimeSpan worked = Environment.CpuUsage.TotalTime;
        MatNetwork? before = _places.GetValueOrDefault(node.Sender);
        _places[node.Sender] = place;
        long written = 0;
        ChangeAll(place.Switch, before?.Switch, Change, static () => true, doneAt =>
        {
            worked = Environment.CpuUsage.TotalTime - worked;
            long writtenAt = UsesBarriers ? written : doneAt.Values.Max();
            var update = new MatUpdate(node.Sender, before?.Mobile, place.Mobile, heardAt, now, writtenAt, doneAt, worked);
            _updates.Add(update);
            double milliseconds = Stopwatch.GetElapsedTime(heardAt, update.LastDoneAt).TotalMilliseconds;
            say($"{Ipv4Text.Format(node.Sender)} is at {Ipv4Text.Format(place.Mobile)}: "
                + $"{doneAt.Count} switches {(UsesBarriers ? "have it" : "were written to")} {milliseconds:0.00} ms after the RARP");
        });

        void Change(SwitchConnection one)
        {
            Install(one, node, place, before);
            written = Stopwatch.GetTimestamp();
        }
    }

    private void Install(SwitchConnection to, ArpMessage node, MatNetwork place, MatNetwork? before)
    {
        MatNetwork network = NetworkOf(to);
        if (network == before)
        {
            Delete(to, $"ip,in_port={network.RouterPort},nw_dst={Ipv4Text.Format(network.Mobile)}");
            Delete(to, $"ip,in_port={network.MobilePort},nw_src={Ipv4Text.Format(node.Sender)}");
        }
        if (network == place)
        {
            InstallAtNode(to, network, node);
        }
        // Where the node is among correspondents, what is between them goes by the router too, which sends it back.
        if (network != place || network.HasLegacyHosts)
        {
            InstallAtCorrespondents(to, network, node.Sender, place, before);
        }
    }

    private void Delete(SwitchConnection to, string match) => _ = DeletesStrictly
        ? to.Send($"priority={MostSpecific},{match}", FlowSyntaxMode.DeleteStrict)
        : to.Send(match, FlowSyntaxMode.Delete);

    /// <summary>Where the node is: MoA to HoA towards it, HoA to MoA towards the router.</summary>
    private void InstallAtNode(SwitchConnection to, MatNetwork network, ArpMessage node)
    {
        string home = Ipv4Text.Format(node.Sender);
        string mobile = Ipv4Text.Format(network.Mobile);
        if (!network.HasLegacyHosts)
        {
            Delete(to, $"ip,in_port={network.HostPort},nw_dst={home}"); // of when it was elsewhere
        }
        to.Send($"priority={MostSpecific},ip,in_port={network.RouterPort},nw_dst={mobile},"
            + $"actions=mod_nw_dst:{home},mod_dl_dst:{node.SenderHardware},output:{network.MobilePort}");
        to.Send($"priority={MostSpecific},ip,in_port={network.MobilePort},nw_src={home},"
            + $"actions=mod_nw_src:{mobile},mod_dl_dst:{_routers[network.Switch]},output:{network.RouterPort}");
    }

    /// <summary>For hosts that send to it: HoA to MoA towards the router, MoA to HoA towards them, the old MoA's too for a while.</summary>
    private void InstallAtCorrespondents(SwitchConnection to, MatNetwork network, Be32 homeAddress, MatNetwork place, MatNetwork? before)
    {
        string home = Ipv4Text.Format(homeAddress);
        if (before != null && (network != before || network.HasLegacyHosts))
        {
            if (GraceSeconds > 0)
            {
                to.Send($"hard_timeout={GraceSeconds},{Translation(network, before.Mobile, home)}");
            }
            else
            {
                Delete(to, $"ip,in_port={network.RouterPort},nw_src={Ipv4Text.Format(before.Mobile)}");
            }
        }
        to.Send(Translation(network, place.Mobile, home));
        to.Send($"priority={MostSpecific},ip,in_port={network.HostPort},nw_dst={home},actions=mod_nw_dst:{Ipv4Text.Format(place.Mobile)},output:{network.RouterPort}");
    }

    /// <summary>MoA to HoA towards the hosts.</summary>
    private static string Translation(MatNetwork network, Be32 mobile, string home) =>
        $"priority={MostSpecific},ip,in_port={network.RouterPort},nw_src={Ipv4Text.Format(mobile)},"
        + $"actions=mod_nw_src:{home},output:{network.HostPort}";
}
