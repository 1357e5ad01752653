using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Control;

/// <summary>Checks an action list before it is compiled (OpenFlow 1.0.0 §5.2.4, §5.4.4): the one place that judges what actions mean, wherever they come from.</summary>
internal static class ActionValidator
{
    /// <summary>Bytes of an entry's actions that a statistics reply can still show (§5.3.5): of its 64 KiB 12 are the reply's header, 88 the entry's.</summary>
    public const int MaxEntryBytes = (ushort.MaxValue - 12 - 88) / 8 * 8;

    private const int LongestAction = 24;

    /// <param name="forPacketOut">TABLE is an output of packet-outs only.</param>
    public static ControlError Validate(ReadOnlySpan<FlowAction> actions, bool forPacketOut)
    {
        bool isLong = actions.Length > MaxEntryBytes / LongestAction;
        if (isLong && (forPacketOut ? actions.Length > ActionListMemory.MaxActions : FlowAction.WireLengthOf(actions) > MaxEntryBytes))
        {
            return ControlError.TooManyActions;
        }
        foreach (ref readonly FlowAction action in actions)
        {
            ControlError error = Validate(action, forPacketOut);
            if (error != ControlError.None)
            {
                return error;
            }
        }
        return ControlError.None;
    }

    private static ControlError Validate(in FlowAction action, bool forPacketOut) => action.Kind switch
    {
        ActionKind.Output => IsOutput(action.Port, forPacketOut) ? ControlError.None : ControlError.BadOutPort,
        ActionKind.Enqueue => !HasQueues(action.Port) ? ControlError.BadOutPort : action.Value != QueueConfig.None ? ControlError.None : ControlError.BadQueue,
        ActionKind.SetVlanVid => action.Value <= 0xfff ? ControlError.None : ControlError.BadActionArgument,
        ActionKind.SetVlanPcp => action.Value <= 7 ? ControlError.None : ControlError.BadActionArgument,
        ActionKind.SetNwTos => (action.Value & ~0xfcU) == 0 ? ControlError.None : ControlError.BadActionArgument,
        ActionKind.StripVlan or ActionKind.SetDlSrc or ActionKind.SetDlDst or ActionKind.SetNwSrc or ActionKind.SetNwDst
            or ActionKind.SetTpSrc or ActionKind.SetTpDst or ActionKind.SetTunnel or ActionKind.SetTunnelDestination => ControlError.None,
        _ => ControlError.BadActionType,
    };

    // §5.2.4 names physical ports and IN_PORT; LOCAL is a port with queues here, as in Open vSwitch. As a port, a queue need not exist yet.
    private static bool HasQueues(ushort port) => PortNumber.IsPhysical(port) || port is PortNumber.InPort or PortNumber.Local;

    // A physical port need not exist yet; number 0 and those between OFPP_MAX and the reserved ones never will. NONE is no place to send to.
    private static bool IsOutput(ushort port, bool forPacketOut) =>
        PortNumber.IsPhysical(port) || port is > PortNumber.Table and < PortNumber.None || port == PortNumber.InPort || (port == PortNumber.Table && forPacketOut);
}
