using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Interfaces;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Linux.Processes;

namespace Softswitch.Ports.AfPacket;

/// <summary>The parts of an AF_PACKET port while it is being opened.</summary>
/// <param name="port">What errors call the port.</param>
/// <param name="device">The parts' from now on.</param>
internal sealed class AfPacketParts(string port, LinuxInterface device)
{
    public string Port => port;

    public LinuxInterface Device { get; } = device;

    /// <summary>Whose packets come to the receiving rings.</summary>
    public PacketSource Source { get; set; } = new(device.Index);

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public InterfaceLock? Lock { get; set; }

    public LinkDrops? Unsent { get; private set; }

    public int Sender { get; set; } = -1;

    public ReceiveCounts Counts { get; } = new();

    /// <summary>One, or two between which the worker moves.</summary>
    public List<ReceiveRing> Receive { get; set; } = [];

    public TransmitRing? Transmit { get; set; }

    public NamespaceShared<RingGrower>.Lease? Grower { get; private set; }

    public IEnumerable<SlotRing> Rings => Transmit == null ? Receive : [.. Receive, Transmit];

    /// <summary>What ports of a network namespace have in common.</summary>
    public void Share()
    {
        Unsent = new LinkDrops(port, Device.Index, countsQueue: true);
        Grower = RingGrower.Take();
    }

    /// <summary>The port is not made.</summary>
    public void Close()
    {
        foreach (SlotRing ring in Rings)
        {
            ring.Dispose();
        }
        if (Sender >= 0)
        {
            _ = Libc.close(Sender);
        }
        Unsent?.Dispose();
        Grower?.Dispose();
        Lock?.Dispose();
        Device.Dispose();
    }

    /// <summary>Opening failed, and the descriptors stay the caller's.</summary>
    public void Forget()
    {
        foreach (SlotRing ring in Rings)
        {
            ring.Unmap();
        }
        Unsent?.Dispose();
        Grower?.Dispose();
        Device.Dispose();
    }
}

/// <summary>Whose packets come to a port.</summary>
/// <param name="IsOutgoing">Those that the interface is to send, not those that it receives.</param>
internal readonly record struct PacketSource(int InterfaceIndex, bool IsOutgoing = false);
