using System.Runtime.CompilerServices;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Memory;

namespace Softswitch.Ports.VhostUser;

// What workers do with a ring. Everything here but TryHold is by who holds it.
internal sealed unsafe partial class VirtQueue
{
    private const int NotThere = -1;

    private readonly Slot* _slots;
    private bool _isArmed;
    private ushort _seen; // of the available index
    private bool _hasSignalled;
    private long _receiveDropped;
    private long _receiveErrors;
    private long _transmitErrors;

    /// <summary>A buffer that was made available, as its descriptor was read.</summary>
    private struct Slot
    {
        /// <summary>Null if it is not one piece of memory that a single descriptor names.</summary>
        public byte* Data;
        public uint Length;
        public uint Head;
        public ulong GuestAddress;
    }

    /// <summary>What packets were lost here. Any thread.</summary>
    public PortCounters Losses => new()
    {
        ReceiveDropped = Volatile.Read(ref _receiveDropped),
        ReceiveErrors = Volatile.Read(ref _receiveErrors),
        TransmitErrors = Volatile.Read(ref _transmitErrors),
    };

    /// <summary>Whether what was read last may have been zeros in the place of the guest's memory.</summary>
    private bool IsTorn => BusErrors.IsAnyTorn && _owner.IsTorn;

    private ref ushort AvailableIndex => ref *(ushort*)(_available + sizeof(ushort));

    private ref ushort UsedIndex => ref *(ushort*)(_used + sizeof(ushort));

    /// <summary>The available index at which the driver is to kick; behind the used ring's entries.</summary>
    private ref ushort AvailableEvent => ref *(ushort*)(_used + RingLayout.HeaderSize + (RingLayout.UsedElementSize * (nint)_size));

    /// <summary>The used index at which the driver wants a signal.</summary>
    private ref ushort UsedEvent => ref *(ushort*)(_available + RingLayout.HeaderSize + (sizeof(ushort) * (nint)_size));

    /// <summary>As <see cref="IPort.Arm"/>, of a ring the guest sends by.</summary>
    public bool Arm()
    {
        if (!TryHold())
        {
            return true; // who changes it rings the doorbell afterwards
        }
        bool isEmpty = true;
        if (_isReady)
        {
            _isArmed = true;
            if (_hasEventIndex)
            {
                AvailableEvent = _next;
                LogUsed(RingLayout.HeaderSize + (RingLayout.UsedElementSize * (nuint)_size), sizeof(ushort));
            }
            else
            {
                *(ushort*)_used = 0;
                LogUsed(0, sizeof(ushort));
            }
            Interlocked.MemoryBarrier(); // the driver reads what was just written after it wrote the index we are about to read
            isEmpty = Volatile.Read(ref AvailableIndex) == _next;
        }
        Release();
        return isEmpty;
    }

    /// <summary>As <see cref="IPort.Receive"/>.</summary>
    public int Receive(PacketBatch batch, FrameCache frames)
    {
        if (!TryHold())
        {
            return 0;
        }
        int received = _isReady ? ReceiveHeld(batch, frames) : 0;
        Release();
        return received;
    }

    /// <summary>As <see cref="IPort.Transmit"/>.</summary>
    /// <returns>Negative if there is no ring to send by, and nothing was done.</returns>
    public int Transmit(ReadOnlySpan<Packet> packets, FrameCache frames)
    {
        if (!TryHold())
        {
            return 0;
        }
        int taken = _isReady ? TransmitHeld(packets, frames) : NotThere;
        Release();
        return taken;
    }

    /// <summary>How many buffers wait, up to <paramref name="most"/>.</summary>
    private int Begin(int most)
    {
        int waiting = (ushort)(Volatile.Read(ref AvailableIndex) - _next);
        if (IsTorn || waiting > _size)
        {
            End(RingFault.AvailableIndex);
            return 0;
        }
        _seen = (ushort)(_next + waiting);
        return Math.Min(waiting, most);
    }

    /// <summary>Asks for the packets of the next burst, as far as they were made available already: they come while this one is being worked on.</summary>
    /// <remarks>Nothing that is read here is used for more than a hint.</remarks>
    private void LookAhead()
    {
        int count = Math.Min((int)(ushort)(_seen - _next), Burst);
        ushort* heads = (ushort*)(_available + RingLayout.HeaderSize);
        uint mask = (uint)_size - 1;
        uint next = _next;
        GuestWindow window = _window;
        RingDescriptor* descriptors = _descriptors;
        for (uint i = 0; i < (uint)count; i++)
        {
            ulong inside = descriptors[heads[(next + i) & mask] & mask].Address - window.GuestAddress;
            if (inside < window.Size)
            {
                Datapath.Memory.Prefetch.Line(window.Start + inside);
                Datapath.Memory.Prefetch.Line(window.Start + inside + 64);
            }
        }
    }

