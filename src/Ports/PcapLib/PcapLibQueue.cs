using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SharpPcap;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.PcapLib;

/// <summary>A live capture as a worker uses it: one call of libpcap per packet, each way.</summary>
/// <remarks>
/// Received are pointers (GetNextPacketPointers): GetNextPacket would wait up to half a second and allocate for each packet. SharpPcap
/// reports a packet that cannot be sent by an exception, the only thing allocated here, tens of microseconds each; so a burst ends with
/// the second of them, and a link known to be down is not tried.
/// </remarks>
internal sealed unsafe class PcapLibQueue : IPort
{
    private readonly LiveCapture _capture;
    private readonly LinuxInterface _interface;
    private long _receiveDropped;
    private long _receiveErrors;
    private PortAccount* _account = PortAccount.Nobody;

    public PcapLibQueue(LiveCapture capture, LinuxInterface device)
    {
        _capture = capture;
        _interface = device;
    }

    public int PollDescriptor => _capture.Descriptor;

    public PortCounters Losses => new()
    {
        ReceiveDropped = Volatile.Read(ref _receiveDropped),
        ReceiveErrors = Volatile.Read(ref _receiveErrors),
    };

    public void CountOn(PortAccount* account) => _account = account;

    public int Receive(PacketBatch batch, FrameCache frames)
    {
        int room = batch.Free;
        int received = 0;
        // Packets that are lost take no room in the batch: without the second bound an empty pool would empty the whole ring here.
        for (int visited = 0; received < room && visited < 2 * PacketBatch.Capacity; visited++)
        {
            nint header = 0;
            nint data = 0;
            if (_capture.GetNextPacketPointers(ref header, ref data) != (int)GetPacketStatus.PacketRead)
            {
                break; // nothing there, or the interface is down or gone
            }
            if (TryTake((CaptureHeader*)header, (byte*)data, frames, out Packet packet))
            {
                batch.Add(packet);
                received++;
            }
        }
        return received;
    }

    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        if (!_interface.IsUp)
        {
            return Fail(packets, DropReason.LinkDown, frames);
        }
        int mtu = _interface.Mtu;
        bool retried = false;
        int done = 0;
        while (done < packets.Length)
        {
            ref readonly Packet packet = ref packets[done];
            if (!LinkFrame.FitsMtu(packet, default, mtu))
            {
                Fail(packets.Slice(done, 1), LinkFrame.ReasonNotToSend(packet, frames), frames);
                done++;
                continue;
            }
            switch (Send(packet))
            {
                case Outcome.Sent:
                    frames.Release(packet);
                    done++;
                    break;
                case Outcome.QueueFull:
                    return done;
                case Outcome.Refused when !retried:
                    retried = true; // an interface that was down and is up again left its error behind for the first send to meet
                    break;
                default:
                    return done + Fail(packets[done..], DropReason.DeviceRefused, frames); // why, libpcap says in words only
            }
        }
        return done;
    }

    private bool TryTake(CaptureHeader* header, byte* data, FrameCache frames, out Packet packet)
    {
        long length = header->Length;
        if (length < LinkFrame.HeaderLength || length > FramePool.LargeFrameCapacity || header->CapturedLength != header->Length)
        {
            _receiveErrors++;
            packet = default;
            return false;
        }
        if (!frames.TryRent((int)length, out packet))
        {
            _receiveDropped++;
            return false;
        }
        packet.Length = (int)length;
        Unsafe.CopyBlockUnaligned(packet.Data, data, (uint)length);
        if (!PartialSegment.TryMark(ref packet, frames, _interface.Mtu))
        {
            frames.Release(packet);
            _receiveErrors++;
            return false;
        }
        return true;
    }

    private Outcome Send(in Packet packet)
    {
        try
        {
            _capture.SendPacket(packet.Bytes);
            return Outcome.Sent;
        }
        catch (PcapException e)
        {
            return IsTemporary(e.Message) ? Outcome.QueueFull : Outcome.Refused;
        }
    }

    /// <summary>Whether a send failed for want of room.</summary>
    /// <param name="message">The exception's. The error number is lost on the way; libpcap ends with the system's text for it.</param>
    internal static bool IsTemporary(string message) =>
        message.EndsWith(Errno.Text(Errno.EAGAIN), StringComparison.Ordinal)
        || message.EndsWith(Errno.Text(Errno.ENOBUFS), StringComparison.Ordinal)
        || message.EndsWith(Errno.Text(Errno.ENOMEM), StringComparison.Ordinal)
        || message.EndsWith(Errno.Text(Errno.EINTR), StringComparison.Ordinal);

    private int Fail(ReadOnlySpan<Packet> packets, DropReason reason, FrameCache frames)
    {
        frames.DropLost(packets, reason, &_account->Egress);
        return packets.Length;
    }

    private enum Outcome
    {
        Sent,
        QueueFull,
        Refused,
    }
}

/// <summary>struct pcap_pkthdr on 64-bit Linux (pcap/pcap.h): a struct timeval, then the lengths.</summary>
[StructLayout(LayoutKind.Explicit, Size = 24)]
internal struct CaptureHeader
{
    /// <summary>Bytes of the packet that were captured.</summary>
    [FieldOffset(16)]
    public uint CapturedLength;

    /// <summary>Bytes of the packet.</summary>
    [FieldOffset(20)]
    public uint Length;
}
