using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Tunnels.Headers;
using Softswitch.Ports.Tunnels.NextHops;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Ports.Tunnels;

/// <summary>One worker's queue of a tunnel port.</summary>
/// <remarks>
/// <see cref="Transmit"/> wraps packets in place, in their headroom, and sends them by the underlay's queue of the same index, which the same worker
/// serves. <see cref="Receive"/> hands out the packets that that queue unwrapped.
/// </remarks>
internal sealed unsafe class TunnelQueue : IPort, IDisposable
{
    // Room for the packets that the underlay unwraps in two passes, and for some answers of our own.
    private const int RingCapacity = 128;

    // Places for headers of remote ends that flows choose, found by a few bits of the address. Two remote ends may displace each other.
    private const int PeerSlots = 256;

    private const int LongestTotal = 65535;
    private const int LeastMtu = 68; // RFC 791 §3.1

    private readonly TunnelDevice _device;
    private readonly TunnelOptions _options;
    private readonly Underlay _underlay;
    private readonly int _index;
    private readonly UnderlaySender? _traced;
    private readonly bool _hasFlowOptions;
    private readonly TunnelKind _kind;
    private readonly bool _hasChecksum;
    private readonly bool _dontFragment;
    private readonly byte _tos;
    private readonly byte _tosInherited; // bits copied from the inner packet: always its ECN bits (RFC 6040 §4.1)
    private readonly Packet[] _ring = GC.AllocateArray<Packet>(RingCapacity, pinned: true);
    private readonly PacketBatch _stage = new();
    private readonly byte[] _ethernet = new byte[OuterHeader.EthernetLength];
    private readonly OuterHeader[]? _peers;
    private OuterHeader _header;
    private FrameCache? _frames;
    private uint _head;
    private uint _tail;
    private ushort _identification;
    private PortAccount* _account = PortAccount.Nobody;

    /// <param name="traced">What takes the packets of a trace, for which no next hop is asked; null for a queue that sends by the underlay.</param>
    public TunnelQueue(int index, TunnelDevice device, Underlay underlay, UnderlaySender? traced = null)
    {
        _traced = traced;
        _index = index;
        _device = device;
        _underlay = underlay;
        _options = device.Options;
        _kind = _options.Kind;
        _hasChecksum = _options.Checksum;
        _dontFragment = _options.DontFragment;
        _tos = _options.Tos ?? 0;
        _tosInherited = _options.Tos == null ? (byte)0xff : (byte)3;
        _hasFlowOptions = _options.Remote == null || _options.IsKeyByFlow;
        _peers = _options.Remote == null ? GC.AllocateArray<OuterHeader>(PeerSlots, pinned: true) : null;
        _header.Build(_options, _options.Remote ?? default, HasKeyField(_options.Key != null));
        _header.SetKey(_options.Kind, _options.Key ?? 0);
        (_options.InnerDestination ?? device.HardwareAddress).CopyTo(_ethernet);
        (_options.InnerSource ?? device.HardwareAddress).CopyTo(_ethernet.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(_ethernet.AsSpan(12), EtherType.Ipv4);
    }

    public TunnelDevice Device => _device;

    public bool IsInside => true;

    /// <summary>Of the last packet sent; no worker uses the queue.</summary>
    public ushort Identification
    {
        get => _identification;
        set => _identification = value;
    }

    /// <summary>The underlay's descriptor: packets that come there may be for this port.</summary>
    public int PollDescriptor => _underlay.QueueAt(_index)?.PollDescriptor ?? -1;

    public void CountOn(PortAccount* account) => _account = account;

    public int Receive(PacketBatch batch, FrameCache frames)
    {
        _frames = frames;
        int count = Math.Min((int)(_tail - _head), batch.Free);
        for (int i = 0; i < count; i++)
        {
            batch.Add(_ring[_head++ % RingCapacity]);
        }
        return count;
    }

    /// <summary>Ends the ownership of an unwrapped packet, or of an answer of our own, that is to be received here. By the worker.</summary>
    public void Deliver(in Packet packet, FrameCache frames)
    {
        if (_tail - _head == RingCapacity)
        {
            _account->Ingress.Entered++;
            frames.Drop(packet, DropReason.TunnelQueueFull, &_account->Ingress);
            return;
        }
        _frames = frames;
        // Copied field by field: the fields were written a moment ago, and one wide load would have to wait until they reach the cache.
        _ring[_tail++ % RingCapacity] = new Packet(packet.Data, packet.Length) { Flags = packet.Flags };
    }

    /// <summary>Writes an Ethernet header for an inner packet that has none.</summary>
    /// <param name="data">14 bytes.</param>
    public void WriteEthernet(byte* data) => _ethernet.CopyTo(new Span<byte>(data, OuterHeader.EthernetLength));

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        _frames = frames;
        if ((_traced ?? _underlay.QueueAt(_index)?.Sender) is not { } below)
        {
            frames.DropLost(packets, DropReason.TunnelDown, &_account->Egress);
            return packets.Length;
        }
        int generation = _underlay.Generation.Value;
        int mtu = below.Mtu == 0 ? LongestTotal : Math.Min(below.Mtu, LongestTotal);
        for (int i = 0; i < packets.Length; i++)
        {
            Packet packet = packets[i];
            ref OuterHeader header = ref _header;
            if (_hasFlowOptions)
            {
                header = ref ChooseHeader(packet, frames);
                if (Unsafe.IsNullRef(ref header))
                {
                    Drop(packet, DropReason.TunnelNoDestination, frames);
                    continue;
                }
            }
            if (header.Generation != generation)
            {
                LookUp(ref header, generation, below);
            }
            Wrap(packet, ref header, Math.Min(mtu, header.PathMtu), frames, below);
            if (_stage.Free == 0)
            {
                Flush(below, frames);
            }
        }
        Flush(below, frames);
        return packets.Length;
    }

