using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Machines;
using static Softswitch.Lab.AddressLiterals;

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
/// Further sites are as site 1, with a peer and nothing else.
/// </remarks>
internal sealed class L3MigLab
{
    public const ushort ServerAt = 1;
    public const ushort PeerAt = 2;
    public const ushort MachineAt = 3;

    /// <summary>The first of the gateways' ports that stand for sessions.</summary>
    public const ushort FirstPort = 40_000;

    private const int LeastPorts = 1000;
    private const ushort GatewayAt = 4;
    private const ushort RouterAt = 5;

    private static readonly MacAddress FirstLeg = Mac("02:00:00:c6:33:fe");
    private static readonly MacAddress SecondLeg = Mac("02:00:00:cb:00:fe");
    private static readonly MacAddress FirstServer = Mac("02:00:00:0a:01:02");
    private static readonly MacAddress SecondServer = Mac("02:00:00:0a:02:02");

    private readonly List<LabHost> _peers = [];
    private readonly List<LocalController> _owners = [];

    public static readonly L3Site NearSite = MakeSite("site 1", 0x11, 0x12, hasOneArm: false, "198.51.100", FirstLeg, FirstServer, "192.0.2.0/25", "192.0.2.2", "192.0.2.126", "10.1.0.254");
    public static readonly L3Site FarSite = MakeSite("site 2", 0x21, 0x22, hasOneArm: true, "203.0.113", SecondLeg, SecondServer, "192.0.2.128/25", "192.0.2.130", "192.0.2.254", "10.2.0.254");

    public L3MigLab(ScenarioRun run)
    {
        Testbed lab = run.Lab;
        int others = run.Get(L3MigParameters.Networks) - 2;
        // Streams and the copy have some too, and the session that begins after the last move.
        Ports = Math.Max(LeastPorts, run.Get(L3MigParameters.Sessions) + others + 10);
        NearSwitch = lab.Add(new LabSwitch("vswitch1", NearSite.VirtualSwitch), 0.6, 1);
        NearGateway = lab.Add(new LabSwitch("gateway1", NearSite.Gateway), 1.6, 1);
        Network = lab.Add(new LabRouter("network"), 2.3, 1.8);
        FarSwitch = lab.Add(new LabSwitch("vswitch2", FarSite.VirtualSwitch), 3, 1);
        FarGateway = lab.Add(new LabSwitch("gateway2", FarSite.Gateway), 4, 1);
        NearServer = lab.Add(new LabHost("server1", FirstServer, Prefix("10.1.0.2/24"), Address("10.1.0.254")), 0.6, 2);
        FarServer = lab.Add(new LabHost("server2", SecondServer, Prefix("10.2.0.2/24"), Address("10.2.0.254")), 3, 2.4);
        Peer = lab.Add(new LabHost("peer", Mac("02:00:00:09:00:11"), Prefix("10.9.0.11/24")), 0, 0);
        _peers.Add(Peer);
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

        Central = new CentralController(
            new PortPool(FirstPort, Ports), line => run.Say(line), run.Get(L3MigParameters.MakeBeforeBreak),
            run.Get(L3MigParameters.Order));
        Near = Own(run, NearSite, NearSwitch, NearGateway);
        Far = Own(run, FarSite, FarSwitch, FarGateway);
        for (int number = 3; number < 3 + others; number++)
        {
            AddSite(run, number);
        }
        lab.StartMachines();
    }

    /// <summary>The gateways' ports that stand for sessions.</summary>
    public int Ports { get; }

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

    /// <summary>It, and those that stay at further sites.</summary>
    public IReadOnlyList<LabHost> Peers => _peers;

    /// <summary>The one that moves: place 0 is at site 1, place 1 at site 2.</summary>
    public IMobileHost Machine { get; }

    public CentralController Central { get; }

    public LocalController Near { get; }

    public LocalController Far { get; }

    /// <summary>Those two, and those of further sites.</summary>
    public IReadOnlyList<LocalController> Owners => _owners;

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

    /// <summary>Flow-mods that the controllers have sent.</summary>
    public long CountFlowMods() => _owners.Sum(owner => owner.FlowMods);

    /// <summary>ARP frames that have reached them.</summary>
    public int CountArps() => _owners.Sum(owner => owner.Arps);

    private LocalController Own(ScenarioRun run, L3Site site, LabSwitch device, LabSwitch gateway)
    {
        LocalController owner = run.Lab.AddController(
            new LocalController(site, Central, line => run.Say(line), run.Get(L3MigParameters.Barriers)));
        Central.Attach(owner);
        run.Lab.Start(device, owner);
        run.Lab.Start(gateway, owner);
        _owners.Add(owner);
        return owner;
    }

    /// <summary>A further site. Its gateway's address and its next hop are of 100.64.0.0/10, which no other cable has.</summary>
    private void AddSite(ScenarioRun run, int number)
    {
        MacAddress leg = Mac($"02:00:00:64:{number:x2}:fe");
        L3Site site = MakeSite(
            $"site {number}", (ulong)((number << 4) + 1), (ulong)((number << 4) + 2), hasOneArm: false, $"100.64.{number}", leg, leg,
            $"100.65.{number}.0/24", $"100.65.{number}.2", $"100.65.{number}.1", $"10.{number}.0.254");
        double row = 3.2 + (1.2 * (number - 3));
        LabSwitch device = run.Lab.Add(new LabSwitch($"vswitch{number}", site.VirtualSwitch), 0.9, row);
        LabSwitch gateway = run.Lab.Add(new LabSwitch($"gateway{number}", site.Gateway), 1.9, row);
        LabHost peer = run.Lab.Add(
            new LabHost($"peer{number}", Mac($"02:00:00:09:{number:x2}:11"), Prefix($"10.9.0.{100 + number}/24")), 0, row);
        run.Lab.Connect(peer, device, PeerAt);
        run.Lab.Connect(device, GatewayAt, gateway, site.SiteAt);
        run.Lab.Connect(Network, leg, Prefix($"100.64.{number}.254/24"), gateway, site.UpAt);
        _peers.Add(peer);
        Own(run, site, device, gateway);
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
