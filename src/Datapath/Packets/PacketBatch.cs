using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Packets;

/// <summary>Up to <see cref="Capacity"/> packets on their way through the pipeline. Belongs to one worker.</summary>
internal sealed class PacketBatch
{
    /// <summary>Large enough to hide a memory access behind the others', small enough for its state to stay in the first-level cache.</summary>
    public const int Capacity = 32;

    private readonly Packet[] _packets = GC.AllocateArray<Packet>(Capacity, pinned: true);
    private int _count;

    public int Count => _count;

    /// <summary>Packets that still fit.</summary>
    public int Free => Capacity - _count;

    public Span<Packet> Packets => _packets.AsSpan(0, _count);

    /// <summary>Takes ownership of the packet's frame. The caller has seen that <see cref="Free"/> is not 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(in Packet packet) => _packets[_count++].SetFieldByField(packet);

    /// <summary>Forgets the packets from <paramref name="count"/> on; their frames have found other owners.</summary>
    public void Truncate(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)_count, nameof(count));
        _count = count;
    }

    /// <summary>Forgets the packets; their frames have found other owners.</summary>
    public void Clear() => _count = 0;

    /// <summary>The storage itself, for loops that have proved their bounds.</summary>
    internal ref Packet First => ref MemoryMarshal.GetArrayDataReference(_packets);
}
