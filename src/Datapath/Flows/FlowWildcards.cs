namespace Softswitch.Datapath.Flows;

/// <summary>Fields a match leaves open: enum ofp_flow_wildcards (OpenFlow 1.0.0 §5.2.3), bit for bit.</summary>
[Flags]
public enum FlowWildcards : uint
{
    /// <summary>Every field is compared.</summary>
    None = 0,

    /// <summary>OFPFW_IN_PORT.</summary>
    InPort = 1 << 0,

    /// <summary>OFPFW_DL_VLAN.</summary>
    DlVlan = 1 << 1,

    /// <summary>OFPFW_DL_SRC.</summary>
    DlSrc = 1 << 2,

    /// <summary>OFPFW_DL_DST.</summary>
    DlDst = 1 << 3,

    /// <summary>OFPFW_DL_TYPE.</summary>
    DlType = 1 << 4,

    /// <summary>OFPFW_NW_PROTO.</summary>
    NwProto = 1 << 5,

    /// <summary>OFPFW_TP_SRC.</summary>
    TpSrc = 1 << 6,

    /// <summary>OFPFW_TP_DST.</summary>
    TpDst = 1 << 7,

    /// <summary>Six bits: how many low bits of nw_src are open; 32 and more leave all of it open.</summary>
    NwSrcMask = 0x3f << 8,

    /// <summary>OFPFW_NW_SRC_ALL.</summary>
    NwSrcAll = 32 << 8,

    /// <summary>Six bits: how many low bits of nw_dst are open; 32 and more leave all of it open.</summary>
    NwDstMask = 0x3f << 14,

    /// <summary>OFPFW_NW_DST_ALL.</summary>
    NwDstAll = 32 << 14,

    /// <summary>OFPFW_DL_VLAN_PCP.</summary>
    DlVlanPcp = 1 << 20,

    /// <summary>OFPFW_NW_TOS.</summary>
    NwTos = 1 << 21,

    /// <summary>OFPFW_ALL.</summary>
    All = (1 << 22) - 1,
}
