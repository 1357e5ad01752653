namespace Softswitch.Datapath.Flows;

/// <summary>Fields a match leaves open: enum ofp_flow_wildcards (OpenFlow 1.0.0 §5.2.3), bit for bit.</summary>
[Flags]
public enum FlowWildcards : uint
{
    None = 0,
    InPort = 1 << 0,
    DlVlan = 1 << 1,
    DlSrc = 1 << 2,
    DlDst = 1 << 3,
    DlType = 1 << 4,
    NwProto = 1 << 5,
    TpSrc = 1 << 6,
    TpDst = 1 << 7,

    /// <summary>Six bits: how many low bits of nw_src are open; 32 and more leave all of it open.</summary>
    NwSrcMask = 0x3f << 8,
    NwSrcAll = 32 << 8,

    /// <summary>Six bits: how many low bits of nw_dst are open; 32 and more leave all of it open.</summary>
    NwDstMask = 0x3f << 14,
    NwDstAll = 32 << 14,
    DlVlanPcp = 1 << 20,
    NwTos = 1 << 21,

    /// <summary>OFPFW_ALL.</summary>
    All = (1 << 22) - 1,
}
