namespace Softswitch.Datapath.Flows;

/// <summary>enum ofp_flow_removed_reason (OpenFlow 1.0.0 §5.4.2).</summary>
public enum FlowRemovedReason : byte
{
    /// <summary>OFPRR_IDLE_TIMEOUT.</summary>
    IdleTimeout = 0,

    /// <summary>OFPRR_HARD_TIMEOUT.</summary>
    HardTimeout = 1,

    /// <summary>OFPRR_DELETE.</summary>
    Delete = 2,
}
