using Softswitch.Ports.VhostUser;

namespace Softswitch.Lab.Machines;

/// <summary>The driver's side of a split ring (virtio 1.2 §2.7.13 and §2.7.14) whose descriptors have a buffer each, for good.</summary>
/// <remarks>It is told of nothing and polls. Threads: one.</remarks>
internal sealed unsafe class DriverRing
{
    /// <summary>Descriptors, a power of two: as many as QEMU's and DPDK's drivers have.</summary>
    public const int Size = 256;

    /// <summary>Bytes of its memory.</summary>
    public const int Bytes = 3 * 4096;

    // Each part on a page of its own.
    private const int AvailableOffset = 4096;
    private const int UsedOffset = 8192;

    private readonly RingDescriptor* _descriptors;
    private readonly ushort* _available;
    private readonly byte* _used;
    private ushort _next; // of the available ring, published or not
    private ushort _seen; // of the used ring

    /// <param name="start">Memory of its own that the switch shares, zeroed, on a page; its address here is also the guest's.</param>
    public DriverRing(byte* start)
    {
        _descriptors = (RingDescriptor*)start;
        _available = (ushort*)(start + AvailableOffset);
        _used = start + UsedOffset;
        _available[0] = RingLayout.VIRTQ_AVAIL_F_NO_INTERRUPT;
    }

    public RingAddresses Addresses => new((ulong)_descriptors, (ulong)_available, (ulong)_used);

    /// <summary>Buffers that came back and were not taken.</summary>
    public int Returned => (ushort)(Volatile.Read(ref *(ushort*)(_used + sizeof(ushort))) - _seen);

    /// <summary>Whether the switch asks to be kicked for what was published just now.</summary>
    public bool WantsKick
    {
        get
        {
            Interlocked.MemoryBarrier(); // the switch reads the index after it wrote what we are about to read
            return (Volatile.Read(ref *(ushort*)_used) & RingLayout.VIRTQ_USED_F_NO_NOTIFY) == 0;
        }
    }

    /// <summary>Before anything is offered.</summary>
    /// <param name="isWritten">Whether the switch writes it.</param>
    public void SetBuffer(int number, byte* start, int length, bool isWritten) => _descriptors[number] = new RingDescriptor
    {
        Address = (ulong)start,
        Length = (uint)length,
        Flags = isWritten ? RingDescriptor.VIRTQ_DESC_F_WRITE : (ushort)0,
    };

    /// <summary>Gives a buffer to the switch, which sees it once <see cref="Publish"/> is called.</summary>
    public void Offer(int number) => _available[2 + (_next++ & (Size - 1))] = (ushort)number;

    public void Publish() => Volatile.Write(ref _available[1], _next);

    /// <summary>Takes back the next of those <see cref="Returned"/>.</summary>
    /// <param name="written">Bytes that the switch wrote.</param>
    /// <exception cref="TestbedException">The switch names a buffer that there is not.</exception>
    public int Take(out int written)
    {
        uint* element = (uint*)(_used + RingLayout.HeaderSize + (RingLayout.UsedElementSize * (_seen++ & (Size - 1))));
        written = (int)element[1];
        return element[0] < Size ? (int)element[0] : throw new TestbedException($"the switch gives back buffer {element[0]} of a ring of {Size}");
    }
}
