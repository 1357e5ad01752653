using Softswitch.Datapath.Headers;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Netlink;

namespace Softswitch.Ports.Tunnels.NextHops;

/// <summary>Keeps a <see cref="KernelNextHops"/> up to date: asks the kernel for routes and neighbours, hears of changes, has addresses resolved.</summary>
/// <remarks>
/// <para>
/// If the kernel does not know a neighbour, the watch sends RTM_NEWNEIGH with NTF_USE, which has the effect of a packet of the kernel's own. It does the same
/// for a stale neighbour, as the kernel does not see that we use it. Then the kernel sends ARP requests and receives the answers.
/// </para>
/// <para>Threads: one of its own; <see cref="HasRoute"/> and <see cref="Wake"/> from any. The sockets belong to the network namespace of the thread that made it.</para>
/// </remarks>
internal sealed unsafe class KernelWatch : IDisposable
{
    private const uint Groups = Rtnetlink.RTMGRP_NEIGH | Rtnetlink.RTMGRP_IPV4_IFADDR | Rtnetlink.RTMGRP_IPV4_ROUTE | Rtnetlink.RTMGRP_IPV4_RULE;
    private const int BufferSize = 32 * 1024;

    // Milliseconds. Routes may change by the thousand: the table is read again at most that often.
    private const int RouteInterval = 100;
    private const int TickInterval = 1000;
    private const int AskInterval = 3000;

    private readonly int _link;
    private readonly KernelNextHops _nextHops;
    private readonly NetlinkSocket _netlink = NetlinkSocket.Open();
    private readonly int _socket;
    private readonly int _event;
    private readonly Thread _thread;
    private readonly Dictionary<uint, Hop> _hops = [];
    private readonly Dictionary<uint, Be32?> _routes = [];
    private readonly byte[] _buffer = new byte[BufferSize];
    private bool _routesChanged;
    private long _routesReadAt;
    private bool _hasMissed;
    private volatile bool _stopping;

