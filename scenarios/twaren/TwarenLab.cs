using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Machines;
using static Softswitch.Lab.AddressLiterals;

namespace Softswitch.Scenarios.Twaren;

/// <summary>A virtual machine by its addresses.</summary>
internal sealed record TwarenMachine(MacAddress HardwareAddress, Be32 Address);

/// <summary>Two campuses on a backbone, their aggregation switches joined by a tunnel into one layer-2 domain; addresses and datapath ids of the paper's Table 1.</summary>
/// <remarks>
/// <code>
///    campus 1                                                             campus 2
///    VM-S before                                                          VM-T   VM-S after
///       | 3                                                             2 |       | 3
///     AcS1 -- 2 -- R                                                      +- AcS2 +
///       | 1         controller 1                        controller 2         | 1
///       |                                                                    |
///       | 1         controller 0                                             | 1
///     AgS1 -- 4 ---------------- tunnel (capsulator) ---------------- 4 -- AgS2
///       | 2 \ 3                                                      3 /     | 2
///     CR1    +--------------------- TWAREN (kernel) ------------------+     CR2
///       +------------------------------+    |   +----------------------------+
///                                           W
/// </code>
/// The tunnel travels by ports 3, which belong to no campus network. Multi-level migration would need a mesh of tunnels (§4): <see cref="TwarenCampuses"/>.
/// </remarks>
internal sealed class TwarenLab
{
    public const ushort TunnelPort = 4;
    public const ushort MachinePort = 3; // VM-S's, at either access switch
    public const ulong FirstAggregationId = 0x1111_1111_1111;
    public const ulong SecondAggregationId = 0x2222_2222_2222;
    public const ulong FirstAccessId = 0x04_9652_0717;
    public const ulong SecondAccessId = 0x04_9652_213d;

    /// <summary>VM-S's places.</summary>
    public const int AtFirstAccess = 0;
    public const int AtSecondAccess = 1;

    /// <summary>VM-S.</summary>
    public static readonly TwarenMachine Moved = new(Mac("00:15:17:8f:ca:37"), Address("192.168.1.101"));

    /// <summary>VM-T.</summary>
    public static readonly TwarenMachine Target = new(Mac("08:00:27:9b:b3:12"), Address("10.27.82.101"));

    /// <summary>CR1 and CR2, the gateways.</summary>
    public static readonly TwarenMachine FirstGateway = new(Mac("00:15:fa:fe:34:41"), Address("192.168.1.254"));
    public static readonly TwarenMachine SecondGateway = new(Mac("00:15:fa:fe:34:42"), Address("10.27.82.254"));

    /// <summary>A machine of VM-S's network that no entry names.</summary>
    public static readonly TwarenMachine Stranger = new(Mac("02:00:00:00:00:77"), Address("192.168.1.77"));

    /// <summary>R's.</summary>
    public static readonly Be32 NeighbourAddress = Address("192.168.1.2");

    public TwarenLab(ScenarioRun run)
    {
        Testbed lab = run.Lab;
        Action<string> say = line => run.Say(line);
        FirstAggregation = lab.Add(new LabSwitch("AgS1", FirstAggregationId), 1, 2);
        SecondAggregation = lab.Add(new LabSwitch("AgS2", SecondAggregationId), 3, 2);
        FirstAccess = lab.Add(new LabSwitch("AcS1", FirstAccessId), 1, 1);
        SecondAccess = lab.Add(new LabSwitch("AcS2", SecondAccessId), 3, 1);
        FirstRouter = lab.Add(new LabRouter("CR1"), 1, 3);
        SecondRouter = lab.Add(new LabRouter("CR2"), 3, 3);
        Backbone = lab.Add(new LabRouter("TWAREN"), 2, 4.3);
        MovedHost = run.AddMobile("VM-S", Moved.HardwareAddress, Prefix("192.168.1.101/24"), FirstGateway.Address, 2, 0);
        TargetHost = lab.Add(new LabHost("VM-T", Target.HardwareAddress, Prefix("10.27.82.101/24"), SecondGateway.Address), 3.8, 0);
        Neighbour = lab.Add(new LabHost("R", Mac("08:00:27:94:9e:3d"), Prefix("192.168.1.2/24"), FirstGateway.Address), 0.2, 0);
        Outside = lab.Add(new LabHost("W", Mac("02:00:00:00:71:0a"), Prefix("203.0.113.10/24"), Address("203.0.113.254")), 2, 5.3);

        lab.Connect(FirstAggregation, 1, FirstAccess, 1);
        lab.Connect(SecondAggregation, 1, SecondAccess, 1);
        lab.Connect(FirstRouter, FirstGateway.HardwareAddress, Prefix("192.168.1.254/24"), FirstAggregation, 2);
        lab.Connect(SecondRouter, SecondGateway.HardwareAddress, Prefix("10.27.82.254/24"), SecondAggregation, 2);
        lab.Connect(Neighbour, FirstAccess, 2);
        run.Connect(MovedHost, FirstAccess, MachinePort);
        lab.Connect(TargetHost, SecondAccess, 2);
        run.Connect(MovedHost, SecondAccess, MachinePort);
        BuildBackbone(lab, run.Get(TwarenParameters.Tunnel));

        Controllers =
        [
            lab.AddController(new TwarenController("controller 0", [1, 2, TunnelPort], isAccess: false, say)),
            lab.AddController(new TwarenController("controller 1", [1, 2, 3], isAccess: true, say)),
            lab.AddController(new TwarenController("controller 2", [1, 2, 3], isAccess: true, say)),
        ];
        lab.Start(FirstAggregation, Controllers[0]);
        lab.Start(SecondAggregation, Controllers[0]);
        lab.Start(FirstAccess, Controllers[1]);
        lab.Start(SecondAccess, Controllers[2]);
        lab.StartMachines();
    }

