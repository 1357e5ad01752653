using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Offload.Planning;

/// <summary>An action list's outputs as the destination bitmap for one port's frames (docs/netfpga-hardware.md, rules 6, 7 and 10).</summary>
/// <remarks>
/// The card does not exclude the ingress and knows no port configuration, so both are worked into the bitmap. A bitmap sends one copy by a port; a list that
/// sends two is the software's.
/// </remarks>
internal static class OutputResolver
{
    /// <param name="ingress">Card port the frames come from.</param>
    /// <param name="reason">Why the card cannot do it, for people.</param>
    public static bool TryResolve(CardPorts ports, ReadOnlySpan<FlowAction> actions, int ingress, out ushort bitmap, out string? reason)
    {
        bitmap = 0;
        reason = null;
        foreach (ref readonly FlowAction action in actions)
        {
            if (action.Kind == ActionKind.Enqueue)
            {
                reason = "ENQUEUE: queues are the software's";
            }
            else if (action.Kind == ActionKind.Output)
            {
                reason = Resolve(ports, action.Port, ingress, ref bitmap);
            }
            if (reason != null)
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Whether a change of these ports can make the list do something else for frames of a port that did not change.</summary>
    public static bool DependsOn(ReadOnlySpan<FlowAction> actions, HashSet<ushort> changed)
    {
        foreach (ref readonly FlowAction action in actions)
        {
            if (action.IsOutput && (action.Port is PortNumber.All or PortNumber.Flood || changed.Contains(action.Port)))
            {
                return true;
            }
        }
        return false;
    }

    private static string? Resolve(CardPorts ports, ushort number, int ingress, ref ushort bitmap) => number switch
    {
        PortNumber.InPort => Send(ports, ingress, ref bitmap),
        PortNumber.All => Flood(ports, ingress, PortConfig.None, ref bitmap),
        PortNumber.Flood => Flood(ports, ingress, PortConfig.NoFlood, ref bitmap),
        PortNumber.Controller => "outputs to CONTROLLER",
        PortNumber.Local => "outputs to LOCAL",
        PortNumber.Normal => "outputs to NORMAL",
        PortNumber.Table => "outputs to TABLE",
        _ when number == ports.NumberOf(ingress) => null, // §3.3: only IN_PORT sends a frame back
        _ when ports.Find(number) is int port => Send(ports, port, ref bitmap),
        _ => $"outputs to port {number}, which is not on the card",
    };

    private static string? Flood(CardPorts ports, int ingress, PortConfig excluded, ref ushort bitmap)
    {
        foreach (ref readonly OffloadPort port in ports.All)
        {
            if (port.Number == ports.NumberOf(ingress) || CardPorts.IsClosed(port, excluded))
            {
                continue;
            }
            string? reason = ports.Find(port.Number) is int known ? Send(ports, known, ref bitmap) : $"floods to port {port.Number}, which is not on the card";
            if (reason != null)
            {
                return reason;
            }
        }
        return null;
    }

    private static string? Send(CardPorts ports, int port, ref ushort bitmap)
    {
        if (ports[port] is not OffloadPort known)
        {
            return $"outputs to port {ports.NumberOf(port)}, which the switch does not have";
        }
        if (CardPorts.IsClosed(known))
        {
            return null;
        }
        if (known.IsScheduled)
        {
            return $"outputs to port {known.Number}, which has queues or a rate";
        }
        ushort bit = CardPort.WireBit(port);
        if ((bitmap & bit) != 0)
        {
            return $"outputs to port {known.Number} twice";
        }
        bitmap |= bit;
        return null;
    }
}
