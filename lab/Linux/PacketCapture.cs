using System.Diagnostics;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Lab.Linux;

/// <summary>A frame as it passed an interface. Valid during the call only.</summary>
internal readonly ref struct CapturedFrame
{
    /// <summary>The frame, or as much of it as <see cref="PacketCapture.SnapLength"/> lets in; a VLAN tag that the kernel took out is not in it.</summary>
    public required ReadOnlySpan<byte> Bytes { get; init; }

    /// <summary>Bytes of the whole frame.</summary>
    public required int Length { get; init; }

    /// <summary>VLAN tag (TCI) that the kernel took out; null without.</summary>
    public required ushort? VlanTag { get; init; }

    /// <summary>Whether its sender left the transport checksum to a card: what stands there is not one yet.</summary>
    public bool HasPartialChecksum { get; init; }

    /// <summary>Whether the interface's own host sent it; else it came from the wire.</summary>
    public required bool IsOutgoing { get; init; }

    /// <summary>When the kernel saw it, as <see cref="Stopwatch.GetTimestamp"/> counts.</summary>
    public required long Timestamp { get; init; }
}

/// <summary>Takes one captured frame.</summary>
internal delegate void FrameTaker(in CapturedFrame frame);

/// <summary>Watches what passes an interface, both ways, through a packet socket's ring (packet(7), TPACKET_V2).</summary>
/// <remarks>
/// The socket belongs to the network namespace of the thread that opened it. Frames that found the ring full are counted by
/// <see cref="ReadDropped"/>: a count of frames is only true while that is 0. Threads: one reads; <see cref="Dispose"/> after it has ended.
/// </remarks>
internal sealed unsafe class PacketCapture : IFrameSource
{
    /// <summary>Bytes of a frame that are kept.</summary>
    public const int SnapLength = SlotSize - HeaderRoom;

    private const int SlotSize = 2048;
    private const int SlotCount = 8192;

    // tpacket2_hdr and sockaddr_ll, aligned, and the kernel's gap before the network header.
    private const int HeaderRoom = 96;
    private const int AddressOffset = SlotHeader.Size;
    private const int PacketTypeOffset = 10; // sll_pkttype in sockaddr_ll
    private const byte PACKET_OUTGOING = 4;

    private readonly int _socket;
    private readonly byte* _slots;
    private uint _head;
    private long _dropped;
    private bool _disposed;

    private PacketCapture(int socket, byte* slots)
    {
        _socket = socket;
        _slots = slots;
    }

    /// <exception cref="PortException">There is no such interface, or the system refuses the ring.</exception>
    public static PacketCapture Open(string name)
    {
        using LinuxInterface device = LinuxInterface.Open(name, name);
        int socket = Libc.socket(Libc.AF_PACKET, Libc.SOCK_RAW | Libc.SOCK_CLOEXEC, 0);
        if (socket < 0)
        {
            throw PortException.FromErrno(name, "socket(AF_PACKET)");
        }
        try
        {
            PacketSocket.Set(name, socket, PacketSocket.PACKET_VERSION, PacketSocket.TPACKET_V2, nameof(PacketSocket.PACKET_VERSION));
            PacketSocket.SetRing(name, socket, PacketSocket.PACKET_RX_RING, SlotSize, SlotCount, nameof(PacketSocket.PACKET_RX_RING));
            void* ring = Libc.mmap(null, SlotSize * SlotCount, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_SHARED, socket, 0);
            if ((nint)ring == -1)
            {
                throw PortException.FromErrno(name, "mmap(PACKET_RX_RING)");
            }
            var capture = new PacketCapture(socket, (byte*)ring);
            PacketSocket.SetPromiscuous(PacketSocket.PACKET_ADD_MEMBERSHIP, socket, device.Index);
            PacketSocket.Bind(name, socket, device.Index, PacketSocket.ETH_P_ALL);
            return capture;
        }
        catch
        {
            _ = Libc.close(socket);
            throw;
        }
    }

    /// <inheritdoc/>
    /// <returns>0 also if the interface went down meanwhile.</returns>
    public int Read(FrameTaker take, int patienceMilliseconds)
    {
        int taken = ReadReady(take);
        if (taken == 0)
        {
            var wait = new PollDescriptor { Descriptor = _socket, Events = Libc.POLLIN };
            if (Libc.poll(&wait, 1, patienceMilliseconds) > 0 && (wait.Returned & Libc.POLLERR) != 0)
            {
                PacketSocket.ClearError(_socket);
            }
            taken = ReadReady(take);
        }
        return taken;
    }

    /// <inheritdoc/>
    public long ReadDropped()
    {
        PacketSocketStatistics statistics;
        uint size = (uint)sizeof(PacketSocketStatistics);
        if (Libc.getsockopt(_socket, PacketSocket.SOL_PACKET, PacketSocket.PACKET_STATISTICS, &statistics, &size) == 0)
        {
            _dropped += statistics.Drops; // reading clears it
        }
        return _dropped;
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _ = Libc.munmap(_slots, SlotSize * SlotCount);
            _ = Libc.close(_socket);
        }
    }

    private int ReadReady(FrameTaker take)
    {
        int taken = 0;
        long offset = KernelClock.RealTimeOffset;
        for (; taken < SlotCount; taken++)
        {
            byte* start = _slots + ((nuint)(_head % SlotCount) * SlotSize);
            var slot = (SlotHeader*)start;
            uint status = Volatile.Read(ref slot->Status);
            if ((status & PacketSocket.TP_STATUS_USER) == 0)
            {
                break;
            }
            long nanoseconds = (slot->Seconds * 1_000_000_000L) + slot->Nanoseconds - offset;
            take(new CapturedFrame
            {
                Bytes = new ReadOnlySpan<byte>(start + slot->MacOffset, (int)slot->CapturedLength),
                Length = (int)slot->Length,
                VlanTag = (status & PacketSocket.TP_STATUS_VLAN_VALID) != 0 ? slot->VlanTci : null,
                HasPartialChecksum = (status & PacketSocket.TP_STATUS_CSUMNOTREADY) != 0,
                IsOutgoing = start[AddressOffset + PacketTypeOffset] == PACKET_OUTGOING,
                Timestamp = (long)(nanoseconds * (Stopwatch.Frequency / 1e9)),
            });
            Volatile.Write(ref slot->Status, PacketSocket.TP_STATUS_KERNEL);
            _head++;
        }
        return taken;
    }
}

/// <summary>Frames that pass somewhere, for one thread that reads them.</summary>
internal interface IFrameSource : IDisposable
{
    /// <summary>Hands out the frames that have passed, waiting for the first.</summary>
    /// <returns>How many there were; 0 if none came in this time.</returns>
    int Read(FrameTaker take, int patienceMilliseconds);

    /// <summary>Frames lost since the capture began because they were not read in time.</summary>
    long ReadDropped();
}
