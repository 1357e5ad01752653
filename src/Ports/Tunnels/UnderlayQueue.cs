using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Tunnels.Headers;
using Softswitch.Ports.Tunnels.NextHops;

namespace Softswitch.Ports.Tunnels;

/// <summary>One worker's queue of an underlay port. It answers or decapsulates packets to the port's own addresses, and passes others on.</summary>
/// <remarks>Threads: the worker's, but for counters. Tunnels' queues of the same index belong to the same worker and send by <see cref="Sender"/>.</remarks>
internal sealed unsafe class UnderlayQueue : IPort, IDisposable
{
    private const int HeaderLength = OuterHeader.EthernetLength;
    private const int TimerInterval = 100;

    // Outer datagrams in the making: each holds a large frame, of which a switch has few.
    // Long echo requests, which any host may send, use a separate number of frames.
    private const int MaxReassemblies = 16;
    private const int MaxEchoReassemblies = 4;
    private const uint ReassemblyTimeout = 15_000;

    private readonly IPort _inner;
    private readonly UnderlayDevice _device;
    private readonly Underlay _underlay;
    private readonly Decapsulator _decapsulator;
    private Reassembler? _reassembler;
    private Reassembler? _echoReassembler;
    private FrameCache? _reassemblyFrames;
    private FrameCache? _frames;
    private PortAccount* _account = PortAccount.Nobody;
    private int _pendingGeneration;

    public UnderlayQueue(IPort inner, int index, UnderlayDevice device, Underlay underlay)
    {
        _inner = inner;
        _device = device;
        _underlay = underlay;
        Sender = new UnderlaySender(inner, device, underlay);
        _decapsulator = new Decapsulator(underlay, index, device.Interface?.HidesPartialChecksums == true);
    }

    /// <summary>Sends what the tunnels' queues of the same index make, and what is made here.</summary>
    public UnderlaySender Sender { get; }

    public int PollDescriptor => _inner.PollDescriptor;

    public bool WakeBy(Action wake) => _inner.WakeBy(wake);

    public bool Arm() => _inner.Arm();

    public void CountOn(PortAccount* account)
    {
        _account = account;
        Sender.CountOn(account);
        _inner.CountOn(account);
    }

