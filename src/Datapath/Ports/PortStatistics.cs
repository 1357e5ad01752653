using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Ports;

/// <summary>One port's counters: struct ofp_port_stats.</summary>
public record struct PortStatistics
{
    public ushort PortNumber;
    public ulong ReceivedPackets;

    /// <summary>Without those below that were lost; <see cref="TransmittedBytes"/> has all that the device took, as nobody tells the bytes of what it lost.</summary>
    public ulong TransmittedPackets;
    public ulong ReceivedBytes;
    public ulong TransmittedBytes;
    public ulong ReceiveDropped;
    public ulong TransmitDropped;
    public ulong ReceiveErrors;
    public ulong TransmitErrors;
}

/// <summary>One worker's counts for one port, on cache lines of its own.</summary>
[StructLayout(LayoutKind.Sequential, Size = 128)]
internal struct WorkerPortCounters
{
    public ulong ReceivedPackets;
    public ulong ReceivedBytes;
    public ulong TransmittedPackets;
    public ulong TransmittedBytes;
    public ulong ReceiveDropped;
    public ulong ReceiveErrors;
    public ulong TransmitDropped;

    /// <summary>Packets that named a queue which is not there.</summary>
    public ulong QueueMisses;
}
