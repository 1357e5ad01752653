using System.Net;
using System.Net.Sockets;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.AfPacket;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfPacket;

/// <summary>Local stacks talk through two ports with every offload of veth on, as it is by default.</summary>
[Trait("Ring", "peers")]
public sealed class AfPacketTrafficTests
{
    private static AfPacketPort Open(LabNode space, string name) => space.Run(() => AfPacketPort.Open(name, name));

    [Theory]
    [InlineData(1500)]
    [InlineData(9000)]
    public void Tcp_segments_are_carried_whole_and_checksums_are_finished_by_whoever_needs_them(int mtu)
    {
        Needs.Namespaces("iperf3");
        using var hosts = new TwoHosts(mtu);
        using var pool = new FramePool(4096);
        using AfPacketPort left = Open(hosts.Switch, "left");
        using AfPacketPort right = Open(hosts.Switch, "right");
        using (var bridge = new Bridge(left, right, pool))
        {
            hosts.Ping("-s", $"{mtu - 28}", "-M", "do");
            hosts.Transfer(hosts.Left, "-n", "64M");
            hosts.Transfer(hosts.Right, "-n", "64M");
            Assert.True(bridge.Longest > 20_000, $"the longest packet had {bridge.Longest} bytes: segments were cut");
        }
        Assert.Equal(0, left.ReadCounters().ReceiveErrors + left.ReadCounters().TransmitErrors);
        Assert.Equal(0, right.ReadCounters().ReceiveErrors + right.ReadCounters().TransmitErrors);
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
