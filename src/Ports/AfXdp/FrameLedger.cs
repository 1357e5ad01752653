using System.Diagnostics;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;

namespace Softswitch.Ports.AfXdp;

/// <summary>Which of the pool's frames one socket has: in its rings, or in the kernel's hands behind them.</summary>
/// <remarks>
/// The rings alone do not tell: the kernel takes addresses out of them long before a packet is in, or out of, the frame. With the ledger
/// closing gives back every frame, and none twice. One byte a frame; threads: the worker, and whoever closes the port after it.
/// </remarks>
internal sealed unsafe class FrameLedger
{
    private readonly byte* _region;
    private readonly nuint _regionBytes;
    private readonly int _shift;
    private readonly bool[] _held;

    public FrameLedger(FramePool pool)
    {
        _region = pool.Region;
        _regionBytes = pool.RegionBytes;
        _shift = int.Log2(pool.FrameSize);
        _held = new bool[pool.FrameCount];
    }

    /// <summary>Frames the socket has.</summary>
    public int Count { get; private set; }

    /// <summary>Whether the packet lies in memory the kernel knows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Covers(in Packet packet) => (nuint)(packet.Data - _region) < _regionBytes;

    /// <summary>Hands a packet's frame to the socket.</summary>
    /// <returns>Where the packet lies, counted from the umem's start.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Give(in Packet packet)
    {
        ulong address = (ulong)(packet.Data - _region);
        ref bool held = ref _held[(int)(address >> _shift)];
        Debug.Assert(!held, "a frame has one owner");
        held = true;
        Count++;
        return address;
    }

    /// <summary>Takes a frame from the socket, with a packet of <paramref name="length"/> bytes at <paramref name="address"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Packet Take(ulong address, uint length)
    {
        ref bool held = ref _held[(int)(address >> _shift)];
        Debug.Assert(held, "the kernel gives back what it was given");
        held = false;
        Count--;
        return new Packet(_region + address, (int)length);
    }

    /// <summary>Gives everything back; the socket is closed.</summary>
    public void ReleaseAll(FrameCache frames)
    {
        for (int i = 0; i < _held.Length; i++)
        {
            if (_held[i])
            {
                frames.Release(Take((ulong)i << _shift, 0));
            }
        }
    }
}
