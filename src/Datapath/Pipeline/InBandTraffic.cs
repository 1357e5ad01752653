using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Which packets are the secure channel's own, where it leads through the switch: these are "not checked against the flow table" (OpenFlow 1.0.0 §4.2).</summary>
/// <remarks>
/// After the hidden flows of Open vSwitch's in-band control, but only for this switch's own connections: DHCP and TCP of the stack behind
/// LOCAL, and the ARP without which those cannot be. IPv4 only. Immutable: the control side replaces it whole, workers read it without a lock.
/// </remarks>
internal sealed unsafe class InBandTraffic
{
    private const ushort DhcpServer = 67;
    private const ushort DhcpClient = 68;

    // RFC 2131 §2: op, then chaddr 28 bytes into the message, which follows the UDP header.
    private const int UdpSize = 8;
    private const byte BootReply = 2;
    private const int ClientAddressOffset = 28;

    private readonly MacAddress _local;
    private readonly InBandController[] _controllers;
    private readonly Be16[] _listeners;
    private readonly Be32[] _neighbours;

    /// <param name="local">The Ethernet address of the stack behind LOCAL.</param>
    /// <param name="controllers">Where it connects to.</param>
    /// <param name="listeners">TCP ports on which it takes connections.</param>
    /// <param name="neighbours">IPv4 addresses that must be found by ARP besides the controllers': those of next hops, and the stack's own.</param>
    public InBandTraffic(
        MacAddress local, IEnumerable<InBandController> controllers, IEnumerable<ushort> listeners, IEnumerable<Be32> neighbours)
    {
        _local = local;
        _controllers = [.. controllers];
        _listeners = [.. listeners.Select(Be16.FromHost)];
        _neighbours = [.. _controllers.Select(controller => controller.Address).Concat(neighbours).Distinct()];
    }

    /// <summary>Whether the packet, received on the key's port, is to be forwarded as by NORMAL whatever the flow table holds.</summary>
    internal bool Includes(in FlowKey key, in Packet packet, in HeaderOffsets layout)
    {
        bool isFromLocal = key.InPort == PortNumber.Local;
        return key.DlType.Host switch
        {
            EtherType.Arp => isFromLocal || IsAboutUs(key),
            EtherType.Ipv4 when key.NwProto == IpProtocol.Tcp => isFromLocal ? IsToPeer(key) : key.DlDst == _local && IsFromPeer(key),
            EtherType.Ipv4 when key.NwProto == IpProtocol.Udp => isFromLocal ? IsDhcpRequest(key) : IsDhcpReply(key, packet, layout),
            _ => false,
        };
    }

    private bool IsAboutUs(in FlowKey arp) =>
        arp.DlDst == _local || arp.DlSrc == _local || Array.IndexOf(_neighbours, arp.NwSrc) >= 0 || Array.IndexOf(_neighbours, arp.NwDst) >= 0;

    private bool IsToPeer(in FlowKey key) =>
        Array.IndexOf(_controllers, new InBandController(key.NwDst, key.TpDst)) >= 0 || Array.IndexOf(_listeners, key.TpSrc) >= 0;

    private bool IsFromPeer(in FlowKey key) =>
        Array.IndexOf(_controllers, new InBandController(key.NwSrc, key.TpSrc)) >= 0 || Array.IndexOf(_listeners, key.TpDst) >= 0;

    private bool IsDhcpRequest(in FlowKey key) => key.DlSrc == _local && key.TpSrc.Host == DhcpClient && key.TpDst.Host == DhcpServer;

    /// <summary>A server's answer for us, which it may broadcast: then the message itself says for whom it is.</summary>
    private bool IsDhcpReply(in FlowKey key, in Packet packet, in HeaderOffsets layout) =>
        key.TpSrc.Host == DhcpServer && key.TpDst.Host == DhcpClient
        && (key.DlDst == _local || (key.DlDst == MacAddress.Broadcast && NamesUs(packet, layout.TransportOffset + UdpSize)));

    private bool NamesUs(in Packet packet, int message)
    {
        int client = message + ClientAddressOffset;
        return client + MacAddress.Size <= packet.Length
            && packet.Data[message] == BootReply
            && new MacAddress(packet.Bytes.Slice(client, MacAddress.Size)) == _local;
    }
}

/// <summary>The end of the secure channel that is not ours.</summary>
internal readonly record struct InBandController(Be32 Address, Be16 Port);
