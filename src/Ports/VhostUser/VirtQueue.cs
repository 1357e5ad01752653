using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Memory;

namespace Softswitch.Ports.VhostUser;

/// <summary>One split ring of a guest (virtio 1.2 §2.7), and the back-end's place in it.</summary>
/// <remarks>
/// The ring and its buffers lie in memory that the guest may write at any time. The back-end reads each value once, then checks it; an impossible value
/// ends the ring with a <see cref="Fault"/>. It uses buffers in the order they were made available, and returns them in the burst that took them. So one
/// index is the place in both rings, and after a crash the next back-end finds it in the used ring.
/// Threads: the session's thread sets the ring up, any worker uses it; each holds it meanwhile. A worker holds it for a burst and never waits for the
/// session: a ring that is being changed looks empty. Members name the threads that may call them.
/// </remarks>
internal abstract unsafe class VirtQueue : IDisposable
{
    /// <summary>Packets, or buffers, that are looked at together.</summary>
    private protected const int Burst = 32;

    private protected readonly GuestRings _owner;
    private protected readonly BufferChain _chain;
    private RingHold _hold;

    // Set by the session.
    private RingAddresses? _addresses;
    private int _kick = -1;
    private bool _isStarted;
    private bool _isEnabled;
    private bool _isFresh = true; // it takes its place from the used index once the ring can be read

    // Followed by the worker; set by the session.
    private protected bool _isReady;
    private protected RingDescriptor* _descriptors;
    private protected byte* _available;
    private protected byte* _used;
    private protected int _size;
    private protected ushort _next; // of both rings
    private protected GuestWindow _window; // where the last buffer was
    private int _call = -1;
    private protected DirtyLog? _log;
    private ulong _usedLog; // where the used ring is for the log
    private bool _logsUsed;
    private protected uint _headerSize;
    private protected bool _hasEventIndex;
    private protected bool _hasIndirect;
    private protected bool _isMergeable;
    private protected int _fault;

    private protected readonly Slot* _slots;
    private protected bool _isArmed;
    private protected ushort _seen; // of the available index
    private bool _hasSignalled;

    /// <param name="index">The front-end's number: even if the guest receives by the ring, odd if it sends by it.</param>
    private protected VirtQueue(GuestRings owner, int index)
    {
        _owner = owner;
        Index = index;
        _chain = new BufferChain(owner.Memory);
        _slots = (Slot*)NativeMemory.AlignedAlloc(Burst * (nuint)sizeof(Slot), 64);
    }

    public int Index { get; }

    /// <summary>Descriptors; 0 before they were set. Session.</summary>
    public int Size => _size;

    /// <summary>Session.</summary>
    public bool IsEnabled => _isEnabled;

    /// <summary>Session: whether the ring has got a kick descriptor and was not stopped since.</summary>
    public bool IsStarted => _isStarted;

    /// <summary>Whether packets may pass by the ring. Any thread.</summary>
    public bool IsReady => Volatile.Read(ref _isReady);

    /// <summary>Why the ring ended. Any thread.</summary>
    public RingFault Fault => (RingFault)Volatile.Read(ref _fault);

    /// <summary>The doorbell that the guest's kicks ring; null if no worker waits for them.</summary>
    private protected virtual Doorbell? Kicked => null;

    /// <summary>The next available entry; exact while the ring is held or stopped.</summary>
    public ushort Next => _next;

    /// <summary>Session: VHOST_USER_SET_VRING_NUM.</summary>
    public bool TrySetSize(uint size, out string why)
    {
        if (size is 0 or > RingLayout.MaxSize || (size & (size - 1)) != 0)
        {
            why = $"ring {Index}: a size of {size} is no power of two up to {RingLayout.MaxSize}";
            return false;
        }
        Change(() => _size = (int)size);
        why = string.Empty;
        return true;
    }

    /// <summary>Session: VHOST_USER_SET_VRING_ADDR. The memory is set already.</summary>
    public bool TrySetAddresses(RingAddresses addresses, out string why)
    {
        bool lies = false;
        Change(() =>
        {
            _addresses = addresses;
            lies = _size == 0 || !Locate();
        });
        why = lies ? $"ring {Index}: its parts at 0x{addresses.Descriptors:x}, 0x{addresses.Available:x} and 0x{addresses.Used:x} are not in the guest's memory" : string.Empty;
        return !lies;
    }

    /// <summary>Session: VHOST_USER_SET_VRING_BASE. If the ring's own used index differs, the used index is right: buffers beyond it were never used.</summary>
    public void SetBase(ushort next) => Change(() => (_next, _isFresh) = (next, true));

    /// <summary>Session: VHOST_USER_SET_VRING_KICK; starts the ring.</summary>
    /// <param name="descriptor">An eventfd, the ring's from now on; -1 for a guest that is only polled.</param>
    public void SetKick(int descriptor) => Change(() =>
    {
        Unwatch();
        _kick = descriptor;
        _isStarted = true;
        if (_kick >= 0)
        {
            Kicked?.Watch(_kick);
        }
    });

    /// <summary>Session: VHOST_USER_SET_VRING_CALL.</summary>
    /// <param name="descriptor">An eventfd, the ring's from now on; -1 for a guest that polls.</param>
    public void SetCall(int descriptor) => Change(() =>
    {
        Close(ref _call);
        _call = descriptor;
        _hasSignalled = false;
    });

    /// <summary>Session: VHOST_USER_SET_VRING_ENABLE.</summary>
    public void SetEnabled(bool enabled) => Change(() => _isEnabled = enabled);

