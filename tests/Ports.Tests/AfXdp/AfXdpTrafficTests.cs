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
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Tcp_and_udp_with_partial_checksums_pass_and_every_frame_is_back_in_the_end(bool isXdpToo)
    {
        Needs.Xdp("iperf3", "ethtool");
        using var hosts = new TwoHosts();
        using var pool = new FramePool(16384);
        using (AfXdpPort left = hosts.Switch.Run(() => AfXdpPort.Open("left", "left", pool)))
        using (IPortDevice right = hosts.Switch.Run(() => isXdpToo ? AfXdpPort.Open("right", "right", pool) : (IPortDevice)AfPacketPort.Open("right", "right")))
        using (var bridge = new Bridge(left, right, pool))
        {
            Pass(hosts, bridge);
            Assert.Equal(0, left.ReadCounters().TransmitErrors + right.ReadCounters().TransmitErrors);
        }
        Assert.Equal(pool.FrameCount, pool.FreeCount);
    }

    private static void Pass(TwoHosts hosts, Bridge bridge)
    {
        hosts.Ping("-s", "1472", "-M", "do");
        hosts.Ping("-s", "20000"); // in fragments
        hosts.Transfer(hosts.Left, "-n", "32M");
        hosts.Transfer(hosts.Right, "-n", "32M");
        hosts.Transfer(hosts.Left, "-u", "-b", "20M", "-n", "1M", "-l", "1400");
        Assert.True(bridge.PartialChecksum > 500, $"only {bridge.PartialChecksum} of {bridge.Packets} packets came with a partial checksum");
        Assert.True(bridge.Longest > 10_000, $"no segment was whole: {bridge.Longest} bytes at most");
    }
}
