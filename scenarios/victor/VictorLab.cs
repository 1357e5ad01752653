using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Machines;
using static Softswitch.Lab.AddressLiterals;

namespace Softswitch.Scenarios.Victor;

/// <summary>Forwarding elements around an IP network, joined each to each by a tunnel, with the hosts of the paper's Table 1.</summary>
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
/// FE2's ports are those of the paper's card, counted from 1: its port 0 is the host, 2 leads to FE1, 3 to FE3. FE4 and those behind have
/// a cable to the network and a tunnel to each other element; they have no hosts, and their tables are kept like the others'.
/// </remarks>
internal sealed class VictorLab
{
    public static readonly MacAddress RouterAddress = Mac("02:00:5e:00:00:fe");

    private const ulong FirstId = 0xfe1;
    private const ushort MobileAtFirst = 5;
    private const ushort MobileAtThird = 1;

    // Tunnels to the first two other elements have the ports of the paper's card. FE1's hosts are at 5 and 6: the rest begins behind those.
    private const int FirstTunnel = 3;
    private const int FirstMoreTunnel = 11;
    private const int PaperTunnels = 2;

    private readonly ScenarioRun _run;

    public VictorLab(ScenarioRun run)
    {
        _run = run;
        Testbed lab = run.Lab;
        int count = run.Get(VictorParameters.Elements);
        Elements = [.. Enumerable.Range(0, count).Select(i =>
        {
            (double x, double y) = PlaceOf(i, count);
            return lab.Add(new LabSwitch($"FE{i + 1}", FirstId + (ulong)i), x, y);
        })];
        Core = lab.Add(new LabRouter("network"), 2, 1.6);
        Stationary = lab.Add(new LabHost("h11", Mac("02:00:00:0a:00:11"), Prefix("10.10.0.11/24"), Address("10.10.0.254")), 0, 0);
        Remote = lab.Add(new LabHost("h1", Mac("02:00:00:02:03:01"), Prefix("10.2.3.1/24"), Address("10.2.3.254")), 0.9, 0);
        Mobile = run.AddMobile("VM", Mac("02:00:00:0a:00:36"), Prefix("10.10.0.36/24"), Address("10.10.0.254"), 2, 0, cardOptions: "");
        Correspondent = lab.Add(new LabHost("h5", Mac("02:00:00:04:05:01"), Prefix("10.4.5.1/24"), Address("10.4.5.254")), 2, 3.4);
        Stay = [Stationary, Remote, Correspondent];

        lab.Connect(Stationary, First, 1);
        run.Connect(Mobile, First, MobileAtFirst);
        lab.Connect(Remote, First, 6);
        lab.Connect(Correspondent, Second, 1);
        run.Connect(Mobile, Third, MobileAtThird);
        for (int i = 0; i < count; i++)
        {
            string network = $"172.16.{i + 1}";
            string options = $"address={network}.1/24,gateway={network}.254";
            lab.Connect(Core, Mac($"02:00:00:ac:10:{i + 1:x2}"), Prefix($"{network}.254/24"), Elements[i], 2, options);
        }
        for (int i = 0; i < count; i++)
        {
            for (int j = i + 1; j < count; j++)
            {
                (Be32 near, Be32 far) = (Address($"172.16.{i + 1}.1"), Address($"172.16.{j + 1}.1"));
                lab.ConnectByTunnel(run.Get(VictorParameters.Tunnel), Elements[i], TunnelPort(i, j), near, Elements[j], TunnelPort(j, i), far);
            }
        }

        Controller = lab.AddController(new VictorController(RouterAddress, Gateways, DescribeTopology(), Say)
        {
            Order = run.Get(VictorParameters.Order),
            MakesBeforeBreak = run.Get(VictorParameters.MakeBeforeBreak),
            UsesBarriers = run.Get(VictorParameters.Barriers),
        });
        foreach (LabSwitch element in Elements)
        {
            lab.Start(element, Controller);
        }
        lab.StartMachines();
    }

    /// <summary>In the order of their numbers.</summary>
    public IReadOnlyList<LabSwitch> Elements { get; }

    public LabSwitch First => Elements[0];

    public LabSwitch Second => Elements[1];

    public LabSwitch Third => Elements[2];

    /// <summary>Whether the controller's news go untold: of machines that are registered by the thousand.</summary>
    public bool IsQuiet { get; set; }

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

    private static (double X, double Y) PlaceOf(int element, int count) => element switch
    {
        0 => (0.6, 1),
        1 => (2, 2.5),
        2 => (3.4, 1),
        _ => (0.2 + (3.6 * (element - 2.5) / (count - 3)), 4.4),
    };

    private static ushort TunnelPort(int from, int to)
    {
        int rank = to < from ? to : to - 1;
        return (ushort)(rank < PaperTunnels ? FirstTunnel + rank : FirstMoreTunnel + rank - PaperTunnels);
    }

    private Dictionary<ulong, ForwardingElement> DescribeTopology() => Enumerable.Range(0, Elements.Count).ToDictionary(i => FirstId + (ulong)i, Describe);

    private ForwardingElement Describe(int i) => new(
        Elements[i].Name,
        i switch
        {
            0 => [1, 5, 6],
            1 or 2 => [1],
            _ => [],
        },
        Enumerable.Range(0, Elements.Count).Where(j => j != i).ToDictionary(j => FirstId + (ulong)j, j => TunnelPort(i, j)));

    private void Say(string line)
    {
        if (!IsQuiet)
        {
            _run.Say(line);
        }
    }
}
