using Softswitch.Datapath.Packets;
using Softswitch.Ports.PcapLib;
using Softswitch.Testing;
using static Softswitch.Ports.Tests.PolledPort;

namespace Softswitch.Ports.Tests.PcapLib;

[Trait("Ring", "peers")]
public sealed class PcapLibPortTests : IDisposable
{
    private readonly LabNode _space;
    private readonly FramePool _pool = new(1024, largeFrameCount: 16);
    private readonly FrameCache _frames;

    public PcapLibPortTests()
    {
        Needs.Namespaces();
        _space = new LabNode("pcl");
        _frames = _pool.CreateCache();
        VethCable.Lay(_space.Network, "near", _space.Network, "far");
    }

    public void Dispose()
    {
        _space?.Dispose();
        _pool.Dispose();
    }

    private PcapLibPort Open(string name = "near")
    {
        PcapLibPort port = _space.Run(() => PcapLibPort.Open($"port '{name}'", name));
        Eventually.Up(port);
        return port;
    }

    private RawSocket OpenRaw(string name = "far") => _space.Run(() => new RawSocket(name));

    private int Send(PcapLibPort port, params byte[][] frames) => port.Send(_frames, frames);

    [Theory]
    [InlineData("02000000000b02000000000a8100a007", 60)]
    [InlineData("02000000000b02000000000a8100a007", 1518)]
    [InlineData("02000000000b02000000000a88a80009", 64)]
    [InlineData("02000000000b02000000000a88a8000981000007", 1514)]
    public void Tags_the_kernel_hides_are_put_back_both_ways(string head, int length)
    {
        using PcapLibPort near = Open();
        using PcapLibPort far = Open("far");
        using RawSocket raw = OpenRaw();
        byte[] frame = Frame(length, head);
        raw.Send(frame);
        Assert.Equal(frame, Assert.Single(near.Receive(_frames, 1)));
        Assert.Equal(1, Send(near, frame));
        Assert.Equal(frame, Assert.Single(far.Receive(_frames, 1)));
    }

    [Theory]
    [InlineData(9000)]
    [InlineData(65535)]
    public void Jumbo_frames_pass_in_order_with_small_ones(int mtu)
    {
        _space.Execute("ip", "link", "set", "near", "mtu", $"{mtu}").Checked();
        _space.Execute("ip", "link", "set", "far", "mtu", $"{mtu}").Checked();
        using PcapLibPort near = Open();
        using PcapLibPort far = Open("far");
        byte[][] frames = [Frame(60), Frame(mtu + 14), Frame(61), Frame(mtu + 18, "02000000000b02000000000a8100a007"), Frame(62)];
        Assert.Equal(frames.Length, Send(near, frames));
        Assert.Equal(frames, far.Receive(_frames, frames.Length));
        Assert.Equal(default, far.ReadCounters());
        _frames.Drain();
        Assert.Equal(_pool.FrameCount, _pool.FreeCount);
        Assert.Equal(_pool.LargeFrameCount, _pool.FreeLargeCount);
    }

    [Fact]
    public void What_cannot_be_sent_is_counted_and_what_follows_is_sent()
    {
        using PcapLibPort near = Open();
        using RawSocket raw = OpenRaw();
        // Too short for an Ethernet header; too long for the MTU.
        Assert.Equal(6, Send(near, Frame(60), new byte[13], Frame(1515), Frame(3000), Frame(61), Frame(1514)));
        Assert.Equal(Frame(60), raw.Expect());
        Assert.Equal(Frame(61), raw.Expect());
        Assert.Equal(Frame(1514), raw.Expect());
        Assert.Null(raw.Receive());
        Assert.Equal(3, near.ReadCounters().TransmitErrors);
    }

    [Fact]
    public void What_comes_longer_than_the_mtu_and_cannot_be_cut_is_counted()
    {
        using PcapLibPort near = Open();
        _space.Execute("ip", "link", "set", "near", "mtu", "9000").Checked();
        _space.Execute("ip", "link", "set", "far", "mtu", "9000").Checked();
        using RawSocket raw = OpenRaw(); // the port still believes in 1500: nobody has asked it for its link
        raw.Send(TestPacket.Udp(payload: 5000));
        raw.Send(Frame(60));
        Assert.Equal(Frame(60), Assert.Single(near.Receive(_frames, 1)));
        Assert.Equal(1, near.ReadCounters().ReceiveErrors);
    }

    [Fact]
    public void Neither_own_transmissions_nor_the_hosts_are_received()
    {
        using PcapLibPort near = Open();
        using RawSocket raw = OpenRaw();
        using RawSocket host = OpenRaw("near");
        Send(near, Frame(60));
        host.Send(Frame(62));
        raw.Send(Frame(61));
        Assert.Equal(Frame(61), Assert.Single(near.Receive(_frames, 1)));
        Assert.Equal(0, near.Queues[0].Receive(new PacketBatch(), _frames));
    }

