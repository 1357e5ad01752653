using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux.Netlink;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Specs;
using Softswitch.Ports.Tap;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Tap;

[Trait("Ring", "peers")]
public sealed class TapPortTests : IDisposable
{
    private readonly LabNode _space;
    private readonly FramePool _pool = new(1024, largeFrameCount: 8);
    private readonly FrameCache _frames;

    public TapPortTests()
    {
        Needs.Tun();
        _space = new LabNode("tap");
        _frames = _pool.CreateCache();
        _space.Execute("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6").Checked();
    }

    public void Dispose()
    {
        _space?.Dispose();
        _pool.Dispose();
    }

    private TapPort Open(string name, int queues = 1, bool isReturning = false) =>
        _space.Run(() => TapPort.Open($"tap:{name}", name, queues, isReturning));

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void The_device_is_made_up_and_gone_at_the_end(int queues)
    {
        using (TapPort port = Open("here", queues))
        {
            Assert.Equal("here", port.Name);
            Eventually.Up(port);
            Assert.Equal(queues > 1, port.Backend.Contains($", {queues} queues, ", StringComparison.Ordinal));
            Assert.Contains(port.HardwareAddress.ToString(), _space.Execute("ip", "link", "show", "here").Output, StringComparison.Ordinal);
        }
        Eventually.Gone("here", () => _space.Execute("ip", "link").Output);
    }

    [Fact]
    public void A_device_in_another_namespace_has_no_link_while_it_is_down_there_and_is_not_set_down_here()
    {
        TapCable.Lay(_space, "kept", hasSeveralQueues: false);
        Assert.True(PortSpec.TryParse("1=tap:kept", out PortSpec? spec, out _));
        using var pool = new FramePool(64);
        using IPortDevice port = PortFactory.Open(spec.In(_space.Network), pool);
        int changes = 0;
        port.Changed += _ => Interlocked.Increment(ref changes);
        Eventually.True(() => port.ReadLink() is { Up: true, IsSetDown: false }, () => "the link is not up");
        int before = Volatile.Read(ref changes);
        _space.Links.SetUp("kept", up: false);
        Eventually.True(() => port.ReadLink() is { Up: false, IsSetDown: false } && Volatile.Read(ref changes) > before, () => "nothing is told of the link");
        Assert.Equal(0, port.Interface!.InterfaceIndex); // which another has where the switch is
    }

    [Fact]
    public void A_device_that_was_up_before_lets_packets_out_once_the_port_is_open()
    {
        TapCable.Lay(_space, "kept", hasSeveralQueues: false);
        for (int round = 0; round < 5; round++)
        {
            using TapPort port = Open("kept");
            Assert.Equal(OperationalState.Up, _space.Links.FindLink("kept")!.State);
        }
    }

    [Fact]
    public void Nothing_is_waited_for_at_a_device_that_has_its_carrier_which_stays_in_state_unknown()
    {
        using TapPort other = Open("shared", queues: 2);
        Link shared = _space.Links.FindLink("shared")!;
        Assert.Equal(OperationalState.Unknown, shared.State);
        Assert.False(TapPort.IsIdle(shared));
        using TapPort port = Open("shared", queues: 2);
        Assert.Equal(OperationalState.Unknown, _space.Links.FindLink("shared")!.State);
    }

    [Fact]
    public void A_device_that_is_up_and_nobodys_is_waited_for_whatever_its_state_and_one_that_is_down_is_not()
    {
        TapCable.Lay(_space, "kept", hasSeveralQueues: false);
        Link kept = _space.Links.FindLink("kept")!;
        Assert.True(TapPort.IsIdle(kept with { State = OperationalState.Unknown }));
        Assert.True(TapPort.IsIdle(kept with { State = OperationalState.Down }));
        _space.Links.SetUp("kept", up: false);
        Assert.False(TapPort.IsIdle(_space.Links.FindLink("kept")));
    }

    [Fact]
    public void A_labs_device_has_the_queue_of_one_that_the_port_makes()
    {
        TapCable.Lay(_space, "kept", hasSeveralQueues: false);
        using TapPort made = Open("made");
        Assert.Equal("4096", QueueOf("made"));
        Assert.Equal("4096", QueueOf("kept"));

        string QueueOf(string name) => _space.Execute("ip", "-o", "link", "show", name).Output.Split(" qlen ")[1].Split('\\')[0].Trim();
    }

    [Fact]
    public void A_name_in_use_is_one_clear_line()
    {
        using TapPort port = Open("here");
        _space.Execute("ip", "link", "add", "pair", "type", "veth").Checked();
        Assert.Equal(
            "tap:here: TAP device here is in use by another program (TUNSETIFF: Device or resource busy)",
            Assert.Throws<PortException>(() => Open("here")).Message);
        Assert.Equal(
            "tap:pair: interface pair exists and is not a TAP device without multi_queue (TUNSETIFF: Invalid argument)",
            Assert.Throws<PortException>(() => Open("pair")).Message);
    }

