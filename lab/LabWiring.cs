using Softswitch.Datapath.Headers;
using Softswitch.Hosting.Configuration;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Specs;

namespace Softswitch.Lab;

/// <summary>The kind of cables of a lab, and the kind of ports that its switches have on them.</summary>
internal sealed record LabWiring
{
    private const int LongestFrame = 1514;
    private const int QueuedFrames = 512; // as many as a queue of a switch's port holds

    /// <summary>
    /// Packet, Xdp or Tap. TAP is for hosts and routers, whose interface is the device the switch has open; it is no cable between two
    /// switches, and has one Ethernet address, so a port with an address of its own cannot have it. Those have veth and AF_PACKET then.
    /// </summary>
    public PortKind Backend { get; init; } = PortKind.Packet;

    /// <summary>Of each cable, each way, in bit/s; 0 for as fast as it goes.</summary>
    public long Rate { get; init; }

    /// <summary>Whether switches that can are emulated NetFPGA cards.</summary>
    public bool UsesCards { get; init; }

    /// <summary>Lays a cable from a host or router to a port of a switch.</summary>
    /// <param name="end">The node's interface.</param>
    /// <param name="address">Its Ethernet address.</param>
    /// <param name="options">Of the port, as behind <c>--port</c>.</param>
    /// <returns>The port: its target and network are the cable's other end.</returns>
    public PortOption Lay(LabNode node, string end, MacAddress address, LabSwitch device, ushort port, string options)
    {
        PortOption option;
        if (Backend == PortKind.Tap && !options.Contains("address=", StringComparison.Ordinal))
        {
            TapCable.Lay(node, end, hasSeveralQueues: false);
            node.Links.SetHardwareAddress(end, address);
            // A TAP device has no rings.
            IEnumerable<string> known = options.Split(',').Where(part => !part.Contains("-slots=", StringComparison.Ordinal));
            option = Describe(port, "tap", end, string.Join(',', known)).In(node.Network);
        }
        else
        {
            VethCable.Lay(device.Network, LabSwitch.InterfaceOf(port), node.Network, end, address, Queues);
            option = Describe(port, options);
        }
        Limit(node, end);
        return option;
    }

    /// <summary>Lays a cable between two switches.</summary>
    public (PortOption Near, PortOption Far) Lay(
        LabSwitch near, ushort nearPort, string nearOptions, LabSwitch far, ushort farPort, string farOptions)
    {
        VethCable.Lay(near.Network, LabSwitch.InterfaceOf(nearPort), far.Network, LabSwitch.InterfaceOf(farPort), queues: Queues);
        return (Describe(nearPort, nearOptions), Describe(farPort, farOptions));
    }

    /// <summary>Has an interface that is no switch's send no faster than a cable carries.</summary>
    public void Limit(LabNode node, string end)
    {
        if (Rate > 0)
        {
            Limit(node, end, Rate);
        }
    }

    /// <summary>Has an interface send no faster than a rate.</summary>
    /// <param name="rate">In bit/s.</param>
    /// <exception cref="TestbedException">The kernel has no token bucket.</exception>
    public static void Limit(LabNode node, string end, long rate)
    {
        // Milliseconds at once, as the switch's own ports send: the clock that wakes them is no finer.
        int burst = (int)Math.Max(rate / 8 * 5 / 1000, 2 * LongestFrame);
        try
        {
            node.Links.SetRate(end, rate, burst, QueuedFrames * LongestFrame);
        }
        catch (SystemCallException e) when (e.Error == Errno.ENOENT)
        {
            throw new TestbedException("a cable's rate needs the kernel's token bucket, sch_tbf, which is not there (CONFIG_NET_SCH_TBF)", e);
        }
    }

    // An AF_XDP socket serves one queue, and takes memory for it.
    private int? Queues => Backend == PortKind.Xdp ? 1 : null;

    private PortOption Describe(ushort port, string options) =>
        Describe(port, Backend == PortKind.Xdp ? "xdp" : "packet", LabSwitch.InterfaceOf(port), options);

    private PortOption Describe(ushort port, string kind, string target, string options)
    {
        string rate = Rate > 0 ? $"rate={Rate}" : string.Empty;
        return PortOption.Parse(string.Join(',', new[] { $"{port}={kind}:{target}", options, rate }.Where(part => part.Length > 0)));
    }
}
