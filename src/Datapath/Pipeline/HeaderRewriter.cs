using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Pipeline;

/// <summary>The field-modify actions of OpenFlow 1.0.0 §3.3 on one packet, checksums kept right.</summary>
/// <remarks>
/// The parser's <see cref="HeaderOffsets"/> is the proof of bounds: a header it names lies whole inside the packet. A field the
/// packet does not have is left alone, as the specification asks. Checksums change incrementally (RFC 1624), so a packet that came
/// with a wrong one leaves with a wrong one. A packet whose checksum is partial holds the folded pseudo-header sum in its field: that changes with the
/// addresses, but not with the ports, which are summed at the end. Threads: the worker that owns the packet.
/// </remarks>
internal static unsafe class HeaderRewriter
{
    private const int AddressBytes = 12;
    private const int TagBytes = 4;
    private const int NwTosOffset = 1;
    private const int NwChecksumOffset = 10;
    private const int NwSrcOffset = 12;
    private const int NwDstOffset = 16;
    private const int TcpChecksumOffset = 16;
    private const int UdpChecksumOffset = 6;

    public static void Apply(in FlowAction action, ref Packet packet, ref HeaderOffsets layout, FrameCache frames)
    {
        switch (action.Kind)
        {
            case ActionKind.SetVlanVid:
                SetTag(ref packet, ref layout, frames, 0x0fff, (ushort)action.Value);
                break;
            case ActionKind.SetVlanPcp:
                SetTag(ref packet, ref layout, frames, 0xe000, (ushort)(action.Value << 13));
                break;
            case ActionKind.StripVlan:
                StripTag(ref packet, ref layout, frames);
                break;
            case ActionKind.SetDlSrc:
                Unsafe.WriteUnaligned(packet.Data + MacAddress.Size, action.Mac);
                break;
            case ActionKind.SetDlDst:
                Unsafe.WriteUnaligned(packet.Data, action.Mac);
                break;
            case ActionKind.SetNwSrc:
                SetAddress(ref packet, layout, frames, NwSrcOffset, Be32.FromHost(action.Value).Raw);
                break;
            case ActionKind.SetNwDst:
                SetAddress(ref packet, layout, frames, NwDstOffset, Be32.FromHost(action.Value).Raw);
                break;
            case ActionKind.SetNwTos:
                SetTos(ref packet, layout, (byte)action.Value);
                break;
            case ActionKind.SetTpSrc:
                SetPort(ref packet, layout, frames, 0, Be16.FromHost((ushort)action.Value).Raw);
                break;
            case ActionKind.SetTpDst:
                SetPort(ref packet, layout, frames, 2, Be16.FromHost((ushort)action.Value).Raw);
                break;
            case ActionKind.SetTunnel:
                ref TunnelState tunnel = ref TunnelOf(ref packet, frames);
                tunnel.Key = action.Value;
                tunnel.HasKey = true;
                break;
            case ActionKind.SetTunnelDestination:
                TunnelOf(ref packet, frames).Destination = Be32.FromHost(action.Value);
                break;
        }
    }

    /// <summary>What the packet's frame says of tunnels, from now on meaningful.</summary>
    private static ref TunnelState TunnelOf(ref Packet packet, FrameCache frames)
    {
        ref TunnelState state = ref frames.Tunnel(packet);
        if ((packet.Flags & PacketFlags.HasTunnel) == 0)
        {
            state = default;
            packet.Flags |= PacketFlags.HasTunnel;
        }
        return ref state;
    }

    /// <summary>Sets the masked bits of the tag; an untagged packet gets one whose other bits are 0.</summary>
    private static void SetTag(ref Packet packet, ref HeaderOffsets layout, FrameCache frames, ushort mask, ushort value)
    {
        if ((layout.Flags & HeaderFlags.Tagged) == 0)
        {
            PushTag(ref packet, ref layout, frames);
        }
        ref ushort tci = ref Word(packet.Data + AddressBytes + 2);
        tci = Be16.FromHost((ushort)((new Be16(tci).Host & ~mask) | value)).Raw;
    }

    private static void PushTag(ref Packet packet, ref HeaderOffsets layout, FrameCache frames)
    {
        // Twelve bytes of addresses move down; a 16-byte copy would overlap what it reads.
        ulong low = Unsafe.ReadUnaligned<ulong>(packet.Data);
        uint high = Unsafe.ReadUnaligned<uint>(packet.Data + 8);
        packet.MoveStart(-TagBytes);
        Unsafe.WriteUnaligned(packet.Data, low);
        Unsafe.WriteUnaligned(packet.Data + 8, high);
        Unsafe.WriteUnaligned(packet.Data + AddressBytes, (uint)Be16.FromHost(EtherType.Vlan).Raw);
        layout.Flags |= HeaderFlags.Tagged;
        MoveOffsets(packet, ref layout, frames, TagBytes);
    }

