using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Packets;

/// <summary>One thread's stock of free frames, refilled from and emptied into the <see cref="FramePool"/> in blocks.</summary>
/// <remarks>Threads: one at a time. Last in, first out, so that the frame rented next is the one most likely in the cache.</remarks>
internal sealed unsafe class FrameCache
{
    /// <summary>Frames moved between cache and pool at once.</summary>
    public const int BlockSize = 128;

    private const int MaxFrames = 3 * BlockSize;
    private const int TunnelOffset = 16;

    // Large frames are few: a cache keeps a handful and gives the rest back at once.
    private const int LargeBlockSize = 4;
    private const int MaxLargeFrames = 2 * LargeBlockSize;

    private readonly FramePool _pool;
    private readonly FrameQuota? _share;
    private readonly nint[] _frames = GC.AllocateArray<nint>(MaxFrames, pinned: true);
    private readonly nint[] _large = new nint[MaxLargeFrames];
    private int _count;
    private int _largeCount;

    internal FrameCache(FramePool pool, FrameQuota? share)
    {
        _pool = pool;
        _share = share;
    }

    public FramePool Pool => _pool;

    /// <summary>The tap that sees the worker's packets; null while no capture runs: then each packet costs one null test.</summary>
    public PacketTap? Tap { get; set; }

    /// <summary>Free frames in this cache, large ones included. For tests that account for every frame; exact while the owner is stopped.</summary>
    internal int FreeCount => _count + _largeCount;

    /// <summary>Rents a frame; the packet starts behind <see cref="FramePool.LeastHeadroom"/> or more, and has length 0.</summary>
    /// <returns>False when the pool is empty.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryRent(out Packet packet)
    {
        if (_count == 0 && !Refill())
        {
            packet = default;
            return false;
        }
        packet = new Packet(FramePool.PlaceOf(_frames[--_count]), 0);
        return true;
    }

    /// <summary>Rents a frame that holds <see cref="FramePool.LargeFrameCapacity"/> bytes.</summary>
    public bool TryRentLarge(out Packet packet)
    {
        if (_largeCount == 0)
        {
            _largeCount = _pool.Take(_large.AsSpan(0, LargeBlockSize), large: true, _share);
        }
        if (_largeCount == 0)
        {
            packet = default;
            return false;
        }
        packet = new Packet((byte*)_large[--_largeCount] + FramePool.DataOffset, 0);
        return true;
    }

    /// <summary>Rents the smallest frame that holds <paramref name="length"/> bytes; false if it is too long or the pool is empty.</summary>
    public bool TryRent(int length, out Packet packet)
    {
        if (length <= _pool.FrameCapacity)
        {
            return TryRent(out packet);
        }
        if (length <= FramePool.LargeFrameCapacity)
        {
            return TryRentLarge(out packet);
        }
        packet = default;
        return false;
    }

    /// <summary>Gives the packet's frame back. The packet must not be used afterwards.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Release(in Packet packet)
    {
        Debug.Assert(packet.Data != null, "a frame is released once");
        if (_pool.IsLarge(packet.Data))
        {
            ReleaseLarge(packet);
            return;
        }
        if (_count == MaxFrames)
        {
            Flush();
        }
        _frames[_count++] = (nint)_pool.OrdinaryFrameStart(packet.Data);
    }

    /// <summary>Every drop of a packet that has a frame goes through here: counted on its account, and the frame is free.</summary>
    /// <remarks>The packet's bytes are still valid where it is counted.</remarks>
    public void Drop(in Packet packet, DropReason reason, PacketAccount* account) => Drop(packet, reason, ref *account);

    /// <summary>The same with the account by reference: for code without pointers.</summary>
    public void Drop(in Packet packet, DropReason reason, ref PacketAccount account)
    {
        account.CountDrops(reason);
        Tap?.Dropped(packet, account.Port, account.IsEgress, reason);
        Release(packet);
    }

    /// <summary>The same of several.</summary>
    public void Drop(ReadOnlySpan<Packet> packets, DropReason reason, PacketAccount* account)
    {
        account->CountDrops(reason, packets.Length);
        if (Tap is { } tap)
        {
            foreach (ref readonly Packet packet in packets)
            {
                tap.Dropped(packet, account->Port, account->IsEgress, reason);
            }
        }
        Release(packets);
    }

