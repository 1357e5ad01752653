using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;
using Softswitch.NetFpga;
using Softswitch.NetFpga.Registers;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Specs;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Lab;

/// <summary>One of our switches in a namespace of its own, which it shares with no other: datapath, threads and OpenFlow connections over TCP.</summary>
internal sealed class LabSwitch(string name, ulong datapathId) : LabNode(name)
{
    /// <summary>Where it listens for tools, inside its namespace.</summary>
    public const string ToolTarget = "tcp:127.0.0.1:6654";

    // For a lab of several switches in one process; a port's queues hold a few hundred at most.
    private const int Frames = 4096;

    private static readonly ConnectionTarget Tools = new(ConnectionTransport.Tcp, IsPassive: true, "127.0.0.1", 6654);

    private static readonly ushort[] CardPorts = [1, 2, 3, 4];

    private readonly List<PortOption> _ports = [];
    private SwitchOptions? _options;
    private Action<string>? _log;
    private SwitchHost? _host;

    public ulong DatapathId => datapathId;

    public override string Caption => $"dpid {datapathId:x}";

    public override string AccessCommand => $"{EnterCommand} ./softswitch ofctl dump-flows {ToolTarget}";

    public bool IsStarted => _host != null;

    /// <summary>Whether its ports are an emulated NetFPGA card's.</summary>
    public bool IsOnCard => _options is { Cards.Count: > 0 };

    /// <summary>The running switch.</summary>
    public SwitchHost Host => _host ?? throw new InvalidOperationException($"{Name} is not started");

    /// <summary>The name of a port's interface.</summary>
    public static string InterfaceOf(ushort port) => $"p{port}";

    /// <summary>Adds a port, before the start.</summary>
    /// <param name="port">With a number.</param>
    public void AddPort(PortOption port) => _ports.Add(port);

    /// <summary>The processor of its worker, before the start; null to leave it to the scheduler.</summary>
    public int? Processor { get; set; }

    /// <summary>Adds a port to the running switch.</summary>
    /// <param name="port">With a number.</param>
    public void PlugIn(PortOption port)
    {
        Network.Run(() => Host.Ports.Add(port.Spec, Say));
        AddPort(port);
    }

    /// <summary>Removes a port of the running switch.</summary>
    public void Unplug(ushort port)
    {
        Network.Run(() => Host.Ports.Remove($"{port}"));
        _ports.RemoveAll(one => one.Number == port);
    }

    /// <summary>Whether one of its ports is a TAP device in a network.</summary>
    public bool IsPlugged(NetworkNamespace network) => _ports.Exists(port => port.Spec.Network == network);

    /// <summary>Whether it has seen a port's link come up: of a TAP device it hears later than the host, and it takes nothing until then.</summary>
    public bool IsLinkUp(ushort port) => Host.ReadPorts().Any(one => one.Number == port && (one.State & PortState.LinkDown) == 0);

    public bool AreLinksUp => _ports.TrueForAll(port => IsLinkUp(port.Number));

    /// <summary>The port of an interface whose packets a socket beside the switch does not see; null if it does.</summary>
    public ushort? FindHidden(string interfaceName) =>
        _ports.Find(port => InterfaceOf(port.Number) == interfaceName && port.Spec.Kind != PortKind.Packet)?.Number;

    /// <summary>Starts forwarding and connects.</summary>
    /// <param name="log">Takes lines for people, on any thread.</param>
    /// <param name="isOnCard">As <see cref="StartOnCard"/>.</param>
    public void Start(IReadOnlyList<ConnectionTarget> controllers, Action<string> log, bool isOnCard = false)
    {
        _options = new SwitchOptions
        {
            DatapathId = datapathId,
            Ports = _ports,
            Datapath = new() { FrameCount = Frames },
            Agent = new() { Controllers = controllers, Listeners = [Tools] },
            Processors = Processor is { } processor ? [processor] : [],
        };
        _log = log;
        if (isOnCard)
        {
            StartOnCard();
        }
        else
        {
            Open();
        }
    }

    /// <summary>Ends the switch. Cables, and the interfaces at their ends, stay.</summary>
    public void Stop()
    {
        _host?.Dispose();
        _host = null;
    }

    /// <summary>Why it cannot be a NetFPGA card; null if it can.</summary>
    public string? FindWhyNoCard() =>
        _ports.Find(port => port.Number > CardPort.Count) is { } beyond ? $"{Name}: port {beyond.Number}: a card has {CardPort.Count}"
        : _ports.Find(port => port.Spec.Kind != PortKind.Packet || UnderlayOptions.Read(port.Spec) != null) is { } other
            ? $"{Name}: port '{other}' cannot be a card's"
        : null;

    /// <summary>Starts a switch that was stopped again, with an emulated NetFPGA card for its ports 1 to 4, which has to be all there are: the interfaces are the card's wires.</summary>
    /// <exception cref="OptionException">It has another port.</exception>
    public void StartOnCard()
    {
        string WireOf(ushort port) => _ports.Exists(one => one.Number == port) ? InterfaceOf(port) : string.Empty;
        if (FindWhyNoCard() is { } reason)
        {
            throw new OptionException(reason);
        }
        foreach (PortOption port in _ports.Where(port => port.Spec.Rate > 0))
        {
            LabWiring.Limit(this, InterfaceOf(port.Number), port.Spec.Rate); // the card sends there, past the switch's scheduler
        }
        string text = $"emulator,wires={string.Join(':', CardPorts.Select(WireOf))}";
        _options = _options! with
        {
            Cards = [new CardOption(CardSpec.TryParse(text, out CardSpec? spec, out string? error) ? spec : throw new OptionException(error), 0, text)],
            Ports = [.. CardPorts.Select(port => PortOption.Parse($"{port}={CardNetdev.NameOf(port - 1)}"))],
        };
        Open();
    }

    /// <summary>Tables and counters as they are now.</summary>
    public SwitchSnapshot TakeSnapshot() => SwitchSnapshot.Take(Host.Control);

    /// <summary>Looks at every flow entry without a text for each, which the collector would tidy up while something is measured.</summary>
    public void VisitFlows(FlowVisitor look)
    {
        using ControlScope scope = Host.Control.Enter();
        SwitchSnapshot.Visit(Host.Control, look);
    }

    /// <summary>How many flow entries are so.</summary>
    public int CountFlows(FlowPredicate isSo)
    {
        int count = 0;
        VisitFlows((in flow) => count += isSo(flow) ? 1 : 0);
        return count;
    }

    public override void Dispose()
    {
        Stop();
        base.Dispose();
    }

    private void Say(string line) => _log!($"{Name}: {line}");

    // Threads and sockets belong to the namespace of the thread that starts them.
    private void Open() => _host = Network.Run(() => SwitchGroup.StartAlone(_options!, static _ => { }, new LineLogger(Say)));
}
