using System.Runtime.CompilerServices;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.Packets;

/// <summary>Finishes transport checksums that a local stack left to the device.</summary>
public static unsafe class OffloadFinisher
{
    /// <summary>Completes the checksum in place and clears the flag.</summary>
    /// <returns>False if the offsets lie outside the packet, which is then unchanged.</returns>
    public static bool TryFinishChecksum(ref Packet packet, FrameCache frames)
    {
        OffloadState offload = frames.Offload(packet);
        int field = offload.ChecksumStart + offload.ChecksumOffset;
        if (field + sizeof(ushort) > packet.Length)
        {
            return false;
        }
        // The field holds the pseudo-header's sum and takes part in the whole.
        ushort checksum = InternetChecksum.FinishTransport(InternetChecksum.Add(packet.Bytes[offload.ChecksumStart..]));
        Unsafe.WriteUnaligned(packet.Data + field, checksum);
        packet.Flags &= ~PacketFlags.NeedsChecksum;
        return true;
    }
}
