using Softswitch.Hosting;
using Softswitch.Hosting.Configuration;
using Softswitch.NetFpga;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;
using Softswitch.Ports;

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

    /// <summary>The running switch.</summary>
    public SwitchHost Host => _host ?? throw new InvalidOperationException($"{Name} is not started");

    /// <summary>The name of a port's interface.</summary>
    public static string InterfaceOf(ushort port) => $"p{port}";

    /// <summary>Adds a port, before the start.</summary>
    /// <param name="text">As behind <c>--port</c>, with a number.</param>
    public void AddPort(string text) => _ports.Add(PortOption.Parse(text));

    /// <summary>The processor of its worker, before the start; null to leave it to the scheduler.</summary>
    public int? Processor { get; set; }

    /// <summary>Adds a port to the running switch.</summary>
    /// <param name="text">As behind <c>--port</c>.</param>
    public void PlugIn(string text) => Network.Run(() => Host.Ports.Add(text));

    /// <summary>Removes a port of the running switch.</summary>
    public void Unplug(ushort port) => Network.Run(() => Host.Ports.Remove($"{port}"));

    /// <summary>Starts forwarding and connects.</summary>
    /// <param name="log">Takes lines for people, on any thread.</param>
    public void Start(IReadOnlyList<ConnectionTarget> controllers, Action<string> log)
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
        Open();
    }

    /// <summary>Ends the switch. Cables, and the interfaces at their ends, stay.</summary>
    public void Stop()
    {
        _host?.Dispose();
        _host = null;
    }

    /// <summary>Starts a switch that was stopped again, with an emulated NetFPGA card for its ports 1 to 4, which has to be all there are: the interfaces are the card's wires.</summary>
    /// <exception cref="OptionException">It has another port.</exception>
    public void StartOnCard()
    {
        string WireOf(ushort port) => _ports.Exists(one => one.Number == port) ? InterfaceOf(port) : string.Empty;
        if (_ports.Find(port => port.Number > CardPort.Count) is { } other)
        {
            throw new OptionException($"{Name}: port {other.Number}: a card has {CardPort.Count}");
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

    public override void Dispose()
    {
        Stop();
        base.Dispose();
    }

    // Threads and sockets belong to the namespace of the thread that starts them.
    private void Open() => _host = Network.Run(() => SwitchHost.Start(_options!, static _ => { }, new LineLogger(line => _log!($"{Name}: {line}"))));
}
