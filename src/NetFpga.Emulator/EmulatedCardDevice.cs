using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Emulator;

/// <summary>An emulated card with four wires plugged in and its four queues to the host: carries frames between them as the card decides.</summary>
/// <remarks>
/// A worker that receives from the host's side of a port first passes the wire's frames to the card. If the card forwards a frame from wire to wire,
/// the host never sees it.
/// Threads: one worker for everything about frames; counters any.
/// </remarks>
internal sealed class EmulatedCardDevice(EmulatedCard card)
{
    private const int StagedFrames = 64;
    private const int HostFrames = 2048;

    // A batch of 64 KiB segments is some 1500 frames: with more than this before it, it would not fit.
    private const int HostFramesToGoOn = 512;
    private const int ShortestFrame = 60;

    private readonly IPortDevice[] _wires = new IPortDevice[CardPort.Count];
    private readonly IPort[][] _wireQueues = new IPort[CardPort.Count][];
    private readonly PacketBatch _arrived = new();
    private readonly Packet[][] _leaving = [new Packet[StagedFrames], new Packet[StagedFrames], new Packet[StagedFrames], new Packet[StagedFrames]];
    private readonly int[] _leavingCount = new int[CardPort.Count];
    private readonly SpscRing<Packet>[] _toHost = [new(HostFrames), new(HostFrames), new(HostFrames), new(HostFrames)];
    private readonly long[] _arrivedLost = new long[CardPort.Count];
    private readonly long[] _leavingLost = new long[CardPort.Count];
    private readonly long[] _hostLost = new long[CardPort.Count];

    public EmulatedCard Card => card;

    /// <summary>Puts a wire into a port, before a worker serves any of the four.</summary>
    /// <param name="wire">Whose frames come and go finished or not; still the caller's.</param>
    public void PlugIn(int port, IPortDevice wire)
    {
        _wires[port] = wire;
        _wireQueues[port] = [.. wire.Queues];
    }

    public IPortDevice WireOf(int port) => _wires[port];

    /// <summary>Frames lost on the way to the host: no free frame, a damaged one, or more than the host took.</summary>
    public long ReadReceiveLosses(int port) => Volatile.Read(ref _arrivedLost[port]) + Volatile.Read(ref _hostLost[port]);

    /// <summary>Frames that the MAC sent and what stands for the wire did not take.</summary>
    public long ReadWireLosses(int port) => Volatile.Read(ref _leavingLost[port]);

    /// <summary>Takes what is on the port's wire to the card, and gives the host what the card has for it on that port.</summary>
    public int ReceiveFromCard(int port, PacketBatch batch, FrameCache frames)
    {
        if (_toHost[port].ReadyCount <= HostFramesToGoOn)
        {
            ReceiveFromWire(port, frames);
        }
        int room = batch.Free;
        int received = 0;
        while (received < room && _toHost[port].TryDequeue(out Packet packet))
        {
            batch.Add(packet);
            received++;
        }
        return received;
    }

    /// <summary>Gives the card a packet that the host sends by a port, padded as its driver does, and takes ownership of it. <see cref="SendLeaving(FrameCache)"/> is to follow.</summary>
    public void SendToCard(int port, Packet packet, FrameCache frames)
    {
        if (packet.Length < ShortestFrame)
        {
            int length = packet.Length;
            packet.Length = ShortestFrame; // every frame has room for that many
            packet.Bytes[length..].Clear();
        }
        Process(port, CardPort.Queue(port), packet, frames);
    }

    /// <summary>Releases what waits for the host. No worker uses the card any more.</summary>
    public void Drain(int port, FrameCache frames)
    {
        while (_toHost[port].TryDequeue(out Packet packet))
        {
            frames.Release(packet);
        }
    }

    private void ReceiveFromWire(int port, FrameCache frames)
    {
        foreach (IPort queue in _wireQueues[port])
        {
            queue.Receive(_arrived, frames);
            foreach (ref readonly Packet packet in _arrived.Packets)
            {
                TakeFromWire(port, packet, frames);
            }
            _arrived.Clear();
        }
        SendLeaving(frames);
    }

