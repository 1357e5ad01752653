using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Ports.Linux.Netlink;

/// <summary>
/// Reports changes of network interfaces as the kernel announces them (RTNLGRP_LINK): one thread and one socket for a network namespace.
/// </summary>
/// <remarks>
/// Threads: one of its own, in the namespace of the thread that subscribed first; all callbacks run there, one at a time, and must
/// neither throw nor take long.
/// When announcements were lost, because the kernel's queue was full, it reports every link once as changed, and links that are gone
/// as removed.
/// </remarks>
internal sealed unsafe class LinkMonitor : IDisposable
{
    private const int BufferSize = 32 * 1024;
    private const int TickMilliseconds = 1000;

    private static readonly NamespaceShared<LinkMonitor> Shared = new(() => new LinkMonitor());

    private readonly int _socket;
    private readonly int _stop;
    private readonly Thread _thread;
    private readonly Dictionary<int, Link> _known = [];
    private Subscription[] _subscriptions = [];
    private bool _hasMissed;

    private LinkMonitor()
    {
        _socket = NetlinkSocket.OpenDescriptor(Rtnetlink.RTMGRP_LINK);
        _stop = Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK);
        if (_stop < 0)
        {
            SystemCallException failure = SystemCallException.Last("eventfd");
            _ = Libc.close(_socket);
            throw failure;
        }
        _thread = new Thread(Watch) { IsBackground = true, Name = "link monitor" };
        try
        {
            // Listening already: what changes from here on is announced.
            foreach (Link link in List())
            {
                _known[link.Index] = link;
            }
        }
        catch
        {
            _ = Libc.close(_socket);
            _ = Libc.close(_stop);
            throw;
        }
        _thread.Start();
    }

    /// <summary>Reports the links of the calling thread's network namespace.</summary>
    /// <param name="changed">A link that is new or not as it was.</param>
    /// <param name="removed">A link that is gone, or gone to another namespace.</param>
    /// <param name="tick">Called a second after nothing was announced, again and again: for what is to be tried once more.</param>
    /// <returns>Disposing ends it, and returns when none of these callbacks runs any more; not to be done from one.</returns>
    /// <exception cref="SystemCallException">No socket.</exception>
    public static IDisposable Subscribe(Action<Link> changed, Action<Link> removed, Action? tick = null)
    {
        NamespaceShared<LinkMonitor>.Lease monitor = Shared.Take();
        var subscription = new Subscription(monitor, changed, removed, tick);
        monitor.Value.Change(all => [.. all, subscription]);
        return subscription;
    }

    /// <summary>Returns when the thread has ended.</summary>
    public void Dispose()
    {
        ulong one = 1;
        _ = Libc.write(_stop, &one, sizeof(ulong));
        _thread.Join();
        _ = Libc.close(_socket);
        _ = Libc.close(_stop);
    }

    private void Change(Func<Subscription[], Subscription[]> change)
    {
        Subscription[] before;
        do
        {
            before = Volatile.Read(ref _subscriptions);
        }
        while (Interlocked.CompareExchange(ref _subscriptions, change(before), before) != before);
    }

    private void Tell(Action<Subscription> tell)
    {
        foreach (Subscription subscription in Volatile.Read(ref _subscriptions))
        {
            subscription.Tell(tell);
        }
    }

    private void Watch()
    {
        byte[] buffer = new byte[BufferSize];
        PollDescriptor* descriptors = stackalloc PollDescriptor[2];
        while (true)
        {
            descriptors[0] = new PollDescriptor { Descriptor = _socket, Events = Libc.POLLIN };
            descriptors[1] = new PollDescriptor { Descriptor = _stop, Events = Libc.POLLIN };
            int ready = Libc.poll(descriptors, 2, TickMilliseconds);
            if (ready > 0 && descriptors[1].Returned != 0)
            {
                return;
            }
            if (ready > 0)
            {
                Read(buffer);
            }
            else if (ready == 0)
            {
                Tell(static one => one.Tick?.Invoke());
            }
            if (_hasMissed)
            {
                ReportAll();
            }
        }
    }

    private void Read(byte[] buffer)
    {
        nint received;
        fixed (byte* pinned = buffer)
        {
            received = Libc.recv(_socket, pinned, BufferSize, Libc.MSG_DONTWAIT);
        }
        if (received < 0)
        {
            _hasMissed |= Errno.Last == Errno.ENOBUFS;
            return;
        }
        ReadOnlySpan<byte> rest = buffer.AsSpan(0, (int)received);
        while (NetlinkReader.TryNextMessage(ref rest, out ushort type, out _, out ReadOnlySpan<byte> body))
        {
            // A bridge that lets go of a link says RTM_DELLINK too, of the family AF_BRIDGE.
            if (type is Rtnetlink.RTM_NEWLINK or Rtnetlink.RTM_DELLINK && body is [Rtnetlink.AF_UNSPEC, ..] && NetlinkReader.ReadLink(body) is { } link)
            {
                Report(link, isRemoved: type == Rtnetlink.RTM_DELLINK);
            }
        }
    }

    private void Report(Link link, bool isRemoved)
    {
        if (isRemoved)
        {
            _known.Remove(link.Index);
            Tell(one => one.Removed(link));
            return;
        }
        _known[link.Index] = link;
        Tell(one => one.Changed(link));
    }

    /// <summary>Announcements were lost: finds the changes by a comparison with the known links.</summary>
    private void ReportAll()
    {
        IReadOnlyList<Link> links;
        try
        {
            links = List();
        }
        catch (SystemCallException)
        {
            return; // no descriptor left, perhaps: again at the next tick
        }
        _hasMissed = false;
        foreach (Link gone in _known.Values.ExceptBy(links.Select(link => link.Index), link => link.Index).ToList())
        {
            Report(gone, isRemoved: true);
        }
        foreach (Link link in links)
        {
            Report(link, isRemoved: false);
        }
    }

    private static IReadOnlyList<Link> List()
    {
        using NetlinkSocket netlink = NetlinkSocket.Open();
        return netlink.ListLinks();
    }

    private sealed class Subscription(NamespaceShared<LinkMonitor>.Lease monitor, Action<Link> changed, Action<Link> removed, Action? tick) : IDisposable
    {
        private readonly Lock _lock = new();
        private bool _disposed;

        public Action<Link> Changed => changed;

        public Action<Link> Removed => removed;

        public Action? Tick => tick;

        public void Tell(Action<Subscription> tell)
        {
            lock (_lock)
            {
                if (!_disposed)
                {
                    tell(this);
                }
            }
        }

        public void Dispose()
        {
            lock (_lock)
            {
                _disposed = true;
            }
            monitor.Value.Change(all => [.. all.Where(other => other != this)]);
            monitor.Dispose();
        }
    }
}