    /// <summary>Reads the descriptors of the next buffers, and asks for what the guest wrote there.</summary>
    private bool Fetch(int count, ushort direction)
    {
        const int flags = RingDescriptor.VIRTQ_DESC_F_NEXT | RingDescriptor.VIRTQ_DESC_F_WRITE | RingDescriptor.VIRTQ_DESC_F_INDIRECT;
        ushort* heads = (ushort*)(_available + RingLayout.HeaderSize);
        uint size = (uint)_size;
        uint next = _next;
        GuestWindow window = _window;
        int more = Math.Min((ushort)(_seen - next) - count, Burst);
        for (int i = 0; i < more; i += 4)
        {
            Datapath.Memory.Prefetch.Line(_descriptors + (heads[(next + (uint)(count + i)) & (size - 1)] & (size - 1)));
        }
        for (int i = 0; i < count; i++)
        {
            uint head = heads[(next + (uint)i) & (size - 1)];
            if (head >= size)
            {
                return End(RingFault.Head);
            }
            RingDescriptor descriptor = _descriptors[head];
            Slot* slot = _slots + i;
            slot->Head = head;
            slot->Length = descriptor.Length;
            slot->GuestAddress = descriptor.Address;
            slot->Data = null;
            ulong inside = descriptor.Address - window.GuestAddress;
            if ((descriptor.Flags & flags) != direction)
            {
                continue;
            }
            if (inside >= window.Size)
            {
                if (!_owner.Memory.TryFind(descriptor.Address, out window))
                {
                    return End(RingFault.Address);
                }
                inside = descriptor.Address - window.GuestAddress;
            }
            if (descriptor.Length <= window.Size - inside)
            {
                slot->Data = window.Start + inside;
                // Not where we write: lines asked for to be read would have to be asked for once more.
                if (direction == 0)
                {
                    Datapath.Memory.Prefetch.Line(slot->Data);
                    Datapath.Memory.Prefetch.Line(slot->Data + 64);
                }
            }
        }
        _window = window;
        return true;
    }

    /// <summary>Gives buffers back: their used elements are written.</summary>
    private void End(int count)
    {
        if (IsTorn)
        {
            End(RingFault.Torn);
            return;
        }
        if (count == 0)
        {
            return;
        }
        ushort before = _next;
        _next = (ushort)(before + count);
        Volatile.Write(ref UsedIndex, _next);
        if (_logsUsed)
        {
            LogElements(before, count);
        }
        Signal(before);
    }

    /// <summary>The ring cannot be believed: no packet passes any more, and the session learns why.</summary>
    private bool End(RingFault fault)
    {
        _isReady = false;
        Volatile.Write(ref _fault, (int)(IsTorn ? RingFault.Torn : fault)); // zeros in the place of the memory look like a lie
        _owner.Report();
        return false;
    }

    /// <summary>Tells the driver that buffers came back, if it wants to know.</summary>
    private void Signal(ushort before)
    {
        if (_call < 0)
        {
            return;
        }
        Interlocked.MemoryBarrier(); // the driver reads the index after it wrote what we are about to read
        bool isWanted = _hasEventIndex
            ? !_hasSignalled || (ushort)(_next - Volatile.Read(ref UsedEvent) - 1) < (ushort)(_next - before)
            : (Volatile.Read(ref *(ushort*)_available) & RingLayout.VIRTQ_AVAIL_F_NO_INTERRUPT) == 0;
        if (isWanted)
        {
            _hasSignalled = true;
            ulong one = 1;
            _ = Libc.write(_call, &one, sizeof(ulong));
        }
    }

    /// <summary>The driver need not kick. With an event index the one that stands is left behind: it kicks by mistake once in 65536 buffers.</summary>
    private void Silence()
    {
        _isArmed = false;
        if (!_hasEventIndex)
        {
            *(ushort*)_used = RingLayout.VIRTQ_USED_F_NO_NOTIFY;
            LogUsed(0, sizeof(ushort));
        }
    }

    private void LogElements(ushort before, int count)
    {
        uint first = before & ((uint)_size - 1);
        uint straight = Math.Min((uint)count, (uint)_size - first);
        LogUsed(RingLayout.HeaderSize + (first * RingLayout.UsedElementSize), straight * RingLayout.UsedElementSize);
        LogUsed(RingLayout.HeaderSize, ((uint)count - straight) * RingLayout.UsedElementSize);
        LogUsed(sizeof(ushort), sizeof(ushort));
    }

    private void LogUsed(nuint at, nuint length)
    {
        if (_logsUsed)
        {
            _log!.Mark(_usedLog + at, length);
        }
    }

    /// <summary>A worker takes the ring for a burst.</summary>
    /// <returns>False while the session changes it.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryHold() => Interlocked.CompareExchange(ref _holder, Working, 0) == 0 || TryHoldShared();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TryHoldShared()
    {
        for (int i = 0; i < Patience; i++)
        {
            int holder = Interlocked.CompareExchange(ref _holder, Working, 0);
            if (holder == 0)
            {
                return true;
            }
            if ((holder & Changing) != 0)
            {
                return false;
            }
            Thread.SpinWait(1);
        }
        return false;
    }

    private void Release() => Volatile.Write(ref _holder, 0);
}
