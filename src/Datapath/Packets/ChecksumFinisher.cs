using System.Runtime.CompilerServices;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Packets;

/// <summary>Finishes the transport checksum of a packet for a port that does not take offloads.</summary>
/// <remarks>A packet with <see cref="PacketFlags.NeedsSegmentation"/> goes through <see cref="GsoSegmenter"/> instead, which finishes each frame's.</remarks>
internal static class ChecksumFinisher
{
    private const int UdpChecksumOffset = 6;

    /// <summary>Adds the rest to the pseudo-header sum in the checksum field and clears the packet's flags.</summary>
    /// <returns>False, with nothing changed, when the offload state points outside of the packet: it is then damaged.</returns>
    public static bool TryFinish(ref Packet packet, FrameCache frames)
    {
        if ((packet.Flags & PacketFlags.NeedsChecksum) == 0)
        {
            return true;
        }
        ref OffloadState offload = ref frames.Offload(packet);
        int start = offload.ChecksumStart;
        int field = start + offload.ChecksumOffset;
        if ((packet.Flags & PacketFlags.NeedsSegmentation) != 0 || field + sizeof(ushort) > packet.Length)
        {
            return false;
        }
        Span<byte> bytes = packet.Bytes;
        // The field is part of what is summed: it holds the folded sum of the pseudo-header.
        ulong sum = InternetChecksum.Add(bytes[start..]);
        ushort checksum = offload.ChecksumOffset == UdpChecksumOffset ? InternetChecksum.FinishUdp(sum) : InternetChecksum.Finish(sum);
        Unsafe.WriteUnaligned(ref bytes[field], checksum);
        packet.Flags &= ~PacketFlags.OffloadMask;
        return true;
    }
}