    /// <summary>What a local stack sent over a veth is unfinished; on a real wire it would not be.</summary>
    private void TakeFromWire(int port, in Packet packet, FrameCache frames)
    {
        if ((packet.Flags & PacketFlags.NeedsSegmentation) != 0)
        {
            CutFromWire(port, packet, frames);
            return;
        }
        Packet finished = packet;
        if (ChecksumFinisher.TryFinish(ref finished, frames))
        {
            Process(port, CardPort.Wire(port), finished, frames);
            return;
        }
        _arrivedLost[port]++;
        frames.Release(packet);
    }

    private void CutFromWire(int port, in Packet segment, FrameCache frames)
    {
        if (GsoSegmenter.TryBegin(segment, frames, out GsoSegmenter segmenter))
        {
            while (segmenter.TryNext(out Packet frame))
            {
                Process(port, CardPort.Wire(port), frame, frames);
            }
            _arrivedLost[port] += segmenter.Remaining;
        }
        else
        {
            _arrivedLost[port]++;
        }
        frames.Release(segment);
    }

    /// <summary>Takes ownership of the packet.</summary>
    private void Process(int port, int source, in Packet packet, FrameCache frames)
    {
        int room = Card.RoomFor(packet.Length);
        if (!frames.TryRent(room, out Packet result))
        {
            _arrivedLost[port]++;
            frames.Release(packet);
            return;
        }
        result.Length = room;
        int destinations = Card.Process(source, packet.Bytes, result.Bytes, out int length);
        frames.Release(packet);
        result.Length = length;
        Distribute(destinations, result, frames);
        while (Card.NextLength is int next and > 0)
        {
            TakeNext(port, next, frames);
        }
    }

    private void TakeNext(int port, int length, FrameCache frames)
    {
        if (frames.TryRent(length, out Packet result))
        {
            result.Length = length;
            Distribute(Card.TakeNext(result.Bytes), result, frames);
            return;
        }
        Card.TakeNext(new byte[length]);
        _arrivedLost[port]++;
    }

    /// <summary>Takes ownership of the packet.</summary>
    private void Distribute(int destinations, in Packet packet, FrameCache frames)
    {
        if (destinations == 0)
        {
            frames.Release(packet);
            return;
        }
        for (int destination = 0; destinations != 0; destination++, destinations >>= 1)
        {
            if ((destinations & 1) == 0)
            {
                continue;
            }
            if (destinations == 1)
            {
                Deliver(destination, packet, frames); // the last copy is the packet itself
            }
            else if (frames.TryCopy(packet, out Packet copy))
            {
                Deliver(destination, copy, frames);
            }
            else
            {
                (destination % 2 == 0 ? _leavingLost : _hostLost)[destination / 2]++;
            }
        }
    }

    private void Deliver(int destination, in Packet packet, FrameCache frames)
    {
        int port = destination / 2;
        if (destination % 2 == 0)
        {
            if (_leavingCount[port] == StagedFrames)
            {
                SendLeaving(port, frames);
            }
            _leaving[port][_leavingCount[port]++] = packet;
        }
        else if (!_toHost[port].TryEnqueue(packet))
        {
            _hostLost[port]++;
            frames.Release(packet);
        }
    }

    /// <summary>Puts on the wires what the card decided to.</summary>
    public void SendLeaving(FrameCache frames)
    {
        for (int port = 0; port < CardPort.Count; port++)
        {
            if (_leavingCount[port] > 0)
            {
                SendLeaving(port, frames);
            }
        }
    }

    private void SendLeaving(int port, FrameCache frames)
    {
        ReadOnlySpan<Packet> packets = _leaving[port].AsSpan(0, _leavingCount[port]);
        int taken = _wireQueues[port][0].Transmit(packets, frames);
        frames.Release(packets[taken..]);
        _leavingLost[port] += packets.Length - taken;
        _leavingCount[port] = 0;
    }
}
