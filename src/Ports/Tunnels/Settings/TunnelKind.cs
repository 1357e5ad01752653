namespace Softswitch.Ports.Tunnels.Settings;

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
