using System.Buffers.Binary;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Ports;

/// <summary>A port's link as its backend last saw it.</summary>
/// <param name="Up">Carrier present.</param>
/// <param name="Mtu">Largest layer-3 payload in bytes; 0 where there is no limit.</param>
/// <param name="Current">Current speed and medium; the other three as in struct ofp_phy_port.</param>
/// <param name="IsSetDown">Whether a controller or a user took the interface down.</param>
internal readonly record struct PortLink(
    bool Up,
    int Mtu,
    PortFeatures Current = PortFeatures.None,
    PortFeatures Advertised = PortFeatures.None,
    PortFeatures Supported = PortFeatures.None,
    PortFeatures Peer = PortFeatures.None,
    bool IsSetDown = false)
{
    private const int HeaderLength = 14;
    private const int TagLength = 4;

    /// <summary>Whether a packet, or each piece that a segment is cut into, is within the MTU.</summary>
    public bool Fits(in Packet packet, FrameCache frames)
    {
        if (Mtu == 0)
        {
            return true;
        }
        ref OffloadState offload = ref frames.Offload(packet);
        int longest = (packet.Flags & PacketFlags.NeedsSegmentation) != 0 ? offload.HeaderLength + offload.SegmentSize : packet.Length;
        bool isTagged = packet.Length > HeaderLength
            && BinaryPrimitives.ReadUInt16BigEndian(packet.Bytes[12..]) is EtherType.Vlan or EtherType.ServiceVlan;
        return longest <= Mtu + HeaderLength + (isTagged ? TagLength : 0);
    }

    /// <summary>Its speed in bit/s; 0 if the device does not tell.</summary>
    public long Rate => Current switch
    {
        _ when (Current & PortFeatures.Speed10GbFull) != 0 => 10_000_000_000,
        _ when (Current & (PortFeatures.Speed1GbHalf | PortFeatures.Speed1GbFull)) != 0 => 1_000_000_000,
        _ when (Current & (PortFeatures.Speed100MbHalf | PortFeatures.Speed100MbFull)) != 0 => 100_000_000,
        _ when (Current & (PortFeatures.Speed10MbHalf | PortFeatures.Speed10MbFull)) != 0 => 10_000_000,
        _ => 0,
    };
}
