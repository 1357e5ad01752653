namespace Softswitch.Datapath.Fragments;

/// <summary>What becomes of IPv4 fragments before the flow table: OFPC_FRAG_* of enum ofp_config_flags (OpenFlow 1.0.0 §5.3.2).</summary>
internal enum FragmentHandling
{
    /// <summary>OFPC_FRAG_NORMAL: looked up one by one, transport ports 0 (§3.4).</summary>
    Normal = 0,

    /// <summary>OFPC_FRAG_DROP.</summary>
    Drop = 1,

    /// <summary>OFPC_FRAG_REASM: reassembled, and looked up as the datagrams they came from.</summary>
    Reassemble = 2,
}