    /// <summary>Session: VHOST_USER_GET_VRING_BASE. No packet passes by the ring until it gets a kick descriptor again.</summary>
    /// <returns>The next available entry.</returns>
    public ushort Stop()
    {
        Change(() =>
        {
            Unwatch();
            Close(ref _call);
            _isStarted = false;
            _isFresh = true;
        });
        return _next;
    }

    public void Dispose()
    {
        Unwatch();
        Close(ref _call);
        _chain.Dispose();
        NativeMemory.AlignedFree(_slots);
    }

    /// <summary>Resets the ring to its first state; held.</summary>
    internal void Forget()
    {
        Unwatch();
        Close(ref _call);
        (_addresses, _size, _next, _fault) = (null, 0, 0, 0);
        (_isStarted, _isEnabled, _isFresh) = (false, false, true);
        Refresh();
    }

    /// <summary>Session: no worker uses the ring until <see cref="LetGo"/>. Waits for a burst at the most.</summary>
    internal void Hold() => _hold.Take();

    /// <summary>After <see cref="Hold"/>, or <see cref="TryHold"/>.</summary>
    internal void LetGo() => _hold.LetGo();

    /// <summary>Held: reads the changed settings again, and decides whether packets may pass by the ring now.</summary>
    internal void Refresh()
    {
        _window = default;
        _headerSize = _owner.HeaderSize;
        _hasEventIndex = (_owner.Features & VirtioFeatures.VIRTIO_F_RING_EVENT_IDX) != 0;
        _hasIndirect = (_owner.Features & VirtioFeatures.VIRTIO_F_RING_INDIRECT_DESC) != 0;
        _isMergeable = (_owner.Features & VirtioFeatures.VIRTIO_NET_F_MRG_RXBUF) != 0;
        _log = (_owner.Features & VirtioFeatures.VHOST_F_LOG_ALL) != 0 ? _owner.Log : null;
        bool isReady = _isStarted && _isEnabled && _fault == 0 && Locate();
        _logsUsed = isReady && _log != null && _addresses!.Value.LogsUsed;
        _usedLog = _addresses?.Log ?? 0;
        if (isReady && _isFresh)
        {
            _next = Volatile.Read(ref UsedIndex);
            _isFresh = false;
            _hasSignalled = false;
        }
        if (isReady)
        {
            Silence();
        }
        Volatile.Write(ref _isReady, isReady);
    }

    // Members for the worker that holds the ring.

    /// <summary>A worker takes the ring for a burst.</summary>
    /// <returns>False while the session changes it.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected bool TryHold() => _hold.TryTake();

    /// <summary>Whether the last reads may have got zeros in place of the guest's memory, as its file was cut short.</summary>
    private bool IsTorn => BusErrors.IsAnyTorn && _owner.IsTorn;

    private protected ref ushort AvailableIndex => ref *(ushort*)(_available + sizeof(ushort));

    private ref ushort UsedIndex => ref *(ushort*)(_used + sizeof(ushort));

    /// <summary>The available index at which the driver is to kick; behind the used ring's entries.</summary>
    private protected ref ushort AvailableEvent => ref *(ushort*)(_used + RingLayout.HeaderSize + (RingLayout.UsedElementSize * (nint)_size));

    /// <summary>The used index at which the driver wants a signal.</summary>
    private ref ushort UsedEvent => ref *(ushort*)(_available + RingLayout.HeaderSize + (sizeof(ushort) * (nint)_size));

    /// <summary>How many buffers wait, up to <paramref name="most"/>.</summary>
    private protected int Begin(int most)
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

    /// <summary>Reads the descriptors of the next buffers, and prefetches the buffers.</summary>
    private protected bool Fetch(int count, ushort direction)
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
    private protected void End(int count)
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

    /// <summary>Ends a ring with impossible content: no packet passes any more, and the session learns the reason.</summary>
    private protected bool End(RingFault fault)
    {
        _isReady = false;
        Volatile.Write(ref _fault, (int)(IsTorn ? RingFault.Torn : fault)); // zeros in place of the memory look like impossible values
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

    /// <summary>The driver need not kick. With an event index the old index is left as it is: the driver kicks without need once in 65536 buffers.</summary>
    private protected void Silence()
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

    private protected void LogUsed(nuint at, nuint length)
    {
        if (_logsUsed)
        {
            _log!.Mark(_usedLog + at, length);
        }
    }

    private void Change(Action change) => _owner.Change(this, change);

    /// <returns>Whether all parts are in the guest's memory, each in one region, and aligned.</returns>
    private bool Locate()
    {
        if (_addresses is not { } at || _size == 0)
        {
            return false;
        }
        _descriptors = (RingDescriptor*)_owner.Memory.OfUser(at.Descriptors, RingLayout.DescriptorBytes(_size));
        _available = _owner.Memory.OfUser(at.Available, RingLayout.AvailableBytes(_size));
        _used = _owner.Memory.OfUser(at.Used, RingLayout.UsedBytes(_size));
        return _descriptors != null && _available != null && _used != null
            && (nuint)_descriptors % sizeof(ulong) == 0 && (nuint)_available % sizeof(ushort) == 0 && (nuint)_used % sizeof(uint) == 0;
    }

    private void Unwatch()
    {
        if (_kick >= 0)
        {
            Kicked?.Unwatch(_kick);
        }
        Close(ref _kick);
    }

    private static void Close(ref int descriptor)
    {
        if (descriptor >= 0)
        {
            _ = Libc.close(descriptor);
            descriptor = -1;
        }
    }

    /// <summary>A buffer that was made available, as its descriptor was read.</summary>
    private protected struct Slot
    {
        /// <summary>Null if it is not one piece of memory that a single descriptor names.</summary>
        public byte* Data;
        public uint Length;
        public uint Head;
        public ulong GuestAddress;
    }
}
