using System.Buffers.Binary;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.Tunnels.Headers;

/// <summary>Carries a congestion mark from the outer header to the inner one (RFC 6040 §4.2).</summary>
internal static class EcnMark
{
    /// <summary>ECN's "congestion experienced" (RFC 3168 §5).</summary>
    public const int Experienced = 3;

    /// <returns>False if the inner packet is IP whose sender does not know ECN: it has to be dropped, as a router would have.</returns>
    public static bool TryMark(in Packet packet)
    {
        Span<byte> bytes = packet.Bytes;
        if (!LinkHeader.TryFindNetwork(bytes, out int network, out bool isIpv4) || bytes.Length < network + 20)
        {
            return true; // no IP: nothing to mark
        }
        Span<byte> ip = bytes[network..];
        if (!isIpv4)
        {
            int ecn = (ip[1] >> 4) & 3; // the traffic class lies across the first two bytes (RFC 8200 §3)
            ip[1] |= (byte)(ecn == 0 ? 0 : Experienced << 4);
            return ecn != 0;
        }
        if ((ip[1] & 3) == 0)
        {
            return false;
        }
        ushort before = BinaryPrimitives.ReadUInt16BigEndian(ip);
        ip[1] |= Experienced;
        ushort after = BinaryPrimitives.ReadUInt16BigEndian(ip);
        ushort checksum = BinaryPrimitives.ReadUInt16BigEndian(ip[10..]);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], InternetChecksum.Update(checksum, before, after));
        return true;
    }
}
