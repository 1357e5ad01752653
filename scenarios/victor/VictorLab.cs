using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using static Softswitch.Lab.LabText;

namespace Softswitch.Scenarios.Victor;

/// <summary>Three forwarding elements around an IP network, joined by IP-in-IP, with the hosts of the paper's Table 1.</summary>
/// <remarks>
/// <code>
///  10.10.0.11  10.2.3.1  VM 10.10.0.36                                VM 10.10.0.36 after
///       1 \       6 |     / 5                                            | 1
///            FE1 ---------------- 3   ipip   4 ---------------------- FE3
///             2 |  \ 3                                            4 /   | 2
///               |     ipip                                   ipip       |
///               |        \ 3                                /  4        |
///          172.16.1/24       FE2 -- 2 -- 172.16.2/24        172.16.3/24
///               |             | 1                                       |
///               |          10.4.5.1                                     |
///               +---------------- kernel router ------------------------+
/// </code>
/// FE2's ports are those of the paper's card, counted from 1: its port 0 is the host, 2 leads to FE1, 3 to FE3.
/// </remarks>
internal sealed class VictorLab
{
    public static readonly MacAddress RouterAddress = Mac("02:00:5e:00:00:fe");

    public const ushort ToNearPeer = 3;
    public const ushort ToFarPeer = 4;

    private const ulong FirstId = 0xfe1;
    private const ulong SecondId = 0xfe2;
    private const ulong ThirdId = 0xfe3;

    public VictorLab(ScenarioRun run)
    {
        Testbed lab = run.Lab;
        First = lab.Add(new LabSwitch("FE1", FirstId), 0.6, 1);
        Second = lab.Add(new LabSwitch("FE2", SecondId), 2, 2.5);
        Third = lab.Add(new LabSwitch("FE3", ThirdId), 3.4, 1);
        Core = lab.Add(new LabRouter("network"), 2, 1.6);
        Stationary = lab.Add(new LabHost("h11", Mac("02:00:00:0a:00:11"), Prefix("10.10.0.11/24"), Address("10.10.0.254")), 0, 0);
        Remote = lab.Add(new LabHost("h1", Mac("02:00:00:02:03:01"), Prefix("10.2.3.1/24"), Address("10.2.3.254")), 0.9, 0);
        Mobile = run.AddMobile("VM", Mac("02:00:00:0a:00:36"), Prefix("10.10.0.36/24"), Address("10.10.0.254"), 2, 0, cardOptions: "");
        Correspondent = lab.Add(new LabHost("h5", Mac("02:00:00:04:05:01"), Prefix("10.4.5.1/24"), Address("10.4.5.254")), 2, 3.4);
        Stay = [Stationary, Remote, Correspondent];

        lab.Connect(Stationary, First, 1);
        run.Connect(Mobile, First, 5);
        lab.Connect(Remote, First, 6);
        lab.Connect(Correspondent, Second, 1);
        run.Connect(Mobile, Third, 1);
        LabSwitch[] elements = [First, Second, Third];
        for (int i = 0; i < elements.Length; i++)
        {
            string network = $"172.16.{i + 1}";
            lab.Connect(
                Core, Mac($"02:00:00:ac:10:0{i + 1}"), Prefix($"{network}.254/24"), elements[i], 2, $"address={network}.1/24,gateway={network}.254");
        }
        lab.ConnectByTunnel("ipip", First, ToNearPeer, Address("172.16.1.1"), Second, ToNearPeer, Address("172.16.2.1"));
        lab.ConnectByTunnel("ipip", First, ToFarPeer, Address("172.16.1.1"), Third, ToNearPeer, Address("172.16.3.1"));
        lab.ConnectByTunnel("ipip", Second, ToFarPeer, Address("172.16.2.1"), Third, ToFarPeer, Address("172.16.3.1"));

        Controller = lab.AddController(new VictorController(RouterAddress, Gateways, Topology, line => run.Say(line)));
        foreach (LabSwitch element in elements)
        {
            lab.Start(element, Controller);
        }
        lab.StartMachines();
    }

    public LabSwitch First { get; }

    public LabSwitch Second { get; }

    public LabSwitch Third { get; }

    public LabRouter Core { get; }

    /// <summary>In the mobile machine's home subnet.</summary>
    public LabHost Stationary { get; }

    public LabHost Remote { get; }

    /// <summary>Place 0 is at FE1, place 1 at FE3.</summary>
    public IMobileHost Mobile { get; }

    public LabHost Correspondent { get; }

    /// <summary>All but the one that moves.</summary>
    public IReadOnlyList<LabHost> Stay { get; }

    public VictorController Controller { get; }

    private static IReadOnlySet<Be32> Gateways => new HashSet<Be32> { Address("10.10.0.254"), Address("10.2.3.254"), Address("10.4.5.254") };

    private static IReadOnlyDictionary<ulong, ForwardingElement> Topology => new Dictionary<ulong, ForwardingElement>
    {
        [FirstId] = new("FE1", [1, 5, 6], new Dictionary<ulong, ushort> { [SecondId] = ToNearPeer, [ThirdId] = ToFarPeer }),
        [SecondId] = new("FE2", [1], new Dictionary<ulong, ushort> { [FirstId] = ToNearPeer, [ThirdId] = ToFarPeer }),
        [ThirdId] = new("FE3", [1], new Dictionary<ulong, ushort> { [FirstId] = ToNearPeer, [SecondId] = ToFarPeer }),
    };
}
