using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Controllers;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Learning;

/// <summary>An OpenFlow 1.0 controller that makes of each switch that connects a learning bridge.</summary>
/// <remarks>
/// For each packet with a known destination it installs a flow for exactly that packet. It floods other packets. A port without a link, or one that the
/// switch's spanning tree does not let forward, has no hosts and no flows. Nothing is allocated per packet-in.
/// Threads: those of <see cref="OfController"/>; the counters may be read by any.
/// </remarks>
internal sealed class LearningController : OfController
{
    private readonly LearningOptions _options;
    private readonly FlowAction[] _action = new FlowAction[1];
    private long _packetIns;
    private long _flows;

    /// <exception cref="OfClientException">There is nothing to listen on in <see cref="ControllerOptions.Listen"/>.</exception>
    public LearningController(LearningOptions options)
        : base(options) => _options = options;

    /// <summary>Packet-ins received since the start.</summary>
    public long PacketInCount => Volatile.Read(ref _packetIns);

    /// <summary>Flows installed since the start.</summary>
    public long FlowCount => Volatile.Read(ref _flows);

    protected override void OnPacketIn(SwitchConnection from, in ReceivedPacketIn packetIn)
    {
        Volatile.Write(ref _packetIns, _packetIns + 1);
        MacTable addresses = AddressesOf(from);
        long now = Environment.TickCount64;
        ushort inPort = packetIn.InPort;
        bool isPort = PortNumber.IsPhysical(inPort) || inPort == PortNumber.Local;
        bool isOpen = isPort && !addresses.IsClosed(inPort); // from a closed one there may be packets that it received before
        if (!isOpen || !PacketMatch.TryCreate(packetIn.Data, inPort, out FlowMatch match) || IsForBridges(match.DlDst))
        {
            SendPacket(from, packetIn, []);
            return;
        }
        if (!match.DlSrc.IsMulticast && addresses.Learn(match.DlSrc, match.DlVlan, inPort, now))
        {
            DeleteFlowsTo(from, match.DlSrc, match.DlVlan);
        }
        if (match.DlDst.IsMulticast || !addresses.TryFind(match.DlDst, match.DlVlan, now, out ushort outPort))
        {
            _action[0] = FlowAction.Output(PortNumber.Flood);
            SendPacket(from, packetIn, _action);
        }
        else if (outPort == inPort)
        {
            // Both are on the same side of the switch: they have heard each other already.
            SendPacket(from, packetIn, []);
        }
        else
        {
            Install(from, packetIn, match, outPort);
        }
    }

    private void Install(SwitchConnection to, in ReceivedPacketIn packetIn, in FlowMatch match, ushort outPort)
    {
        _action[0] = FlowAction.Output(outPort);
        FlowMod mod = new()
        {
            Command = FlowModCommand.Add,
            Match = match,
            IdleTimeoutSeconds = _options.IdleTimeoutSeconds,
            HardTimeoutSeconds = _options.HardTimeoutSeconds,
            Priority = _options.Priority,
            BufferId = packetIn.BufferId,
            Actions = _action,
        };
        to.Send(mod);
        Volatile.Write(ref _flows, _flows + 1);
        if (packetIn.BufferId == FlowMod.NoBuffer)
        {
            SendPacket(to, packetIn, _action);
        }
    }

    /// <summary>Sends the packet on its way, or with no actions drops it, which frees the switch's buffer.</summary>
    private static void SendPacket(SwitchConnection to, in ReceivedPacketIn packetIn, ReadOnlySpan<FlowAction> actions)
    {
        bool isBuffered = packetIn.BufferId != FlowMod.NoBuffer;
        if (!isBuffered && (actions.IsEmpty || packetIn.Data.Length < packetIn.TotalLength))
        {
            return; // nothing to free, or only part of the packet is left in the world
        }
        to.Send(new PacketOut
        {
            BufferId = packetIn.BufferId,
            InPort = packetIn.InPort,
            Actions = actions,
            Data = isBuffered ? default : packetIn.Data,
        });
    }

    /// <summary>Nothing to do, and no line in the log that a switch could gain by sending them.</summary>
    protected override void OnError(SwitchConnection from, uint xid, OfError error)
    {
    }

    protected override void OnConnected(SwitchConnection from)
    {
        foreach (PortDescription port in from.Ports)
        {
            OnPortStatus(from, PortStatusReason.Modify, port);
        }
    }

    protected override void OnPortStatus(SwitchConnection from, PortStatusReason reason, in PortDescription port)
    {
        MacTable addresses = AddressesOf(from);
        if (reason != PortStatusReason.Delete && Forwards(port, from.Capabilities))
        {
            addresses.Open(port.Number);
        }
        else if (addresses.Close(port.Number))
        {
            FlowMatch received = FlowMatch.Any;
            received.InPort = port.Number;
            received.Wildcards &= ~FlowWildcards.InPort;
            from.Send(new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any, OutPort = port.Number });
            from.Send(new FlowMod { Command = FlowModCommand.Delete, Match = received });
        }
    }

    /// <summary>Whether the port is part of the network, as far as the switch says.</summary>
    private static bool Forwards(in PortDescription port, OfCapabilities capabilities)
    {
        bool isConnected = (port.Config & PortConfig.PortDown) == 0 && (port.State & PortState.LinkDown) == 0;
        // §4.5: virtual ports need not take part, and the bits of a switch without a tree mean nothing.
        bool hasTree = (capabilities & OfCapabilities.Stp) != 0;
        bool isInTree = hasTree && (port.Config & PortConfig.NoStp) == 0 && PortNumber.IsPhysical(port.Number);
        return isConnected && (!isInTree || (port.State & PortState.StpMask) == PortState.StpForward);
    }

    /// <summary>A host moved: flows that lead to its old place must not outlive the news.</summary>
    private static void DeleteFlowsTo(SwitchConnection at, MacAddress address, ushort vlan)
    {
        FlowMatch match = FlowMatch.Any;
        match.DlDst = address;
        match.DlVlan = vlan;
        match.Wildcards &= ~(FlowWildcards.DlDst | FlowWildcards.DlVlan);
        at.Send(new FlowMod { Command = FlowModCommand.Delete, Match = match });
    }

    /// <summary>01:80:c2:00:00:00 to 0f: IEEE 802.1D keeps these for bridges, which do not forward them.</summary>
    private static bool IsForBridges(MacAddress address) => (address.Value & 0xffff_ffff_fff0) == 0x0180_c200_0000;

    private MacTable AddressesOf(SwitchConnection from) => (MacTable)(from.State ??= new MacTable(_options.MacTableCapacity, _options.MacLifetime));
}
