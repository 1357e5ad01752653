using System.Runtime.CompilerServices;
using Softswitch.Datapath.Memory;

namespace Softswitch.Ports.VhostUser;

/// <summary>The buffers of one packet in the order of its bytes: chained, indirect, across regions, or of several chains.</summary>
/// <remarks>Each descriptor is read once. Threads: the holder of the ring.</remarks>
internal sealed unsafe class BufferChain : IDisposable
{
    /// <summary>The most pieces a packet may come in; QEMU's own bound for a chain (VIRTQUEUE_MAX_SIZE).</summary>
    public const int MaxPieces = 1024;

    private readonly NativeArray<Piece> _pieces = new(MaxPieces);
    private readonly NativeArray<RingDescriptor> _copied = new(MaxPieces);
    private readonly GuestMemory _memory;
    private GuestWindow _window; // of the last piece: the next one mostly lies there, too
    private int _count;

    public BufferChain(GuestMemory memory) => _memory = memory;

    /// <summary>Bytes of all buffers.</summary>
    public ulong Length { get; private set; }

    /// <summary>So many bytes of ours, and where they are for the guest.</summary>
    private struct Piece
    {
        public byte* Data;
        public ulong GuestAddress;
        public nuint Length;
    }

    public int PieceCount => _count;

    public void Clear() => (_count, Length, _window) = (0, 0, default); // regions may have changed

    /// <summary>Adds the buffers of a chain behind those that are there.</summary>
    /// <param name="table">The ring's descriptors.</param>
    /// <param name="size">How many.</param>
    /// <param name="head">Below <paramref name="size"/>.</param>
    /// <param name="direction">VIRTQ_DESC_F_WRITE for buffers to be written, 0 for those to be read.</param>
    public RingFault Add(RingDescriptor* table, uint size, uint head, ushort direction, bool allowsIndirect)
    {
        bool isIndirect = false;
        uint index = head;
        for (uint steps = 0; steps < Math.Min(size, MaxPieces); steps++)
        {
            RingDescriptor descriptor = table[index];
            if ((descriptor.Flags & RingDescriptor.VIRTQ_DESC_F_INDIRECT) != 0)
            {
                RingFault refused = OpenTable(descriptor, isIndirect, allowsIndirect, out table);
                if (refused != RingFault.None)
                {
                    return refused;
                }
                (isIndirect, size, index, steps) = (true, descriptor.Length / RingDescriptor.Size, 0, uint.MaxValue);
                continue;
            }
            if ((descriptor.Flags & RingDescriptor.VIRTQ_DESC_F_WRITE) != direction)
            {
                return RingFault.Direction;
            }
            RingFault fault = AddBuffer(descriptor.Address, descriptor.Length);
            if (fault != RingFault.None || (descriptor.Flags & RingDescriptor.VIRTQ_DESC_F_NEXT) == 0)
            {
                return fault;
            }
            index = descriptor.Next;
            if (index >= size)
            {
                return RingFault.Next;
            }
        }
        return RingFault.ChainLength;
    }

    /// <summary>Copies bytes out of the buffers. The caller has seen that there are as many.</summary>
    /// <param name="from">The first, counted over all buffers.</param>
    public void Read(nuint from, byte* to, nuint length)
    {
        for (Piece* piece = _pieces.Start; length > 0; piece++)
        {
            if (from >= piece->Length)
            {
                from -= piece->Length;
                continue;
            }
            nuint part = Math.Min(length, piece->Length - from);
            Unsafe.CopyBlockUnaligned(to, piece->Data + from, (uint)part);
            to += part;
            length -= part;
            from = 0;
        }
    }

    /// <summary>The other way round.</summary>
    /// <param name="log">Learns what was written; null for nobody.</param>
    public void Write(nuint from, byte* bytes, nuint length, DirtyLog? log)
    {
        for (Piece* piece = _pieces.Start; length > 0; piece++)
        {
            if (from >= piece->Length)
            {
                from -= piece->Length;
                continue;
            }
            nuint part = Math.Min(length, piece->Length - from);
            Unsafe.CopyBlockUnaligned(piece->Data + from, bytes, (uint)part);
            log?.Mark(piece->GuestAddress + from, part);
            bytes += part;
            length -= part;
            from = 0;
        }
    }

    public void Dispose()
    {
        _pieces.Dispose();
        _copied.Dispose();
    }

    /// <param name="table">The indirect table where it lies, or a copy of it if that is not in one piece.</param>
    private RingFault OpenTable(in RingDescriptor descriptor, bool isIndirect, bool allowsIndirect, out RingDescriptor* table)
    {
        table = null;
        if (!allowsIndirect)
        {
            return RingFault.IndirectNotNegotiated;
        }
        if (isIndirect || (descriptor.Flags & RingDescriptor.VIRTQ_DESC_F_NEXT) != 0)
        {
            return RingFault.IndirectNested;
        }
        if (descriptor.Length == 0 || descriptor.Length % RingDescriptor.Size != 0 || descriptor.Length / RingDescriptor.Size > MaxPieces)
        {
            return RingFault.IndirectLength;
        }
        if (_memory.TryFind(descriptor.Address, out GuestWindow window) && descriptor.Length <= window.Size - (descriptor.Address - window.GuestAddress))
        {
            table = (RingDescriptor*)(window.Start + (descriptor.Address - window.GuestAddress));
            return RingFault.None;
        }
        (int count, ulong length) = (_count, Length);
        RingFault fault = AddBuffer(descriptor.Address, descriptor.Length);
        if (fault == RingFault.None)
        {
            table = _copied.Start;
            Read((nuint)length, (byte*)table, descriptor.Length);
        }
        (_count, Length) = (count, length);
        return fault;
    }

    private RingFault AddBuffer(ulong address, uint length)
    {
        ulong end = address + length;
        while (address != end)
        {
            if (address - _window.GuestAddress >= _window.Size && !_memory.TryFind(address, out _window))
            {
                return RingFault.Address;
            }
            if (_count == MaxPieces)
            {
                return RingFault.ChainLength;
            }
            ulong inside = address - _window.GuestAddress;
            ulong part = Math.Min(end - address, _window.Size - inside);
            _pieces.Start[_count++] = new Piece { Data = _window.Start + inside, GuestAddress = address, Length = (nuint)part };
            address += part;
        }
        Length += length;
        return RingFault.None;
    }
}
