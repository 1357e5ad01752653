using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Headers;
using Softswitch.Ports.Tunnels.Headers;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Ports.Tunnels;

/// <summary>The addresses and key that distinguish tunnels on their underlay.</summary>
/// <param name="Addresses">Local end, and remote end in the upper half, as they stand on the wire; the remote is 0 for any.</param>
/// <param name="Key">Key, VNI or tag, the kind and its UDP port.</param>
internal readonly record struct TunnelId(ulong Addresses, ulong Key)
{
    // GRE without a key is not GRE with key 0. Any key is a third thing.
    private const ulong HasKey = 1UL << 32;
    private const ulong AnyKey = 1UL << 33;

    public static TunnelId Of(TunnelKind kind, ushort port, Be32 local, Be32 remote, uint? key, bool anyKey = false) => new(
        local.Raw | ((ulong)remote.Raw << 32),
        ((ulong)kind << 40) | ((ulong)port << 48) | (anyKey ? AnyKey : key is { } number ? HasKey | number : 0));

    /// <summary>The tunnel's own, as its options have it.</summary>
    public static TunnelId Of(TunnelOptions options) => Of(
        options.Kind, options.Kind == TunnelKind.Vxlan ? options.Port : (ushort)0, options.Local, options.Remote ?? default, options.Key, options.IsKeyByFlow);

    public TunnelId WithAnyKey => this with { Key = (Key & ~(HasKey | uint.MaxValue)) | AnyKey };

    public TunnelId WithAnyRemote => this with { Addresses = (uint)Addresses };

    public uint Hash => (uint)(((Addresses * 0x9e37_79b9_7f4a_7c15) ^ Key) * 0xff51_afd7_ed55_8ccd >> 32);
}

/// <summary>The tunnels of one underlay by the headers of their packets: a hash table, made anew for every change.</summary>
/// <remarks>Threads: any; it never changes. Packets cannot make it grow, and an entry is found by few compares: it is at most a quarter full.</remarks>
internal sealed class TunnelMap
{
    private readonly (TunnelId Id, TunnelDevice? Device)[] _slots;
    private readonly bool _hasAnyKey;
    private readonly bool _hasAnyRemote;
    private readonly uint _kinds;
    private readonly HashSet<(TunnelKind Kind, ulong Addresses)> _ends = [];

    public TunnelMap(IReadOnlyList<TunnelDevice> devices)
    {
        Devices = devices;
        _slots = new (TunnelId, TunnelDevice?)[BitOperations.RoundUpToPowerOf2((uint)((devices.Count * 4) + 1))];
        foreach (TunnelDevice device in devices)
        {
            TunnelOptions options = device.Options;
            _hasAnyKey |= options.IsKeyByFlow;
            _hasAnyRemote |= options.Remote == null;
            _kinds |= 1u << (int)options.Kind;
            _ends.Add((options.Kind, device.Id.Addresses));
            uint slot = SlotOf(device.Id);
            while (_slots[slot].Device != null)
            {
                slot = (slot + 1) & (uint)(_slots.Length - 1);
            }
            _slots[slot] = (device.Id, device);
        }
        VxlanPorts = [.. devices.Where(device => device.Options.Kind == TunnelKind.Vxlan).Select(device => Be16.FromHost(device.Options.Port).Raw).Distinct()];
    }

    public static TunnelMap Empty { get; } = new([]);

    public IReadOnlyList<TunnelDevice> Devices { get; }

    /// <summary>The UDP ports that VXLAN comes to, as they stand on the wire.</summary>
    public ushort[] VxlanPorts { get; }

    public bool Has(TunnelKind kind) => (_kinds & (1u << (int)kind)) != 0;

    /// <summary>The tunnel that a packet belongs to. One with the packet's key and peer goes before one that leaves either or both to flows.</summary>
    public TunnelDevice? Find(in TunnelId id) =>
        FindExact(id)
        ?? (_hasAnyKey ? FindExact(id.WithAnyKey) : null)
        ?? (_hasAnyRemote ? FindExact(id.WithAnyRemote) ?? FindExact(id.WithAnyRemote.WithAnyKey) : null);

