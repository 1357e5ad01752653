using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.AfXdp;
using Softswitch.Ports.Tunnels.Headers;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Ports.Tunnels;

/// <summary>Takes the outer headers off packets to a local address, and finds the tunnel that an inner packet belongs to. One for each worker.</summary>
/// <remarks>
/// Every field is checked before it is used: the checksum of the IPv4 header, that of UDP or GRE if there is one, and each length against the length
/// around it.
/// </remarks>
internal sealed unsafe class Decapsulator
{
    private const int Network = OuterHeader.EthernetLength;
    private const int VxlanLength = 16; // with UDP's header
    private const ushort GreSequence = 0x1000;
    private const ushort GreRefused = 0x4fff; // source routes, recursion, flags no RFC gives a meaning, versions but 0 (RFC 2784 §2.3)

    private readonly Underlay _underlay;
    private readonly int _index;
    private readonly bool _mayBePartial;
    private TunnelMap? _lastMap;
    private TunnelId _lastId;
    private TunnelQueue? _lastQueue;

    /// <param name="mayBePartial">Whether inner packets may have partial checksums that no flag tells of.</param>
    public Decapsulator(Underlay underlay, int index, bool mayBePartial)
    {
        _underlay = underlay;
        _index = index;
        _mayBePartial = mayBePartial;
    }

    /// <summary>Whether a packet to a local address is for the underlay: of a tunnel's protocol, an echo request, or an ICMP error about a tunnel's packet.
    /// Only the first fragment has UDP ports, so fragments are taken by their addresses; those of protocols that only tunnels use, by the protocol.</summary>
    /// <param name="packet">IPv4 behind an untagged Ethernet header, at least 34 bytes.</param>
    public bool IsWanted(in Packet packet)
    {
        byte* ip = packet.Data + Network;
        TunnelMap map = _underlay.Tunnels;
        bool isFragment = (*(ushort*)(ip + 6) & Be16.FromHost(0x3fff).Raw) != 0;
        int transport = Network + ((*ip & 0x0f) * 4);
        switch (ip[9])
        {
            case IpProtocol.Udp:
                return map.VxlanPorts.Length > 0
                    && (isFragment ? IsFromPeer(packet) : packet.Length >= transport + 8 && Array.IndexOf(map.VxlanPorts, *(ushort*)(packet.Data + transport + 2)) >= 0);
            case IpProtocol.Gre:
                return map.Has(TunnelKind.Gre) || map.Has(TunnelKind.Nvgre);
            case IpProtocol.IpInIp:
                return map.Has(TunnelKind.Ipip);
            case IpProtocol.Capsulator:
                return map.Has(TunnelKind.Capsulator);
            case IpProtocol.Icmp:
                return isFragment || (packet.Length > transport && (packet.Data[transport] == IcmpMessage.Echo || TooBigMessage.TryRead(packet.Bytes[transport..], map, out _)));
            default:
                return false;
        }
    }

    /// <summary>Whether any tunnel of the packet's protocol has its ends.</summary>
    public bool IsFromPeer(in Packet packet)
    {
        byte* ip = packet.Data + Network;
        return _underlay.Tunnels.HasEnds(ip[9], *(uint*)(ip + 16) | ((ulong)*(uint*)(ip + 12) << 32));
    }

