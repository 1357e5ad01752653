namespace Softswitch.Ports.Linux;

/// <summary>Reports changes of network interfaces as the kernel announces them (RTNLGRP_LINK).</summary>
/// <remarks>
/// Threads: one of its own, in the namespace of the thread that started it; both callbacks run there, one at a time, and must not throw.
/// When announcements were lost, because the kernel's queue was full, every link is reported once as changed.
/// </remarks>
public sealed unsafe class LinkMonitor : IDisposable
{
    private const int BufferSize = 32 * 1024;

    private readonly int _socket;
    private readonly int _stop;
    private readonly Thread _thread;
    private readonly Action<Link> _changed;
    private readonly Action<Link> _removed;
    private bool _disposed;

    /// <param name="changed">A link that is new or not as it was.</param>
    /// <param name="removed">A link that is gone, or gone to another namespace.</param>
    /// <exception cref="SystemCallException">No socket.</exception>
    public LinkMonitor(Action<Link> changed, Action<Link> removed)
    {
        _changed = changed;
        _removed = removed;
        _socket = NetlinkSocket.OpenDescriptor(Rtnetlink.RTMGRP_LINK);
        _stop = Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK);
        if (_stop < 0)
        {
            SystemCallException failure = SystemCallException.Last("eventfd");
            _ = Libc.close(_socket);
            throw failure;
        }
        _thread = new Thread(Watch) { IsBackground = true, Name = "link monitor" };
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
            int ready = Libc.poll(descriptors, 2, -1);
            if (ready > 0 && descriptors[1].Returned != 0)
            {
                return;
            }
            if (ready > 0)
            {
                Read(buffer);
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
            if (Errno.Last == Errno.ENOBUFS)
            {
                ReportAll();
            }
            return;
        }
        ReadOnlySpan<byte> rest = buffer.AsSpan(0, (int)received);
        while (NetlinkReader.TryNextMessage(ref rest, out ushort type, out _, out ReadOnlySpan<byte> body))
        {
            Action<Link>? report = type switch
            {
                Rtnetlink.RTM_NEWLINK => _changed,
                Rtnetlink.RTM_DELLINK => _removed,
                _ => null,
            };
            if (report != null && NetlinkReader.ReadLink(body) is { } link)
            {
                report(link);
            }
        }
    }

    private void ReportAll()
    {
        using NetlinkSocket netlink = NetlinkSocket.Open();
        foreach (Link link in netlink.ListLinks())
        {
            _changed(link);
        }
    }
}
