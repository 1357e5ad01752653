using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.Memory;

/// <summary>A bounded queue of packets between one producer and one consumer, which may be the same thread.</summary>
/// <remarks>The two cursors lie on cache lines of their own; each side publishes with a release and reads the other with an acquire.</remarks>
internal sealed class PacketRing
{
    private readonly Packet[] _slots;
    private readonly int _mask;
    private Cursors _cursors;

    /// <param name="capacity">Rounded up to a power of two.</param>
    public PacketRing(int capacity)
    {
        int size = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(capacity, 2));
        _slots = new Packet[size];
        _mask = size - 1;
    }

    public int Count => (int)(Volatile.Read(ref _cursors.Tail) - Volatile.Read(ref _cursors.Head));

    /// <summary>Appends a prefix of <paramref name="packets"/>; returns its length. Producer only.</summary>
    public int Enqueue(ReadOnlySpan<Packet> packets)
    {
        long tail = _cursors.Tail;
        int free = _slots.Length - (int)(tail - Volatile.Read(ref _cursors.Head));
        int count = Math.Min(free, packets.Length);
        for (int i = 0; i < count; i++)
        {
            _slots[(int)(tail + i) & _mask] = packets[i];
        }
        Volatile.Write(ref _cursors.Tail, tail + count);
        return count;
    }

    /// <summary>Takes the oldest packet. Consumer only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryDequeue(out Packet packet)
    {
        long head = _cursors.Head;
        if (head == Volatile.Read(ref _cursors.Tail))
        {
            packet = default;
            return false;
        }
        packet = _slots[(int)head & _mask];
        Volatile.Write(ref _cursors.Head, head + 1);
        return true;
    }

    [StructLayout(LayoutKind.Explicit, Size = 192)]
    private struct Cursors
    {
        [FieldOffset(64)]
        public long Head;

        [FieldOffset(128)]
        public long Tail;
    }
}
