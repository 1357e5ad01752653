using System.Globalization;
using Softswitch.Datapath.Headers;
using Softswitch.Ports.Specs;

namespace Softswitch.Ports.Tunnels.Settings;

/// <summary>A tunnel port's settings, checked.</summary>
internal sealed record TunnelOptions
{
    private const string Flow = "flow";
    private const int MaxVni = (1 << 24) - 1;

    public required TunnelKind Kind { get; init; }

    /// <summary>Our end, an address of the underlay port.</summary>
    public required Be32 Local { get; init; }

    /// <summary>The far end; null if flows choose it.</summary>
    public required Be32? Remote { get; init; }

    /// <summary>VNI, key or tag; null for GRE without one, or if flows choose it.</summary>
    public uint? Key { get; init; }

    /// <summary>Flows choose the key, and any is accepted.</summary>
    public bool IsKeyByFlow { get; init; }

    /// <summary>VXLAN's UDP port.</summary>
    public ushort Port { get; init; } = 4789;

    public byte Ttl { get; init; } = 64;

    /// <summary>The outer type of service without its ECN bits; null to inherit the inner packet's.</summary>
    public byte? Tos { get; init; } = 0;

    /// <summary>Whether the outer packet must not be fragmented by routers.</summary>
    public bool DontFragment { get; init; } = true;

    /// <summary>The outer UDP checksum, or GRE's.</summary>
    public bool Checksum { get; init; }

    /// <summary>The underlay port's number; null for the one that has <see cref="Local"/>.</summary>
    public ushort? Via { get; init; }

    /// <summary>IPv4's protocol number.</summary>
    internal byte Protocol => Kind switch
    {
        TunnelKind.Vxlan => IpProtocol.Udp,
        TunnelKind.Ipip => IpProtocol.IpInIp,
        TunnelKind.Capsulator => IpProtocol.Capsulator,
        _ => IpProtocol.Gre,
    };

    public OversizePolicy Oversize { get; init; }

    /// <summary>The next hop's Ethernet address if it is not to be asked for.</summary>
    public MacAddress? RemoteHardwareAddress { get; init; }

    /// <summary>Ethernet addresses that <c>ipip:</c> puts in front of what comes out; null for the port's own address.</summary>
    public MacAddress? InnerSource { get; init; }

    public MacAddress? InnerDestination { get; init; }

    /// <exception cref="PortException">An option is missing or cannot be meant.</exception>
    public static TunnelOptions Read(PortSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var reader = new OptionReader(spec);
        TunnelKind kind = spec.Kind switch
        {
            PortKind.Gre => spec.Options.ContainsKey("nvgre") ? TunnelKind.Nvgre : TunnelKind.Gre,
            PortKind.Ipip => TunnelKind.Ipip,
            PortKind.Capsulator => TunnelKind.Capsulator,
            _ => TunnelKind.Vxlan,
        };
        Be32 local = reader.Address("local");
        Be32? remote = reader.Text("remote") == Flow ? null : reader.Address("remote");
        if (remote == local)
        {
            throw reader.Refuse("remote", "is the same as local");
        }
        string? key = reader.Text("key");
        bool keyByFlow = kind != TunnelKind.Ipip && (key == Flow || (key == null && remote == null));
        return new TunnelOptions
        {
            Kind = kind,
            Local = local,
            Remote = remote,
            IsKeyByFlow = keyByFlow,
            Key = keyByFlow ? null : ReadKey(reader, kind),
            Port = (ushort)(reader.Number("port", 1, ushort.MaxValue) ?? 4789),
            Ttl = (byte)(reader.Number("ttl", 1, byte.MaxValue) ?? 64),
            Tos = reader.Text("tos") == "inherit" ? null : ReadTos(reader),
            DontFragment = reader.Switch("df") ?? true,
            Checksum = reader.Switch("csum") ?? false,
            Via = (ushort?)reader.Number("via", 1, Datapath.Ports.PortNumber.Max),
            Oversize = reader.Text("mtu") switch
            {
                null or "icmp" => OversizePolicy.Icmp,
                "fragment" => OversizePolicy.Fragment,
                "drop" => OversizePolicy.Drop,
                _ => throw reader.Refuse("mtu", "is none of icmp, fragment and drop"),
            },
            RemoteHardwareAddress = reader.HardwareAddress("remote-mac"),
            InnerSource = reader.HardwareAddress("inner-src"),
            InnerDestination = reader.HardwareAddress("inner-dst"),
        };
    }

    private static uint? ReadKey(OptionReader reader, TunnelKind kind)
    {
        uint? otherwise = kind is TunnelKind.Gre or TunnelKind.Ipip ? null : 0u;
        return reader.Number("key", 0, kind is TunnelKind.Vxlan or TunnelKind.Nvgre ? MaxVni : uint.MaxValue) ?? otherwise;
    }

    private static byte ReadTos(OptionReader reader)
    {
        uint tos = reader.Number("tos", 0, byte.MaxValue) ?? 0;
        return (tos & 3) == 0 ? (byte)tos : throw reader.Refuse("tos", "has the ECN bits set, which are the inner packet's");
    }

    private readonly struct OptionReader(PortSpec spec)
    {
        public string? Text(string key) => spec.Options.GetValueOrDefault(key);

        public Be32 Address(string key)
        {
            string? text = Text(key);
            return text == null ? throw new PortException($"port '{spec.Text}': {key}= is missing")
                : Ipv4Text.TryParse(text, out Be32 address) && Ipv4Text.IsUnicast(address) ? address
                : throw Refuse(key, "is not a host's IPv4 address");
        }

        public uint? Number(string key, uint least, uint most)
        {
            string? text = Text(key);
            return text == null ? null
                : uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number) && number >= least && number <= most ? number
                : throw Refuse(key, $"is not a number from {least} to {most}");
        }

        public bool? Switch(string key) => Text(key) switch
        {
            null => null,
            "on" => true,
            "off" => false,
            _ => throw Refuse(key, "is neither on nor off"),
        };

        public MacAddress? HardwareAddress(string key)
        {
            string? text = Text(key);
            return text == null ? null
                : MacAddress.TryParse(text, out MacAddress address) && !address.IsMulticast ? address
                : throw Refuse(key, "is not a station's Ethernet address, such as 02:00:00:00:00:01");
        }

        public PortException Refuse(string key, string reason) => new($"port '{spec.Text}': {key}={Text(key)}: {reason}");
    }
}

/// <summary>How a tunnel wraps what it carries.</summary>
internal enum TunnelKind : byte
{
    /// <summary>Ethernet in UDP, 24-bit VNI (RFC 7348).</summary>
    Vxlan,

    /// <summary>Ethernet in GRE, optional 32-bit key (RFC 2784, RFC 2890; Ethernet type 0x6558).</summary>
    Gre,

    /// <summary>GRE whose key holds a 24-bit subnet and 8 bits of the flow's hash (RFC 7637).</summary>
    Nvgre,

    /// <summary>IPv4 in IPv4, no Ethernet inside (RFC 2003).</summary>
    Ipip,

    /// <summary>Ethernet behind a 32-bit tag in IPv4 protocol 245: the NetFPGA capsulator's.</summary>
    Capsulator,
}

/// <summary>What becomes of a frame that is too long for the underlay once it is encapsulated.</summary>
internal enum OversizePolicy
{
    /// <summary>An inner IPv4 packet with Don't Fragment is answered with ICMP "fragmentation needed"; others are fragmented outside.</summary>
    Icmp,

    /// <summary>The outer packet is cut into fragments.</summary>
    Fragment,

    /// <summary>Dropped and counted.</summary>
    Drop,
}
