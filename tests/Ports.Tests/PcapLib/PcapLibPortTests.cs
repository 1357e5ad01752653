using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.PcapLib;
using Softswitch.Testing;
using static Softswitch.Testing.PolledPort;

namespace Softswitch.Ports.Tests.PcapLib;

[Trait("Ring", "peers")]
public sealed class PcapLibPortTests : VethPortTests
{
    public PcapLibPortTests()
        : base(() => Needs.Namespaces())
    {
    }

    internal override IPortDevice OpenNear(int? receiveSlots) => Open();

    private PcapLibPort Open(string name = "near")
    {
        PcapLibPort port = Space.Run(() => PcapLibPort.Open($"port '{name}'", name));
        Eventually.Up(port);
        return port;
    }

    [Theory]
    [InlineData(9000)]
    [InlineData(65535)]
    public void Jumbo_frames_pass_in_order_with_small_ones(int mtu)
    {
        SetMtu(mtu);
        using PcapLibPort near = Open();
        using PcapLibPort far = Open("far");
        byte[][] frames = [Frame(60), Frame(mtu + 14), Frame(61), Frame(mtu + 18, "02000000000b02000000000a8100a007"), Frame(62)];
        Assert.Equal(frames.Length, Send(near, frames));
        Assert.Equal(frames, far.Receive(Frames, frames.Length));
        Assert.Equal(default, far.ReadCounters());
        AssertEveryFrameIsBack();
    }

    [Fact]
    public void What_comes_longer_than_the_mtu_and_cannot_be_cut_is_counted()
    {
        using PcapLibPort near = Open();
        SetMtu(9000);
        using RawSocket raw = OpenRaw(); // the port still believes in 1500: nobody has asked it for its link
        raw.Send(TestPacket.Udp(payload: 5000));
        raw.Send(Frame(60));
        Assert.Equal(Frame(60), ReceiveOne(near));
        Assert.Equal(1, near.ReadCounters().ReceiveErrors);
    }

    [Fact]
    public override void A_ring_that_is_full_loses_frames_and_counts_them()
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
        while (near.Queues[0].Receive(batch, Frames) > 0)
        {
            received += batch.Count;
            Frames.Release(batch.Packets);
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
                received += near.Queues[0].Receive(batch, Frames);
                sent += near.Queues[0].Transmit(batch.Packets, Frames);
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
    public void The_interface_is_left_as_found()
    {
        string before = Space.Execute("ip", "-d", "link", "show", "near").Checked().Output;
        using (PcapLibPort near = Open())
        {
            Assert.Contains("promiscuity 1", Space.Execute("ip", "-d", "link", "show", "near").Output, StringComparison.Ordinal);
            near.SetAdministrativeState(up: false);
            Assert.False(near.ReadLink().Up);
        }
        using PcapLibPort again = Open(); // and its carrier is back
        again.Dispose();
        Assert.Equal(before, Space.Execute("ip", "-d", "link", "show", "near").Checked().Output);
    }

    [Fact]
    public void An_interface_that_is_down_is_refused_with_the_way_out()
    {
        Space.Links.SetUp("near", up: false);
        Assert.Equal(
            "port 'near': interface near is down and libpcap opens only what is up: ip link set near up",
            Assert.Throws<PortException>(() => Open()).Message);
    }
}
