using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Captures;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Ports;
using Softswitch.Hosting.TakeOver;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Text;
using Softswitch.Ports;
using Softswitch.Ports.Memory;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting;

/// <summary>Takes a packet that matched no flow entry, or whose entry says <c>output:CONTROLLER</c>.</summary>
/// <param name="packetIn">The packet; valid during the call only.</param>
public delegate void PacketInHandler(in PacketIn packetIn);

/// <summary>A running switch: datapath, ports, agent, and the threads that drive them. Disposing ends it.</summary>
/// <remarks>
/// <para>
/// Threads: every member may be used by any, also by handlers of events. Those are called by the control thread, one at a time: while one runs, nobody gets
/// packet-ins and no flow entry times out, so a handler does not wait. One that throws is logged.
/// </para>
/// <code>
/// worker 0..n-1   WorkerThread: forwards
/// control         DatapathControl.Serve: packet-ins, timeouts, link state; then, without the control lock, handlers of events
/// link monitor    SwitchPorts: interfaces that vanish, change and return
/// management      ManagementSocket, where asked for: accepts tools, which Softswitch.Web serves
/// state           StateJournal, where asked for: writes what became of the flow table
/// in-band watch   InBandWatch, where asked for: addresses of the switch's own connections
/// agent's own     one or two for each connection
/// </code>
/// Ports and sockets belong to the network namespace of the thread that calls <c>Start</c>.
/// </remarks>
public sealed class SwitchHost : IDisposable, IAsyncDisposable
{
    private readonly GroupMember _member;
    private readonly SwitchParts _parts;
    private readonly ILogger _log;

    private SwitchHost(SwitchParts parts, GroupMember member, ILogger log)
    {
        _parts = parts;
        _member = member;
        _log = log;
        Failed = parts.Threads.Failed;
        Configuration = new SwitchConfiguration(parts);
        Reader = new SwitchReader(parts, Configuration);
        Tracing = new SwitchTracing(parts.Gate, parts.Control, parts.Cards);
        Handover = new SwitchHandover(member.Group, parts, log);
    }

    /// <summary>What tools call the switch by.</summary>
    public string Name => _parts.Name;

    /// <summary>Cancelled when a thread ended that must not; <see cref="ThrowIfFailed"/> then says why.</summary>
    public CancellationToken Failed { get; }

    internal DatapathControl Control => _parts.Control;

    /// <summary>To be added to and removed from while it runs.</summary>
    internal SwitchPorts Ports => _parts.Ports;

    /// <summary>Kept while the configuration changes.</summary>
    internal ChangeLock Changes => _parts.Changes;

    internal SwitchConfiguration Configuration { get; }

    internal SwitchReader Reader { get; }

    internal SwitchTracing Tracing { get; }

    internal SwitchHandover Handover { get; }

    /// <summary>What is told of tools.</summary>
    internal ILogger Log => _log;

    /// <summary>The process that it is in.</summary>
    internal SwitchGroup Group => _member.Group;

    /// <summary>What ended a thread; null unless <see cref="Failed"/> was cancelled.</summary>
    internal Exception? Failure => _parts.Threads.Failure;

    /// <summary>Opens ports, starts forwarding, listens and connects. Without ports it waits for some to be added.</summary>
    /// <param name="options">What to open.</param>
    /// <param name="log">Takes a line for people for each thing that is open and for each event, on any thread; null for nobody.</param>
    /// <exception cref="OptionException">An option is wrong, or something cannot be opened; nothing is left open then.</exception>
    /// <exception cref="PortException">A port cannot be opened, for the reason given; as above.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number of the options is out of its range.</exception>
    public static SwitchHost Start(SwitchOptions options, Action<string>? log = null) =>
        SwitchGroup.StartAlone(options, log ?? (static _ => { }), log == null ? NullLogger.Instance : new LineLogger(log));