    public int Receive(PacketBatch batch, FrameCache frames)
    {
        _frames = frames;
        int first = batch.Count;
        int received = _inner.Receive(batch, frames);
        long now = _underlay.Milliseconds;
        if (now >= Sender.DueAt || _pendingGeneration != _underlay.Generation.Value)
        {
            RunTimers(now, frames);
        }
        if (received == 0)
        {
            return 0;
        }
        int kept = first;
        Span<Packet> packets = batch.Packets;
        for (int i = first; i < packets.Length; i++)
        {
            if (MayBeOurs(packets[i]) && TryTake(packets[i], now, frames))
            {
                continue;
            }
            packets[kept++] = packets[i];
        }
        batch.Truncate(kept);
        return kept - first;
    }

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames) => _inner.Transmit(packets, frames);

    /// <summary>Gives frames back; no worker uses the queue any more.</summary>
    public void Dispose()
    {
        // The worker may still use its own cache, so the frames left here go back through another.
        FrameCache? frames = _frames?.CreateSibling();
        Sender.End(frames);
        _reassembler?.Dispose();
        _echoReassembler?.Dispose();
        _reassemblyFrames?.Drain();
        frames?.Drain();
    }

    /// <summary>Whether a packet is for our Ethernet address, or ARP.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool MayBeOurs(in Packet packet) =>
        packet.Length >= OuterHeader.TransportOffset
        && (((*(ulong*)packet.Data ^ _device.AddressInFrames) & UnderlayDevice.AddressMask) == 0 || *(ushort*)(packet.Data + 12) == Be16.FromHost(EtherType.Arp).Raw);

    /// <returns>False: the packet is the flow table's. True: its ownership has ended here.</returns>
    private bool TryTake(in Packet packet, long now, FrameCache frames)
    {
        byte* data = packet.Data;
        int length = packet.Length;
        ushort type = *(ushort*)(data + 12);
        if (type != Be16.FromHost(EtherType.Ipv4).Raw)
        {
            return type == Be16.FromHost(EtherType.Arp).Raw && TryTakeArp(packet, now, frames);
        }
        if (!IsOurs(packet))
        {
            return false;
        }
        CountReceived(packet, frames);
        if (IsFragment(packet))
        {
            TakeFragment(packet, now, frames);
        }
        else
        {
            TakeWhole(packet, frames);
        }
        return true;
    }

    /// <summary>Whether an IPv4 packet to our Ethernet address ends here.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsOurs(in Packet packet) => _underlay.IsLocal(*(uint*)(packet.Data + 30)) && _decapsulator.IsWanted(packet);

    private static bool IsFragment(in Packet packet) => (*(ushort*)(packet.Data + 20) & Be16.FromHost(0x3fff).Raw) != 0;

    /// <summary>Traces a packet: decides as <see cref="Receive"/> does, but learns, answers, keeps and counts nothing.</summary>
    /// <param name="packet">Becomes the inner packet if a tunnel receives it.</param>
    /// <returns>Null if it is the flow table's.</returns>
    public LocalDelivery? Inspect(ref Packet packet, FrameCache frames)
    {
        if (!MayBeOurs(packet))
        {
            return null;
        }
        ushort type = *(ushort*)(packet.Data + 12);
        if (type == Be16.FromHost(EtherType.Arp).Raw)
        {
            bool isForUs = ArpMessage.TryRead(packet.Bytes, out ArpMessage message) && _underlay.IsLocal(message.Target.Raw);
            return isForUs ? new LocalDelivery("ARP for an address of the port's own") : null;
        }
        if (type != Be16.FromHost(EtherType.Ipv4).Raw || !IsOurs(packet))
        {
            return null;
        }
        bool isIcmp = packet.Data[23] == IpProtocol.Icmp;
        if (IsFragment(packet))
        {
            return isIcmp || _decapsulator.IsFromPeer(packet)
                ? new LocalDelivery("a fragment for an address of the port's own: waits for the rest of its datagram")
                : new LocalDelivery("a fragment for an address of the port's own", DropReason.TunnelPeer);
        }
        if (isIcmp)
        {
            return new LocalDelivery("ICMP for an address of the port's own");
        }
        DropReason reason = _decapsulator.TryUnwrap(ref packet, frames, out TunnelQueue? queue);
        return queue == null
            ? new LocalDelivery("a tunnel's packet", reason)
            : new LocalDelivery($"a tunnel's packet, for {queue.Device.Name}", Receiver: queue.Device);
    }

    /// <summary>Counts packets that end here, as the worker does not see them.</summary>
    private void CountReceived(in Packet packet, FrameCache frames)
    {
        _account->Ingress.Entered++;
        _account->Ingress.EnteredBytes += (uint)packet.Length;
        frames.Tap?.Received(packet, _device.Number);
    }

    private void TakeWhole(in Packet packet, FrameCache frames)
    {
        if (packet.Data[23] == IpProtocol.Icmp)
        {
            TakeIcmp(packet, frames);
        }
        else
        {
            TakeTunneled(packet, frames);
        }
    }

    private void TakeTunneled(Packet packet, FrameCache frames)
    {
        DropReason reason = _decapsulator.TryUnwrap(ref packet, frames, out TunnelQueue? queue);
        if (queue == null)
        {
            frames.Drop(packet, reason, &_account->Ingress);
            return;
        }
        _account->Ingress.Used++;
        queue.Deliver(packet, frames);
    }

    private void TakeFragment(in Packet packet, long now, FrameCache frames)
    {
        bool isEcho = packet.Data[23] == IpProtocol.Icmp;
        if (!isEcho && !_decapsulator.IsFromPeer(packet))
        {
            frames.Drop(packet, DropReason.TunnelPeer, &_account->Ingress);
            return;
        }
        Reassembler reassembler = isEcho
            ? _echoReassembler ??= CreateReassembler(MaxEchoReassemblies, frames)
            : _reassembler ??= CreateReassembler(MaxReassemblies, frames);
        reassembler.Expire((uint)now);
        FlowKey key;
        HeaderOffsets layout;
        FlowKeyParser.Parse(packet.Data, packet.Length, 0, &key, &layout);
        if (reassembler.TryComplete(packet, key, HeaderLength, &_account->Ingress, (uint)now, out Packet whole))
        {
            whole.Flags = PacketFlags.None;
            if (_decapsulator.IsWanted(whole))
            {
                TakeWhole(whole, frames);
                return;
            }
            frames.Drop(whole, DropReason.TunnelPeer, &_account->Ingress); // only the first fragment tells the UDP port: no tunnel has it
        }
    }

    private Reassembler CreateReassembler(int datagrams, FrameCache frames)
    {
        // A cache of its own: datagrams in the making outlive the worker's use of this queue.
        _reassemblyFrames ??= frames.CreateSibling();
        return new Reassembler(datagrams, ReassemblyTimeout, FlowHash.CreateRandom(), _reassemblyFrames);
    }

    private void TakeIcmp(Packet packet, FrameCache frames)
    {
        int total = BinaryPrimitives.ReadUInt16BigEndian(packet.Bytes[16..]);
        int headerLength = (packet.Data[HeaderLength] & 0x0f) * 4;
        bool sound = headerLength >= OuterHeader.Ipv4Length && total >= headerLength && total <= packet.Length - HeaderLength
            && ChecksumFinisher.TryFinish(ref packet, frames);
        packet.Length = sound ? HeaderLength + total : packet.Length;
        if (!sound || InternetChecksum.Compute(packet.Bytes.Slice(HeaderLength, headerLength)) != 0)
        {
            frames.Drop(packet, DropReason.TunnelMalformed, &_account->Ingress);
            return;
        }
        if (_underlay.Kernel != null && packet.Data[HeaderLength + headerLength] == IcmpMessage.Echo)
        {
            Use(packet, frames); // the kernel has a copy, and answers
            return;
        }
        if (IcmpMessage.TryAnswerEcho(packet.Bytes, HeaderLength))
        {
            _account->Ingress.Used++;
            SendFitting(packet, frames);
            return;
        }
        if (!TryLearnPathMtu(packet.Bytes[(HeaderLength + headerLength)..]))
        {
            frames.Drop(packet, DropReason.TunnelMalformed, &_account->Ingress);
            return;
        }
        Use(packet, frames);
    }

    private bool TryLearnPathMtu(ReadOnlySpan<byte> icmp)
    {
        if (InternetChecksum.Compute(icmp) != 0 || !TooBigMessage.TryRead(icmp, _underlay.Tunnels, out TooBigMessage message))
        {
            return false;
        }
        _underlay.PathMtus.Lower(message.Remote, message.Length, message.Mtu, _underlay.Milliseconds);
        return true;
    }

    /// <summary>An answer as long as its question, which may have come in fragments, leaves in fragments.</summary>
    private void SendFitting(Packet packet, FrameCache frames)
    {
        if (!Fragmenter.Exceeds(packet, _device.Mtu))
        {
            Sender.Send(new ReadOnlySpan<Packet>(in packet), frames);
            return;
        }
        if (Fragmenter.TryBegin(packet, frames, _device.Mtu, out Fragmenter fragmenter))
        {
            while (fragmenter.TryNext(out Packet fragment))
            {
                Sender.Send(new ReadOnlySpan<Packet>(in fragment), frames);
            }
            Sender.CountUnmade(fragmenter.Remaining);
        }
        frames.Release(packet);
    }

    /// <summary>RFC 826: answers requests for our address, and learns senders that were asked. If the kernel keeps the neighbours, it does both.</summary>
    private bool TryTakeArp(in Packet packet, long now, FrameCache frames)
    {
        if (!ArpMessage.TryRead(packet.Bytes, out ArpMessage message))
        {
            return false;
        }
        if (_underlay.Kernel == null && !_underlay.IsLocal(message.Sender.Raw))
        {
            _underlay.Neighbours.Learn(message.Sender, message.SenderHardware, now);
        }
        if (!_underlay.IsLocal(message.Target.Raw))
        {
            return false; // not for us, such as a gratuitous ARP
        }
        CountReceived(packet, frames);
        Use(packet, frames);
        if (message.Operation == ArpMessage.Request && _underlay.Kernel == null)
        {
            SendArp(new ArpMessage(ArpMessage.Reply, _device.HardwareAddress, message.Target, message.SenderHardware, message.Sender), message.SenderHardware, frames);
        }
        return true;
    }

    private void SendArp(in ArpMessage message, MacAddress destination, FrameCache frames)
    {
        if (frames.TryRent(out Packet packet))
        {
            packet.Length = ArpMessage.FrameLength;
            message.Write(packet.Bytes, destination);
            Sender.Send(new ReadOnlySpan<Packet>(in packet), frames);
        }
    }

    /// <summary>Sends the ARP requests that are due, and the packets whose next hop is known by now.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RunTimers(long now, FrameCache frames)
    {
        Sender.DueAt = now + TimerInterval;
        _reassembler?.Expire((uint)now);
        _echoReassembler?.Expire((uint)now);
        _underlay.RunTimers(now);
        while (_device.IsUp && _underlay.Neighbours.TryTakeProbe(now, out NeighbourProbe probe))
        {
            Be32 source = _underlay.Routes.SourceFor(probe.Target);
            SendArp(new ArpMessage(ArpMessage.Request, _device.HardwareAddress, source, default, probe.Target), probe.Destination, frames);
        }
        _pendingGeneration = _underlay.Generation.Value;
        Sender.SendHeld(frames);
    }

    /// <summary>Ends a packet that was for us, and counts it as used.</summary>
    private void Use(in Packet packet, FrameCache frames)
    {
        _account->Ingress.Used++;
        frames.Release(packet);
    }
}
