using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Ports.Tunnels.Settings;
using static Softswitch.Lab.AddressLiterals;

namespace Softswitch.Scenarios.Twaren;

/// <summary>Many campuses in one layer-2 domain, VM-S's home the first, with a place for VM-S in each.</summary>
/// <remarks>
/// <code>
///            W -- TWAREN -- CR1                          campus 1, VM-S's home         campus i
///                    |        | 2                          R - 2
///                    +--- 3 AgS1 1 ------------------- 1 AcS1 3 - VM-S
///                    |        4...  (tunnels: mesh, star, chain)
///                    +--- 3 AgSi 1 ------------------- 1 AcSi 3 - VM-S later             AcS2 2 - P, a machine of R's network
/// </code>
/// Other campuses' own networks and gateways are left out: VM-S's packets have nothing to do with them. Controller 0 has the aggregation
/// switches, controller i AcSi.
/// </remarks>
internal sealed class TwarenCampuses
{
    private const string HomePrefix = "192.168.1.254/24";

    /// <summary>The machine in campus 2.</summary>
    public static readonly TwarenMachine Peer = new(Mac("02:00:00:00:00:66"), Address("192.168.1.102"));

    private readonly LabSwitch[] _aggregation;
    private readonly LabSwitch[] _access;

    public TwarenCampuses(ScenarioRun run, TwarenTunnels tunnels)
    {
        Testbed lab = run.Lab;
        Tunnels = tunnels;
        int count = tunnels.Campuses;
        IEnumerable<int> campuses = Enumerable.Range(0, count);
        _aggregation = [.. campuses.Select(campus => Add("AgS", campus, TwarenCampusFlows.AggregationId(campus), 2))];
        _access = [.. campuses.Select(campus => Add("AcS", campus, TwarenCampusFlows.AccessId(campus), 1))];
        LabSwitch Add(string name, int campus, ulong id, int row) => lab.Add(new LabSwitch($"{name}{campus + 1}", id), campus, row);
        double middle = (count - 1) / 2.0;
        LabRouter router = lab.Add(new LabRouter("CR1"), 0, 3);
        LabRouter backbone = Backbone = lab.Add(new LabRouter("TWAREN"), middle, 4);
        Be32 gateway = TwarenLab.FirstGateway.Address;
        TwarenMachine moved = TwarenLab.Moved;
        Moved = lab.Add(new LabHost("VM-S", moved.HardwareAddress, new Ipv4Prefix(moved.Address, 24), gateway), middle, 0);
        Neighbour = lab.Add(new LabHost("R", Mac("08:00:27:94:9e:3d"), new Ipv4Prefix(TwarenLab.NeighbourAddress, 24), gateway), -0.4, 0);
        PeerHost = lab.Add(new LabHost("P", Peer.HardwareAddress, new Ipv4Prefix(Peer.Address, 24), gateway), 1.4, 0);
        Outside = lab.Add(new LabHost("W", Mac("02:00:00:00:71:0a"), Prefix("203.0.113.10/24"), Address("203.0.113.254")), middle, 5);

        lab.Connect(router, TwarenLab.FirstGateway.HardwareAddress, Prefix(HomePrefix), _aggregation[0], 2);
        lab.Connect(
            backbone, Mac("02:00:00:00:01:fe"), Prefix("172.16.1.254/24"), router, Mac("02:00:00:00:01:01"), Prefix("172.16.1.1/24"));
        lab.Connect(backbone, Mac("02:00:00:00:71:fe"), Prefix("203.0.113.254/24"), Outside);
        router.Links.AddRoute(default, 0, Address("172.16.1.254"));
        backbone.Links.AddRoute(Address("192.168.1.0"), 24, Address("172.16.1.1"));
        for (int campus = 0; campus < count; campus++)
        {
            lab.Connect(_aggregation[campus], 1, _access[campus], 1);
            lab.Connect(
                backbone, new MacAddress(0x0200_0000_1200UL + (uint)campus), new Ipv4Prefix(UnderlayAddress(campus, 254), 24),
                _aggregation[campus], 3,
                $"address={Ipv4Text.Format(UnderlayAddress(campus, 1))}/24,gateway={Ipv4Text.Format(UnderlayAddress(campus, 254))}");
            lab.Connect(Moved, _access[campus], TwarenLab.MachinePort);
        }
        lab.Connect(Neighbour, _access[0], TwarenCampusFlows.NeighbourPort);
        lab.Connect(PeerHost, _access[1], TwarenCampusFlows.NeighbourPort);
        foreach ((int near, int far) in tunnels.Pairs)
        {
            lab.ConnectByTunnel(
                run.Get(TwarenParameters.Tunnel), _aggregation[near], tunnels.PortTo(near, far), UnderlayAddress(near, 1),
                _aggregation[far], tunnels.PortTo(far, near), UnderlayAddress(far, 1), "key=1");
        }
        Controllers = [.. StartControllers(run)];
        lab.StartAll([.. _aggregation, .. _access], device => [Controllers[TwarenCampusFlows.AccessCampusOf(device.DatapathId) + 1 ?? 0]]);
    }

    public TwarenTunnels Tunnels { get; }

    /// <summary>0 has the aggregation switches, i that of campus i.</summary>
    public IReadOnlyList<TwarenController> Controllers { get; }

    public LabRouter Backbone { get; }

    /// <summary>The home's end of its tunnels' way.</summary>
    public string TunnelInterface => Backbone.Interfaces[2];

    /// <summary>VM-S; its places are the campuses.</summary>
    public LabHost Moved { get; }

    /// <summary>R, at home.</summary>
    public LabHost Neighbour { get; }

    /// <summary>P, in campus 2.</summary>
    public LabHost PeerHost { get; }

    /// <summary>W, in no campus.</summary>
    public LabHost Outside { get; }

    // 172.20.CAMPUS.HOST
    private static Be32 UnderlayAddress(int campus, uint host) => Be32.FromHost(0xac14_0000 + ((uint)(campus + 1) << 8) + host);

    private IEnumerable<TwarenController> StartControllers(ScenarioRun run)
    {
        Action<string> say = line => run.Say(line);
        var first = new TwarenController("controller 0", [], isAccess: false, say);
        for (int campus = 0; campus < Tunnels.Campuses; campus++)
        {
            IReadOnlyList<ushort> tunnels = Tunnels.PortsOf(campus);
            ushort[] own = campus == 0 ? [1, 2] : [1];
            first.SetPorts(TwarenCampusFlows.AggregationId(campus), [.. own, .. tunnels], Tunnels.HasLoops ? tunnels : []);
        }
        yield return run.Lab.AddController(first);
        for (int campus = 0; campus < Tunnels.Campuses; campus++)
        {
            ushort[] ports = campus <= 1 ? [1, TwarenCampusFlows.NeighbourPort, TwarenLab.MachinePort] : [1, TwarenLab.MachinePort];
            yield return run.Lab.AddController(new TwarenController($"controller {campus + 1}", ports, isAccess: true, say));
        }
    }
}
