using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using static Softswitch.Lab.LabText;

namespace Softswitch.Scenarios.L3Mig;

/// <summary>Two sites with a virtual switch and a gateway switch each, and an IP network between the gateways that knows nothing of what is inside.</summary>
/// <remarks>
/// <code>
///   peer       VM 10.9.0.36                                              VM after
///  10.9.0.11    |  before                                                   |
///       2 \     | 3                                                         | 3
///          virtual switch 1 -- 4 ---- 1 -- gateway 1                 virtual switch 2 -- 4 --- 1 -- gateway 2, one arm
///       1 |                              | 2  198.51.100.1             1 |    | 5                   203.0.113.1
///      server 1 10.1.0.2                 |                      server 2 |    |
///                                        +------ kernel router ----------|----+
///                                                                    10.2.0.2
/// </code>
/// Hypervisors are in VLAN 200, the tenant's machines in VLAN 100 between virtual switch and gateway; what leaves a site has no tag.
/// </remarks>
internal sealed class L3MigLab
{
    public const ushort ServerAt = 1;
    public const ushort PeerAt = 2;
    public const ushort MachineAt = 3;

    /// <summary>The first of the gateways' ports that stand for sessions.</summary>
    public const ushort FirstPort = 40_000;

    public const int Ports = 1000;

    private const ushort GatewayAt = 4;
    private const ushort RouterAt = 5;

    private static readonly MacAddress FirstLeg = Mac("02:00:00:c6:33:fe");
    private static readonly MacAddress SecondLeg = Mac("02:00:00:cb:00:fe");
    private static readonly MacAddress FirstServer = Mac("02:00:00:0a:01:02");
    private static readonly MacAddress SecondServer = Mac("02:00:00:0a:02:02");

    public static readonly L3Site NearSite = MakeSite("site 1", 0x11, 0x12, hasOneArm: false, "198.51.100", FirstLeg, FirstServer, "192.0.2.0/25", "192.0.2.2", "192.0.2.126", "10.1.0.254");
    public static readonly L3Site FarSite = MakeSite("site 2", 0x21, 0x22, hasOneArm: true, "203.0.113", SecondLeg, SecondServer, "192.0.2.128/25", "192.0.2.130", "192.0.2.254", "10.2.0.254");

    public L3MigLab(ScenarioRun run)
    {
        Testbed lab = run.Lab;
        void Say(string line) => run.Say(line);
        NearSwitch = lab.Add(new LabSwitch("vswitch1", NearSite.VirtualSwitch), 0.6, 1);
        NearGateway = lab.Add(new LabSwitch("gateway1", NearSite.Gateway), 1.6, 1);
        Network = lab.Add(new LabRouter("network"), 2.3, 1.8);
        FarSwitch = lab.Add(new LabSwitch("vswitch2", FarSite.VirtualSwitch), 3, 1);
        FarGateway = lab.Add(new LabSwitch("gateway2", FarSite.Gateway), 4, 1);
        NearServer = lab.Add(new LabHost("server1", FirstServer, Prefix("10.1.0.2/24"), Address("10.1.0.254")), 0.6, 2);
        FarServer = lab.Add(new LabHost("server2", SecondServer, Prefix("10.2.0.2/24"), Address("10.2.0.254")), 3, 2.4);
        Peer = lab.Add(new LabHost("peer", Mac("02:00:00:09:00:11"), Prefix("10.9.0.11/24")), 0, 0);
        Machine = run.AddMobile("VM", Mac("02:00:00:09:00:36"), Prefix("10.9.0.36/24"), gateway: null, 1.8, 0, cardOptions: "csum=off,guest_announce=off"); // it finishes its checksums itself

        lab.Connect(NearServer, NearSwitch, ServerAt);
        lab.Connect(FarServer, FarSwitch, ServerAt);
        lab.Connect(Peer, NearSwitch, PeerAt);
        run.Connect(Machine, NearSwitch, MachineAt);
        run.Connect(Machine, FarSwitch, MachineAt);
        lab.Connect(NearSwitch, GatewayAt, NearGateway, NearSite.SiteAt);
        lab.Connect(FarSwitch, GatewayAt, FarGateway, FarSite.SiteAt);
        lab.Connect(Network, FirstLeg, Prefix("198.51.100.254/24"), NearGateway, NearSite.UpAt);
        lab.Connect(Network, SecondLeg, Prefix("203.0.113.254/24"), FarSwitch, RouterAt);
        AddPlainAddresses();

        Central = new CentralController(new PortPool(FirstPort, Ports), Say);
        Near = lab.AddController(new LocalController(NearSite, Central, Say));
        Far = lab.AddController(new LocalController(FarSite, Central, Say));
        Central.Attach(Near);
        Central.Attach(Far);
        lab.Start(NearSwitch, Near);
        lab.Start(NearGateway, Near);
        lab.Start(FarSwitch, Far);
        lab.Start(FarGateway, Far);
        lab.StartMachines();
    }

    /// <summary>Server 2's address that the network outside knows, for the comparison without rewrites.</summary>
    public static Be32 PlainAddress { get; } = Address("192.0.2.130");

    public LabSwitch NearSwitch { get; }

    public LabSwitch NearGateway { get; }

    public LabSwitch FarSwitch { get; }

    public LabSwitch FarGateway { get; }

    public IReadOnlyList<LabSwitch> Gateways => [NearGateway, FarGateway];

    public LabRouter Network { get; }

    /// <summary>The hypervisor that has the VM, and the one that gets it.</summary>
    public LabHost NearServer { get; }

    public LabHost FarServer { get; }

    /// <summary>A machine of the same tenant, which stays at site 1.</summary>
    public LabHost Peer { get; }

    /// <summary>The one that moves: place 0 is at site 1, place 1 at site 2.</summary>
    public IMobileHost Machine { get; }

    public CentralController Central { get; }

    public LocalController Near { get; }

    public LocalController Far { get; }

    private static L3Site MakeSite(
        string name, ulong virtualSwitch, ulong gateway, bool hasOneArm, string outside, MacAddress leg, MacAddress server, string plainNetwork, string plainServer, string plainRouter, string inside)
    {
        MacAddress gatewayAddress = new(0x0200_0000_0000 + gateway);
        Be32 publicAddress = Address($"{outside}.1");
        return new L3Site(name, virtualSwitch, gateway)
        {
            GatewayAt = GatewayAt,
            RouterAt = hasOneArm ? RouterAt : (ushort)0,
            GatewayAddress = gatewayAddress,
            PublicAddress = publicAddress,
            NextHop = leg,
            SiteAt = 1,
            UpAt = hasOneArm ? (ushort)1 : (ushort)2,
            Answers = new Dictionary<Be32, MacAddress>
            {
                [Address(inside)] = gatewayAddress,
                [publicAddress] = gatewayAddress,
                [Address(plainServer)] = server,
                [Address(plainRouter)] = leg,
            },
            PlainNetwork = plainNetwork,
        };
    }

    private void AddPlainAddresses()
    {
        Network.AddAddress(Network.Interfaces[0], Prefix("192.0.2.126/25"));
        Network.AddAddress(Network.Interfaces[1], Prefix("192.0.2.254/25"));
        NearServer.AddAddress(NearServer.CurrentInterface, Prefix("192.0.2.2/25"));
        FarServer.AddAddress(FarServer.CurrentInterface, Prefix("192.0.2.130/25"));
        NearServer.Links.AddRoute(Address("192.0.2.128"), 25, Address("192.0.2.126"));
        FarServer.Links.AddRoute(Address("192.0.2.0"), 25, Address("192.0.2.254"));
    }
}