    /// <summary>Gives frames back; no worker uses the queue any more.</summary>
    public void Dispose()
    {
        FrameCache? frames = _frames?.CreateSibling();
        for (; _head != _tail; _head++)
        {
            _account->Ingress.Entered++;
            frames?.Drop(_ring[_head % RingCapacity], DropReason.IngressClosed, &_account->Ingress);
        }
        frames?.Drain();
    }

    private void Flush(UnderlaySender below, FrameCache frames)
    {
        if (_stage.Count > 0)
        {
            below.Send(_stage.Packets, frames);
            _stage.Clear();
        }
    }

    /// <summary>Wraps a packet and stages it; or drops, answers or cuts it, or keeps it until its next hop is known.</summary>
    /// <remarks>The commonest case touches no field of a handle in memory, and nothing outside of the first-level cache.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Wrap(Packet packet, ref OuterHeader header, int mtu, FrameCache frames, UnderlaySender below)
    {
        byte* data = packet.Data;
        int length = packet.Length;
        if (length < OuterHeader.EthernetLength)
        {
            Drop(packet, DropReason.Runt, frames);
            return;
        }
        InnerPacket.Read(data, length, out InnerPacket inner);
        if (inner.IsIpv4 && *(ulong*)(data + inner.Network + 12) == header.Addresses && IsOwn(packet, inner.Network))
        {
            Drop(packet, DropReason.TunnelLoop, frames);
            return;
        }
        if (_kind == TunnelKind.Ipip)
        {
            length = inner.IsIpv4 ? LengthAsIpv4(data + inner.Network, length - inner.Network) : 0;
            data += inner.Network;
            if (length == 0)
            {
                Drop(packet, DropReason.TunnelNotIpv4, frames);
                return;
            }
        }
        int total = length + header.Length - OuterHeader.EthernetLength;
        bool isTooLong = total > mtu;
        if (isTooLong && !MayFragment(packet, inner.IsIpv4 ? inner.Network : 0, total, mtu, frames))
        {
            return;
        }
        if (frames.HeadroomOf(new Packet(data, length)) < header.Length)
        {
            data = MakeRoom(packet, (int)(data - packet.Data), frames);
            if (data == null)
            {
                return;
            }
        }
        byte tos = (byte)(_tos | (inner.Tos & _tosInherited));
        ushort identification = _dontFragment && !isTooLong ? (ushort)0 : ++_identification; // RFC 6864 §4.1: of no meaning with Don't Fragment
        header.Write(data, total, tos, identification);
        WriteTransport(data, length, header.Length, inner.Hash);
        var outer = new Packet(data - header.Length, length + header.Length);
        if (isTooLong || !header.IsReachable)
        {
            SendSlowly(outer, header, isTooLong, mtu, frames, below);
            return;
        }
        _stage.Add(outer);
    }

