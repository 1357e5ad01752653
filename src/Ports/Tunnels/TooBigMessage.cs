using System.Buffers.Binary;
using Softswitch.Datapath.Headers;
using Softswitch.Ports.Tunnels.Headers;

namespace Softswitch.Ports.Tunnels;

/// <summary>ICMP "fragmentation needed and DF set" about a packet that a tunnel sent (RFC 792, RFC 1191 §4).</summary>
/// <param name="Length">Bytes of the packet that was too long, its IPv4 header included.</param>
/// <param name="Mtu">What the router could have passed on; 0 if it does not say.</param>
internal readonly record struct TooBigMessage(Be32 Remote, int Length, int Mtu)
{
    private const int IcmpLength = 8;

    /// <summary>What a router quotes at least: our IPv4 header and eight bytes behind it.</summary>
    private const int QuoteLength = OuterHeader.Ipv4Length + 8;

    private const ushort DontFragment = 0x4000;

    /// <summary>Reads a message; only one that quotes what a tunnel of the map writes, with Don't Fragment, and would have passed shortened.</summary>
    /// <param name="icmp">From the ICMP header on.</param>
    /// <returns>False for other messages: they are about other hosts' packets, or forged by a host that does not see our packets.</returns>
    public static bool TryRead(ReadOnlySpan<byte> icmp, TunnelMap tunnels, out TooBigMessage message)
    {
        message = default;
        if (icmp.Length < IcmpLength + QuoteLength || icmp[0] != IcmpMessage.Unreachable || icmp[1] != IcmpMessage.FragmentationNeeded)
        {
            return false;
        }
        ReadOnlySpan<byte> quote = icmp[IcmpLength..];
        int length = BinaryPrimitives.ReadUInt16BigEndian(quote[2..]);
        int mtu = BinaryPrimitives.ReadUInt16BigEndian(icmp[6..]);
        message = new TooBigMessage(Be32.FromHost(BinaryPrimitives.ReadUInt32BigEndian(quote[16..])), length, mtu);
        return quote[0] == 0x45 // never with options
            && BinaryPrimitives.ReadUInt16BigEndian(quote[6..]) == DontFragment
            && length > mtu
            && tunnels.MayHaveSent(quote, length);
    }
}
