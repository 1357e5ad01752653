using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Lab.Machines;
using Softswitch.Ports.Tunnels.Settings;
using static Softswitch.Lab.AddressLiterals;

namespace Softswitch.Scenarios.Mat;

/// <summary>A correspondent and networks where a mobile node can be, each behind a switch of ours, around a router that knows nothing of it.</summary>
/// <remarks>
/// <code>
///  CN 192.168.1.10 --- 1 S1 2 --- 192.168.1.1  kernel   192.168.2.1 --- 2 S2 1 --- MN 10.0.0.10 (MoA 192.168.2.100)
///                                              router   192.168.3.1 --- 2 S3 1 --- MN 10.0.0.10 after (MoA 192.168.3.100)
///                                                       and so on
/// </code>
/// With two networks its other place is the correspondent's network, at port 3 of S1.
/// </remarks>
internal sealed class MatLab
{
    private const ushort HostPort = 1;
    private const ushort RouterPort = 2;
    private const ushort MobilePortAtFirst = 3;
    private const uint FirstHome = 0x0a00_000a; // 10.0.0.10

    private static readonly string[] Deletions = ["strict", "non-strict"];

    public MatLab(ScenarioRun run)
    {
        Testbed lab = run.Lab;
        int networks = run.Get(NetworkCount);
        double spacing = networks <= 3 ? 1.2 : 0.5;
        double middle = 0.4 + (spacing * (networks - 2) / 2);
        Switches = [.. Enumerable.Range(0, networks).Select(i =>
            lab.Add(new LabSwitch($"S{i + 1}", (ulong)i + 1), i == 0 ? 1 : 3, i == 0 ? middle : 0.4 + (spacing * (i - 1))))];
        Router = lab.Add(new LabRouter("router"), 2, middle);
        Correspondent = lab.Add(new LabHost("CN", Mac("02:00:00:00:00:c1"), Prefix("192.168.1.10/24"), Address("192.168.1.1")), 0, middle);
        Mobile = run.AddMobile("MN", Mac("02:00:00:00:00:a1"), new Ipv4Prefix(Home, 24), Address("10.0.0.1"), 4, middle);
        Places = [.. Switches.Skip(1), .. networks == 2 ? [First] : (LabSwitch[])[]];

        for (int i = 0; i < networks; i++)
        {
            lab.Connect(Router, Mac($"02:00:00:00:01:{i + 1:x2}"), new Ipv4Prefix(RouterIn(i), 24), Switches[i], RouterPort);
        }
        lab.Connect(Correspondent, First, HostPort);
        foreach (LabSwitch place in Places)
        {
            run.Connect(Mobile, place, MobilePortOf(place));
        }
        MatNetwork[] known = [.. Switches.Select((one, i) =>
            new MatNetwork(one.DatapathId, HostPort, RouterPort, RouterIn(i), MobileIn(i), HasLegacyHosts: i == 0)
            {
                MobilePort = MobilePortOf(one),
            })];
        Be32[] homes = [.. Enumerable.Range(0, run.Get(Mobiles)).Select(i => Be32.FromHost(FirstHome + (uint)i))];
        Controller = lab.AddController(new MatController(known, Address("10.0.0.1"), homes, line => run.Say(line))
        {
            Order = run.Get(Order),
            MakesBeforeBreak = run.Get(MakeBeforeBreak),
            UsesBarriers = run.Get(Barriers),
            GraceSeconds = (ushort)run.Get(Grace),
            DeletesStrictly = run.Get(Deletion) == Deletions[0],
        });
        lab.StartAll(Switches, Controller);
        lab.StartMachines();
    }

    public static Parameter<int> NetworkCount { get; } = Parameter.Whole(
        "switches",
        "networks, each behind a switch: correspondents are in the first, the mobile node moves through the others, of two through both",
        3, 2, 50);

    public static Parameter<int> Mobiles { get; } = Parameter.Whole(
        "mobiles", "mobile nodes that the controller serves, one of which is there; the probe asks for the address of each", 3, 1, 200);

    public static Parameter<string> Order { get; } = InsertionOrder.CreateParameter(
        InsertionOrder.Together, InsertionOrder.OneByOne, InsertionOrder.OldFirst, InsertionOrder.NewLast);

    public static Parameter<bool> Barriers { get; } = CommonParameters.CreateBarriers(
        "an update is over when the last flow-mod is sent, and the old address is not judged", paper: "on");

    public static Parameter<bool> MakeBeforeBreak { get; } = CommonParameters.CreateMakeBeforeBreak(
        "other switches do not wait for the new place's", value: false);

    public static Parameter<int> Grace { get; } = Parameter.Whole(
        "grace", "how long correspondents' switches translate the old address after a move; 0 for not at all, and it is not judged",
        5, 0, 60, unit: "s");

    public static Parameter<string> Deletion { get; } = Parameter.Word(
        "deletion", "how flows go: OFPFC_DELETE_STRICT, which names the one, or OFPFC_DELETE, for which a switch looks at all it has",
        Deletions);

    public static IReadOnlyList<Parameter> Parameters { get; } = [Mobiles, Order, Barriers, MakeBeforeBreak, Grace, Deletion];

    /// <summary>HoA of the mobile node.</summary>
    public static Be32 Home => Be32.FromHost(FirstHome);

    public IReadOnlyList<LabSwitch> Switches { get; }

    /// <summary>At the correspondent.</summary>
    public LabSwitch First => Switches[0];

    /// <summary>Where the mobile node can be, by the number of its place.</summary>
    public IReadOnlyList<LabSwitch> Places { get; }

    public LabRouter Router { get; }

    public LabHost Correspondent { get; }

    public IMobileHost Mobile { get; }

    public MatController Controller { get; }

    /// <summary>Waits for the routers to be known and registers the mobile node.</summary>
    public void Register(ScenarioRun run)
    {
        run.Insist(Controller.AskRouters, () => Controller.ReadyNetworks == Switches.Count, "the controller knows the router in all networks");
        Correspondent.Prepare(0);
        run.Prepare(Mobile, 0);
        Mobile.AnnounceByRarp();
        run.WaitUntil(() => Controller.Updates.Count == 1, "the mobile node is registered");
    }

    /// <summary>The address that the mobile node has at a switch.</summary>
    public static Be32 MobileAt(LabSwitch place) => MobileIn((int)place.DatapathId - 1);

    private static Be32 RouterIn(int network) => Address($"192.168.{network + 1}.1");

    private static Be32 MobileIn(int network) => Address($"192.168.{network + 1}.100");

    private ushort MobilePortOf(LabSwitch one) => one == First && Places.Contains(one) ? MobilePortAtFirst : HostPort;
}