    /// <summary>Takes the outer headers off a packet that <see cref="IsWanted"/>.</summary>
    /// <param name="queue">The queue of the packet's tunnel; null if the packet must be dropped.</param>
    /// <returns>The drop reason if <paramref name="queue"/> is null.</returns>
    public DropReason TryUnwrap(ref Packet packet, FrameCache frames, out TunnelQueue? queue)
    {
        queue = null;
        byte* ip = packet.Data + Network;
        int headerLength = (*ip & 0x0f) * 4;
        int total = BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + 2));
        if ((*ip >> 4) != 4 || headerLength < OuterHeader.Ipv4Length || total < headerLength || total > packet.Length - Network)
        {
            return DropReason.TunnelMalformed;
        }
        if (!HasRightChecksum(ip, headerLength))
        {
            return DropReason.TunnelChecksum;
        }
        if (_underlay.IsLocal(*(uint*)(ip + 12)))
        {
            return DropReason.TunnelLoop; // sent by ourselves, and came back
        }
        packet.Length = Network + total; // without Ethernet's padding
        return ip[9] switch
        {
            IpProtocol.Udp => UnwrapVxlan(ref packet, headerLength, frames, out queue),
            IpProtocol.Gre => UnwrapGre(ref packet, headerLength, frames, out queue),
            IpProtocol.IpInIp => UnwrapIpip(ref packet, headerLength, frames, out queue),
            _ => UnwrapCapsulator(ref packet, headerLength, frames, out queue),
        };
    }

    private DropReason UnwrapVxlan(ref Packet packet, int headerLength, FrameCache frames, out TunnelQueue? queue)
    {
        queue = null;
        int start = Network + headerLength;
        byte* udp = packet.Data + start;
        int length = packet.Length - start;
        if (length < VxlanLength || BinaryPrimitives.ReverseEndianness(*(ushort*)(udp + 4)) != length || (udp[8] & OuterHeader.VxlanHasVni) == 0)
        {
            return DropReason.TunnelMalformed;
        }
        if (*(ushort*)(udp + 6) != 0 && !HasRightUdpChecksum(packet, start, start + VxlanLength))
        {
            return DropReason.TunnelChecksum;
        }
        uint vni = BinaryPrimitives.ReverseEndianness(*(uint*)(udp + 12)) >> 8;
        ushort port = BinaryPrimitives.ReverseEndianness(*(ushort*)(udp + 2));
        return Finish(ref packet, TunnelKind.Vxlan, port, vni, start + VxlanLength, frames, out queue);
    }

    private DropReason UnwrapGre(ref Packet packet, int headerLength, FrameCache frames, out TunnelQueue? queue)
    {
        queue = null;
        int start = Network + headerLength;
        ReadOnlySpan<byte> gre = packet.Bytes[start..];
        if (gre.Length < 4)
        {
            return DropReason.TunnelMalformed;
        }
        ushort flags = BinaryPrimitives.ReadUInt16BigEndian(gre);
        int length = 4 + ((flags & OuterHeader.GreChecksum) != 0 ? 4 : 0);
        int keyAt = length;
        length += ((flags & OuterHeader.GreKey) != 0 ? 4 : 0) + ((flags & GreSequence) != 0 ? 4 : 0);
        if ((flags & GreRefused) != 0 || gre.Length < length || BinaryPrimitives.ReadUInt16BigEndian(gre[2..]) != OuterHeader.TransparentEthernetBridging)
        {
            return DropReason.TunnelMalformed;
        }
        if ((flags & OuterHeader.GreChecksum) != 0 && !HasRightSum(packet, pseudo: 0, start, start + length))
        {
            return DropReason.TunnelChecksum;
        }
        uint? key = (flags & OuterHeader.GreKey) != 0 ? BinaryPrimitives.ReadUInt32BigEndian(gre[keyAt..]) : null;
        DropReason reason = Finish(ref packet, TunnelKind.Gre, 0, key, start + length, frames, out queue);
        // Only for a packet without a tunnel: others have lost their outer headers already.
        return reason is DropReason.TunnelKey or DropReason.TunnelPeer && queue == null && key is { } number && _underlay.Tunnels.Has(TunnelKind.Nvgre)
            ? Finish(ref packet, TunnelKind.Nvgre, 0, number >> 8, start + length, frames, out queue) // RFC 7637 §3.2: the low byte is the flow's
            : reason;
    }

    private DropReason UnwrapIpip(ref Packet packet, int headerLength, FrameCache frames, out TunnelQueue? queue)
    {
        queue = null;
        int start = Network + headerLength;
        if (packet.Length < start + OuterHeader.Ipv4Length || packet.Data[start] >> 4 != 4)
        {
            return DropReason.TunnelMalformed;
        }
        // The inner Ethernet header takes the place of the last bytes of the outer headers.
        return Finish(ref packet, TunnelKind.Ipip, 0, null, start - OuterHeader.EthernetLength, frames, out queue);
    }

    private DropReason UnwrapCapsulator(ref Packet packet, int headerLength, FrameCache frames, out TunnelQueue? queue)
    {
        queue = null;
        int start = Network + headerLength;
        if (packet.Length < start + 4)
        {
            return DropReason.TunnelMalformed;
        }
        uint tag = BinaryPrimitives.ReverseEndianness(*(uint*)(packet.Data + start));
        return Finish(ref packet, TunnelKind.Capsulator, 0, tag, start + 4, frames, out queue);
    }

    /// <summary>Finds the tunnel and turns the packet into the inner packet.</summary>
    /// <param name="inner">Where the inner Ethernet header begins, or is to be written.</param>
    private DropReason Finish(ref Packet packet, TunnelKind kind, ushort port, uint? key, int inner, FrameCache frames, out TunnelQueue? queue)
    {
        queue = null;
        byte* ip = packet.Data + Network;
        if (packet.Length - inner < OuterHeader.EthernetLength)
        {
            return DropReason.TunnelMalformed;
        }
        TunnelId id = TunnelId.Of(kind, port, new Be32(*(uint*)(ip + 16)), new Be32(*(uint*)(ip + 12)), key);
        TunnelMap map = _underlay.Tunnels;
        TunnelQueue? found = map == _lastMap && id == _lastId ? _lastQueue : Find(map, id);
        if (found == null)
        {
            return map.HasEnds(kind, id.Addresses) ? DropReason.TunnelKey : DropReason.TunnelPeer;
        }
        byte outerTos = ip[1];
        if (packet.Flags != PacketFlags.None && !TryMoveOffload(ref packet, inner, frames))
        {
            return DropReason.BadOffload;
        }
        packet.MoveStart(inner);
        if (kind == TunnelKind.Ipip)
        {
            found.WriteEthernet(packet.Data);
        }
        if (_mayBePartial && !packet.HasOffload)
        {
            PartialChecksumDetector.Mark(ref packet, frames);
        }
        if ((outerTos & 3) == EcnMark.Experienced && !EcnMark.TryMark(packet))
        {
            return DropReason.TunnelCongestion;
        }
        queue = found;
        return default;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private TunnelQueue? Find(TunnelMap map, in TunnelId id)
    {
        _lastMap = map;
        _lastId = id;
        return _lastQueue = map.Find(id)?.QueueAt(_index);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool HasRightChecksum(byte* ip, int headerLength)
    {
        if (headerLength != OuterHeader.Ipv4Length)
        {
            return InternetChecksum.Compute(new ReadOnlySpan<byte>(ip, headerLength)) == 0;
        }
        ulong sum = (ulong)*(uint*)ip + *(uint*)(ip + 4) + *(uint*)(ip + 8) + *(uint*)(ip + 12) + *(uint*)(ip + 16);
        return InternetChecksum.Finish(sum) == 0;
    }

    private bool HasRightUdpChecksum(in Packet packet, int start, int inner)
    {
        ulong pseudo = InternetChecksum.AddPseudoHeader(packet.Bytes.Slice(Network + 12, 8), IpProtocol.Udp, packet.Length - start);
        return HasRightSum(packet, pseudo, start, inner);
    }

    /// <summary>Verifies an outer checksum. If a local stack left a checksum unfinished, outside or inside, no wire can have spoiled the packet.</summary>
    /// <param name="start">From where on it covers the packet.</param>
    /// <param name="inner">Where the inner packet begins.</param>
    private bool HasRightSum(in Packet packet, ulong pseudo, int start, int inner)
    {
        ReadOnlySpan<byte> bytes = packet.Bytes;
        return packet.HasOffload
            || InternetChecksum.Finish(InternetChecksum.Add(bytes[start..], pseudo)) == 0
            || (_mayBePartial && HoldsOnceFinished(bytes, pseudo, start, inner));
    }

    /// <summary>Whether the outer checksum will be right once the inner one is finished: the kernel writes it so (local checksum offload).</summary>
    /// <remarks>
    /// A finished transport header and its data sum up to the complement of their pseudo-header's sum, which is what stands in the unfinished
    /// field. So they need not be read (Documentation/networking/checksum-offloads.rst, "LCO").
    /// </remarks>
    private static bool HoldsOnceFinished(ReadOnlySpan<byte> bytes, ulong pseudo, int start, int inner)
    {
        if (!PartialChecksumDetector.TryFind(bytes[inner..], out int transport, out int field))
        {
            return false;
        }
        transport += inner;
        ushort unfinished = MemoryMarshal.Read<ushort>(bytes[(transport + field)..]);
        return InternetChecksum.Finish(InternetChecksum.Add(bytes[start..transport], pseudo) + (ushort)~unfinished) == 0;
    }

    /// <summary>Makes unfinished work of the inner packet count from its start; work of the outer headers is over with them.</summary>
    private static bool TryMoveOffload(ref Packet packet, int inner, FrameCache frames)
    {
        ref OffloadState offload = ref frames.Offload(packet);
        if (packet.HasOffload && offload.ChecksumStart < inner + OuterHeader.EthernetLength)
        {
            bool isWhole = (packet.Flags & PacketFlags.NeedsSegmentation) == 0;
            packet.Flags = PacketFlags.None;
            return isWhole; // several outer packets in one are nothing a tunnel of ours is sent
        }
        packet.Flags &= PacketFlags.OffloadMask;
        if (packet.HasOffload)
        {
            offload.ChecksumStart -= (ushort)inner;
            offload.HeaderLength -= (ushort)Math.Min(inner, (int)offload.HeaderLength);
        }
        return true;
    }
}
