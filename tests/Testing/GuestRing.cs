using Softswitch.Ports.VhostUser;
using Xunit;

namespace Softswitch.Testing;

/// <summary>The driver's side of a split ring, as in virtio 1.2 §2.7.13 and §2.7.14.</summary>
internal sealed unsafe class GuestRing
{
    private readonly GuestRam _ram;
    private readonly Stack<ushort> _free;
    private readonly ushort[][] _chains;
    private readonly RingDescriptor* _descriptors;
    private readonly ushort* _available;
    private readonly byte* _used;
    private ushort _kicked;
    private ushort _seen;

    public GuestRing(GuestRam ram, int size, bool hasEventIndex = false)
    {
        _ram = ram;
        Size = size;
        HasEventIndex = hasEventIndex;
        ulong descriptors = ram.Allocate(RingLayout.DescriptorBytes(size));
        ulong available = ram.Allocate(RingLayout.AvailableBytes(size), 2);
        ulong used = ram.Allocate(RingLayout.UsedBytes(size), 4096);
        _descriptors = (RingDescriptor*)ram.At(descriptors);
        _available = (ushort*)ram.At(available);
        _used = ram.At(used);
        UsedAddress = used;
        Addresses = new RingAddresses(GuestRam.UserBase + descriptors, GuestRam.UserBase + available, GuestRam.UserBase + used, LogsUsed: true, Log: used);
        _free = new Stack<ushort>(Enumerable.Range(0, size).Reverse().Select(i => (ushort)i));
        _chains = new ushort[size][];
    }

    public int Size { get; }

    public bool HasEventIndex { get; }

    public RingAddresses Addresses { get; }

    /// <summary>Guest-physical.</summary>
    public ulong UsedAddress { get; }

    public RingDescriptor* Descriptors => _descriptors;

    /// <summary>Descriptors that name no buffer.</summary>
    public int Free => _free.Count;

    /// <summary>VIRTQ_AVAIL_F_NO_INTERRUPT.</summary>
    public ushort AvailableFlags
    {
        get => _available[0];
        set => _available[0] = value;
    }

    public ushort AvailableIndex
    {
        get => _available[1];
        set => Volatile.Write(ref _available[1], value);
    }

    public ref ushort AvailableEntry(ushort index) => ref _available[2 + (index & (Size - 1))];

    /// <summary>Where the driver wants a signal, with the event index.</summary>
    public ref ushort UsedEvent => ref _available[2 + Size];

    public ushort UsedFlags => *(ushort*)_used;

    public ref ushort UsedIndex => ref *(ushort*)(_used + 2);

    public ushort AvailableEvent => *(ushort*)(_used + 4 + (8 * Size));

    /// <summary>Both rings begin at an index, to come to the wrap soon. Before anything is added.</summary>
    public void StartAt(ushort index)
    {
        AvailableIndex = index;
        UsedIndex = index;
        _kicked = index;
        _seen = index;
    }

    /// <summary>Makes a chain of buffers available.</summary>
    /// <param name="isWritten">Whether the device writes them.</param>
    /// <param name="buffers">Guest-physical.</param>
    /// <param name="indirect">By a table of its own.</param>
    /// <returns>The head.</returns>
    public ushort Add(bool isWritten, ReadOnlySpan<(ulong Address, uint Length)> buffers, bool indirect = false)
    {
        ushort[] own = new ushort[indirect ? 1 : buffers.Length];
        for (int i = 0; i < own.Length; i++)
        {
            own[i] = _free.Pop();
        }
        ulong table = indirect ? _ram.Allocate((ulong)buffers.Length * RingDescriptor.Size) : 0;
        for (int i = 0; i < buffers.Length; i++)
        {
            bool isLast = i == buffers.Length - 1;
            RingDescriptor descriptor = new()
            {
                Address = buffers[i].Address,
                Length = buffers[i].Length,
                Flags = (ushort)((isWritten ? RingDescriptor.VIRTQ_DESC_F_WRITE : 0) | (isLast ? 0 : RingDescriptor.VIRTQ_DESC_F_NEXT)),
                Next = isLast ? (ushort)0 : indirect ? (ushort)(i + 1) : own[i + 1],
            };
            if (indirect)
            {
                _ram.Write(table + ((ulong)i * RingDescriptor.Size), new ReadOnlySpan<byte>(&descriptor, RingDescriptor.Size));
            }
            else
            {
                _descriptors[own[i]] = descriptor;
            }
        }
        if (indirect)
        {
            _descriptors[own[0]] = new RingDescriptor
            {
                Address = table,
                Length = (uint)buffers.Length * RingDescriptor.Size,
                Flags = RingDescriptor.VIRTQ_DESC_F_INDIRECT,
            };
        }
        _chains[own[0]] = own;
        AvailableEntry(AvailableIndex) = own[0];
        AvailableIndex++;
        return own[0];
    }

    /// <summary>Whether the device wants a kick for what was added since the last call.</summary>
    public bool MustKick()
    {
        Interlocked.MemoryBarrier();
        ushort old = _kicked;
        _kicked = AvailableIndex;
        return HasEventIndex
            ? (ushort)(_kicked - AvailableEvent - 1) < (ushort)(_kicked - old)
            : (UsedFlags & RingLayout.VIRTQ_USED_F_NO_NOTIFY) == 0;
    }

    /// <summary>Takes back the next chain that was used; its descriptors are free.</summary>
    public bool TryTake(out ushort head, out uint length)
    {
        (head, length) = (0, 0);
        if (Volatile.Read(ref UsedIndex) == _seen)
        {
            return false;
        }
        byte* element = _used + 4 + (8 * (_seen & (Size - 1)));
        uint id = *(uint*)element;
        Assert.True(id < (uint)Size && _chains[id] != null, $"used element {_seen} names {id}, which is not the device's");
        (head, length) = ((ushort)id, *(uint*)(element + 4));
        foreach (ushort descriptor in _chains[head].Reverse())
        {
            _free.Push(descriptor);
        }
        _chains[head] = null!;
        _seen++;
        return true;
    }
}
