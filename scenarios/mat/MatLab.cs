using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Ports.Tunnels;
using static Softswitch.Lab.LabText;

namespace Softswitch.Scenarios.Mat;

/// <summary>A correspondent and two networks where a mobile node can be, each behind a switch of ours, around a router that knows nothing of it.</summary>
/// <remarks>
/// <code>
///  CN 192.168.1.10 --- 1 S1 2 --- 192.168.1.1  kernel   192.168.2.1 --- 2 S2 1 --- MN 10.0.0.10 (MoA 192.168.2.100)
///                                              router   192.168.3.1 --- 2 S3 1 --- MN 10.0.0.10 after (MoA 192.168.3.100)
/// </code>
/// </remarks>
internal sealed class MatLab
{
    private const ushort HostPort = 1;
    private const ushort RouterPort = 2;

    public MatLab(ScenarioRun run)
    {
        Testbed lab = run.Lab;
        First = lab.Add(new LabSwitch("S1", 1), 1, 1);
        Second = lab.Add(new LabSwitch("S2", 2), 3, 0.4);
        Third = lab.Add(new LabSwitch("S3", 3), 3, 1.6);
        Router = lab.Add(new LabRouter("router"), 2, 1);
        Correspondent = lab.Add(new LabHost("CN", Mac("02:00:00:00:00:c1"), Prefix("192.168.1.10/24"), Address("192.168.1.1")), 0, 1);
        Mobile = run.AddMobile("MN", Mac("02:00:00:00:00:a1"), new Ipv4Prefix(Home, 24), Address("10.0.0.1"), 4, 1);

        LabSwitch[] switches = [First, Second, Third];
        for (int i = 0; i < switches.Length; i++)
        {
            lab.Connect(Router, Mac($"02:00:00:00:01:0{i + 1}"), new Ipv4Prefix(RouterIn(i), 24), switches[i], RouterPort);
        }
        lab.Connect(Correspondent, First, HostPort);
        run.Connect(Mobile, Second, HostPort);
        run.Connect(Mobile, Third, HostPort);

        MatNetwork[] networks = [.. switches.Select((one, i) => new MatNetwork(one.DatapathId, HostPort, RouterPort, RouterIn(i), MobileIn(i), HasLegacyHosts: i == 0))];
        // Two more customers that never come: the probe asks for all.
        Controller = lab.AddController(new MatController(networks, Address("10.0.0.1"), [Home, Address("10.0.0.11"), Address("10.0.0.12")], line => run.Say(line)));
        foreach (LabSwitch one in switches)
        {
            lab.Start(one, Controller);
        }
        lab.StartMachines();
    }

    /// <summary>HoA of the mobile node.</summary>
    public static Be32 Home => Address("10.0.0.10");

    /// <summary>At the correspondent.</summary>
    public LabSwitch First { get; }

    public LabSwitch Second { get; }

    public LabSwitch Third { get; }

    public LabRouter Router { get; }

    public LabHost Correspondent { get; }

    /// <summary>Place 0 is at S2, place 1 at S3.</summary>
    public IMobileHost Mobile { get; }

    public MatController Controller { get; }

    private static Be32 RouterIn(int network) => Address($"192.168.{network + 1}.1");

    private static Be32 MobileIn(int network) => Address($"192.168.{network + 1}.100");
}
