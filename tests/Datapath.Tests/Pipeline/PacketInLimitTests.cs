using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>Packet-ins under pressure: limited in all, fairly shared, counted where lost.</summary>
public sealed class PacketInLimitTests
{
    private const int Rate = 1000;
    private const int Burst = 50;
    private const int Steps = 100;

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(10);
    private static readonly byte[] Flood = TestPacket.Icmp(payload: 10);
    private static readonly byte[] Other = TestPacket.Icmp(payload: 20);
    private static readonly byte[] Lldp = [.. Convert.FromHexString("0180c200000e020000000001" + "88cc"), .. new byte[50]];
    private static readonly byte[] TaggedLldp = [.. Convert.FromHexString("0180c200000e020000000001" + "81000005" + "88cc"), .. new byte[50]];

    [Fact]
    public void A_port_that_floods_takes_nothing_from_another_nor_from_its_own_lldp_and_actions()
    {
        using TestSwitch sut = Create();
        FlowMatch arp = FlowMatch.Any with { DlType = Softswitch.Datapath.Headers.EtherType.Arp, Wildcards = FlowWildcards.All & ~FlowWildcards.DlType };
        sut.Add(arp, 1, FlowAction.Output(PortNumber.Controller, 64));
        byte[] byAction = [.. Convert.FromHexString("ffffffffffff020000000001" + "0806"), .. new byte[40]];
        int flooded = 0;
        for (int i = 0; i < Steps; i++)
        {
            for (int packet = 0; packet < 300; packet++, flooded++)
            {
                Assert.True(sut[1].TryInject(Flood));
            }
            Assert.True(sut[1].TryInject(i % 2 == 0 ? Lldp : TaggedLldp));
            Assert.True(sut[1].TryInject(byAction));
            sut.Send(2, Other);
            sut.Time.Advance(Step);
        }
        Drain(sut);

        Assert.Equal(Steps, sut.PacketIns.Count(p => p.InPort == 2));
        Assert.Equal(Steps, sut.PacketIns.Count(p => p.InPort == 1 && p.Data.Length is 64 or 68));
        Assert.Equal(Steps, sut.PacketIns.Count(p => p.Reason == PacketInReason.Action));
        int delivered = sut.PacketIns.Count(p => p.InPort == 1 && p.Data.AsSpan().SequenceEqual(Flood));
        Assert.Equal(flooded - delivered, sut.Control.Accounts.ReadDrops(DropReason.PacketInLimit) + sut.Control.Accounts.ReadDrops(DropReason.PacketInQueueFull));
        Assert.True(sut.Control.Accounts.ReadDrops(DropReason.PacketInLimit) > flooded / 2);
        sut.AssertNoFrameLost();
    }

    [Fact]
    public void All_ports_together_get_the_rate_and_ports_that_flood_equal_parts_of_it()
    {
        using TestSwitch sut = Create();
        for (int i = 0; i < Steps; i++)
        {
            for (ushort port = 1; port <= 4; port++)
            {
                for (int packet = 0; packet < 50 * port; packet++)
                {
                    Assert.True(sut[port].TryInject(Flood));
                }
            }
            sut.Settle();
            sut.Time.Advance(Step);
        }
        const int expected = Burst + (int)(Rate * (Steps - 1) * 0.01);
        Assert.InRange(sut.PacketIns.Count, expected - 1, expected + 1);
        foreach (IGrouping<ushort, ushort> port in sut.PacketIns.Select(p => p.InPort).GroupBy(p => p))
        {
            Assert.InRange(port.Count(), (expected / 4) - 2, (expected / 4) + 2);
        }
    }

    [Fact]
    public void What_one_port_leaves_the_others_take()
    {
        using TestSwitch sut = Create();
        for (int i = 0; i < Steps; i++)
        {
            sut.Send(1, [.. Enumerable.Repeat(Flood, 50)]);
            sut.Time.Advance(Step);
        }

        const int expected = Burst + (int)(Rate * (Steps - 1) * 0.01);
        Assert.InRange(sut.PacketIns.Count, expected - 1, expected + 1);
    }

    [Fact]
    public void Without_a_limit_all_are_delivered()
    {
        using TestSwitch sut = new(options: new DatapathOptions { PacketInRate = 0 });
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Controller;
        for (int i = 0; i < 100; i++)
        {
            sut.Send(1, [.. Enumerable.Repeat(Flood, 100)]);
        }

        Assert.Equal(10_000, sut.PacketIns.Count);
        sut.AssertNoFrameLost();
    }

    [Fact]
    public void A_burst_of_a_sixth_of_the_frames_at_one_port_is_delivered_whole_and_in_order_however_late()
    {
        DatapathOptions options = new();
        Assert.InRange(options.PacketInBurst, 1, options.FrameCount / 6);
        using TestSwitch sut = new(options: new DatapathOptions { PacketInBurst = 682 }) { KeepsFrames = true };
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Controller;
        byte[][] burst = [.. Enumerable.Range(0, 682).Select(i => TestPacket.Udp(srcPort: (ushort)i))];
        for (int round = 0; round < 3; round++)
        {
            Receive(sut, 1, burst);
            sut.Settle();
            Assert.Equal(burst, sut.PacketIns.Select(p => p.Data));
            sut.PacketIns.Clear();
            sut.Time.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Equal(0, sut.Control.Accounts.ReadDrops(DropReason.PacketInLimit) + sut.Control.Accounts.ReadDrops(DropReason.PacketInQueueFull));
    }

    [Fact]
    public void A_port_that_goes_takes_its_waiting_packets_along()
    {
        using TestSwitch sut = Create();
        sut.Send(1, [.. Enumerable.Repeat(Flood, Burst + 20)]);
        Assert.Equal(Burst, sut.PacketIns.Count);
        Assert.Equal(ControlError.None, sut.Control.Ports.Remove(1));
        Drain(sut);

        Assert.Equal(Burst, sut.PacketIns.Count);
        Assert.Equal(sut.Control.Frames.FrameCount, sut.Control.RestingFrameCount - sut.Control.Frames.LargeFrameCount);
    }

    private static TestSwitch Create()
    {
        TestSwitch sut = new(options: new DatapathOptions { PacketInRate = Rate, PacketInBurst = Burst });
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Controller;
        return sut;
    }

    /// <summary>The worker has them, and the control side has not looked yet.</summary>
    private static void Receive(TestSwitch sut, ushort port, params byte[][] frames)
    {
        foreach (byte[] frame in frames)
        {
            Assert.True(sut[port].TryInject(frame));
        }
        while (sut.Control.Workers[0].PollOnce() > 0)
        {
        }
    }

    private static void Drain(TestSwitch sut)
    {
        sut.Time.Advance(TimeSpan.FromSeconds(10));
        for (int i = 0; i < 100; i++)
        {
            sut.Time.Advance(TimeSpan.FromSeconds(1));
            sut.Settle();
        }
    }
}
