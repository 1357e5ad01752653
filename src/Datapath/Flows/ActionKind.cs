namespace Softswitch.Datapath.Flows;

/// <summary>Actions by the numbers of enum ofp_action_type (OpenFlow 1.0.0 §5.2.4).</summary>
public enum ActionKind : ushort
{
    /// <summary>OFPAT_OUTPUT: send by a port.</summary>
    Output = 0,

    /// <summary>OFPAT_SET_VLAN_VID: a tag is added where there is none.</summary>
    SetVlanVid = 1,

    /// <summary>OFPAT_SET_VLAN_PCP: a tag is added where there is none.</summary>
    SetVlanPcp = 2,

    /// <summary>OFPAT_STRIP_VLAN.</summary>
    StripVlan = 3,

    /// <summary>OFPAT_SET_DL_SRC.</summary>
    SetDlSrc = 4,

    /// <summary>OFPAT_SET_DL_DST.</summary>
    SetDlDst = 5,

    /// <summary>OFPAT_SET_NW_SRC.</summary>
    SetNwSrc = 6,

    /// <summary>OFPAT_SET_NW_DST.</summary>
    SetNwDst = 7,

    /// <summary>OFPAT_SET_NW_TOS.</summary>
    SetNwTos = 8,

    /// <summary>OFPAT_SET_TP_SRC.</summary>
    SetTpSrc = 9,

    /// <summary>OFPAT_SET_TP_DST.</summary>
    SetTpDst = 10,

    /// <summary>OFPAT_ENQUEUE: send by a queue of a port.</summary>
    Enqueue = 11,

    /// <summary>Nicira's set_tunnel: the key if the packet leaves by a tunnel whose flows choose it. Like the next, without a number of OpenFlow's own.</summary>
    SetTunnel = 0x100,

    /// <summary>Nicira's load into NXM_NX_TUN_IPV4_DST: the remote end if the packet leaves by a tunnel whose flows choose it.</summary>
    SetTunnelDestination = 0x101,
}
