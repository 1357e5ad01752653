namespace Softswitch.Datapath.Flows;

/// <summary>enum ofp_flow_removed_reason (OpenFlow 1.0.0 §5.4.2).</summary>
public enum FlowRemovedReason : byte
{
    IdleTimeout = 0,
    HardTimeout = 1,
    Delete = 2,
}
