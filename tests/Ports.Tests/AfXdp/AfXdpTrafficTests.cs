using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.AfXdp;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfXdp;

/// <summary>Local stacks talk through AF_XDP ports with every offload of veth on, as it is by default.</summary>
[Trait("Ring", "peers")]
public sealed class AfXdpTrafficTests
{
    private static AfXdpPort OpenXdp(LabNode space, string name, FramePool pool) => space.Run(() => AfXdpPort.Open(name, name, pool));

    [Fact]
    public void Tcp_and_udp_with_partial_checksums_pass_and_every_frame_is_back_in_the_end()
    {
        using var hosts = Begin();
        using var pool = new FramePool(16384);
        using (AfXdpPort left = OpenXdp(hosts.Switch, "left", pool))
        using (AfXdpPort right = OpenXdp(hosts.Switch, "right", pool))
        {
            Pass(hosts, left, right, pool);
            Assert.Equal(0, left.ReadCounters().TransmitErrors + right.ReadCounters().TransmitErrors);
        }
        Assert.Equal(pool.FrameCount, pool.FreeCount);
    }

    [Fact]
    public void Tcp_and_udp_pass_between_af_xdp_and_af_packet()
    {
        using var hosts = Begin();
        using var pool = new FramePool(16384);
        using (AfXdpPort left = OpenXdp(hosts.Switch, "left", pool))
        using (AfPacketPort right = hosts.Switch.Run(() => AfPacketPort.Open("right", "right")))
        {
            Pass(hosts, left, right, pool);
        }
        Assert.Equal(pool.FrameCount, pool.FreeCount);
    }

    private static TwoHosts Begin()
    {
        Needs.Xdp();
        Needs.Program("iperf3");
        Needs.Program("ethtool");
        return new TwoHosts();
    }

    private static void Pass(TwoHosts hosts, IPortDevice left, IPortDevice right, FramePool pool)
    {
        using var bridge = new Bridge(left, right, pool);
        hosts.Ping("-s", "1472", "-M", "do");
        hosts.Ping("-s", "20000"); // in fragments
        hosts.Transfer(hosts.Left, "-n", "32M");
        hosts.Transfer(hosts.Right, "-n", "32M");
        hosts.Transfer(hosts.Left, "-u", "-b", "20M", "-n", "1M", "-l", "1400");
        Assert.True(bridge.PartialChecksum > 500, $"only {bridge.PartialChecksum} of {bridge.Packets} packets came with a partial checksum");
        Assert.True(bridge.Longest > 10_000, $"no segment was whole: {bridge.Longest} bytes at most");
    }
}