    /// <summary>The same, with a log that has levels and fields.</summary>
    /// <param name="options">What to open.</param>
    /// <param name="log">Told of each event, on any thread, sometimes by one that others wait for: it must not block. What is open is told at level Information.</param>
    /// <exception cref="OptionException">As above.</exception>
    /// <exception cref="PortException">As above.</exception>
    /// <exception cref="ArgumentOutOfRangeException">As above.</exception>
    public static SwitchHost Start(SwitchOptions options, ILogger log) => SwitchGroup.StartAlone(options, line => HostLog.News(log, line), log);

    /// <summary>The same, as a switch of a group, with a place of its own for what is open.</summary>
    /// <param name="options">What to open.</param>
    /// <param name="say">Takes a line for each thing that is open.</param>
    /// <param name="log">Told of each event.</param>
    /// <exception cref="OptionException">Something cannot be opened; nothing is left open then.</exception>
    /// <exception cref="PortException">A port cannot be opened; as above.</exception>
    /// <param name="taker">What to go on with of a running switch; null for a fresh one. Stays the caller's.</param>
    /// <param name="member">What it is in its group.</param>
    internal static SwitchHost Start(SwitchOptions options, Action<string> say, ILogger log, HandoverTarget? taker, GroupMember member)
    {
        SwitchGroup group = member.Group;
        SwitchParts parts = SwitchParts.Open(
            options, options.Name ?? taker?.Name ?? string.Empty, group.Resources, group.LabelOf(options.Name), say, log, taker);
        SwitchHost host = new(parts, member, log);
        try
        {
            parts.Name = group.Enlist(member, host.DatapathId, host.Name, taker); // from here on tools know it
            if (taker != null)
            {
                host.Handover.TakeOver(taker, say);
            }
            else
            {
                parts.Threads.StartWorkers();
            }
            parts.Begin(say, isTakenOver: taker != null);
            return host;
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    /// <summary>Throws what ended a thread, if <see cref="Failed"/> was cancelled.</summary>
    /// <exception cref="InvalidOperationException">It says which thread ended, and why.</exception>
    public void ThrowIfFailed()
    {
        if (Failure is { } failure)
        {
            throw new InvalidOperationException($"the switch ended by itself: {failure.Message}", failure);
        }
    }

    /// <summary>Ends connections, then threads, then ports: interfaces are as they were found. Done again, it does nothing. Not from a handler.</summary>
    public void Dispose()
    {
        if (!_parts.Changes.IsGiven && _parts.Gate.TryClose()) // of a switch that is another process's, the control lock is never left
        {
            _parts.Dispose();
            _member.Group.Leave(_member);
        }
    }

    /// <summary>The same on another thread. A handler may begin it, but not wait for it.</summary>
    public ValueTask DisposeAsync() => new(Task.Run(Dispose));

    /// <summary>What the NetFPGA cards hold, as <c>netfpga show</c> prints it.</summary>
    /// <exception cref="OptionException">There is none.</exception>
    public IReadOnlyList<string> DescribeCards() => DescribeCards(null);

    /// <param name="name">Of one card; null for all.</param>
    /// <exception cref="OptionException">There is none.</exception>
    internal IReadOnlyList<string> DescribeCards(string? name) => _parts.Cards.Show(name);

    /// <summary>As <see cref="SwitchParts.ReadProgress"/>.</summary>
    internal IEnumerable<(string Thread, long Turns)> ReadProgress() => _parts.ReadProgress();

    /// <summary>Begins to capture packets. A capture that is not disposed of in time when the switch ends ends without the rest of its packets.</summary>
    /// <exception cref="OptionException">The request makes no sense, or there are too many captures.</exception>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    internal CaptureStream BeginCapture(CaptureRequest request)
    {
        HostLease lease = Hold();
        try
        {
            return new CaptureStream(Control, request, Ports.FindNumber, lease);
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>Keeps the switch's memory until the lease is disposed of, which is to be soon after <see cref="HostLease.Ending"/>.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    internal HostLease Hold() => _parts.Leases.Take();

    /// <summary>Packets for the program.</summary>
    /// <remarks>
    /// While there is a handler, packets without a flow entry come here whatever the fail mode is, and to controllers too, as
    /// <see cref="Datapath.Control.DatapathOptions.PacketInRate"/> allows. What waits for a slow handler in vain is dropped and
    /// counted (PacketInQueueFull).
    /// </remarks>
    public event PacketInHandler? PacketIn
    {
        add => _parts.Events.PacketIn += value;
        remove => _parts.Events.PacketIn -= value;
    }

    /// <summary>A port came, went, or changed its link or configuration.</summary>
    public event Action<PortStatusReason, PortDescription>? PortChanged
    {
        add => _parts.Events.PortChanged += value;
        remove => _parts.Events.PortChanged -= value;
    }

    /// <summary>An entry that was added with <see cref="FlowModFlags.SendFlowRemoved"/> has ended; its counters are final.</summary>
    public event Action<FlowRemoved>? FlowRemoved
    {
        add => _parts.Events.FlowRemoved += value;
        remove => _parts.Events.FlowRemoved -= value;
    }

    /// <summary>The 64-bit number controllers know the switch by.</summary>
    public ulong DatapathId => Control.DatapathId;

    /// <summary>Controllers and tools, as they are connected now.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public IReadOnlyList<ConnectionStatus> ReadConnections()
    {
        using (_parts.Gate.EnterWithoutTable())
        {
            return _parts.Agent.ReadConnections();
        }
    }

    /// <summary>Adds a port. The calling thread is in the network namespace in which the switch was started.</summary>
    /// <param name="port">Such as <c>3=eth3</c>; without a number it gets one that no port has had.</param>
    /// <returns>Its number.</returns>
    /// <exception cref="OptionException">It is no port, or its number is taken. Nothing is changed then.</exception>
    /// <exception cref="PortException">It cannot be opened, for the reason given; as above.</exception>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public ushort AddPort(string port)
    {
        _parts.Gate.Check();
        return Ports.Add(PortOption.Parse(port).Spec, line => HostLog.Port(_log, line));
    }

    /// <summary>Adds a port whose far end is the program.</summary>
    /// <param name="name">Shown to controllers, which see 15 bytes of it.</param>
    /// <param name="number">1 to 0xff00; null for one that no port has had.</param>
    /// <exception cref="OptionException">The number is taken or none.</exception>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public ProgramPort AddProgramPort(string name, ushort? number = null)
    {
        MemoryPort device;
        using (_parts.Gate.EnterWithoutTable())
        {
            device = new MemoryPort(name, Control.Frames) { HardwareAddress = LocalMacAddress.For(name) };
        }
        try
        {
            return new ProgramPort(Ports.Add(PortSpec.ForProgram(name, number), line => HostLog.Port(_log, line), device), device);
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    /// <summary>Removes a port. Its interface is as it was found when this returns.</summary>
    /// <exception cref="OptionException">There is no such port; the message names it and those there are.</exception>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public void RemovePort(ushort number)
    {
        _parts.Gate.Check();
        Ports.Remove(QueueOptionsReader.NameOf(number));
    }

    /// <summary>The ports as controllers see them, in ascending order; LOCAL last.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public IReadOnlyList<PortDescription> ReadPorts()
    {
        using (_parts.Gate.EnterWithoutTable())
        {
            return Control.Ports.Descriptions;
        }
    }

    /// <summary>A port's counters.</summary>
    /// <exception cref="OptionException">There is no such port; the message names it and those there are.</exception>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public PortStatistics ReadPort(ushort number)
    {
        using (_parts.Gate.EnterWithoutTable())
        {
            if (Control.Ports.TryRead(number, out PortStatistics statistics))
            {
                return statistics;
            }
        }
        throw Ports.NoSuchPort(QueueOptionsReader.NameOf(number));
    }

    /// <summary>Adds a flow entry; one of the same match and priority is replaced.</summary>
    /// <param name="flow">In ovs-ofctl's words, such as <c>priority=5,tcp,tp_dst=80,actions=mod_nw_dst:10.0.0.9,output:2</c>.</param>
    /// <exception cref="OptionException">It is no flow, or the table does not take it; the message quotes it and says why.</exception>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public void AddFlow(string flow) => Apply(flow, FlowSyntaxMode.Add);

    /// <summary>Deletes flow entries.</summary>
    /// <param name="match">Such as <c>in_port=1,tcp</c>: entries of this match or a narrower one go. Empty for all.</param>
    /// <exception cref="OptionException">It is no match.</exception>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public void DeleteFlows(string match = "") => Apply(match, FlowSyntaxMode.Delete);

    /// <summary>Changes the flow table. In force for every packet received after this returns.</summary>
    /// <exception cref="OptionException">The table does not take it; the message gives OpenFlow's name for the reason.</exception>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public void Apply(in FlowMod mod) => Check(Change(mod), "the flow is refused");

    /// <summary>The flow entries, with what they have counted.</summary>
    /// <param name="match">Only entries of this match or a narrower one; null for all.</param>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public IReadOnlyList<FlowReport> ReadFlows(FlowMatch? match = null)
    {
        List<FlowReport> flows = [];
        FlowFilter filter = new(match ?? FlowMatch.Any);
        using (_parts.Gate.Enter())
        {
            uint cursor = 0;
            while (Control.Flows.Next(ref cursor, filter, out FlowStatistics entry))
            {
                flows.Add(new FlowReport(entry));
            }
        }
        return flows;
    }

    /// <summary>Packets that ended inside the switch, by reason; reasons that had none are left out.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public IReadOnlyDictionary<DropReason, long> ReadDrops()
    {
        using (_parts.Gate.EnterWithoutTable())
        {
            return Enum.GetValues<DropReason>().Where(reason => reason != DropReason.Count)
                .Select(reason => KeyValuePair.Create(reason, Control.Accounts.ReadDrops(reason))).Where(drops => drops.Value != 0).ToDictionary();
        }
    }

    /// <summary>Sends a packet; a controller's packet-out.</summary>
    /// <param name="frame">From the Ethernet header on, without FCS. Copied.</param>
    /// <param name="inPort">The port it is taken to have come in on; <see cref="PortNumber.None"/> for none.</param>
    /// <param name="actions">What becomes of it; output to <see cref="PortNumber.Table"/> asks the flow table.</param>
    /// <remarks>Up to 1024 packets wait for the worker; what does not fit is lost.</remarks>
    /// <exception cref="OptionException">The actions make no sense; the message gives OpenFlow's name for the reason.</exception>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public void PacketOut(ReadOnlySpan<byte> frame, ushort inPort, params ReadOnlySpan<FlowAction> actions)
    {
        ControlError error;
        using (_parts.Gate.EnterWithoutTable())
        {
            error = Control.PacketOut(FlowMod.NoBuffer, inPort, actions, frame);
        }
        Check(error, "the packet-out is refused");
    }

    private void Apply(string text, FlowSyntaxMode mode)
    {
        if (!FlowSyntax.TryParseFlow(text, mode, null, out ParsedFlow flow, out string error))
        {
            throw new OptionException($"flow '{text}': {error}");
        }
        Check(Change(flow.ToFlowMod()), $"flow '{text}'");
    }

    private ControlError Change(in FlowMod mod)
    {
        using (_parts.Gate.Enter())
        {
            return Control.Apply(mod);
        }
    }

    private static void Check(ControlError error, string what)
    {
        if (error != ControlError.None)
        {
            throw new OptionException($"{what}: {ControlErrors.ToOfError(error).Name}");
        }
    }
}
