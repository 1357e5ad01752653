namespace Softswitch.Datapath.Flows;

/// <summary>Actions by the numbers of enum ofp_action_type (OpenFlow 1.0.0 §5.2.4).</summary>
public enum ActionKind : ushort
{
    Output = 0,
    SetVlanVid = 1,
    SetVlanPcp = 2,
    StripVlan = 3,
    SetDlSrc = 4,
    SetDlDst = 5,
    SetNwSrc = 6,
    SetNwDst = 7,
    SetNwTos = 8,
    SetTpSrc = 9,
    SetTpDst = 10,
    Enqueue = 11,

    /// <summary>Nicira's set_tunnel: the key if the packet leaves by a tunnel whose flows choose it. Like the next, without a number of OpenFlow's own.</summary>
    SetTunnel = 0x100,

    /// <summary>Nicira's load into NXM_NX_TUN_IPV4_DST: the remote end if the packet leaves by a tunnel whose flows choose it.</summary>
    SetTunnelDestination = 0x101,
}
