namespace Softswitch.Datapath.Pipeline;

/// <summary>enum ofp_packet_in_reason (OpenFlow 1.0.0 §5.4.1).</summary>
public enum PacketInReason : byte
{
    NoMatch = 0,
    Action = 1,
}
