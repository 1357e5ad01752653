using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Lab.Machines;
using Softswitch.Ports.AfPacket;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Tap;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Tap;

[Trait("Ring", "peers")]
public sealed class TapPortTests : LinkContract
{
    internal override PortHarness Open(FramePool pool)
    {
        Needs.Tun();
        return new Harness(pool);
    }

    [Fact]
    public void The_device_is_made_up_and_gone_at_the_end()
    {
        Needs.Tun();
        using var space = new LabNode("tap");
        using (TapPort port = space.Run(() => TapPort.Open("tap:here", "here")))
        {
            Assert.Equal("here", port.Name);
            Eventually.Up(port);
            Assert.Contains(port.HardwareAddress.ToString(), space.Execute("ip", "link", "show", "here").Output, StringComparison.Ordinal);
        }
        Eventually.Gone("here", () => space.Execute("ip", "link").Output);
    }

    [Fact]
    public void A_device_in_another_namespace_has_no_link_while_it_is_down_there_and_is_not_set_down_here()
    {
        Needs.Tun();
        using var space = new LabNode("tap");
        TapCable.Lay(space, "kept", hasSeveralQueues: false);
        Assert.True(PortSpec.TryParse("1=tap:kept", out PortSpec? spec, out _));
        using var pool = new FramePool(64);
        using IPortDevice port = PortFactory.Open(spec.In(space.Network), pool);
        int changes = 0;
        port.Changed += _ => Interlocked.Increment(ref changes);
        Eventually.True(() => port.ReadLink() is { Up: true, IsSetDown: false }, () => "the link is not up");
        int before = Volatile.Read(ref changes);
        space.Links.SetUp("kept", up: false);
        Eventually.True(() => port.ReadLink() is { Up: false, IsSetDown: false } && Volatile.Read(ref changes) > before, () => "nothing is told of the link");
        Assert.Equal(0, port.Interface!.InterfaceIndex); // which another has where the switch is
    }

    [Fact]
    public void A_device_that_was_up_before_lets_packets_out_once_the_port_is_open()
    {
        Needs.Tun();
        using var space = new LabNode("tap");
        TapCable.Lay(space, "kept", hasSeveralQueues: false);
        for (int round = 0; round < 5; round++)
        {
            using TapPort port = space.Run(() => TapPort.Open("tap:kept", "kept"));
            Assert.Equal(OperationalState.Up, space.Links.FindLink("kept")!.State);
        }
    }

    [Fact]
    public void Nothing_is_waited_for_at_a_device_that_has_its_carrier_which_stays_in_state_unknown()
    {
        Needs.Tun();
        using var space = new LabNode("tap");
        using TapPort other = space.Run(() => TapPort.Open("tap:shared", "shared", queues: 2));
        Link shared = space.Links.FindLink("shared")!;
        Assert.Equal(OperationalState.Unknown, shared.State);
        Assert.False(TapPort.IsIdle(shared));
        using TapPort port = space.Run(() => TapPort.Open("tap:shared", "shared", queues: 2));
        Assert.Equal(OperationalState.Unknown, space.Links.FindLink("shared")!.State);
    }

    [Fact]
    public void A_device_that_is_up_and_nobodys_is_waited_for_whatever_its_state_and_one_that_is_down_is_not()
    {
        Needs.Tun();
        using var space = new LabNode("tap");
        TapCable.Lay(space, "kept", hasSeveralQueues: false);
        Link kept = space.Links.FindLink("kept")!;
        Assert.True(TapPort.IsIdle(kept with { State = OperationalState.Unknown }));
        Assert.True(TapPort.IsIdle(kept with { State = OperationalState.Down }));
        space.Links.SetUp("kept", up: false);
        Assert.False(TapPort.IsIdle(space.Links.FindLink("kept")));
    }

    [Fact]
    public void A_labs_device_has_the_queue_of_one_that_the_port_makes()
    {
        Needs.Tun();
        using var space = new LabNode("tap");
        TapCable.Lay(space, "kept", hasSeveralQueues: false);
        using TapPort made = space.Run(() => TapPort.Open("tap:made", "made"));
        Assert.Equal("4096", QueueOf("made"));
        Assert.Equal("4096", QueueOf("kept"));

        string QueueOf(string name) => space.Execute("ip", "-o", "link", "show", name).Output.Split(" qlen ")[1].Split('\\')[0].Trim();
    }

    [Fact]
    public void A_name_in_use_is_one_clear_line()
    {
        Needs.Tun();
        using var space = new LabNode("tap");
        using TapPort port = space.Run(() => TapPort.Open("tap:here", "here"));
        space.Execute("ip", "link", "add", "pair", "type", "veth").Checked();
        Assert.Equal(
            "tap:here: TAP device here is in use by another program (TUNSETIFF: Device or resource busy)",
            Assert.Throws<PortException>(() => space.Run(() => TapPort.Open("tap:here", "here"))).Message);
        Assert.Equal(
            "tap:pair: interface pair exists and is not a TAP device without multi_queue (TUNSETIFF: Invalid argument)",
            Assert.Throws<PortException>(() => space.Run(() => TapPort.Open("tap:pair", "pair"))).Message);
    }

    [Fact]
    public void A_persistent_device_is_left_as_found()
    {
        Needs.Tun();
        using var space = new LabNode("tap");
        space.Execute("ip", "tuntap", "add", "kept", "mode", "tap").Checked();
        string before = space.Execute("ip", "-o", "link", "show", "kept").Output;
        using (TapPort port = space.Run(() => TapPort.Open("tap:kept", "kept")))
        {
            Eventually.Up(port);
        }
        string after = space.Execute("ip", "-o", "link", "show", "kept").Output;
        Assert.DoesNotContain(",UP", after, StringComparison.Ordinal);
        Assert.Equal(before.Contains("kept", StringComparison.Ordinal), after.Contains("kept", StringComparison.Ordinal));
    }

