using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.AfXdp;
using Softswitch.Ports.Tap;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests;

/// <summary>Local stacks talk through two ports with every offload of veth on, as it is by default.</summary>
[Trait("Ring", "peers")]
public sealed class StackTrafficTests
{
    private static AfPacketPort Open(LabNode space, string name) => space.Run(() => AfPacketPort.Open(name, name));

    private static IPortDevice Open(TwoHosts hosts, FramePool pool, string kind, string name)
    {
        switch (kind)
        {
            case "xdp":
                Needs.Xdp("ethtool");
                return hosts.Switch.Run(() => AfXdpPort.Open(name, name, pool));
            case "tap":
                // The left host's stack lives behind the TAP device instead of behind its veth.
                Needs.Tun();
                hosts.Left.Execute("ip", "addr", "flush", "dev", "eth0").Checked();
                IPortDevice tap = hosts.Left.Run(() => TapPort.Open("tap:stack", "stack"));
                hosts.Left.Execute("ip", "addr", "add", $"{TwoHosts.LeftAddress}/24", "dev", "stack").Checked();
                return tap;
            default:
                return Open(hosts.Switch, name);
        }
    }

    [Theory]
    [InlineData("packet", "packet", 1500, 20_000)]
    [InlineData("packet", "packet", 9000, 20_000)]
    [InlineData("xdp", "xdp", 1500, 10_000)]
    [InlineData("xdp", "packet", 1500, 10_000)]
    [InlineData("tap", "packet", 1500, 20_000)]
    public void Tcp_segments_are_carried_whole_and_checksums_are_finished_by_whoever_needs_them(string left, string right, int mtu, int longest)
    {
        Needs.Namespaces("iperf3");
        using var hosts = new TwoHosts(mtu);
        using var pool = new FramePool(16384);
        using (IPortDevice near = Open(hosts, pool, left, "left"))
        using (IPortDevice far = Open(hosts, pool, right, "right"))
        {
            using (var bridge = new Bridge(near, far, pool))
            {
                hosts.Ping("-s", $"{mtu - 28}", "-M", "do");
                hosts.Ping("-s", "20000"); // in fragments
                hosts.Transfer(hosts.Left, "-n", "32M");
                hosts.Transfer(hosts.Right, "-n", "32M");
                hosts.Transfer(hosts.Left, "-u", "-b", "20M", "-n", "1M", "-l", "1400");
                Assert.True(bridge.PartialChecksum > 500, $"only {bridge.PartialChecksum} of {bridge.Packets} packets came with a partial checksum");
                Assert.True(bridge.Longest > longest, $"the longest packet had {bridge.Longest} bytes: segments were cut");
            }
            Assert.All([near, far], port => Assert.Equal(0, port.ReadCounters().ReceiveErrors + port.ReadCounters().TransmitErrors));
        }
        pool.AssertAllFree();
    }

    [Fact]
    public void Udp_of_every_size_arrives_with_its_checksum_right()
    {
        Needs.Namespaces();
        using var hosts = new TwoHosts();
        using var pool = new FramePool(4096);
        using AfPacketPort left = Open(hosts.Switch, "left");
        using AfPacketPort right = Open(hosts.Switch, "right");
        using var bridge = new Bridge(left, right, pool);
        // One at a time: no queue on the way has to hold more, however long somebody waits for a processor.
        using Socket sender = hosts.Left.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        using Socket receiver = hosts.Right.Listen(ProtocolType.Udp, 5000);
        receiver.ReceiveTimeout = 60_000;
        sender.Connect(new IPEndPoint(hosts.Right.IPAddress, 5000));
        byte[] received = new byte[2000];
        for (int size = 0; size <= 1472; size++)
        {
            byte[] sent = new byte[size];
            new Random(size).NextBytes(sent);
            sender.Send(sent);
            Assert.Equal(size, receiver.Receive(received)); // the kernel drops what has a wrong checksum
            Assert.Equal(sent, received[..size]);
        }
        hosts.Ping("-s", "20000"); // in fragments
    }

    [Fact]
    public void Tagged_segments_keep_tag_and_offload_through_the_kernel()
    {
        Needs.Namespaces("iperf3");
        using var hosts = new TwoHosts();
        VethCable.Lay(hosts.Switch.Network, "trunk-a", hosts.Switch.Network, "trunk-b");
        using var pool = new FramePool(4096);
        using AfPacketPort left = Open(hosts.Switch, "left");
        using AfPacketPort trunkA = Open(hosts.Switch, "trunk-a");
        using AfPacketPort trunkB = Open(hosts.Switch, "trunk-b");
        using AfPacketPort right = Open(hosts.Switch, "right");
        using (var push = new Bridge(left, trunkA, pool, toRight: Bridge.PushTag, toLeft: Bridge.PopTag))
        using (var pop = new Bridge(trunkB, right, pool, toRight: Bridge.PopTag, toLeft: Bridge.PushTag))
        {
            hosts.Ping();
            hosts.Transfer(hosts.Left, "-n", "16M");
            hosts.Transfer(hosts.Right, "-n", "16M");
            Assert.True(pop.Longest > 20_000, $"the longest packet had {pop.Longest} bytes: segments were cut");
        }
        Assert.Equal(0, trunkB.ReadCounters().ReceiveErrors);
        pool.AssertAllFree();
    }
}
