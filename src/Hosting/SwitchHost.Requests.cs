using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Text;
using Softswitch.Ports;
using Softswitch.Ports.Memory;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting;

/// <summary>Takes a packet that matched no flow entry, or whose entry says <c>output:CONTROLLER</c>.</summary>
/// <param name="packetIn">The packet; valid during the call only.</param>
public delegate void PacketInHandler(in PacketIn packetIn);

/// <content>What a program asks of its switch while it runs.</content>
public sealed partial class SwitchHost
{
    /// <summary>Packets for the program.</summary>
    /// <remarks>
    /// While there is a handler, packets without a flow entry come here whatever the fail mode is, and to controllers too, as
    /// <see cref="Datapath.Control.DatapathOptions.PacketInRate"/> allows. What waits for a slow handler in vain is dropped and
    /// counted (PacketInQueueFull).
    /// </remarks>
    public event PacketInHandler? PacketIn
    {
        add => _events!.PacketIn += value;
        remove => _events!.PacketIn -= value;
    }

    /// <summary>A port came, went, or changed its link or configuration.</summary>
    public event Action<PortStatusReason, PortDescription>? PortChanged
    {
        add => _events!.PortChanged += value;
        remove => _events!.PortChanged -= value;
    }

    /// <summary>An entry that was added with <see cref="FlowModFlags.SendFlowRemoved"/> has ended; its counters are final.</summary>
    public event Action<FlowRemoved>? FlowRemoved
    {
        add => _events!.FlowRemoved += value;
        remove => _events!.FlowRemoved -= value;
    }

    /// <summary>The 64-bit number controllers know the switch by.</summary>
    public ulong DatapathId => Control.DatapathId;

    /// <summary>Controllers and tools, as they are connected now.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public IReadOnlyList<ConnectionStatus> ReadConnections()
    {
        using (EnterWithoutTable())
        {
            return _agent!.ReadConnections();
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
        ObjectDisposedException.ThrowIf(_isDisposed, this);
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
        using (EnterWithoutTable())
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
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        Ports.Remove(QueueOptionsReader.NameOf(number));
    }

    /// <summary>The ports as controllers see them, in ascending order; LOCAL last.</summary>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public IReadOnlyList<PortDescription> ReadPorts()
    {
        using (EnterWithoutTable())
        {
            return Control.Ports.Descriptions;
        }
    }

    /// <summary>A port's counters.</summary>
    /// <exception cref="OptionException">There is no such port; the message names it and those there are.</exception>
    /// <exception cref="ObjectDisposedException">The switch has ended.</exception>
    public PortStatistics ReadPort(ushort number)
    {
        using (EnterWithoutTable())
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
        using (Enter())
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
        using (EnterWithoutTable())
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
        using (EnterWithoutTable())
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
        using (Enter())
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

    private ControlScope Enter() => Check(Control.Enter());

    private ControlScope EnterWithoutTable() => Check(Control.EnterWithoutTable());

    /// <summary>Under the control lock, as the end of the switch is announced: nobody is to find its memory gone.</summary>
    private ControlScope Check(ControlScope scope)
    {
        if (_isDisposed)
        {
            scope.Dispose();
            throw new ObjectDisposedException(nameof(SwitchHost));
        }
        return scope;
    }
}
