using System.Runtime.InteropServices;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Flows;

/// <summary>A match as a controller states it: the fields of struct ofp_match (OpenFlow 1.0.0 §5.2.3).</summary>
/// <remarks>
/// Host byte order. What the tables compare is a key and a mask made from it, and so are reports (<see cref="MatchNormalizer"/>).
/// </remarks>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
public record struct FlowMatch
{
    /// <summary>dl_vlan of frames without a tag: OFP_VLAN_NONE.</summary>
    public const ushort VlanNone = 0xffff;

    /// <summary>Which fields are left open.</summary>
    public FlowWildcards Wildcards;

    /// <summary>The port the packet came in on.</summary>
    public ushort InPort;

    /// <summary>Ethernet source.</summary>
    public MacAddress DlSrc;

    /// <summary>Ethernet destination.</summary>
    public MacAddress DlDst;

    /// <summary>VLAN id, or <see cref="VlanNone"/> for frames without a tag.</summary>
    public ushort DlVlan;

    /// <summary>EtherType, behind a VLAN tag if there is one; for 802.3 frames without SNAP 0x05ff.</summary>
    public ushort DlType;

    /// <summary>VLAN priority, 0 to 7.</summary>
    public byte DlVlanPcp;

    /// <summary>The whole TOS byte; only its upper six bits (DSCP) are compared.</summary>
    public byte NwTos;

    /// <summary>IP protocol, or the low byte of the ARP opcode.</summary>
    public byte NwProto;

    /// <summary>IPv4 source, or the sender's address of ARP.</summary>
    public uint NwSrc;

    /// <summary>IPv4 destination, or the target's address of ARP.</summary>
    public uint NwDst;

    /// <summary>TCP or UDP port, or ICMP type.</summary>
    public ushort TpSrc;

    /// <summary>TCP or UDP port, or ICMP code.</summary>
    public ushort TpDst;

    /// <summary>Low bits of nw_src that are open, 0 to 32.</summary>
    public readonly int NwSrcWildBits => Math.Min(32, (int)(Wildcards & FlowWildcards.NwSrcMask) >> 8);

    /// <summary>Low bits of nw_dst that are open, 0 to 32.</summary>
    public readonly int NwDstWildBits => Math.Min(32, (int)(Wildcards & FlowWildcards.NwDstMask) >> 14);

    /// <summary>Leaves the low <paramref name="sourceBits"/> of nw_src and <paramref name="destinationBits"/> of nw_dst open (0 to 32 each).</summary>
    public void SetNwWildBits(int sourceBits, int destinationBits)
    {
        Wildcards = (Wildcards & ~(FlowWildcards.NwSrcMask | FlowWildcards.NwDstMask))
            | (FlowWildcards)((uint)sourceBits << 8) | (FlowWildcards)((uint)destinationBits << 14);
    }

    /// <summary>A match for every packet.</summary>
    public static FlowMatch Any => new() { Wildcards = FlowWildcards.All };
}