    [Fact]
    public void A_device_that_was_to_return_and_is_gone_again_is_not_made()
    {
        Needs.Tun();
        using var space = new LabNode("tap");
        Assert.Equal(
            "tap:gone: TAP device gone is gone again",
            Assert.Throws<PortException>(() => space.Run(() => TapPort.Open("tap:gone", "gone", isReturning: true))).Message);
        Assert.DoesNotContain("gone", space.Execute("ip", "-o", "link", "show").Checked().Output, StringComparison.Ordinal);
        space.Execute("ip", "tuntap", "add", "gone", "mode", "tap").Checked();
        space.Run(() => TapPort.Open("tap:gone", "gone", isReturning: true)).Dispose();
        Assert.Contains("gone", space.Execute("ip", "-o", "link", "show").Checked().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_deleted_under_traffic_receives_nothing_and_counts_what_it_is_sent()
    {
        Needs.Tun();
        using var space = new LabNode("tap");
        using var pool = new FramePool(64);
        FrameCache frames = pool.CreateCache();
        using TapPort port = space.Run(() => TapPort.Open("tap:here", "here"));
        space.Execute("ip", "link", "del", "here").Checked();
        Assert.True(frames.TryRent(out Packet packet));
        packet.Length = 60;
        packet.Bytes.Clear();
        Assert.Equal(1, port.Queues[0].Transmit(new ReadOnlySpan<Packet>(in packet), frames));
        Assert.Equal(0, port.Queues[0].Receive(new PacketBatch(), frames));
        Assert.Equal(1, port.ReadCounters().TransmitErrors);
        Assert.False(port.ReadLink().Up);
        frames.Drain();
        Assert.Equal(64, pool.FreeCount);
    }

    [Fact]
    public void What_the_host_sends_faster_than_the_switch_reads_is_counted_to_the_frame()
    {
        Needs.Tun();
        using var space = new LabNode("tap");
        using var pool = new FramePool(256);
        FrameCache frames = pool.CreateCache();
        space.Execute("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6").Checked();
        using TapPort port = space.Run(() => TapPort.Open("tap:here", "here"));
        using RawSocket host = space.Run(() => new RawSocket("here"));
        const int offered = 6000; // the device holds 4096
        for (int i = 0; i < offered; i++)
        {
            host.Send(Frame(new Random(i), 60, i));
        }
        int received = 0;
        int last = -1;
        var batch = new PacketBatch();
        while (port.Queues[0].Receive(batch, frames) is int count and > 0)
        {
            received += count;
            foreach (Packet packet in batch.Packets)
            {
                int number = BitConverter.ToInt32(packet.Bytes[14..]);
                Assert.True(number > last, $"frame {number} came after {last}");
                last = number;
            }
            frames.Release(batch.Packets);
            batch.Clear();
        }
        Assert.InRange(received, 1, offered - 1);
        Assert.Equal(offered, received + port.ReadCounters().ReceiveDropped);
        space.Execute("ip", "link", "del", "here").Checked();
        Assert.Equal(offered, received + port.ReadCounters().ReceiveDropped); // as it was last seen
    }

    [Fact]
    public void Tcp_segments_pass_between_a_tap_device_and_a_veth()
    {
        Needs.Tun();
        Needs.Program("iperf3");
        using var hosts = new TwoHosts();
        using var pool = new FramePool(4096);
        // The left host's stack lives behind the TAP device instead of behind its veth.
        hosts.Left.Execute("ip", "addr", "flush", "dev", "eth0").Checked();
        using TapPort tap = hosts.Left.Run(() => TapPort.Open("tap:stack", "stack"));
        hosts.Left.Execute("ip", "addr", "add", $"{TwoHosts.LeftAddress}/24", "dev", "stack").Checked();
        using AfPacketPort right = hosts.Switch.Run(() => AfPacketPort.Open("right", "right"));
        using (var bridge = new Bridge(tap, right, pool))
        {
            hosts.Ping();
            hosts.Transfer(hosts.Left, "-n", "32M");
            hosts.Transfer(hosts.Right, "-n", "32M");
            Assert.True(bridge.Longest > 20_000, $"the longest packet had {bridge.Longest} bytes: segments were cut");
        }
        Assert.Equal(0, tap.ReadCounters().TransmitErrors + tap.ReadCounters().ReceiveErrors);
        Assert.Equal(pool.FrameCount, pool.FreeCount);
        Assert.Equal(pool.LargeFrameCount, pool.FreeLargeCount);
    }

    private sealed class Harness : PortHarness
    {
        private readonly LabNode _space = new("tap");
        private readonly TapPort _port;
        private readonly RawSocket _far;

        public Harness(FramePool pool)
            : base(pool)
        {
            // Without IPv6 and before it is up, so that the kernel says nothing of its own.
            _space.Execute("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6").Checked();
            _port = _space.Run(() => TapPort.Open("tap:near", "near"));
            _space.Execute("ip", "link", "set", "near", "mtu", "9000").Checked();
            _ = _port.ReadLink();
            _far = _space.Run(() => new RawSocket("near"));
        }

        public override IPortDevice Device => _port;

        public override int MaxFrame => 4000;

        public override bool TryOffer(ReadOnlySpan<byte> frame) => _far.TrySend(frame);

        public override void SetLink(bool up) => _space.Execute("ip", "link", "set", "near", up ? "up" : "down").Checked();

        public override byte[]? NextSent() => _far.Receive();

        public override void Dispose()
        {
            _far.Dispose();
            _port.Dispose();
            _space.Dispose();
        }
    }
}