    /// <summary>Writes the fields behind the IPv4 header that differ from packet to packet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void WriteTransport(byte* start, int length, int headerLength, ulong hash)
    {
        byte* transport = start - headerLength + OuterHeader.TransportOffset;
        switch (_kind)
        {
            case TunnelKind.Vxlan:
                // RFC 7348 §5: a source port of the dynamic range that tells flows apart, so that routers spread them.
                *(ushort*)transport = BinaryPrimitives.ReverseEndianness((ushort)(0xc000 | (hash >> 50)));
                *(ushort*)(transport + 4) = BinaryPrimitives.ReverseEndianness((ushort)(length + 16));
                if (_hasChecksum)
                {
                    var udp = new ReadOnlySpan<byte>(transport, length + 16);
                    ulong sum = InternetChecksum.AddPseudoHeader(new ReadOnlySpan<byte>(transport - 8, 8), IpProtocol.Udp, udp.Length);
                    *(ushort*)(transport + 6) = InternetChecksum.FinishUdp(InternetChecksum.Add(udp, sum));
                }
                break;
            case TunnelKind.Nvgre:
                start[-1] = (byte)(hash >> 56); // FlowID, the key's last byte (RFC 7637 §3.2)
                goto case TunnelKind.Gre;
            case TunnelKind.Gre:
                if (_hasChecksum)
                {
                    *(ushort*)(transport + 4) = InternetChecksum.Compute(new ReadOnlySpan<byte>(transport, length + headerLength - OuterHeader.TransportOffset));
                }
                break;
        }
    }

    /// <summary>Cuts a packet that is too long, keeps a packet whose next hop is not known yet, drops a packet without a route.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void SendSlowly(Packet packet, in OuterHeader header, bool isTooLong, int mtu, FrameCache frames, UnderlaySender below)
    {
        if (!isTooLong)
        {
            if (!TrySendOrHold(packet, header, frames, below))
            {
                Drop(packet, DropReason.TunnelUnreachable, frames);
            }
            return;
        }
        ClearDontFragment(packet);
        if (!Fragmenter.TryBegin(packet, frames, mtu, out Fragmenter fragmenter))
        {
            Drop(packet, DropReason.TooLong, frames);
            return;
        }
        while (fragmenter.TryNext(out Packet fragment))
        {
            if (!TrySendOrHold(fragment, header, frames, below))
            {
                below.DropUnsent(fragment, DropReason.TunnelUnreachable, frames);
            }
        }
        below.CountUnmade(fragmenter.Remaining);
        frames.Release(packet);
    }

    /// <returns>False if there is no route; the packet stays the caller's then.</returns>
    private bool TrySendOrHold(in Packet packet, in OuterHeader header, FrameCache frames, UnderlaySender below)
    {
        if (header.IsReachable)
        {
            Flush(below, frames); // earlier packets leave first
            below.Send(new ReadOnlySpan<Packet>(in packet), frames);
            return true;
        }
        return header.NextHop != default
            && _underlay.Find(header.NextHop, out _, peek: _traced != null) != NeighbourState.Failed
            && below.TryHold(packet, header.NextHop);
    }

    /// <summary>The header for the remote end that the flow or the port's settings name; a null reference if neither names one.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ref OuterHeader ChooseHeader(scoped in Packet packet, FrameCache frames)
    {
        TunnelState state = (packet.Flags & PacketFlags.HasTunnel) != 0 ? frames.Tunnel(packet) : default;
        ref OuterHeader header = ref _header;
        if (_peers != null)
        {
            if (!Ipv4Text.IsUnicast(state.Destination) || _underlay.IsLocal(state.Destination.Raw))
            {
                return ref Unsafe.NullRef<OuterHeader>();
            }
            header = ref _peers[(state.Destination.Raw * 0x9e37_79b1u) >> 24];
        }
        Be32 remote = _options.Remote ?? state.Destination;
        bool hasKeyField = HasKeyField(_options.Key != null || (_options.IsKeyByFlow && state.HasKey));
        if (header.Length == 0 || header.Remote != remote || header.HasKey != hasKeyField)
        {
            header.Build(_options, remote, hasKeyField);
        }
        header.SetKey(_options.Kind, _options.Key ?? state.Key);
        return ref header;
    }