    private static void StripTag(ref Packet packet, ref HeaderOffsets layout, FrameCache frames)
    {
        if ((layout.Flags & HeaderFlags.Tagged) == 0)
        {
            return;
        }
        ulong low = Unsafe.ReadUnaligned<ulong>(packet.Data);
        uint high = Unsafe.ReadUnaligned<uint>(packet.Data + 8);
        packet.MoveStart(TagBytes);
        Unsafe.WriteUnaligned(packet.Data, low);
        Unsafe.WriteUnaligned(packet.Data + 8, high);
        // Of two tags the inner one is now the packet's tag, as for a packet that came with it alone.
        if (packet.Length < AddressBytes + TagBytes + sizeof(ushort) || Word(packet.Data + AddressBytes) != Be16.FromHost(EtherType.Vlan).Raw)
        {
            layout.Flags &= ~HeaderFlags.Tagged;
        }
        MoveOffsets(packet, ref layout, frames, -TagBytes);
    }

    private static void MoveOffsets(in Packet packet, ref HeaderOffsets layout, FrameCache frames, int bytes)
    {
        layout.NetworkOffset = (byte)(layout.NetworkOffset + bytes);
        layout.TransportOffset = (byte)(layout.TransportOffset + bytes);
        if (packet.HasOffload)
        {
            ref OffloadState offload = ref frames.Offload(packet);
            offload.ChecksumStart = (ushort)(offload.ChecksumStart + bytes);
            offload.HeaderLength = (ushort)(offload.HeaderLength + bytes);
        }
    }

    private static void SetAddress(ref Packet packet, HeaderOffsets layout, FrameCache frames, int offset, uint value)
    {
        if ((layout.Flags & HeaderFlags.Ipv4) == 0)
        {
            return;
        }
        byte* ip = packet.Data + layout.NetworkOffset;
        uint old = Unsafe.ReadUnaligned<uint>(ip + offset);
        Unsafe.WriteUnaligned(ip + offset, value);
        ref ushort header = ref Word(ip + NwChecksumOffset);
        header = InternetChecksum.Update(header, old, value);
        if ((layout.Flags & (HeaderFlags.Tcp | HeaderFlags.Udp)) == 0)
        {
            return;
        }
        ref ushort checksum = ref ChecksumOf(packet, layout);
        if (IsPartial(packet, layout, frames))
        {
            // The field is a plain sum: the update without its complements.
            checksum = (ushort)~InternetChecksum.Update((ushort)~checksum, old, value);
        }
        else if ((layout.Flags & HeaderFlags.Tcp) != 0)
        {
            checksum = InternetChecksum.Update(checksum, old, value);
        }
        else
        {
            checksum = InternetChecksum.UpdateUdp(checksum, old, value);
        }
    }

    private static void SetTos(ref Packet packet, HeaderOffsets layout, byte dscp)
    {
        if ((layout.Flags & HeaderFlags.Ipv4) == 0)
        {
            return;
        }
        byte* ip = packet.Data + layout.NetworkOffset;
        ushort old = Word(ip);
        ip[NwTosOffset] = (byte)((ip[NwTosOffset] & 0x03) | dscp); // the low two bits are ECN's
        ref ushort header = ref Word(ip + NwChecksumOffset);
        header = InternetChecksum.Update(header, old, Word(ip));
    }

    private static void SetPort(ref Packet packet, HeaderOffsets layout, FrameCache frames, int offset, ushort value)
    {
        if ((layout.Flags & (HeaderFlags.Tcp | HeaderFlags.Udp)) == 0)
        {
            return;
        }
        byte* transport = packet.Data + layout.TransportOffset;
        ushort old = Word(transport + offset);
        Word(transport + offset) = value;
        if (IsPartial(packet, layout, frames))
        {
            return;
        }
        ref ushort checksum = ref ChecksumOf(packet, layout);
        checksum = (layout.Flags & HeaderFlags.Tcp) != 0
            ? InternetChecksum.Update(checksum, old, value)
            : InternetChecksum.UpdateUdp(checksum, old, value);
    }

    /// <summary>Whether the transport checksum of this header, not of one inside a tunnel, is still to be finished.</summary>
    private static bool IsPartial(in Packet packet, HeaderOffsets layout, FrameCache frames) =>
        packet.HasOffload && frames.Offload(packet).ChecksumStart == layout.TransportOffset;

    private static ref ushort ChecksumOf(in Packet packet, HeaderOffsets layout) =>
        ref Word(packet.Data + layout.TransportOffset + ((layout.Flags & HeaderFlags.Tcp) != 0 ? TcpChecksumOffset : UdpChecksumOffset));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref ushort Word(byte* address) => ref Unsafe.AsRef<ushort>(address);
}