    [Fact]
    public void A_persistent_device_is_left_as_found()
    {
        _space.Execute("ip", "tuntap", "add", "kept", "mode", "tap").Checked();
        string before = _space.Execute("ip", "-o", "link", "show", "kept").Output;
        using (TapPort port = Open("kept"))
        {
            Eventually.Up(port);
        }
        string after = _space.Execute("ip", "-o", "link", "show", "kept").Output;
        Assert.DoesNotContain(",UP", after, StringComparison.Ordinal);
        Assert.Equal(before.Contains("kept", StringComparison.Ordinal), after.Contains("kept", StringComparison.Ordinal));
    }

    [Fact]
    public void A_device_that_was_to_return_and_is_gone_again_is_not_made()
    {
        Assert.Equal(
            "tap:gone: TAP device gone is gone again",
            Assert.Throws<PortException>(() => Open("gone", isReturning: true)).Message);
        Assert.DoesNotContain("gone", _space.Execute("ip", "-o", "link", "show").Checked().Output, StringComparison.Ordinal);
        _space.Execute("ip", "tuntap", "add", "gone", "mode", "tap").Checked();
        Open("gone", isReturning: true).Dispose();
        Assert.Contains("gone", _space.Execute("ip", "-o", "link", "show").Checked().Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_device_that_was_moved_to_another_namespace_is_handed_over_and_another_of_its_number_is_left_alone(bool isNumberTaken)
    {
        using LabNode elsewhere = new("elsewhere");
        using TapPort giver = Open("here");
        int index = _space.Links.FindLink("here")!.Index;
        _space.Execute("ip", "link", "set", "here", "netns", elsewhere.NetworkPath).Checked();
        if (isNumberTaken)
        {
            _space.Execute("ip", "link", "add", "other", "index", $"{index}", "type", "veth").Checked();
        }
        DeviceOffer offer = giver.Offer();
        using TapPort taker = _space.Run(() => TapPort.Take("tap:here", offer.Sent()));
        taker.Adopt(giver.SaveState());
        giver.Yield();
        Assert.Equal(("here", giver.HardwareAddress, false), (taker.Name, taker.HardwareAddress, taker.ReadLink().Up));
        elsewhere.BringUp("here");
        using RawSocket host = elsewhere.Run(() => new RawSocket("here"));
        host.Send(PolledPort.Frame(60));
        Eventually.True(() => taker.Queues[0].ReceiveOnce(_frames).Any(frame => frame.AsSpan().SequenceEqual(PolledPort.Frame(60))), "nothing is received");
        if (isNumberTaken)
        {
            taker.SetAdministrativeState(up: true);
            Assert.False(_space.Links.FindLink("other")!.Flags.HasFlag(LinkFlags.Up));
        }
    }

    [Fact]
    public void A_device_deleted_under_traffic_receives_nothing_and_counts_what_it_is_sent()
    {
        using TapPort port = Open("here");
        using QueueLosses losses = new(port.Queues);
        _space.Links.Delete("here");
        Assert.Equal(1, port.Send(_frames, new byte[60]));
        Assert.Equal(0, port.Queues[0].Receive(new PacketBatch(), _frames));
        Assert.Equal((1, 1), (losses[DropReason.LinkDown], losses.Total));
        Assert.False(port.ReadLink().Up);
        _pool.AssertAllFree(_frames);
    }

    [Fact]
    public void What_the_host_sends_faster_than_the_switch_reads_is_counted_to_the_frame()
    {
        using TapPort port = Open("here");
        using RawSocket host = _space.Run(() => new RawSocket("here"));
        const int offered = 6000; // the device holds 4096
        byte[] sent = PolledPort.Frame(60);
        for (int i = 0; i < offered; i++)
        {
            BitConverter.TryWriteBytes(sent.AsSpan(14), i);
            host.Send(sent);
        }
        int received = 0;
        int last = -1;
        while (port.Queues[0].ReceiveOnce(_frames) is { Count: > 0 } some)
        {
            received += some.Count;
            foreach (byte[] frame in some)
            {
                int number = BitConverter.ToInt32(frame.AsSpan(14));
                Assert.True(number > last, $"frame {number} came after {last}");
                last = number;
            }
        }
        Assert.InRange(received, 1, offered - 1);
        Assert.Equal(offered, received + port.ReadCounters().ReceiveDropped);
        _space.Links.Delete("here");
        Assert.Equal(offered, received + port.ReadCounters().ReceiveDropped); // as it was last seen
    }

    [Fact]
    public void A_device_made_for_one_queue_or_for_several_says_so_where_the_other_was_asked_for()
    {
        _space.Execute("ip", "tuntap", "add", "wide", "mode", "tap", "multi_queue").Checked();
        Assert.Equal(
            "tap:wide: interface wide exists and is not a TAP device without multi_queue (TUNSETIFF: Invalid argument)",
            Assert.Throws<PortException>(() => Open("wide", queues: 1)).Message);
        Open("wide", queues: 2).Dispose();
        _space.Execute("ip", "tuntap", "del", "wide", "mode", "tap", "multi_queue").Checked();
        _space.Execute("ip", "tuntap", "add", "wide", "mode", "tap").Checked();
        Assert.Equal(
            "tap:wide: interface wide exists and is not a TAP device with multi_queue (TUNSETIFF: Invalid argument)",
            Assert.Throws<PortException>(() => Open("wide", queues: 2)).Message);
    }
}
