namespace Softswitch.Datapath.Pipeline;

/// <summary>enum ofp_packet_in_reason (OpenFlow 1.0.0 §5.4.1).</summary>
public enum PacketInReason : byte
{
    /// <summary>OFPR_NO_MATCH: no flow entry.</summary>
    NoMatch = 0,

    /// <summary>OFPR_ACTION: an action says output to CONTROLLER.</summary>
    Action = 1,
}
