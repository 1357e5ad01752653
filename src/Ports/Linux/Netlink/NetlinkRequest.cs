using System.Runtime.InteropServices;
using System.Text;
using Softswitch.Datapath.Headers;

namespace Softswitch.Ports.Linux.Netlink;

/// <summary>One netlink request being written: header, fixed part, attributes, nested ones closed by <see cref="End"/>.</summary>
internal sealed class NetlinkRequest
{
    private readonly byte[] _bytes = new byte[1024];
    private int _length = Rtnetlink.HeaderSize;

    public NetlinkRequest(ushort type, ushort flags)
    {
        Write(4, type);
        Write(6, flags);
    }

    /// <summary>The finished request.</summary>
    public ReadOnlySpan<byte> Complete(uint sequence)
    {
        Write(0, _length);
        Write(8, sequence);
        return _bytes.AsSpan(0, _length);
    }

    /// <summary>struct ifinfomsg: which link, and the flags to change.</summary>
    public NetlinkRequest Link(int index = 0, LinkFlags flags = LinkFlags.None, LinkFlags change = LinkFlags.None)
    {
        Write(_length + 4, index);
        Write(_length + 8, (uint)flags);
        Write(_length + 12, (uint)change);
        _length += Rtnetlink.LinkSize;
        return this;
    }

    /// <summary>struct tcmsg for the queueing discipline that a link sends by.</summary>
    public NetlinkRequest RootQueue(int link)
    {
        Write(_length + 4, link);
        Write(_length + 12, Rtnetlink.TC_H_ROOT);
        _length += Rtnetlink.QueueSize;
        return this;
    }

    /// <summary>struct ifaddrmsg for an IPv4 address.</summary>
    public NetlinkRequest Ipv4Address(int index, byte prefixLength) => Address(Libc.AF_INET, index, prefixLength);

    /// <summary>struct ifaddrmsg for an address of a family.</summary>
    public NetlinkRequest Address(int family, int index, byte prefixLength = 0)
    {
        _bytes[_length] = (byte)family;
        _bytes[_length + 1] = prefixLength;
        Write(_length + 4, index);
        _length += Rtnetlink.AddressSize;
        return this;
    }

    /// <summary>struct rtmsg for the route to an IPv4 address.</summary>
    public NetlinkRequest RouteTo(Be32 destination)
    {
        _bytes[_length] = Libc.AF_INET;
        _bytes[_length + 1] = 32;
        _length += Rtnetlink.RouteSize;
        return Attribute(Rtnetlink.RTA_DST, MemoryMarshal.AsBytes(new ReadOnlySpan<Be32>(in destination)));
    }

    /// <summary>struct ndmsg for an IPv4 neighbour.</summary>
    public NetlinkRequest Neighbour(int link, Be32 address, byte flags = 0)
    {
        _bytes[_length] = Libc.AF_INET;
        Write(_length + 4, link);
        _bytes[_length + 10] = flags;
        _length += Rtnetlink.NeighbourSize;
        return Attribute(Rtnetlink.NDA_DST, MemoryMarshal.AsBytes(new ReadOnlySpan<Be32>(in address)));
    }

    /// <summary>struct ndmsg for a station behind a port of a bridge, for ever.</summary>
    public NetlinkRequest Station(int port, ReadOnlySpan<byte> address)
    {
        _bytes[_length] = Rtnetlink.AF_BRIDGE;
        Write(_length + 4, port);
        _bytes[_length + 8] = Rtnetlink.NUD_NOARP;
        _bytes[_length + 10] = Rtnetlink.NTF_MASTER;
        _length += Rtnetlink.NeighbourSize;
        return Attribute(Rtnetlink.NDA_LLADDR, address);
    }

    /// <summary>struct rtmsg for a route of the main table by way of a gateway.</summary>
    /// <param name="prefixLength">0 for the default route.</param>
    public NetlinkRequest RouteBy(Be32 network, byte prefixLength, Be32 gateway)
    {
        _bytes[_length] = Libc.AF_INET;
        _bytes[_length + 1] = prefixLength;
        _bytes[_length + 4] = Rtnetlink.RT_TABLE_MAIN;
        _bytes[_length + 5] = Rtnetlink.RTPROT_STATIC;
        _bytes[_length + 7] = Rtnetlink.RTN_UNICAST;
        _length += Rtnetlink.RouteSize;
        return Attribute(Rtnetlink.RTA_DST, MemoryMarshal.AsBytes(new ReadOnlySpan<Be32>(in network)))
            .Attribute(Rtnetlink.RTA_GATEWAY, MemoryMarshal.AsBytes(new ReadOnlySpan<Be32>(in gateway)));
    }

    public NetlinkRequest Attribute(ushort type, ReadOnlySpan<byte> value)
    {
        int start = Begin(type);
        value.CopyTo(_bytes.AsSpan(_length));
        _length += value.Length;
        End(start);
        return this;
    }

    public NetlinkRequest Attribute(ushort type, int value) => Attribute(type, MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in value)));

    /// <summary>A name with its closing zero byte.</summary>
    public NetlinkRequest Attribute(ushort type, string value) => Attribute(type, Encoding.UTF8.GetBytes(value + '\0'));

    /// <summary>Opens a nested attribute; pass the result to <see cref="End"/>.</summary>
    public int Begin(ushort type)
    {
        int start = _length;
        Write(start + 2, type);
        _length += Rtnetlink.AttributeSize;
        return start;
    }

    public void End(int start)
    {
        Write(start, (ushort)(_length - start));
        _length = Rtnetlink.Align(_length);
    }

    private void Write<T>(int offset, T value)
        where T : struct => MemoryMarshal.Write(_bytes.AsSpan(offset), value);
}
