using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Ports;

/// <summary>Which counter of struct ofp_port_stats a drop belongs in: docs/drops.md has the same table for people.</summary>
/// <remarks>
/// What was decided is in none: an entry without an output, no entry, a bridge's or a configured rule. What was to go on and could not is a drop; what no
/// switch could have sent on is an error.
/// </remarks>
internal static class DropStatistics
{
    public static void AddTo(ref PortStatistics statistics, in PortAccount account)
    {
        for (DropReason reason = 0; reason < DropReason.Count; reason++)
        {
            ulong received = account.Ingress.ReadDrops(reason);
            ulong toSend = account.Egress.ReadDrops(reason);
            if (IsError(reason))
            {
                statistics.ReceiveErrors += received;
                statistics.TransmitErrors += toSend;
            }
            else if (!IsDecision(reason))
            {
                statistics.ReceiveDropped += received;
                statistics.TransmitDropped += toSend;
            }
        }
    }

    public static bool IsDecision(DropReason reason) =>
        reason is DropReason.Miss or DropReason.Action or DropReason.Bridge or DropReason.SpanningTree or DropReason.Fragment;

    public static bool IsError(DropReason reason) =>
        reason is DropReason.Runt or DropReason.BadOffload or DropReason.TinySegments or DropReason.TooLong or DropReason.TunnelLoop or DropReason.TunnelNotIpv4
            or DropReason.DeviceRefused;
}