    /// <summary>The same of one that has left already.</summary>
    public void DropLost(in Packet packet, DropReason reason, PacketAccount* account)
    {
        account->Lost++;
        Drop(packet, reason, account);
    }

    /// <summary>The same of several.</summary>
    public void DropLost(ReadOnlySpan<Packet> packets, DropReason reason, PacketAccount* account)
    {
        account->Lost += (uint)packets.Length;
        Drop(packets, reason, account);
    }

    /// <summary>Gives the packets' frames back.</summary>
    public void Release(ReadOnlySpan<Packet> packets)
    {
        if (packets.Length > MaxFrames - _count)
        {
            foreach (ref readonly Packet packet in packets)
            {
                Release(packet);
            }
            return;
        }
        FramePool pool = _pool;
        ref nint end = ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_frames), _count); // room for all of them was seen above
        int count = 0;
        foreach (ref readonly Packet packet in packets)
        {
            if (pool.IsLarge(packet.Data))
            {
                ReleaseLarge(packet);
                continue;
            }
            Unsafe.Add(ref end, count++) = (nint)pool.OrdinaryFrameStart(packet.Data);
        }
        _count += count;
    }

    /// <summary>The packet's unfinished work, at the start of its frame; meaningful while its flags say so.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref OffloadState Offload(in Packet packet) => ref *(OffloadState*)_pool.FrameStart(packet.Data);

    /// <summary>What a flow said of the tunnel, behind the offload state; meaningful while the packet's flags say so.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref TunnelState Tunnel(in Packet packet) => ref *(TunnelState*)(_pool.FrameStart(packet.Data) + TunnelOffset);

    /// <summary>Another cache for the same owner.</summary>
    public FrameCache CreateSibling() => _pool.CreateCache(_share);

    /// <summary>The packets' frames are another owner's from now on.</summary>
    public void HandOut(ReadOnlySpan<Packet> packets) => _share?.Move(packets, _pool, away: true);

    /// <summary>The packets' frames are this owner's from now on.</summary>
    public void TakeIn(ReadOnlySpan<Packet> packets) => _share?.Move(packets, _pool, away: false);

    /// <summary>Copies packet, flags and offload state into a frame of its own.</summary>
    /// <returns>False when the pool has no frame for it; the original stays as it is either way.</returns>
    public bool TryCopy(in Packet source, out Packet copy)
    {
        if (!TryRent(source.Length, out copy))
        {
            return false;
        }
        Unsafe.CopyBlockUnaligned(copy.Data, source.Data, (uint)source.Length);
        copy.Length = source.Length;
        copy.Flags = source.Flags;
        if (source.HasOffload)
        {
            Offload(copy) = Offload(source);
        }
        if ((source.Flags & PacketFlags.HasTunnel) != 0)
        {
            Tunnel(copy) = Tunnel(source);
        }
        return true;
    }

    /// <summary>Bytes of headroom in front of the packet.</summary>
    public int HeadroomOf(in Packet packet) => (int)(packet.Data - _pool.FrameStart(packet.Data)) - (FramePool.DataOffset - FramePool.Headroom);

    /// <summary>Gives every free frame back to the pool.</summary>
    public void Drain()
    {
        _pool.Return(_frames.AsSpan(0, _count), large: false, _share);
        _pool.Return(_large.AsSpan(0, _largeCount), large: true, _share);
        _count = 0;
        _largeCount = 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Refill()
    {
        _count = _pool.Take(_frames.AsSpan(0, BlockSize), large: false, _share);
        return _count > 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Flush()
    {
        _count -= BlockSize;
        _pool.Return(_frames.AsSpan(_count, BlockSize), large: false, _share);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ReleaseLarge(in Packet packet)
    {
        if (_largeCount == MaxLargeFrames)
        {
            _largeCount -= LargeBlockSize;
            _pool.Return(_large.AsSpan(_largeCount, LargeBlockSize), large: true, _share);
        }
        _large[_largeCount++] = (nint)_pool.FrameStart(packet.Data);
    }
}
