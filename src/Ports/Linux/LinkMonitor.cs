namespace Softswitch.Ports.Linux;

/// <summary>Reports changes of network interfaces as the kernel announces them (RTNLGRP_LINK).</summary>
/// <remarks>
/// Threads: one of its own, in the namespace of the thread that started it; all callbacks run there, one at a time, and must not throw.
/// When announcements were lost, because the kernel's queue was full, every link is reported once as changed, and as removed what is no longer there.
/// </remarks>
internal sealed unsafe class LinkMonitor : IDisposable
{
    private const int BufferSize = 32 * 1024;
    private const int TickMilliseconds = 1000;

    private readonly int _socket;
    private readonly int _stop;
    private readonly Thread _thread;
    private readonly Action<Link> _changed;
    private readonly Action<Link> _removed;
    private readonly Action? _tick;
    private readonly Dictionary<int, Link> _known = [];
    private bool _hasMissed;
    private bool _disposed;

    /// <param name="changed">A link that is new or not as it was.</param>
    /// <param name="removed">A link that is gone, or gone to another namespace.</param>
    /// <param name="tick">Called a second after nothing was announced, again and again: for what is to be tried once more.</param>
    /// <exception cref="SystemCallException">No socket.</exception>
    public LinkMonitor(Action<Link> changed, Action<Link> removed, Action? tick = null)
    {
        _changed = changed;
        _removed = removed;
        _tick = tick;
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

    /// <summary>Returns when no callback runs any more; not to be called from one.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        ulong one = 1;
        _ = Libc.write(_stop, &one, sizeof(ulong));
        _thread.Join();
        _ = Libc.close(_socket);
        _ = Libc.close(_stop);
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
                _tick?.Invoke();
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
            _removed(link);
            return;
        }
        _known[link.Index] = link;
        _changed(link);
    }

    /// <summary>Announcements were lost: finds out by comparing what they were about.</summary>
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
}