    /// <summary>Whether any tunnel of the protocol, whatever its key, is between these ends.</summary>
    /// <param name="addresses">As <see cref="TunnelId.Addresses"/>.</param>
    public bool HasEnds(byte protocol, ulong addresses) => protocol switch
    {
        IpProtocol.Udp => HasEnds(TunnelKind.Vxlan, addresses),
        IpProtocol.Gre => HasEnds(TunnelKind.Gre, addresses) || HasEnds(TunnelKind.Nvgre, addresses),
        IpProtocol.IpInIp => HasEnds(TunnelKind.Ipip, addresses),
        IpProtocol.Capsulator => HasEnds(TunnelKind.Capsulator, addresses),
        _ => false,
    };

    /// <summary>Whether a packet can be one that a tunnel of the map wrote, by what routers quote of it.</summary>
    /// <param name="quote">Its IPv4 header, 20 bytes, and eight more.</param>
    /// <param name="length">Of the whole packet.</param>
    public bool MayHaveSent(ReadOnlySpan<byte> quote, int length)
    {
        if (!HasEnds(quote[9], MemoryMarshal.Read<ulong>(quote[12..])))
        {
            return false;
        }
        foreach (TunnelDevice device in Devices)
        {
            if (MayHaveSent(device.Options, quote, length))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Whether a packet can be one that the tunnel wrote: ends, protocol, and the constant fields behind them.</summary>
    /// <param name="quote">Its IPv4 header without options and eight bytes more.</param>
    /// <param name="length">Of the whole packet.</param>
    private static bool MayHaveSent(TunnelOptions tunnel, ReadOnlySpan<byte> quote, int length)
    {
        ReadOnlySpan<byte> transport = quote[OuterHeader.Ipv4Length..];
        uint first = BinaryPrimitives.ReadUInt32BigEndian(transport);
        uint second = BinaryPrimitives.ReadUInt32BigEndian(transport[4..]);
        if (BinaryPrimitives.ReadUInt32BigEndian(quote[12..]) != tunnel.Local.Host
            || (tunnel.Remote is { } remote && BinaryPrimitives.ReadUInt32BigEndian(quote[16..]) != remote.Host))
        {
            return false;
        }
        return (tunnel.Kind, quote[9]) switch
        {
            (TunnelKind.Vxlan, IpProtocol.Udp) => (first & 0xffff) == tunnel.Port && first >> 30 == 3 && second >> 16 == length - OuterHeader.Ipv4Length,
            (TunnelKind.Gre or TunnelKind.Nvgre, IpProtocol.Gre) => (first & 0xffff) == OuterHeader.TransparentEthernetBridging
                && (first >> 31 != 0) == tunnel.Checksum && (tunnel.Checksum || tunnel.Kind == TunnelKind.Nvgre || tunnel.Key is not { } key || second == key),
            (TunnelKind.Ipip, IpProtocol.IpInIp) => first >> 28 == 4,
            (TunnelKind.Capsulator, IpProtocol.Capsulator) => tunnel.Key is not { } tag || first == tag,
            _ => false,
        };
    }

    /// <summary>Whether any tunnel of the kind, whatever its key, is between these ends: a packet that matches none has a wrong key then.</summary>
    public bool HasEnds(TunnelKind kind, ulong addresses) =>
        _ends.Contains((kind, addresses)) || (_hasAnyRemote && _ends.Contains((kind, (uint)addresses)));

    private uint SlotOf(in TunnelId id) => id.Hash & (uint)(_slots.Length - 1);

    private TunnelDevice? FindExact(in TunnelId id)
    {
        uint slot = SlotOf(id);
        while (_slots[slot].Device is { } device)
        {
            if (_slots[slot].Id == id)
            {
                return device;
            }
            slot = (slot + 1) & (uint)(_slots.Length - 1);
        }
        return null;
    }
}
