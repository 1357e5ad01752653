using System.Diagnostics;
using System.Runtime.CompilerServices;
using Softswitch.Ports.Linux;

namespace Softswitch.Ports.AfPacket;

/// <summary>One of the two rings of slots that a packet socket shares with the kernel.</summary>
internal abstract unsafe class SlotRing
{
    private readonly byte* _slots;
    private readonly uint _mask;

    protected SlotRing(int socket, byte* slots, int slotSize, int slotCount)
    {
        Debug.Assert(int.IsPow2(slotCount));
        Socket = socket;
        SlotSize = slotSize;
        _slots = slots;
        _mask = (uint)slotCount - 1;
    }

    /// <summary>The next slot, counted on and on: where another process goes on.</summary>
    public uint Head { get; set; }

    protected int Socket { get; }

    protected int SlotSize { get; }

    /// <param name="index">Counted on and on; the ring's size is taken off here.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected SlotHeader* At(uint index) => (SlotHeader*)(_slots + ((nuint)(index & _mask) * (uint)SlotSize));
}
