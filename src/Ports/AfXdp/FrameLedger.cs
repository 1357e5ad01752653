using System.Diagnostics;
using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux.Sockets;

namespace Softswitch.Ports.AfXdp;

/// <summary>Records which of the pool's frames one socket has: in its rings, or in the kernel behind them.</summary>
/// <remarks>
/// The rings alone do not tell: the kernel takes addresses out of them long before a packet is in, or out of, the frame. With the ledger
/// closing gives back every frame, and none twice. One byte a frame, in memory that another process can map, as the socket may become that one's.
/// Threads: the worker, and the thread that closes the port after it.
/// </remarks>
internal sealed unsafe class FrameLedger
{
    private readonly byte* _region;
    private readonly nuint _regionBytes;
    private readonly int _shift;
    private readonly bool* _held;

    /// <param name="pool">Whose frames.</param>
    /// <param name="held">A byte for each: whether the socket has it. Outlives the ledger.</param>
    public FrameLedger(FramePool pool, byte* held)
    {
        Pool = pool;
        _held = (bool*)held;
        _region = pool.Region;
        _regionBytes = pool.RegionBytes;
        _shift = int.Log2(pool.FrameSize);
    }

    public FramePool Pool { get; }

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

    /// <summary>A packet, or a piece of one, that stays the socket's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Packet Look(in XdpDescriptor descriptor) => new(_region + descriptor.Address, (int)descriptor.Length);

    /// <summary>Goes on with the ledger of another process: takes the socket's frames out of the pool.</summary>
    /// <exception cref="InvalidDataException">Another socket has one of them, or the pool's memory is none that was in use.</exception>
    public void Claim()
    {
        for (int i = 0; i < Pool.FrameCount; i++)
        {
            if (_held[i])
            {
                Pool.Claim((ulong)i << _shift);
                Count++;
            }
        }
    }

    /// <summary>Gives everything back; the socket is closed.</summary>
    public void ReleaseAll(FrameCache frames)
    {
        for (int i = 0; i < Pool.FrameCount; i++)
        {
            if (_held[i])
            {
                frames.Release(Take((ulong)i << _shift, 0));
            }
        }
    }
}
