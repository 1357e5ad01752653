namespace Softswitch.Datapath.Ports;

/// <summary>One port's counters: struct ofp_port_stats.</summary>
public record struct PortStatistics
{
    /// <summary>OpenFlow number of the port.</summary>
    public ushort PortNumber;

    /// <summary>Packets the switch has received.</summary>
    public ulong ReceivedPackets;

    /// <summary>Packets sent, without those lost below. <see cref="TransmittedBytes"/> includes lost packets, as no device tells their bytes.</summary>
    public ulong TransmittedPackets;

    /// <summary>Bytes of those received, from the Ethernet header on.</summary>
    public ulong ReceivedBytes;

    /// <summary>Bytes of those sent, from the Ethernet header on.</summary>
    public ulong TransmittedBytes;

    /// <summary>Lost before the switch had them: ring full, no memory.</summary>
    public ulong ReceiveDropped;

    /// <summary>Not sent because the queue of the port was full, or there was no way.</summary>
    public ulong TransmitDropped;

    /// <summary>Came damaged, cut short or too long.</summary>
    public ulong ReceiveErrors;

    /// <summary>Refused by the device, or longer than its MTU.</summary>
    public ulong TransmitErrors;
}
