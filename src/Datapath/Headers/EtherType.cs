namespace Softswitch.Datapath.Headers;

/// <summary>Ethernet types and the values OpenFlow adds to them, host order.</summary>
internal static class EtherType
{
    public const ushort Ipv4 = 0x0800;
    public const ushort Arp = 0x0806;
    public const ushort Rarp = 0x8035;
    public const ushort Vlan = 0x8100;
    public const ushort Ipv6 = 0x86dd;
    public const ushort ServiceVlan = 0x88a8;
    public const ushort Lldp = 0x88cc;

    /// <summary>OFP_DL_TYPE_NOT_ETH_TYPE: dl_type of an 802.3 frame without a SNAP header of OUI 0 (OpenFlow 1.0.0 §3.4, table 3).</summary>
    public const ushort NotEthernetII = 0x05ff;

    /// <summary>Values below this in the type field are 802.3 lengths.</summary>
    public const ushort FirstType = 0x0600;
}
