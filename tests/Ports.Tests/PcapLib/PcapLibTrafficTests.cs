using Softswitch.Datapath.Packets;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.PcapLib;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.PcapLib;

/// <summary>Local stacks talk through a libpcap port with every offload of veth on, as it is by default.</summary>
[Trait("Ring", "peers")]
public sealed class PcapLibTrafficTests
{
    [Theory]
    [InlineData(1500)]
    [InlineData(9000)]
    public void Tcp_segments_are_recognised_and_checksums_finished(int mtu)
    {
        Needs.Namespaces("iperf3", "ethtool");
        using var hosts = new TwoHosts(mtu);
        using var pool = new FramePool(4096);
        // The bridge cuts no segments.
        hosts.Right.Execute("ethtool", "-K", "eth0", "tso", "off", "gso", "off", "tx-udp-segmentation", "off").Checked();
        using PcapLibPort left = hosts.Switch.Run(() => PcapLibPort.Open("left", "left"));
        using AfPacketPort right = hosts.Switch.Run(() => AfPacketPort.Open("right", "right"));
        Eventually.Up(left);
        using (var bridge = new Bridge(left, right, pool))
        {
            hosts.Ping("-s", $"{mtu - 28}", "-M", "do");
            hosts.Ping("-s", "20000"); // in fragments
            hosts.Transfer(hosts.Left, "-n", "32M");
            hosts.Transfer(hosts.Right, "-n", "32M");
            hosts.Transfer(hosts.Left, "-u", "-b", "20M", "-n", "1M", "-l", "1400");
            Assert.True(bridge.Longest > 20_000, $"the longest packet had {bridge.Longest} bytes");
        }
        Assert.Equal(0, left.ReadCounters().ReceiveErrors + left.ReadCounters().TransmitErrors);
        Assert.Equal(0, right.ReadCounters().ReceiveErrors + right.ReadCounters().TransmitErrors);
        pool.AssertAllFree();
    }
}
