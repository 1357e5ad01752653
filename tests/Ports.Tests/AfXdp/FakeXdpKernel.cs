using System.Runtime.InteropServices;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.AfXdp;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.Tests.AfXdp;

/// <summary>The other side of a socket's four rings, in plain memory: it delivers and sends when it is told to, and asks for no calls.</summary>
internal sealed unsafe class FakeXdpKernel : IDisposable
{
    private const int RingBytes = 1 << 16;
    private static readonly XdpRingOffset Layout = new() { Producer = 0, Consumer = 64, Flags = 128, Entries = 192 };

    private readonly LinuxInterface _loopback = LinuxInterface.Open("lo", "lo");
    private readonly FramePool _pool;
    private readonly List<IDisposable> _rings = [];
    private readonly byte* _receive;
    private readonly byte* _transmit;
    private readonly byte* _fill;
    private readonly byte* _completion;
    private readonly void* _held;
    private readonly uint _slots;

    /// <param name="slots">Of each ring; as many frames are stocked.</param>
    /// <param name="longestPayload">As of <see cref="AfXdpQueue.LongestPayload"/>.</param>
    /// <param name="joins">Whether local stacks are said to be at the far end.</param>
    public FakeXdpKernel(FramePool pool, FrameCache frames, uint slots, int longestPayload = 36000, bool joins = false)
    {
        _pool = pool;
        _slots = slots;
        _held = NativeMemory.AllocZeroed((nuint)pool.FrameCount);
        Ledger = new FrameLedger(pool, (byte*)_held);
        Queue = new AfXdpQueue(
            socket: -1, _loopback, Map<XdpDescriptor>(out _receive), Map<XdpDescriptor>(out _transmit), Map<ulong>(out _fill), Map<ulong>(out _completion), Ledger,
            segments: joins ? int.MaxValue : -1)
        {
            LongestPayload = longestPayload,
        };
        Assert.True(Queue.TryStock((int)slots, frames));
    }

    public AfXdpQueue Queue { get; }

    public FrameLedger Ledger { get; }

    /// <summary>Frames that wait to be received into.</summary>
    public uint Stocked => Producer(_fill) - Consumer(_fill);

    /// <summary>A packet arrives in pieces of at most <paramref name="piece"/> bytes.</summary>
    /// <param name="withEnd">Whether its last piece is there; the next call brings the rest.</param>
    public void Deliver(ReadOnlySpan<byte> packet, int piece = 1728, bool withEnd = true)
    {
        for (int at = 0; at < packet.Length; at += piece)
        {
            Assert.True(Stocked > 0, "the socket has no frame left");
            ReadOnlySpan<byte> bytes = packet.Slice(at, Math.Min(piece, packet.Length - at));
            ulong address = (Entries<ulong>(_fill)[Consumer(_fill)++ & (_slots - 1)] & ~((ulong)_pool.FrameSize - 1)) + FramePool.DataOffset;
            bytes.CopyTo(new Span<byte>(_pool.Region + address, bytes.Length));
            bool isLast = withEnd && at + piece >= packet.Length;
            Entries<XdpDescriptor>(_receive)[Producer(_receive) & (_slots - 1)] =
                new XdpDescriptor { Address = address, Length = (uint)bytes.Length, Options = isLast ? 0 : XdpSocket.XDP_PKT_CONTD };
            Producer(_receive)++;
        }
    }

    /// <summary>Takes what was submitted, and says that it is sent.</summary>
    /// <returns>For each descriptor its bytes and whether the packet goes on.</returns>
    public List<(byte[] Bytes, bool GoesOn)> Send()
    {
        List<(byte[] Bytes, bool GoesOn)> sent = [];
        for (; Consumer(_transmit) != Producer(_transmit); Consumer(_transmit)++)
        {
            XdpDescriptor descriptor = Entries<XdpDescriptor>(_transmit)[Consumer(_transmit) & (_slots - 1)];
            sent.Add((new Span<byte>(_pool.Region + descriptor.Address, (int)descriptor.Length).ToArray(), descriptor.Options == XdpSocket.XDP_PKT_CONTD));
            Entries<ulong>(_completion)[Producer(_completion)++ & (_slots - 1)] = descriptor.Address;
        }
        return sent;
    }

    public void Dispose()
    {
        _rings.ForEach(ring => ring.Dispose());
        _loopback.Dispose();
        NativeMemory.Free(_held);
    }

    private XdpRing<T> Map<T>(out byte* memory)
        where T : unmanaged
    {
        memory = (byte*)Libc.mmap(null, RingBytes, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS, -1, 0);
        Assert.True((nint)memory != -1);
        var ring = new XdpRing<T>(memory, RingBytes, Layout, _slots);
        _rings.Add(ring);
        return ring;
    }

    private static ref uint Producer(byte* ring) => ref *(uint*)ring;

    private static ref uint Consumer(byte* ring) => ref *(uint*)(ring + 64);

    private static T* Entries<T>(byte* ring)
        where T : unmanaged => (T*)(ring + 192);
}
