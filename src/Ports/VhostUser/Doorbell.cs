using Softswitch.Ports.Linux;

namespace Softswitch.Ports.VhostUser;

/// <summary>One descriptor for the life of a queue that polls readable when its guest kicks, whatever eventfd it kicks by at the time (epoll(7)).</summary>
/// <remarks>
/// Edge-triggered: a kick is forgotten by asking the epoll descriptor. The guest's eventfd, which the front-end might have made to block, is never read.
/// Threads: the session's, but for <see cref="Clear"/> by the worker.
/// </remarks>
internal sealed unsafe class Doorbell : IDisposable
{
    private const int EPOLL_CTL_ADD = 1;
    private const int EPOLL_CTL_DEL = 2;
    private const uint EPOLLIN = 1;
    private const uint EPOLLET = 1u << 31;
    private const int EPOLL_CLOEXEC = Libc.O_CLOEXEC;

    // struct epoll_event: packed on x86-64, 12 bytes; 16 elsewhere, the events in front in both.
    private const int EventSize = 16;

    private readonly int _own;

    /// <exception cref="SystemCallException">The system gives no descriptors.</exception>
    public Doorbell()
    {
        Descriptor = Libc.epoll_create1(EPOLL_CLOEXEC);
        if (Descriptor < 0)
        {
            throw SystemCallException.Last("epoll_create1");
        }
        _own = Libc.eventfd(0, Libc.EFD_NONBLOCK | Libc.EFD_CLOEXEC);
        if (_own < 0)
        {
            SystemCallException failure = SystemCallException.Last("eventfd");
            _ = Libc.close(Descriptor);
            throw failure;
        }
        Watch(_own);
    }

    /// <summary>To be polled.</summary>
    public int Descriptor { get; }

    /// <summary>Kicks by this eventfd ring from now on; an earlier kick rings at once. A descriptor that cannot be polled never rings.</summary>
    public void Watch(int kick)
    {
        byte* what = stackalloc byte[EventSize];
        new Span<byte>(what, EventSize).Clear();
        *(uint*)what = EPOLLIN | EPOLLET;
        _ = Libc.epoll_ctl(Descriptor, EPOLL_CTL_ADD, kick, what);
    }

    /// <summary>Removes the eventfd, before it is closed: other processes may keep it open.</summary>
    public void Unwatch(int kick)
    {
        byte* what = stackalloc byte[EventSize];
        _ = Libc.epoll_ctl(Descriptor, EPOLL_CTL_DEL, kick, what);
    }

    /// <summary>Rings: something changed that the worker should see.</summary>
    public void Ring()
    {
        ulong one = 1;
        _ = Libc.write(_own, &one, sizeof(ulong));
    }

    /// <summary>Clears earlier rings. A later one is not missed.</summary>
    public void Clear()
    {
        byte* what = stackalloc byte[2 * EventSize];
        _ = Libc.epoll_wait(Descriptor, what, 2, 0);
    }

    public void Dispose()
    {
        _ = Libc.close(_own);
        _ = Libc.close(Descriptor);
    }
}
