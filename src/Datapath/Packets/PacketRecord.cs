using System.Runtime.CompilerServices;

namespace Softswitch.Datapath.Packets;

/// <summary>A packet as bytes, with what it owes the wire: for another process to go on with.</summary>
/// <remarks>Its length and flags, the states that its flags say are valid, then its bytes. Little-endian.</remarks>
internal static unsafe class PacketRecord
{
    /// <param name="frames">Any cache of the packet's pool.</param>
    public static void Write(BinaryWriter to, in Packet packet, FrameCache frames)
    {
        to.Write(packet.Length);
        to.Write((ushort)packet.Flags);
        if (packet.HasOffload)
        {
            to.Write(new ReadOnlySpan<byte>(Unsafe.AsPointer(ref frames.Offload(packet)), OffloadState.Size));
        }
        if ((packet.Flags & PacketFlags.HasTunnel) != 0)
        {
            to.Write(new ReadOnlySpan<byte>(Unsafe.AsPointer(ref frames.Tunnel(packet)), TunnelState.Size));
        }
        to.Write(packet.Bytes);
    }

    /// <summary>Reads one into a frame.</summary>
    /// <returns>False, and the record is read all the same, if there is no frame for it.</returns>
    /// <exception cref="InvalidDataException">No packet is as long.</exception>
    public static bool TryRead(BinaryReader from, FrameCache frames, out Packet packet)
    {
        int length = from.ReadInt32();
        PacketFlags flags = (PacketFlags)from.ReadUInt16();
        if (length is < 0 or > Packet.MaxLength)
        {
            throw new InvalidDataException($"a packet of {length} bytes");
        }
        Span<byte> offload = stackalloc byte[(flags & PacketFlags.OffloadMask) != 0 ? OffloadState.Size : 0];
        Span<byte> tunnel = stackalloc byte[(flags & PacketFlags.HasTunnel) != 0 ? TunnelState.Size : 0];
        from.BaseStream.ReadExactly(offload);
        from.BaseStream.ReadExactly(tunnel);
        if (!frames.TryRent(length, out packet))
        {
            from.BaseStream.Seek(length, SeekOrigin.Current);
            return false;
        }
        packet.Length = length;
        packet.Flags = flags;
        from.BaseStream.ReadExactly(packet.Bytes);
        if (!offload.IsEmpty)
        {
            offload.CopyTo(new Span<byte>(Unsafe.AsPointer(ref frames.Offload(packet)), OffloadState.Size));
        }
        if (!tunnel.IsEmpty)
        {
            tunnel.CopyTo(new Span<byte>(Unsafe.AsPointer(ref frames.Tunnel(packet)), TunnelState.Size));
        }
        return true;
    }
}