    public LabSwitch FirstAggregation { get; }

    public LabSwitch SecondAggregation { get; }

    public LabSwitch FirstAccess { get; }

    public LabSwitch SecondAccess { get; }

    public LabRouter FirstRouter { get; }

    public LabRouter SecondRouter { get; }

    public LabRouter Backbone { get; }

    /// <summary>VM-S.</summary>
    public IMobileHost MovedHost { get; private set; }

    /// <summary>VM-S where it is a namespace, which can send others' frames too.</summary>
    public LabHost MovedSender => (LabHost)MovedHost;

    /// <summary>VM-T, in the campus VM-S moves to.</summary>
    public LabHost TargetHost { get; }

    /// <summary>R, in the campus and network VM-S comes from.</summary>
    public LabHost Neighbour { get; }

    /// <summary>In neither campus.</summary>
    public LabHost Outside { get; }

    /// <summary>0 has the aggregation switches, 1 AcS1, 2 AcS2.</summary>
    public IReadOnlyList<TwarenController> Controllers { get; }

    /// <summary>Campus 2's end of the tunnel's way.</summary>
    public string TunnelInterface => Backbone.Interfaces[3];

    /// <summary>A namespace takes VM-S's place at AcS2, if that is a guest.</summary>
    /// <returns>Whether it is.</returns>
    public bool StandIn(ScenarioRun run)
    {
        if (MovedHost is not LabMachine machine)
        {
            return false;
        }
        run.EndTap((IMobileHost)machine, AtSecondAccess);
        machine.Stop();
        LabHost host = run.Lab.Add(new LabHost("VM-S's stand-in", Moved.HardwareAddress, Prefix("192.168.1.101/24"), FirstGateway.Address), 2.9, 0);
        run.Lab.Reconnect(host, SecondAccess, MachinePort);
        MovedHost = host;
        TwarenSteps.Reach(run, host, Neighbour.Address, "R");
        run.Say("a namespace has taken the guest's place at AcS2");
        return true;
    }

    private void BuildBackbone(Testbed lab, string tunnel)
    {
        lab.Connect(Backbone, Mac("02:00:00:00:01:fe"), Prefix("172.16.1.254/24"), FirstRouter, Mac("02:00:00:00:01:01"), Prefix("172.16.1.1/24"));
        lab.Connect(Backbone, Mac("02:00:00:00:02:fe"), Prefix("172.16.2.254/24"), SecondRouter, Mac("02:00:00:00:02:01"), Prefix("172.16.2.1/24"));
        lab.Connect(Backbone, Mac("02:00:00:00:11:fe"), Prefix("172.20.1.254/24"), FirstAggregation, 3, "address=172.20.1.1/24,gateway=172.20.1.254");
        lab.Connect(Backbone, Mac("02:00:00:00:12:fe"), Prefix("172.20.2.254/24"), SecondAggregation, 3, "address=172.20.2.1/24,gateway=172.20.2.254");
        lab.Connect(Backbone, Mac("02:00:00:00:71:fe"), Prefix("203.0.113.254/24"), Outside);
        lab.ConnectByTunnel(tunnel, FirstAggregation, TunnelPort, Address("172.20.1.1"), SecondAggregation, TunnelPort, Address("172.20.2.1"), "key=1");
        FirstRouter.Links.AddRoute(default, 0, Address("172.16.1.254"));
        SecondRouter.Links.AddRoute(default, 0, Address("172.16.2.254"));
        Backbone.Links.AddRoute(Address("192.168.1.0"), 24, Address("172.16.1.1"));
        Backbone.Links.AddRoute(Address("10.27.82.0"), 24, Address("172.16.2.1"));
    }
}