    [Fact]
    public void A_ring_that_is_full_loses_frames_and_counts_them()
    {
        const int offered = 4000;
        using PcapLibPort near = Open();
        using RawSocket raw = OpenRaw();
        for (int i = 0; i < offered; i++)
        {
            raw.Send(Frame(60));
        }
        var batch = new PacketBatch();
        int received = 0;
        while (near.Queues[0].Receive(batch, _frames) > 0)
        {
            received += batch.Count;
            _frames.Release(batch.Packets);
            batch.Clear();
        }
        Assert.InRange(received, 1000, offered - 1); // veth has offloads: a slot is 64 KiB
        Assert.Equal(offered - received, near.ReadCounters().ReceiveDropped);
        Assert.Equal(offered - received, near.ReadCounters().ReceiveDropped); // counted once
    }

    [Fact]
    public void Packets_are_received_and_sent_without_allocating()
    {
        using PcapLibPort near = Open();
        using RawSocket raw = OpenRaw();
        var batch = new PacketBatch();
        int received = 0;
        int sent = 0;
        for (int i = 0; i < 10 * PacketBatch.Capacity; i++)
        {
            raw.Send(Frame(60)); // what five rounds receive
        }
        Assert.Equal(0, Allocations.OfOneRound(() =>
        {
            for (int i = 0; i < 2; i++)
            {
                received += near.Queues[0].Receive(batch, _frames);
                sent += near.Queues[0].Transmit(batch.Packets, _frames);
                batch.Clear();
            }
        }));
        Assert.True(received >= 2 * PacketBatch.Capacity);
        Assert.Equal(received, sent);
    }

    [Theory]
    [InlineData("Can't send packet: send: Resource temporarily unavailable", true)]
    [InlineData("Can't send packet: send: No buffer space available", true)]
    [InlineData("Can't send packet: send: Network is down", false)]
    public void A_full_queue_is_told_from_a_failure_by_the_systems_text(string message, bool temporary) =>
        Assert.Equal(temporary, PcapLibQueue.IsTemporary(message));

    [Fact]
    public void An_interface_that_goes_down_and_up_goes_on()
    {
        using PcapLibPort near = Open();
        using RawSocket raw = OpenRaw();
        _space.Execute("ip", "link", "set", "near", "down").Checked();
        Assert.Equal(2, Send(near, Frame(60), Frame(61))); // before the port has noticed
        Assert.False(near.ReadLink().Up);
        Assert.Equal(2, Send(near, Frame(60), Frame(61)));
        Assert.Equal(0, near.Queues[0].Receive(new PacketBatch(), _frames));
        Assert.Equal(4, near.ReadCounters().TransmitErrors);
        _space.Execute("ip", "link", "set", "near", "up").Checked();
        Eventually.Up(near);
        Assert.Equal(1, Send(near, Frame(62)));
        Assert.Equal(Frame(62), raw.Expect()); // and nothing of what was refused comes late
        raw.Send(Frame(63));
        Assert.Equal(Frame(63), Assert.Single(near.Receive(_frames, 1)));
    }

    [Fact]
    public void An_interface_removed_under_traffic_receives_nothing_and_counts_what_it_is_sent()
    {
        using PcapLibPort near = Open();
        Assert.Equal(1, Send(near, Frame(60)));
        _space.Execute("ip", "link", "del", "far").Checked();
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(2, Send(near, Frame(60), Frame(61)));
            Assert.Equal(0, near.Queues[0].Receive(new PacketBatch(), _frames));
        }
        Assert.Equal(200, near.ReadCounters().TransmitErrors);
        Assert.False(near.ReadLink().Up);
        _frames.Drain();
        Assert.Equal(_pool.FrameCount, _pool.FreeCount);
    }

    [Fact]
    public void The_interface_is_left_as_found()
    {
        _space.AwaitUp("near");
        string before = _space.Execute("ip", "-d", "link", "show", "near").Checked().Output;
        using (PcapLibPort near = Open())
        {
            Assert.Contains("promiscuity 1", _space.Execute("ip", "-d", "link", "show", "near").Output, StringComparison.Ordinal);
            near.SetAdministrativeState(up: false);
            Assert.False(near.ReadLink().Up);
        }
        using PcapLibPort again = Open(); // and its carrier is back
        again.Dispose();
        Assert.Equal(before, _space.Execute("ip", "-d", "link", "show", "near").Checked().Output);
    }

    [Fact]
    public void A_second_opener_is_told_who_has_the_interface_and_a_later_one_gets_it()
    {
        using (Open())
        {
            PortException refused = Assert.Throws<PortException>(() => Open());
            Assert.Equal("port 'near': interface near is in use by another softswitch port of this process", refused.Message);
        }
        Open().Dispose();
    }

    [Fact]
    public void An_interface_that_is_down_is_refused_with_the_way_out()
    {
        _space.Execute("ip", "link", "set", "near", "down").Checked();
        Assert.Equal(
            "port 'near': interface near is down and libpcap opens only what is up: ip link set near up",
            Assert.Throws<PortException>(() => Open()).Message);
    }

    [Theory]
    [InlineData("nowhere", "port 'nowhere': there is no interface nowhere (SIOCGIFINDEX: No such device)")]
    [InlineData("lo", "port 'lo': interface lo is not Ethernet (hardware type 772)")]
    public void What_cannot_be_opened_is_one_clear_line(string name, string message)
    {
        Assert.Equal(message, Assert.Throws<PortException>(() => Open(name)).Message);
    }
}
