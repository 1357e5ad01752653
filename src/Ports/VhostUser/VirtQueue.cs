using System.Runtime.InteropServices;
using Softswitch.Ports.Linux;

namespace Softswitch.Ports.VhostUser;

/// <summary>One split ring of a guest (virtio 1.2 §2.7), and the back-end's place in it.</summary>
/// <remarks>
/// The ring and its buffers lie in memory that the guest writes at any time. Whatever is read there is read once, then checked; what cannot be
/// true ends the ring with a <see cref="Fault"/>. Buffers are used in the order they were made available, and given back in the burst that took them: so one
/// index tells where both rings stand, and the used ring's own tells it to a back-end that comes after a crash.
/// Threads: the session's sets it up, any worker uses it; each holds it meanwhile. A worker holds it for a burst and never waits for the session: a ring
/// that is being changed has no packets. Members say who may call them.
/// </remarks>
internal sealed unsafe partial class VirtQueue : IDisposable
{
    /// <summary>Packets, or buffers, that are looked at together.</summary>
    private const int Burst = 32;

    // States of _holder. The session's may stand beside a worker's: no worker begins then.
    private const int Working = 1;
    private const int Changing = 2;

    // A worker that shares the ring with others waits for their burst, no longer.
    private const int Patience = 2000;

    private readonly GuestRings _owner;
    private readonly bool _isWritten; // by us: the guest receives
    private readonly BufferChain _chain;
    private int _holder;

    // Set by the session.
    private RingAddresses? _addresses;
    private int _kick = -1;
    private bool _isStarted;
    private bool _isEnabled;
    private bool _isFresh = true; // its place is the used index's, once the ring can be read

    // Followed by the worker; set by the session.
    private bool _isReady;
    private RingDescriptor* _descriptors;
    private byte* _available;
    private byte* _used;
    private int _size;
    private ushort _next; // of both rings
    private GuestWindow _window; // where the last buffer was
    private int _call = -1;
    private DirtyLog? _log;
    private ulong _usedLog; // where the used ring is for the log
    private bool _logsUsed;
    private uint _headerSize;
    private bool _hasEventIndex;
    private bool _hasIndirect;
    private bool _isMergeable;
    private int _fault;

    /// <param name="index">As the front-end counts: even for those the guest receives by, odd for those it sends by.</param>
    public VirtQueue(GuestRings owner, int index)
    {
        _owner = owner;
        Index = index;
        _isWritten = index % 2 == 0;
        _chain = new BufferChain(owner.Memory);
        _slots = (Slot*)NativeMemory.AlignedAlloc(Burst * (nuint)sizeof(Slot), 64);
    }

    public int Index { get; }

    /// <summary>Descriptors; 0 before they were set. Session.</summary>
    public int Size => _size;

    /// <summary>Session.</summary>
    public bool IsEnabled => _isEnabled;

    /// <summary>Session: it has a kick, and was not stopped since.</summary>
    public bool IsStarted => _isStarted;

    /// <summary>Whether packets may go by it. Any thread.</summary>
    public bool IsReady => Volatile.Read(ref _isReady);

    /// <summary>Why it ended. Any thread.</summary>
    public RingFault Fault => (RingFault)Volatile.Read(ref _fault);

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

    /// <summary>Session: VHOST_USER_SET_VRING_BASE. Where the ring's own used index differs, that is right: what it does not tell was never used.</summary>
    public void SetBase(ushort next) => Change(() => (_next, _isFresh) = (next, true));

    /// <summary>Session: VHOST_USER_SET_VRING_KICK; starts the ring.</summary>
    /// <param name="descriptor">An eventfd, the ring's from now on; -1 for a guest that is only polled.</param>
    public void SetKick(int descriptor) => Change(() =>
    {
        Unwatch();
        _kick = descriptor;
        _isStarted = true;
        if (_kick >= 0 && !_isWritten)
        {
            _owner.Queues[Index / 2].Doorbell.Watch(_kick);
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

    /// <summary>Session: VHOST_USER_GET_VRING_BASE. No packet goes by it until it has a kick again.</summary>
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

    /// <summary>As it was at first; held.</summary>
    internal void Forget()
    {
        Unwatch();
        Close(ref _call);
        (_addresses, _size, _next, _fault) = (null, 0, 0, 0);
        (_isStarted, _isEnabled, _isFresh) = (false, false, true);
        Refresh();
    }

    /// <summary>Session: no worker uses the ring until <see cref="LetGo"/>. Waits for a burst at the most.</summary>
    internal void Hold()
    {
        SpinWait spin = default;
        while ((Interlocked.Or(ref _holder, Changing) & Working) != 0)
        {
            spin.SpinOnce();
        }
    }

    internal void LetGo() => Volatile.Write(ref _holder, 0);

    /// <summary>Held: looks up everything again that was changed, and whether packets may go by the ring now.</summary>
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
        if (_kick >= 0 && !_isWritten)
        {
            _owner.Queues[Index / 2].Doorbell.Unwatch(_kick);
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
}
