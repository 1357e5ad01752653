using System.Buffers.Binary;

namespace Softswitch.Datapath.Headers;

/// <summary>What stands in front of an IP header: Ethernet addresses, tags, type.</summary>
internal static class LinkHeader
{
    private const int EthernetLength = 14;
    private const int TagLength = 4;
    private const int MaxTags = 2;
    private const ushort ServiceTag = 0x88a8; // IEEE 802.1ad

    /// <summary>Finds the IP header behind up to two tags. Whatever bytes come, nothing outside of them is read.</summary>
    /// <param name="network">Its offset, at most the packet's length: the header itself may be missing.</param>
    public static bool TryFindNetwork(ReadOnlySpan<byte> packet, out int network, out bool isIpv4)
    {
        network = EthernetLength;
        isIpv4 = false;
        for (int tags = 0; tags <= MaxTags && network <= packet.Length; tags++)
        {
            ushort type = BinaryPrimitives.ReadUInt16BigEndian(packet[(network - 2)..]);
            if (type is EtherType.Vlan or ServiceTag)
            {
                network += TagLength;
                continue;
            }
            isIpv4 = type == EtherType.Ipv4;
            return isIpv4 || type == EtherType.Ipv6;
        }
        return false;
    }
}