    /// <param name="link">Index of the underlay's interface.</param>
    /// <exception cref="SystemCallException">No socket.</exception>
    public KernelWatch(int link, KernelNextHops nextHops)
    {
        _link = link;
        _nextHops = nextHops;
        try
        {
            _socket = NetlinkSocket.OpenDescriptor(Groups);
        }
        catch
        {
            _netlink.Dispose();
            throw;
        }
        _event = Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK);
        if (_event < 0)
        {
            SystemCallException failure = SystemCallException.Last("eventfd");
            _ = Libc.close(_socket);
            _netlink.Dispose();
            throw failure;
        }
        _thread = new Thread(Run) { IsBackground = true, Name = "neighbours" };
        nextHops.Attach(this);
        _thread.Start();
    }

    /// <summary>Whether the kernel would send to an address by the underlay's interface.</summary>
    public bool HasRoute(Be32 destination)
    {
        try
        {
            return _netlink.FindRoute(destination) is { } route && route.LinkIndex == _link;
        }
        catch (Exception e) when (e is SystemCallException or ObjectDisposedException) // the interface may be going just now
        {
            return false;
        }
    }

    /// <summary>An address is wanted that was not before.</summary>
    public void Wake()
    {
        ulong one = 1;
        _ = Libc.write(_event, &one, sizeof(ulong));
    }

    /// <summary>Returns when the thread has ended; no worker may be looking for next hops of the interface any more.</summary>
    public void Dispose()
    {
        if (_stopping)
        {
            return;
        }
        _nextHops.Detach(this);
        _stopping = true;
        Wake();
        _thread.Join();
        _ = Libc.close(_socket);
        _ = Libc.close(_event);
        _netlink.Dispose();
    }

    private void Run()
    {
        PollDescriptor* descriptors = stackalloc PollDescriptor[2];
        while (!_stopping)
        {
            descriptors[0] = new PollDescriptor { Descriptor = _socket, Events = Libc.POLLIN };
            descriptors[1] = new PollDescriptor { Descriptor = _event, Events = Libc.POLLIN };
            Libc.poll(descriptors, 2, _routesChanged ? RouteInterval : TickInterval);
            ulong count;
            _ = Libc.read(_event, &count, sizeof(ulong));
            while (!_stopping && TryReadNews())
            {
            }
            try
            {
                Refresh(Environment.TickCount64);
            }
            catch (SystemCallException)
            {
                _hasMissed = true; // no memory, perhaps: all of it again at the next tick
            }
        }
    }

    /// <returns>False when there is no more.</returns>
    private bool TryReadNews()
    {
        nint received;
        fixed (byte* pinned = _buffer)
        {
            received = Libc.recv(_socket, pinned, BufferSize, Libc.MSG_DONTWAIT);
        }
        if (received < 0)
        {
            bool isFull = Errno.Last == Errno.ENOBUFS;
            _hasMissed |= isFull;
            return isFull;
        }
        ReadOnlySpan<byte> rest = _buffer.AsSpan(0, (int)received);
        while (NetlinkReader.TryNextMessage(ref rest, out ushort type, out _, out ReadOnlySpan<byte> body))
        {
            if (type is not (Rtnetlink.RTM_NEWNEIGH or Rtnetlink.RTM_DELNEIGH))
            {
                _routesChanged = true; // a route, rule or address changed: the kernel is asked for its effect
            }
            else if (NetlinkReader.ReadNeighbour(body) is { } neighbour && neighbour.LinkIndex == _link && _hops.TryGetValue(neighbour.Address.Raw, out Hop? hop))
            {
                hop.Neighbour = type == Rtnetlink.RTM_NEWNEIGH ? neighbour : neighbour with { HardwareAddress = null, State = NeighbourStates.None };
            }
        }
        return received > 0;
    }

    private void Refresh(long now)
    {
        if (_hasMissed)
        {
            _hasMissed = false;
            _routesChanged = true;
            _hops.Clear();
        }
        if (_routesChanged && now - _routesReadAt >= RouteInterval)
        {
            _routesChanged = false;
            _routesReadAt = now;
            _routes.Clear();
        }
        IReadOnlyList<Be32> destinations = _nextHops.ListDestinations();
        foreach (Be32 destination in destinations)
        {
            RefreshDestination(destination, now);
        }
        Forget(destinations);
    }

    private void RefreshDestination(Be32 destination, long now)
    {
        if (!_routes.TryGetValue(destination.Raw, out Be32? nextHop))
        {
            nextHop = _netlink.FindRoute(destination) is { } route && route.LinkIndex == _link ? route.Gateway ?? destination : null;
            _routes.Add(destination.Raw, nextHop);
        }
        if (nextHop is not { } address)
        {
            _nextHops.Publish(destination, NeighbourState.Failed, default);
            return;
        }
        if (!_hops.TryGetValue(address.Raw, out Hop? hop))
        {
            hop = new Hop { Neighbour = _netlink.FindNeighbour(_link, address) ?? new Neighbour(_link, address, null, NeighbourStates.None) };
            _hops.Add(address.Raw, hop);
        }
        Attend(hop, now);
        _nextHops.Publish(destination, StateOf(hop), hop.Neighbour.IsUsable ? hop.Neighbour.HardwareAddress!.Value : default);
    }

    /// <summary>Has the kernel ask for a neighbour it does not know, or not for sure.</summary>
    private void Attend(Hop hop, long now)
    {
        Neighbour neighbour = hop.Neighbour;
        bool hasFailed = neighbour.State == NeighbourStates.Failed;
        if (hasFailed && !hop.HasFailed)
        {
            hop.AskAt = now + AskInterval; // its rest begins
        }
        hop.HasFailed = hasFailed;
        bool isWanted = hasFailed || neighbour.State is NeighbourStates.None or NeighbourStates.Stale;
        if (isWanted && now >= hop.AskAt)
        {
            hop.AskAt = now + AskInterval;
            hop.HasFailed = false;
            hop.Neighbour = hasFailed ? neighbour with { State = NeighbourStates.None } : neighbour;
            _netlink.UseNeighbour(_link, neighbour.Address);
        }
    }

    private static NeighbourState StateOf(Hop hop) =>
        hop.Neighbour.IsUsable ? NeighbourState.Reachable
        : hop.HasFailed ? NeighbourState.Failed
        : NeighbourState.Incomplete;

    /// <summary>Keeps no more than what is wanted.</summary>
    private void Forget(IReadOnlyList<Be32> destinations)
    {
        if (_routes.Count <= destinations.Count && _hops.Count <= destinations.Count)
        {
            return;
        }
        HashSet<uint> wanted = [.. destinations.Select(destination => destination.Raw)];
        foreach (uint destination in _routes.Keys.Where(destination => !wanted.Contains(destination)).ToList())
        {
            _routes.Remove(destination);
        }
        HashSet<uint> hops = [.. _routes.Values.OfType<Be32>().Select(hop => hop.Raw)];
        foreach (uint hop in _hops.Keys.Where(hop => !hops.Contains(hop)).ToList())
        {
            _hops.Remove(hop);
        }
    }

    private sealed class Hop
    {
        public Neighbour Neighbour;
        public long AskAt;
        public bool HasFailed;
    }
}
