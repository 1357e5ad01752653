using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Tracing;

/// <summary>
/// A port like one of the switch's, as it was last reported, whose wire is the tracer's: it receives the traced packet and tells
/// what it is given to send.
/// </summary>
/// <remarks>Threads: the tracer's.</remarks>
internal sealed unsafe class TracePort : IPortDevice, IPort
{
    private readonly SwitchPort _original;
    private readonly TraceRecorder _recorder;
    private readonly IEgressTrace? _egress;
    private PortAccount* _account = PortAccount.Nobody;
    private byte[]? _arriving;

    /// <param name="belowOf">The switch's port that has a device; null for none.</param>
    public TracePort(SwitchPort original, TraceRecorder recorder, Func<IPortDevice?, SwitchPort?> belowOf)
    {
        _original = original;
        _recorder = recorder;
        Queues = [this];
        _egress = original.Device.TraceEgress(new Wire(this, belowOf));
    }

    public string Name => _original.Name;

    public string Backend => _original.Device.Backend;

    public MacAddress HardwareAddress => _original.HardwareAddress;

    public bool TakesOffloads => _original.Device.TakesOffloads;

    public bool Takes(in OffloadState offload) => _original.Device.Takes(offload);

    public IReadOnlyList<IPort> Queues { get; }

    public int PollDescriptor => -1;

    /// <summary>The next packet that is received.</summary>
    public void Arrive(byte[] packet) => _arriving = packet;

    public PortLink ReadLink() => _original.Link;

    public PortCounters ReadCounters() => default;

    public void CountOn(PortAccount* account)
    {
        _account = account;
        _egress?.CountOn(account);
    }

    public int Receive(PacketBatch batch, FrameCache frames)
    {
        if (_arriving is not { } bytes || !frames.TryRent(bytes.Length, out Packet packet))
        {
            return 0;
        }
        _arriving = null;
        packet.Length = bytes.Length;
        packet.Flags = PacketFlags.Traced;
        bytes.CopyTo(packet.Bytes);
        batch.Add(packet);
        return 1;
    }

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        foreach (ref readonly Packet packet in packets)
        {
            if (_egress == null && FindRefusal(packet, frames) is { } refusal)
            {
                frames.DropLost(packet, refusal, &_account->Egress);
                continue;
            }
            bool hasTunnel = (packet.Flags & PacketFlags.HasTunnel) != 0;
            _recorder.Leaves(_original.Number, packet.Bytes, hasTunnel ? frames.Tunnel(packet) : null);
            if (_egress == null)
            {
                frames.Release(packet);
                continue;
            }
            int waiting = _egress.WaitingCount;
            _egress.Transmit(new ReadOnlySpan<Packet>(in packet), frames);
            while (_egress.TakeAnswer(frames) is { } answer)
            {
                _recorder.Answered(_original.Number, answer);
            }
            _recorder.Egressed(_original.Number, _egress, _egress.WaitingCount - waiting);
        }
        return packets.Length;
    }

    public void SetAdministrativeState(bool up)
    {
    }

    public void Dispose() => _egress?.Dispose();

    /// <summary>Why the device would not send a packet; null if it would. Interfaces have an MTU that they hold to.</summary>
    private DropReason? FindRefusal(in Packet packet, FrameCache frames)
    {
        PortLink link = _original.Link;
        if (!link.Up)
        {
            return DropReason.LinkDown;
        }
        if (_original.Device.Interface is not { } present)
        {
            return null;
        }
        int mtu = present.HighestMtu == 0 ? link.Mtu : Math.Min(link.Mtu, present.HighestMtu);
        return (link with { Mtu = mtu }).Fits(packet, frames) ? null : DropReason.TooLong;
    }

    /// <summary>Takes what leaves by the port below.</summary>
    private sealed class Wire(TracePort port, Func<IPortDevice?, SwitchPort?> belowOf) : IPort
    {
        public int PollDescriptor => -1;

        public int Receive(PacketBatch batch, FrameCache frames) => 0;

        public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
        {
            SwitchPort? below = belowOf(port._egress!.Below);
            foreach (ref readonly Packet packet in packets)
            {
                port._recorder.Encapsulated(below?.Number ?? 0, packet.Bytes, port._egress.Way);
                if (below is { Link.Up: false })
                {
                    port._recorder.Lost(below.Number, DropReason.LinkDown);
                }
            }
            frames.Release(packets);
            return packets.Length;
        }
    }
}
