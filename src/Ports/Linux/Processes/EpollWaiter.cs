using System.Runtime.InteropServices;
using Softswitch.Datapath.Pipeline;

namespace Softswitch.Ports.Linux.Processes;

/// <summary>
/// Waits in epoll(7) for ports' descriptors, which the kernel is told of once, and for an eventfd that others write to wake the thread.
/// </summary>
internal sealed unsafe class EpollWaiter : IWaiter
{
    private const int EPOLL_CTL_ADD = 1;
    private const int EPOLL_CTL_DEL = 2;
    private const int EPOLL_CTL_MOD = 3;
    private const uint EPOLLIN = 1;
    private const int MaxEvents = 64;
    private const ulong OwnEvent = ulong.MaxValue;

    // Milliseconds after which a descriptor that was in error is watched again.
    private const int BrokenInterval = 100;

    // struct epoll_event: packed on x86-64 only, the events in front in both, 64 bits of ours behind.
    private static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    private readonly int _poll;
    private readonly int _event;
    private readonly byte* _events;
    private readonly Dictionary<int, int> _slots = [];
    private readonly List<(int Descriptor, int Slot)> _broken = [];
    private long _brokenSince;
    private bool _hasFineTimeouts = true;
    private int _woken;
    private bool _disposed;

    /// <exception cref="PortException">The system gives no descriptors.</exception>
    public EpollWaiter()
    {
        _poll = Libc.epoll_create1(Libc.O_CLOEXEC);
        if (_poll < 0)
        {
            throw PortException.FromErrno("worker", "epoll_create1");
        }
        _event = Libc.eventfd(0, Libc.EFD_NONBLOCK | Libc.EFD_CLOEXEC);
        if (_event < 0)
        {
            PortException failure = PortException.FromErrno("worker", "eventfd");
            _ = Libc.close(_poll);
            throw failure;
        }
        _events = (byte*)NativeMemory.Alloc((nuint)(MaxEvents * EventSize));
        Control(EPOLL_CTL_ADD, _event, OwnEvent);
    }

    public void Watch(int descriptor, int slot)
    {
        _slots[descriptor] = slot;
        ulong data = ((ulong)(uint)slot << 32) | (uint)descriptor;
        if (Control(EPOLL_CTL_ADD, descriptor, data) < 0)
        {
            _ = Control(EPOLL_CTL_MOD, descriptor, data); // is watched already
        }
    }

    public void Unwatch(int descriptor, int slot)
    {
        if (_slots.TryGetValue(descriptor, out int owner) && owner == slot)
        {
            _slots.Remove(descriptor);
            _broken.Remove((descriptor, slot));
            _ = Control(EPOLL_CTL_DEL, descriptor, 0);
        }
    }

    public int Wait(long timeoutMicroseconds, Span<int> slots)
    {
        if (_broken.Count > 0 && Environment.TickCount64 - _brokenSince >= BrokenInterval)
        {
            _broken.ForEach(broken => Watch(broken.Descriptor, broken.Slot));
            _broken.Clear();
        }
        int events = Poll(timeoutMicroseconds, Math.Min(slots.Length, MaxEvents));
        int count = 0;
        for (int i = 0; i < events; i++)
        {
            byte* happened = _events + (i * EventSize);
            uint what = *(uint*)happened;
            ulong data = *(ulong*)(happened + EventSize - sizeof(ulong));
            if (data == OwnEvent)
            {
                ulong counter;
                _ = Libc.read(_event, &counter, sizeof(ulong));
                // Read first, then cleared: a Wake in between is answered by this return, none is lost.
                Volatile.Write(ref _woken, 0);
            }
            else if ((what & EPOLLIN) != 0)
            {
                slots[count++] = (int)(data >> 32);
            }
            else
            {
                IgnoreBroken((int)(uint)data, (int)(data >> 32));
            }
        }
        return count;
    }

    public void Wake()
    {
        // One system call however many wake a thread that has not returned yet.
        if (Interlocked.Exchange(ref _woken, 1) == 0 && !Volatile.Read(ref _disposed))
        {
            ulong one = 1;
            _ = Libc.write(_event, &one, sizeof(ulong));
        }
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            Volatile.Write(ref _disposed, true);
            _ = Libc.close(_event);
            _ = Libc.close(_poll);
            NativeMemory.Free(_events);
        }
    }

    /// <summary>
    /// epoll_wait(2) counts milliseconds; epoll_pwait2(2), of Linux 5.11, nanoseconds. Without it the thread asks until the rest of a
    /// millisecond is over.
    /// </summary>
    private int Poll(long microseconds, int most)
    {
        const int PerSecond = 1_000_000;
        const int PerMillisecond = 1000;
        if (_hasFineTimeouts)
        {
            var timeout = new TimeSpecification { Seconds = microseconds / PerSecond, Nanoseconds = microseconds % PerSecond * 1000L };
            int events = (int)Libc.epoll_pwait2(Libc.SYS_epoll_pwait2, _poll, _events, most, &timeout, null, 0);
            if (events >= 0 || Errno.Last == Errno.EINTR)
            {
                return events;
            }
            _hasFineTimeouts = false; // a filter of system calls may answer anything
        }
        return Libc.epoll_wait(_poll, _events, most, (int)(microseconds / PerMillisecond));
    }

    /// <summary>A descriptor in error polls ready for ever; it must not keep an idle thread awake.</summary>
    private void IgnoreBroken(int descriptor, int slot)
    {
        _ = Control(EPOLL_CTL_DEL, descriptor, 0);
        _broken.Add((descriptor, slot));
        _brokenSince = Environment.TickCount64;
    }

    private int Control(int operation, int descriptor, ulong data)
    {
        byte* what = stackalloc byte[EventSize];
        *(uint*)what = EPOLLIN;
        *(ulong*)(what + EventSize - sizeof(ulong)) = data;
        return Libc.epoll_ctl(_poll, operation, descriptor, what);
    }
}