    // Only GRE can do without a key.
    private bool HasKeyField(bool hasKey) => _options.Kind switch
    {
        TunnelKind.Ipip => false,
        TunnelKind.Gre => hasKey,
        _ => true,
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void LookUp(ref OuterHeader header, int generation, UnderlaySender below)
    {
        header.IsReachable = false;
        header.NextHop = default;
        MacAddress address = default;
        if (_options.RemoteHardwareAddress is { } known)
        {
            address = known;
            header.IsReachable = true;
        }
        else if (_underlay.TryFindNextHop(header.Remote, out Be32 nextHop))
        {
            header.NextHop = nextHop;
            header.IsReachable = _underlay.Find(nextHop, out address, peek: _traced != null) == NeighbourState.Reachable;
        }
        header.SetEthernet(address, below.HardwareAddress);
        header.PathMtu = (ushort)_underlay.PathMtus.Find(header.Remote);
        header.Generation = generation;
    }

    /// <summary>Whether a packet between the tunnel's own ends is of the tunnel's own protocol: it would be wrapped again and again.</summary>
    private bool IsOwn(Packet packet, int network)
    {
        byte* ip = packet.Data + network;
        int transport = network + ((*ip & 0x0f) * 4);
        return _options.Kind switch
        {
            TunnelKind.Vxlan => ip[9] == IpProtocol.Udp && packet.Length >= transport + 4
                && *(ushort*)(packet.Data + transport + 2) == Be16.FromHost(_options.Port).Raw,
            TunnelKind.Ipip => ip[9] == IpProtocol.IpInIp,
            TunnelKind.Capsulator => ip[9] == IpProtocol.Capsulator,
            _ => ip[9] == IpProtocol.Gre,
        };
    }

    /// <summary>The IPv4 packet's length without Ethernet's padding, which nothing tells from it once the header is gone; 0 if it is cut short.</summary>
    private static int LengthAsIpv4(byte* ip, int length)
    {
        int total = BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + 2));
        return total < OuterHeader.Ipv4Length || total > length ? 0 : total;
    }

    /// <summary>Whether to cut a packet that is too long for the underlay. If false, it was answered or dropped here.</summary>
    /// <param name="network">Offset of the packet's IPv4 header; 0 if it has none.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool MayFragment(Packet packet, int network, int total, int mtu, FrameCache frames)
    {
        bool dontFragmentInner = network != 0 && (packet.Data[network + 6] & 0x40) != 0;
        if (total <= LongestTotal && (_options.Oversize == OversizePolicy.Fragment || (_options.Oversize == OversizePolicy.Icmp && !dontFragmentInner)))
        {
            return true;
        }
        if (_options.Oversize == OversizePolicy.Icmp && dontFragmentInner)
        {
            // A tag, and what is behind Ethernet's padding, count as well: the sender learns what its packet may have.
            int fits = Math.Max(mtu - (_device.Overhead + network - OuterHeader.EthernetLength), LeastMtu);
            if (IcmpMessage.TryWriteFragmentationNeeded(packet.Bytes, network, fits, frames, out Packet answer))
            {
                Deliver(answer, frames);
            }
        }
        Drop(packet, DropReason.TooLong, frames);
        return false;
    }

    /// <summary>A packet that used up its headroom, in another tunnel perhaps, moves to a frame of its own.</summary>
    /// <returns>The new address of its byte at <paramref name="offset"/>; null if no frame is free.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private byte* MakeRoom(Packet packet, int offset, FrameCache frames)
    {
        if (!frames.TryCopy(packet, out Packet copy))
        {
            Drop(packet, DropReason.NoFrame, frames);
            return null;
        }
        frames.Release(packet);
        return copy.Data + offset;
    }

    private static void ClearDontFragment(in Packet packet)
    {
        Span<byte> ip = packet.Bytes.Slice(OuterHeader.EthernetLength, OuterHeader.Ipv4Length);
        ushort field = BinaryPrimitives.ReadUInt16BigEndian(ip[6..]);
        ushort cleared = (ushort)(field & ~0x4000);
        ushort checksum = BinaryPrimitives.ReadUInt16BigEndian(ip[10..]);
        BinaryPrimitives.WriteUInt16BigEndian(ip[6..], cleared);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], InternetChecksum.Update(checksum, field, cleared));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Drop(Packet packet, DropReason reason, FrameCache frames) => frames.DropLost(packet, reason, &_account->Egress);
}
