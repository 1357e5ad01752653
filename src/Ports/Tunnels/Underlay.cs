using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Tunnels.NextHops;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Ports.Tunnels;

/// <summary>The IPv4 host that tunnels of one underlay port share: addresses, routes, neighbours, and the tunnel for each incoming packet.</summary>
/// <remarks>
/// It outlives the port's device: tunnels stay when an interface vanishes, and go on when it returns. Threads: the control side attaches and registers;
/// workers read what is published.
/// </remarks>
internal sealed class Underlay
{
    // Milliseconds.
    private const int WantedInterval = 60_000;

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private long _forgetAt;
    private volatile UnderlayDevice? _device;
    private volatile TunnelMap _tunnels = TunnelMap.Empty;

    /// <param name="name">What messages call it.</param>
    public Underlay(string name, UnderlayOptions options, TimeProvider time)
    {
        Name = name;
        Options = options;
        Neighbours = new NeighbourTable(Generation);
        PathMtus = new PathMtuTable(Generation);
        Routes = new RouteTable(options);
        Kernel = options.IsByKernel ? new KernelNextHops(Generation) : null;
        Addresses = [.. options.Addresses.Select(address => address.Address.Raw)];
        _time = time;
    }

    public string Name { get; }

    public UnderlayOptions Options { get; }

    public RouteTable Routes { get; }

    public NeighbourTable Neighbours { get; }

    public PathMtuTable PathMtus { get; }

    /// <summary>The kernel's routes and neighbours, which are then used in place of <see cref="Routes"/> and <see cref="Neighbours"/>; null if they are not.</summary>
    public KernelNextHops? Kernel { get; }

    /// <summary>Changes with every address, route or neighbour that tunnels look up here for their headers.</summary>
    public Generation Generation { get; } = new();

    /// <summary>Local addresses as they stand on the wire.</summary>
    public uint[] Addresses { get; }

    public TunnelMap Tunnels => _tunnels;

    /// <summary>The port's device; null while it is gone.</summary>
    public UnderlayDevice? Device => _device;

    /// <summary>Queues of the port's device, or of the last it had.</summary>
    public int QueueCount { get; private set; } = 1;

    public long Milliseconds => (long)_time.GetElapsedTime(0).TotalMilliseconds;

    public bool IsLocal(uint address) => Array.IndexOf(Addresses, address) >= 0;

    /// <summary>The queue that the same worker serves; null while the port is gone.</summary>
    public UnderlayQueue? QueueAt(int index)
    {
        UnderlayQueue[]? queues = _device?.UnderlayQueues;
        return queues != null && index < queues.Length ? queues[index] : null;
    }

    public void Attach(UnderlayDevice device)
    {
        QueueCount = device.Queues.Count;
        _device = device;
        Neighbours.Recheck(Milliseconds);
    }

    /// <summary>No tunnel uses the device from the workers' next passes on.</summary>
    public void Detach(UnderlayDevice device)
    {
        if (_device == device)
        {
            _device = null;
        }
    }

    /// <exception cref="PortException">Another tunnel has the same ends and key.</exception>
    public void Register(TunnelDevice tunnel)
    {
        lock (_lock)
        {
            if (_tunnels.Devices.FirstOrDefault(other => other.Id == tunnel.Id) is { } present)
            {
                throw new PortException($"the same ends and key as {present.Name}");
            }
            _tunnels = new TunnelMap([.. _tunnels.Devices, tunnel]);
        }
    }

    public void Unregister(TunnelDevice tunnel)
    {
        lock (_lock)
        {
            _tunnels = new TunnelMap([.. _tunnels.Devices.Where(other => other != tunnel)]);
        }
    }

    /// <summary>The address to ask <see cref="Find"/> for: the next hop, or the destination itself if the kernel does the routing.</summary>
    /// <returns>False if there is no route.</returns>
    public bool TryFindNextHop(Be32 destination, out Be32 nextHop)
    {
        nextHop = destination;
        return Kernel != null || Routes.TryFindNextHop(destination, out nextHop);
    }

    /// <summary>The state of a next hop. An unknown one is asked for.</summary>
    /// <param name="peek">Whether to ask for nothing.</param>
    public NeighbourState Find(Be32 nextHop, out MacAddress address, bool peek = false) =>
        Kernel?.Find(nextHop, Milliseconds, out address, peek) ?? Neighbours.Find(nextHop, Milliseconds, out address, peek);

    /// <summary>Forgets old neighbours and path MTUs. Any worker calls it often.</summary>
    /// <remarks>Headers in use are looked up anew each minute, which shows which entries are still wanted.</remarks>
    public void RunTimers(long now)
    {
        long due = Volatile.Read(ref _forgetAt);
        if (now < due || Interlocked.CompareExchange(ref _forgetAt, now + WantedInterval, due) != due)
        {
            return;
        }
        PathMtus.Expire(now);
        Neighbours.ForgetUnwanted(now - (2 * WantedInterval));
        Kernel?.ForgetUnwanted(now - (2 * WantedInterval));
        Generation.Advance();
    }

    /// <summary>The link as a tunnel to this address sees it.</summary>
    /// <param name="remote">Null if flows choose the remote end.</param>
    /// <param name="overhead">Bytes of the underlay's MTU that the tunnel takes.</param>
    public PortLink LinkFor(Be32? remote, int overhead)
    {
        if (_device is not { } device)
        {
            return new PortLink(Up: false, Mtu: 0);
        }
        bool hasWay = remote is not { } address || (device.Watch?.HasRoute(address) ?? Routes.TryFindNextHop(address, out _));
        return new PortLink(device.IsUp && hasWay, device.Mtu == 0 ? 0 : Math.Max(device.Mtu - overhead, 1));
    }
}
