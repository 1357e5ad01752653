using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports;
using Softswitch.Ports.Pcap;

namespace Softswitch.Lab.Measures;

/// <summary>Replays frames from memory, each time as a flow that was never seen before.</summary>
/// <remarks>
/// dl_src counts up from packet to packet, and the bits of IPv4 addresses and ports that a frame's mask leaves free are drawn
/// at random, so caches by whole keys and by masks are missed as a scan through the address space would miss them. Frames
/// are untagged IPv4 without options; their header checksum is not kept right (the switch does not look at it).
/// </remarks>
internal sealed unsafe class FreshFlowsPort : VirtualPort
{
    // nw_src, nw_dst, tp_src, tp_dst of an untagged IPv4 frame without options.
    private const int FieldsOffset = 26;
    private const int SourceOffset = 6;
    private const int MinLength = 42;

    private readonly FrameStore _store;
    private readonly byte[] _masks;
    private byte* _next;
    private int _index;
    private Vector128<ulong> _random = Vector128.Create(0x9e37_79b9_7f4a_7c15, 0x2545_f491_4f6c_dd1d);
    private ulong _source;
    private long _receiveDropped;

    /// <param name="name">Shown to controllers.</param>
    /// <param name="frames">At least 42 bytes each, of one length at most a frame's capacity.</param>
    /// <param name="freeBits">A mask for each frame: bits of nw_src, nw_dst, tp_src and tp_dst (12 bytes, network order) that may be anything.</param>
    public FreshFlowsPort(string name, IEnumerable<ReadOnlyMemory<byte>> frames, IEnumerable<byte[]> freeBits)
        : base(name, "fresh flows from frames in memory")
    {
        _store = FrameStore.Copy(frames);
        _next = _store.First;
        _masks = GC.AllocateArray<byte>(16 * _store.Lengths.Length, pinned: true);
        int index = 0;
        foreach (byte[] mask in freeBits)
        {
            mask.AsSpan(0, 12).CopyTo(_masks.AsSpan(16 * index++));
        }
        foreach (int length in _store.Lengths)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(length, MinLength, nameof(frames));
        }
        ArgumentOutOfRangeException.ThrowIfNotEqual(index, _store.Lengths.Length, nameof(freeBits));
    }

    public override int Receive(PacketBatch batch, FrameCache frames)
    {
        ReadOnlySpan<int> lengths = _store.Lengths;
        ref byte masks = ref MemoryMarshal.GetArrayDataReference(_masks);
        int room = batch.Free;
        int received = 0;
        Vector128<ulong> random = _random; // not kept in memory: from packet to packet a store would be waited for
        for (int i = 0; i < room; i++)
        {
            if (_index == lengths.Length)
            {
                _index = 0;
                _next = _store.First;
            }
            int length = lengths[_index];
            if (!frames.TryRent(length, out Packet packet))
            {
                _receiveDropped += room - i;
                break;
            }
            for (int offset = 0; offset < length; offset += FrameStore.Alignment)
            {
                Vector512.Load(_next + offset).Store(packet.Data + offset);
            }
            random = Step(random);
            Renew(packet.Data, random, ref Unsafe.Add(ref masks, 16 * _index));
            packet.Length = length;
            batch.Add(packet);
            received++;
            _index++;
            _next += FrameStore.PaddedLength(length);
        }
        _random = random;
        return received;
    }

    public override PortCounters ReadCounters() => new() { ReceiveDropped = Volatile.Read(ref _receiveDropped) };

    protected override void Dispose(bool disposing)
    {
        _store.Dispose();
        base.Dispose(disposing);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Renew(byte* frame, Vector128<ulong> random, ref byte mask)
    {
        Vector128<byte> free = Vector128.LoadUnsafe(ref mask);
        (Vector128.Load(frame + FieldsOffset) ^ (random.AsByte() & free)).Store(frame + FieldsOffset);
        // Four bytes suffice: 2^32 packets are minutes. The first two keep the address a unicast one.
        Unsafe.WriteUnaligned(frame + SourceOffset + 2, (uint)++_source);
    }

    /// <summary>Two generators of xorshift (Marsaglia 2003) beside each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> Step(Vector128<ulong> x)
    {
        x ^= x << 13;
        x ^= x >> 7;
        return x ^ (x << 17);
    }
}
