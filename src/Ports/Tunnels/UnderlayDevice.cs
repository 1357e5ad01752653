using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Tunnels.NextHops;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Ports.Tunnels;

/// <summary>A port with IPv4 addresses of its own (<c>address=</c>). It takes packets to these addresses before the flow table, and passes others on.</summary>
/// <remarks>
/// A decorator of the device that has the wire. Taken out are ARP for a local address, ICMP echo requests to one, and packets of the
/// tunnels registered; everything else, other IPv4 packets to a local address included, is the flow table's.
/// </remarks>
internal sealed class UnderlayDevice : IPortDevice, IDeviceHandover
{
    /// <summary>The first six bytes of a frame in memory: little-endian.</summary>
    public const ulong AddressMask = 0xffff_ffff_ffff;

    private readonly IPortDevice _inner;
    private readonly Underlay _underlay;
    private ulong _address;
    private volatile bool _isUp;
    private volatile int _mtu;

    /// <exception cref="PortException">The kernel's neighbours are to be used, and it does not have the interface or its addresses.</exception>
    public UnderlayDevice(ushort number, IPortDevice inner, Underlay underlay)
    {
        Number = number;
        _inner = inner;
        _underlay = underlay;
        Watch = underlay.Kernel is { } kernel ? StartWatch(kernel) : null;
        ReadLink();
        UnderlayQueues = [.. inner.Queues.Select((queue, index) => new UnderlayQueue(queue, index, this, underlay))];
        underlay.Attach(this);
    }

    /// <summary>The port's.</summary>
    public ushort Number { get; }

    public UnderlayQueue[] UnderlayQueues { get; }

    /// <summary>The thread that asks the kernel for next hops; null if the switch sends ARP itself.</summary>
    public KernelWatch? Watch { get; }

    /// <summary>The hardware address as last read, as frames to it begin. Any thread.</summary>
    public ulong AddressInFrames => Volatile.Read(ref _address);

    /// <summary>The link as last read. Any thread.</summary>
    public bool IsUp => _isUp;

    /// <summary>Bytes of the longest IP packet; 0 without a limit. Any thread.</summary>
    public int Mtu => _mtu;

    public string Name => _inner.Name;

    public string Backend => $"{_inner.Backend}; {string.Join(", ", _underlay.Options.Addresses)}{(Watch == null ? string.Empty : "; routes and neighbours are the kernel's")}";

    public MacAddress HardwareAddress => _inner.HardwareAddress;

    public INetworkInterface? Interface => _inner.Interface;

    /// <summary>The wire's, with the neighbours and path MTUs that are known: nothing waits for ARP in the other process.</summary>
    public IDeviceHandover? Handover => _inner.Handover == null ? null : this;

    public bool IsLinkAnnounced => _inner.IsLinkAnnounced;

    public bool TakesOffloads => _inner.TakesOffloads;

    public bool Takes(in OffloadState offload) => _inner.Takes(offload);

    public IReadOnlyList<IPort> Queues => UnderlayQueues;

    public PortLink ReadLink()
    {
        PortLink link = _inner.ReadLink();
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        bytes.Clear();
        HardwareAddress.CopyTo(bytes);
        ulong address = BitConverter.ToUInt64(bytes);
        bool returned = link.Up && !_isUp;
        bool renumbered = address != _address;
        _mtu = link.Mtu;
        _isUp = link.Up;
        Volatile.Write(ref _address, address);
        if (returned || renumbered) // neighbours are asked, and learn our address from that
        {
            _underlay.Neighbours.Recheck(_underlay.Milliseconds);
        }
        return link;
    }

    public DeviceOffer Offer() => _inner.Handover!.Offer();

    public void SaveState(BinaryWriter state)
    {
        _inner.Handover!.SaveState(state);
        _underlay.Neighbours.Save(state, _underlay.Milliseconds);
        _underlay.PathMtus.Save(state, _underlay.Milliseconds);
    }

    public void Resume() => _inner.Handover!.Resume();

    public void Yield() => _inner.Handover!.Yield();

    public void Adopt(BinaryReader state)
    {
        _inner.Handover!.Adopt(state);
        _underlay.Neighbours.Restore(state, _underlay.Milliseconds);
        _underlay.PathMtus.Restore(state, _underlay.Milliseconds);
    }

    public PortCounters ReadCounters() => _inner.ReadCounters();

    public LocalDelivery? TraceIngress(ref Packet packet, FrameCache frames)
    {
        using UnderlayQueue queue = new(UnderlayQueues[0], 0, this, _underlay); // a queue that only traces packets and receives none
        return queue.Inspect(ref packet, frames);
    }

    public void Detach()
    {
        _underlay.Detach(this);
        _inner.Detach();
    }

    public void SetAdministrativeState(bool up) => _inner.SetAdministrativeState(up);

    public void Dispose()
    {
        _underlay.Detach(this);
        Watch?.Dispose();
        foreach (UnderlayQueue queue in UnderlayQueues)
        {
            queue.Dispose();
        }
        _inner.Dispose();
    }

    private KernelWatch StartWatch(KernelNextHops kernel)
    {
        if (Interface?.InterfaceIndex is not int index)
        {
            throw new PortException("neighbours=kernel: the port is no interface of the kernel's");
        }
        try
        {
            using (NetlinkSocket netlink = NetlinkSocket.Open())
            {
                HashSet<uint> known = [.. netlink.ListIpv4Addresses().Where(address => address.LinkIndex == index).Select(address => address.Address.Raw)];
                foreach (Ipv4Prefix address in _underlay.Options.Addresses.Where(address => !known.Contains(address.Address.Raw)))
                {
                    throw new PortException($"neighbours=kernel: the kernel does not have the address: ip addr add {address} dev {Name}");
                }
            }
            return new KernelWatch(index, kernel);
        }
        catch (SystemCallException e)
        {
            throw new PortException($"neighbours=kernel: {e.Message}", e);
        }
    }
}
