using System.Globalization;
using Microsoft.Extensions.Logging;
using Softswitch.Datapath.SpanningTree;
using Softswitch.Hosting.Logging;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Connections;

namespace Softswitch.Hosting.Configuration;

/// <summary>
/// One thing that can be set, on the command line as <c>--name</c> and in a configuration file as <c>name:</c>. Its declaration in <see
/// cref="All"/> is all there is to it.
/// </summary>
/// <param name="Name">Without dashes.</param>
/// <param name="Argument">The value's place in the help.</param>
/// <param name="Description">One line for the help.</param>
/// <param name="Read">
/// Judges what was given, none or one unless it is repeatable, and puts it where it belongs. Called in the order of <see cref="All"/>.
/// </param>
/// <param name="Show">What is in force, as it would be given; nothing where it is absent.</param>
internal sealed record SwitchOption(
    string Name, string Argument, string Description, Action<SwitchOptionsReader, IReadOnlyList<Setting>> Read, Func<SwitchOptions, IEnumerable<string>> Show)
{
    private const int MaxPacketInRate = 100_000_000;
    private const string AtOnce = "at once";
    private const string ReadAgain = "the file is read again, for connections made from then on";

    private static readonly SwitchOptions Default = new();
    private static readonly SpanningTreeOptions DefaultTree = new();

    /// <summary>Whether it may be given more than once, or as a list.</summary>
    public bool IsRepeatable { get; init; }

    /// <summary>Whether the name alone means true on the command line.</summary>
    public bool IsFlag { get; init; }

    /// <summary>Whether the program does it, and not the library.</summary>
    public bool IsForProgram { get; init; }

    /// <summary>Where there are several switches: whose it is.</summary>
    public OptionScope Scope { get; init; }

    /// <summary>What a reload makes of a change, for people; null where it takes a new start.</summary>
    public string? OnReload { get; init; }

    /// <summary>Where the value is a number: the least and the greatest.</summary>
    public (int Lowest, int Highest)? Range { get; init; }

    /// <summary>Where the value is one of some words: those.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>What holds where it is not given; null for nothing, or what is only known once the switch runs.</summary>
    public string? DefaultValue => Show(Default).FirstOrDefault();

    /// <summary>In the order of the help.</summary>
    public static IReadOnlyList<SwitchOption> All { get; } =
    [
        new("port", "[N=]SPEC",
            "a port: an interface's name, packet:NAME, xdp:NAME, tap:NAME, vhost-user:PATH, replay:FILE, pcap:FILE, null:, patch:NAME, or a tunnel by "
            + "another port (vxlan:, gre:, ipip:, capsulator:), "
            + "then ,key=value for its options, such as rate=100M or address=10.0.0.1/24",
            (to, given) => to.ReadPorts(given), of => of.Ports.Select(port => port.NumberedText))
        {
            IsRepeatable = true,
            Scope = OptionScope.OneSwitch,
            OnReload = "new ones are opened, those that are gone are closed, the others notice nothing; another rate= holds at once, any other "
                + "change opens the port again. Cards' ports need a new start",
        },
        new("netfpga", "nf2c0|emulator",
            "a NetFPGA card by its first interface, or an emulated one; its four interfaces become ports; "
            + "then ,key=value for transport=, layout=, offload=off|strict|on|all, trace=FILE and, emulated, wires=IF0:IF1:IF2:IF3",
            static (_, _) => { }, of => of.Cards.Select(card => card.Spec.Text)) { IsRepeatable = true, Scope = OptionScope.OneSwitch }, // read with the ports
        new("queue", "PORT:ID,min-rate=RATE[,max-rate=RATE]", "a queue of a port; rates in bit/s, such as 10M",
            (to, given) => to.ReadQueues(given), of => of.Queues.Select(queue => queue.Text))
        {
            IsRepeatable = true,
            Scope = OptionScope.OneSwitch,
            OnReload = "at once; a queue that stays keeps its packets and counters",
        },
        One("datapath-id", "HEX", "up to 16 hexadecimal digits; made from the first port's address if absent",
            (to, setting) => to.ReadDatapathId(setting), of => of.DatapathId is { } id ? $"{id:x16}" : null) with { Scope = OptionScope.OneSwitch },
        new("flows", "FILE|FLOW",
            "flows to begin with: a file of them in ovs-ofctl's words, - for standard input, or a flow itself (with actions=)",
            (to, given) => to.Options = to.Options with { Flows = [.. given.Select(setting => setting.Value)] }, of => of.Flows)
        {
            IsRepeatable = true,
        },
        One("state", "DIR", "a folder in which flows, port numbers and the datapath id outlast the switch",
            (to, setting) => to.ReadState(setting), of => of.State),
        new("controller", "tcp:HOST[:PORT]",
            $"a controller to connect to: {ConnectionTarget.ActiveForms}; the port is {ConnectionTarget.DefaultPort} if absent",
            (to, given) => to.Agent = to.Agent with { Controllers = to.ReadTargets(given, passive: false) },
            of => of.Agent.Controllers.Select(target => $"{target}"))
        {
            IsRepeatable = true,
            OnReload = "new ones are connected to, connections to those that are gone end, the others notice nothing",
        },
        new("listen", "ptcp:[PORT][:HOST]",
            $"where controllers and ofctl may connect: {ConnectionTarget.PassiveForms}; from anywhere unless HOST is given",
            (to, given) => to.Agent = to.Agent with { Listeners = to.ReadTargets(given, passive: true) },
            of => of.Agent.Listeners.Select(target => $"{target}"))
        {
            IsRepeatable = true,
            OnReload = "new ones are listened on, those that are gone are closed with the connections they took, the others notice nothing",
        },
        One("name", "NAME", "what tools such as 'softswitch status' call this switch by; the datapath id if absent",
            (to, setting) => to.ReadName(setting), of => of.Name) with { Scope = OptionScope.Each },
        One("control", ControlForm, "where tools reach this switch, instead of the socket that goes with its name; only the owner may connect",
            (to, setting) => to.ReadControl(setting, ControlForm), of => of.Control?.ToString()) with { Scope = OptionScope.Process },
        One("take-over", ControlSockets.TargetForm,
            "go on with a switch that runs: its flow table, counters, ports and listening sockets; it ends when this one forwards",
            (to, setting) => to.Options = to.Options with { TakeOver = setting.Value }, _ => null) with { IsForProgram = true, Scope = OptionScope.Process },
        One("web", WebAddress.Form, "a page to look at and Prometheus' /metrics over HTTP; at 127.0.0.1 unless HOST is given",
            (to, setting) => to.ReadWeb(setting), of => of.Web?.ToString()) with { IsForProgram = true, Scope = OptionScope.Process },
        One("private-key", "FILE", "for ssl: and pssl:, our private key in PEM", (to, setting) => to.PrivateKey = setting.Value,
            of => of.Tls?.PrivateKey) with { OnReload = ReadAgain },
        One("certificate", "FILE",
            "for ssl: and pssl:, the certificate of our private key in PEM", (to, setting) => to.Certificate = setting.Value,
            of => of.Tls?.Certificate) with { OnReload = ReadAgain },
        One("ca-cert", "FILE",
            "for ssl: and pssl:, the CA that must have signed the peer's certificate, in PEM",
            (to, setting) => to.CaCertificate = setting.Value, of => of.Tls is { Bootstrap: false } files ? files.CaCertificate : null)
            with { OnReload = ReadAgain },
        One("bootstrap-ca-cert", "FILE", "as --ca-cert; while FILE does not exist, the first peer's CA is believed and stored there",
            (to, setting) => to.BootstrapCaCertificate = setting.Value, of => of.Tls is { Bootstrap: true } files ? files.CaCertificate : null)
            with { OnReload = ReadAgain },
        Choice("fail-mode", "without a controller: forward as a learning bridge, or by the flows that are there (default)",
            (to, mode) => to.Agent = to.Agent with { FailMode = mode }, of => of.Agent.FailMode,
            ("standalone", FailMode.Standalone), ("secure", FailMode.Secure)) with { OnReload = AtOnce },
        Flag("in-band",
            "controllers are reached through the switch itself, from port LOCAL: their traffic passes whatever the flow "
            + "table holds (default false)",
            (to, isOn) => to.Options = to.Options with { InBand = isOn }, of => of.InBand),
        Number("packet-in-rate", "N", 0, MaxPacketInRate,
            "packets a second that go to controllers, shared fairly between ports (default "
            + $"{Default.Datapath.PacketInRate}); 0 for no limit",
            (to, rate) => to.Datapath = to.Datapath with { PacketInRate = rate }, of => of.Datapath.PacketInRate) with { OnReload = AtOnce },
        Number("packet-in-burst", "N", 1, MaxPacketInRate,
            $"packets that may go to controllers at once after a pause (default {Default.Datapath.PacketInBurst})",
            (to, burst) => to.Datapath = to.Datapath with { PacketInBurst = burst }, of => of.Datapath.PacketInBurst) with { OnReload = AtOnce },
        Number("frames", "N", 1024, 1 << 20,
            $"frames in the pool, for all packets under way, RANGE (default {Default.Datapath.FrameCount}); AF_XDP ports "
            + "bring their own besides",
            (to, count) => to.Datapath = to.Datapath with { FrameCount = count }, of => of.Datapath.FrameCount) with { Scope = OptionScope.Process },
        Choice("frame-size", "bytes of a frame; AF_XDP ports take an MTU of 36846 with the first (default), of 65535 with the other",
            (to, size) => to.Datapath = to.Datapath with { FrameSize = size }, of => of.Datapath.FrameSize, ("2048", 2048), ("4096", 4096))
            with { Scope = OptionScope.Process },
        Number("buffers", "N", 0, 4096,
            $"packets that can wait in buffers for the controller's word, RANGE (default {Default.Datapath.BufferCount}: packet-ins have the whole packet)",
            (to, count) => to.Datapath = to.Datapath with { BufferCount = count }, of => of.Datapath.BufferCount),
        Number("buffer-timeout", "SECONDS", 1, 3600,
            $"seconds that each of them waits, RANGE (default {Default.Datapath.BufferTimeout.TotalSeconds})",
            (to, seconds) => to.Datapath = to.Datapath with { BufferTimeout = TimeSpan.FromSeconds(seconds) },
            of => (int)of.Datapath.BufferTimeout.TotalSeconds),
        Number("action-memory", "MIB", 1, 4096,
            $"MiB for the action lists of all entries, RANGE (default {Default.Datapath.ActionMemory >> 20}); what does "
            + "not fit is refused as if tables were full",
            (to, mebibytes) => to.Datapath = to.Datapath with { ActionMemory = (long)mebibytes << 20 },
            of => (int)(of.Datapath.ActionMemory >> 20)),
        Number("emergency-flows", "N", 0, 1 << 16,
            $"entries the emergency flow table takes, RANGE (default {Default.Datapath.MaxEmergencyEntries})",
            (to, count) => to.Datapath = to.Datapath with { MaxEmergencyEntries = count }, of => of.Datapath.MaxEmergencyEntries),
        Number("emergency-attempts", "N", 0, 1000,
            "attempts to reach a controller again that must fail before emergency entries come into force, RANGE (default "
            + $"{Default.Agent.EmergencyAttempts})",
            (to, count) => to.Agent = to.Agent with { EmergencyAttempts = count }, of => of.Agent.EmergencyAttempts) with { OnReload = AtOnce },
        Number("workers", "N", 1, 64, $"threads that forward packets, RANGE (default {Default.Datapath.Workers})",
            (to, count) => to.Datapath = to.Datapath with { Workers = count }, of => of.Datapath.Workers) with { Scope = OptionScope.Process },
        One("cpus", "N[,N...]", "a processor for each worker, which all other threads of the switch keep off if there are more",
            (to, setting) => to.ReadProcessors(setting), of => of.Processors.Count == 0 ? null : string.Join(',', of.Processors)) with { Scope = OptionScope.Process },
        Choice("idle", "a worker without packets: sleeps after a moment (default), or busy-polls: 100 % of a core",
            (to, spins) => to.Options = to.Options with { SpinsWhenIdle = spins }, of => of.SpinsWhenIdle, ("adaptive", false), ("spin", true))
            with { Scope = OptionScope.Process },
        Choice("log-level", "the least that the log, on standard error, shows (default info)",
            (to, level) => to.Options = to.Options with { LogLevel = level }, of => of.LogLevel,
            ("debug", LogLevel.Debug), ("info", LogLevel.Information), ("warning", LogLevel.Warning), ("error", LogLevel.Error))
            with { OnReload = AtOnce, Scope = OptionScope.Process },
        Choice("log-format", "lines for people (default; for journald where the journal reads them), or an object a line",
            (to, format) => to.Options = to.Options with { LogFormat = format }, of => of.LogFormat,
            ("text", LogFormat.Text), ("json", LogFormat.Json)) with { OnReload = AtOnce, Scope = OptionScope.Process },
        Flag("stp",
            "IEEE 802.1D spanning tree, so that NORMAL and FLOOD survive loops (default false)", (to, isOn) => to.HasSpanningTree = isOn,
            of => of.Datapath.SpanningTree != null),
        Number("stp-priority", "N", 0, ushort.MaxValue,
            $"bridge priority, RANGE; the lowest becomes the root (default {DefaultTree.Priority})",
            (to, priority) => to.SpanningTree = to.SpanningTree with { Priority = (ushort)priority }, of => TreeOf(of).Priority),
        Number("stp-hello", "SECONDS", SpanningTreeOptions.MinHelloSeconds, SpanningTreeOptions.MaxHelloSeconds,
            $"seconds between spanning-tree hellos, RANGE (default {DefaultTree.HelloSeconds})",
            (to, seconds) => to.SpanningTree = to.SpanningTree with { HelloSeconds = seconds }, of => TreeOf(of).HelloSeconds),
        Number("stp-max-age", "SECONDS", SpanningTreeOptions.MinMaxAgeSeconds, SpanningTreeOptions.MaxMaxAgeSeconds,
            $"seconds until a silent neighbour is given up, RANGE (default {DefaultTree.MaxAgeSeconds})",
            (to, seconds) => to.SpanningTree = to.SpanningTree with { MaxAgeSeconds = seconds }, of => TreeOf(of).MaxAgeSeconds),
        Number("stp-forward-delay", "SECONDS", SpanningTreeOptions.MinForwardDelaySeconds, SpanningTreeOptions.MaxForwardDelaySeconds,
            $"seconds that a port listens, and then learns, before it forwards, RANGE (default {DefaultTree.ForwardDelaySeconds})",
            (to, seconds) => to.SpanningTree = to.SpanningTree with { ForwardDelaySeconds = seconds }, of => TreeOf(of).ForwardDelaySeconds),
    ];

    private const string ControlForm = "punix:PATH";

    private static SpanningTreeOptions TreeOf(SwitchOptions options) => options.Datapath.SpanningTree ?? DefaultTree;

    /// <param name="show">Null where it is absent.</param>
    private static SwitchOption One(
        string name, string argument, string description, Action<SwitchOptionsReader, Setting> read, Func<SwitchOptions, string?> show) =>
        new(name, argument, description, (to, given) =>
        {
            if (given.Count > 0)
            {
                read(to, given[^1]);
            }
        }, of => show(of) is { } value ? [value] : []);

    /// <param name="description">RANGE in it stands for lowest to highest.</param>
    private static SwitchOption Number(
        string name, string argument, int lowest, int highest, string description, Action<SwitchOptionsReader, int> set, Func<SwitchOptions, int> get) =>
        One(name, argument, description.Replace("RANGE", $"{lowest} to {highest}", StringComparison.Ordinal), (to, setting) =>
        {
            bool isNumber = int.TryParse(setting.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int number);
            if (isNumber && number >= lowest && number <= highest)
            {
                set(to, number);
            }
            else
            {
                to.Refuse(setting, $"'{setting.Value}' is not a number from {lowest} to {highest}");
            }
        }, of => get(of).ToString(CultureInfo.InvariantCulture)) with
        { Range = (lowest, highest) };

    private static SwitchOption Choice<T>(
        string name, string description, Action<SwitchOptionsReader, T> set, Func<SwitchOptions, T> get, params (string Word, T Value)[] choices)
    {
        string[] words = new string[choices.Length];
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = choices[i].Word;
        }
        return One(name, string.Join('|', words), description, (to, setting) =>
        {
            if (Array.IndexOf(words, setting.Value) is >= 0 and int index)
            {
                set(to, choices[index].Value);
            }
            else
            {
                to.Refuse(setting, $"'{setting.Value}' is {(words.Length == 2 ? $"neither {words[0]} nor {words[1]}" : $"none of {string.Join(", ", words[..^1])} and {words[^1]}")}");
            }
        }, of => choices.First(choice => Equals(choice.Value, get(of))).Word) with
        { Words = words };
    }

    private static SwitchOption Flag(string name, string description, Action<SwitchOptionsReader, bool> set, Func<SwitchOptions, bool> get)
    {
        SwitchOption option = One(name, "true|false", description, (to, setting) =>
        {
            if (bool.TryParse(setting.Value, out bool value))
            {
                set(to, value);
            }
            else
            {
                to.Refuse(setting, $"'{setting.Value}' is neither true nor false");
            }
        }, of => get(of) ? "true" : "false");
        return option with { IsFlag = true };
    }
}

/// <summary>Whose an option is where a process has several switches.</summary>
internal enum OptionScope
{
    /// <summary>A switch's; beside <c>switches:</c> it is what holds for those that say nothing else.</summary>
    Switch,

    /// <summary>One switch's: no two can have the same.</summary>
    OneSwitch,

    /// <summary>The process's and each switch's: both have one of their own.</summary>
    Each,

    /// <summary>The process's alone.</summary>
    Process,
}

/// <summary>One value that a person gave, and where, so that an error can point there.</summary>
/// <param name="Key">The option's name without dashes.</param>
/// <param name="Value">As written.</param>
/// <param name="Origin">Such as <c>--port</c> or <c>switch.yaml:3: port</c>.</param>
internal sealed record Setting(string Key, string Value, string Origin)
{
    public bool IsFromFile => !Origin.StartsWith("--", StringComparison.Ordinal);
}
