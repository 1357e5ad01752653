using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using static Softswitch.Lab.AddressLiterals;

namespace Softswitch.Scenarios.Xenflow;

/// <summary>Two physical machines in parallel between a sender and a receiver, and a virtual router on one of them.</summary>
/// <remarks>
/// <code>
///                        virtual router (first on machine 1)
///                       vif 3 |        | vif 4
///                        +----+--------+----+
///                2    1  |   machine 1      |  2    2
///             +----------+     switch       +----------+
///  sender  1  | link     +------------------+     link |  1  receiver
///  ---------- | switch 1                       switch 2| ------------
///  198.18.0.1 |          +------------------+          |  198.20.0.1, router of 198.19.0.0/16
///             +----------+   machine 2      +----------+
///                3   11  |     switch       | 12   3
///                        +----+--------+----+
///                      vif 13 |        | vif 14
/// </code>
/// All workers share one processor, the generator of packets has the other: packets do not overtake each other in the kernel's queues.
/// </remarks>
internal sealed class XenflowLab : IDisposable
{
    public const string FirstVif = "p3";
    public const string SecondVif = "p4";

    // Of their ports: what arrives while the processor does something else for some ten milliseconds.
    private const string Slots = "rx-slots=16384";

    /// <summary>Hosts ask again and again: a frame may come before the switches' flows are in force, or be lost where too much was sent.</summary>
    public static readonly TimeSpan AskInterval = TimeSpan.FromMilliseconds(200);

    private const ulong FirstMachine = 0xa1;
    private const ulong SecondMachine = 0xa2;
    private const ulong FirstLink = 0xb1;
    private const ulong SecondLink = 0xb2;

    /// <summary>The addresses that the generator's frames have.</summary>
    private static readonly MacAddress SenderAddress = Mac("02:00:00:00:00:01");

    private static readonly MacAddress RouterLeft = Mac("02:00:00:00:00:02");
    private static readonly MacAddress RouterRight = Mac("02:00:00:00:00:03");

    private static readonly TimeSpan ProbeInterval = TimeSpan.FromMilliseconds(50);

    private readonly RoutingDaemon _daemon;

    public XenflowLab(Testbed lab)
    {
        (int forSwitches, int[] others) = WorkerPlacement.ProcessorsOfOneWorker();
        GeneratorProcessor = others[0];
        Router = lab.Add(new LabRouter("virtual router"), 2, 0);
        Sender = lab.Add(new LabHost("sender", SenderAddress, Prefix("198.18.0.1/24"), Address("198.18.0.254")), 0, 1.5);
        Link1 = lab.Add(new LabSwitch("link switch 1", FirstLink), 1, 1.5);
        Machine1 = lab.Add(new LabSwitch("machine 1", FirstMachine), 2, 1);
        Machine2 = lab.Add(new LabSwitch("machine 2", SecondMachine), 2, 2);
        Link2 = lab.Add(new LabSwitch("link switch 2", SecondLink), 3, 1.5);
        Receiver = lab.Add(new LabHost("receiver", NextHop, Prefix("198.20.0.1/24"), Address("198.20.0.254")), 4, 1.5);

        lab.Connect(Sender, Link1, 1, Slots);
        lab.Connect(Receiver, Link2, 1);
        lab.Connect(Link1, 2, Machine1, 1, farOptions: Slots);
        lab.Connect(Link1, 3, Machine2, 11, farOptions: Slots);
        lab.Connect(Machine1, 2, Link2, 2, farOptions: Slots);
        lab.Connect(Machine2, 12, Link2, 3, farOptions: Slots);
        lab.Connect(Router, RouterLeft, Prefix("198.18.0.254/24"), Machine1, 3);
        lab.Connect(Router, RouterRight, Prefix("198.20.0.254/24"), Machine1, 4);
        Router.Links.AddRoute(Address("198.19.0.0"), 16, Receiver.Address);

        Controller = lab.AddController(new XenflowController(
            (RouterLeft, RouterRight),
            new Dictionary<ulong, RouterPorts> { [FirstMachine] = new(1, 2, 3, 4), [SecondMachine] = new(11, 12, 13, 14) },
            [new LinkSwitch(FirstLink, ToMachines), new LinkSwitch(SecondLink, ToMachines)], FirstMachine));
        foreach (LabSwitch device in lab.Switches)
        {
            device.Processor = forSwitches;
            lab.Start(device, Controller);
        }
        _daemon = new RoutingDaemon(Router, table => Controller.Table = table);
    }

    /// <summary>Hardware address of the router behind which the generator's packets are at home.</summary>
    public static MacAddress NextHop { get; } = Mac("02:00:00:00:00:04");

    public int GeneratorProcessor { get; }

    public LabHost Sender { get; }

    public LabHost Receiver { get; }

    public LabSwitch Link1 { get; }

    public LabSwitch Link2 { get; }

    public LabSwitch Machine1 { get; }

    public LabSwitch Machine2 { get; }

    public LabRouter Router { get; }

    public XenflowController Controller { get; }

    /// <summary>The machine that the router's flows are on.</summary>
    public LabSwitch Here => Controller.Place == FirstMachine ? Machine1 : Machine2;

    /// <summary>The other one.</summary>
    public LabSwitch There => Controller.Place == FirstMachine ? Machine2 : Machine1;

    private static IReadOnlyDictionary<ulong, ushort> ToMachines => new Dictionary<ulong, ushort> { [FirstMachine] = 2, [SecondMachine] = 3 };

    /// <summary>Entries of all twelve fields, and the packets they have had.</summary>
    public static (int Flows, long Packets) CountExact(LabSwitch device)
    {
        int count = 0;
        long packets = 0;
        device.VisitFlows((in flow) =>
        {
            if (flow.Match.Wildcards == FlowWildcards.None)
            {
                count++;
                packets += (long)flow.PacketCount;
            }
        });
        return (count, packets);
    }

    /// <summary>Lets the router's kernel learn its neighbours, from the ARP requests they send it; returns when the controller knows of them.</summary>
    public void Introduce(ScenarioRun run) => run.Insist(
        () =>
        {
            Ask(Sender, Address("198.18.0.254"));
            Ask(Receiver, Address("198.20.0.254"));
        },
        () => Controller.Table is { } table && table.Find(Sender.Address) != null && table.Find(Address("198.19.0.1")) != null,
        "the virtual router knows its neighbours", AskInterval);

    /// <summary>Moves the router's flows to the other machine; returns when the last switch has confirmed.</summary>
    public FlowMove MoveFlows(ScenarioRun run, MoveSteps steps)
    {
        FlowMove move = Controller.Move(There.DatapathId, steps);
        run.Insist(Controller.ProbeAgain, () => move.IsDone, "the flows have moved", ProbeInterval);
        return move;
    }

    /// <summary>Moves the virtual machine's interfaces from machine 1 to machine 2: they vanish from the one machine's switch and are added to the other's.</summary>
    public void MoveInterfaces()
    {
        foreach ((string vif, ushort port) in ((string, ushort)[])[(FirstVif, 13), (SecondVif, 14)])
        {
            Machine1.Links.MoveTo(vif, Machine2.Network);
            Machine2.Links.SetUp(vif);
            Machine2.PlugIn($"{port}=packet:{vif}");
        }
    }

    public void Dispose() => _daemon.Dispose();

    private static void Ask(LabHost host, Be32 gateway) =>
        host.SendFrame(new ArpMessage(ArpMessage.Request, host.HardwareAddress, host.Address, default, gateway).ToFrame(MacAddress.Broadcast));
}
