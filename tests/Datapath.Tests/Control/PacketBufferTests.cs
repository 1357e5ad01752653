using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>Packet buffers: bounded, aged, used once (OpenFlow 1.0.0 §5.4.1).</summary>
public sealed class PacketBufferTests
{
    private static readonly FlowAction[] ToPort2 = [FlowAction.Output(2)];

    [Fact]
    public void A_buffer_not_used_within_its_time_is_empty_and_its_frame_free()
    {
        using TestSwitch sw = new(options: new DatapathOptions { BufferTimeout = TimeSpan.FromSeconds(5) });
        sw.Send(1, TestPacket.Icmp());
        sw.Time.Advance(TimeSpan.FromSeconds(3));
        sw.Send(1, TestPacket.Tcp());
        Assert.Equal([ControlError.None], Use(sw, 1)); // 3 s old
        sw.Send(1, TestPacket.Tcp());
        sw.Time.Advance(TimeSpan.FromSeconds(5) - TimeSpan.FromMilliseconds(1));
        sw.Control.Service();
        Assert.Equal([ControlError.None], Use(sw, 2));
        sw.Send(1, TestPacket.Tcp());
        sw.Time.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal([ControlError.BufferEmpty], Use(sw, 3));
        Assert.Equal([ControlError.BufferEmpty], Use(sw, 0));
        sw.Settle();
        Assert.Equal(2, sw.Received(2).Count);
        sw.AssertNoFrameLost();
    }

    [Fact]
    public void Serving_the_control_side_releases_what_is_over_without_anybody_asking()
    {
        using TestSwitch sw = new();
        for (int i = 0; i < 600; i++) // more than there are places
        {
            sw.Send(1, TestPacket.Icmp());
        }
        int before = sw.Control.BufferedPacketCount;
        sw.Time.Advance(TimeSpan.FromSeconds(5));
        sw.Control.Service();

        Assert.Equal(sw.Control.BufferCount, before);
        Assert.Equal(0, sw.Control.BufferedPacketCount);
        sw.AssertNoFrameLost();
    }

    [Fact]
    public void A_used_buffer_an_aged_one_and_one_whose_place_was_taken_are_empty_and_one_that_never_was_is_unknown()
    {
        using TestSwitch sw = new(options: new DatapathOptions { BufferCount = 2 });
        sw.Send(1, TestPacket.Icmp(), TestPacket.Icmp(), TestPacket.Icmp());

        Assert.Equal([ControlError.BufferEmpty, ControlError.None, ControlError.None, ControlError.BufferEmpty], Use(sw, 0, 1, 2, 1));
        Assert.Equal(ControlError.BufferUnknown, sw.Control.PacketOut(sw.PacketIns[2].Buffer + 2, 1, ToPort2, []));
        Assert.Equal(ControlError.BufferUnknown, sw.Control.PacketOut(0xffff_fffe, 1, ToPort2, []));
    }

    [Fact]
    public void Random_use_and_ageing_agree_with_a_list()
    {
        const int seed = 4711;
        Random random = new(seed);
        using TestSwitch sw = new(options: new DatapathOptions { BufferCount = 7, BufferTimeout = TimeSpan.FromMilliseconds(500) });
        List<(uint Id, long At, int Number)> live = [];
        long now = 0;
        for (int step = 0; step < 3000; step++)
        {
            switch (random.Next(3))
            {
                case 0:
                    sw.Send(1, TestPacket.Icmp());
                    live.Add((sw.PacketIns[^1].Buffer, now, sw.PacketIns.Count));
                    live.RemoveAll(b => b.Number <= sw.PacketIns.Count - 7); // places are filled in turn
                    break;
                case 1:
                    int milliseconds = random.Next(120);
                    sw.Time.Advance(TimeSpan.FromMilliseconds(milliseconds));
                    now += milliseconds;
                    break;
                case 2 when sw.PacketIns.Count > 0:
                    uint id = sw.PacketIns[^(1 + random.Next(Math.Min(12, sw.PacketIns.Count)))].Buffer;
                    live.RemoveAll(b => now - b.At >= 500);
                    ControlError expected = live.Exists(b => b.Id == id) ? ControlError.None : ControlError.BufferEmpty;
                    Assert.True(expected == sw.Control.PacketOut(id, 1, ToPort2, []), $"seed {seed}, step {step}");
                    live.RemoveAll(b => b.Id == id);
                    sw.Settle();
                    sw.Received(2);
                    break;
            }
        }
        sw.AssertNoFrameLost();
    }

    [Fact]
    public void A_flow_mod_with_an_aged_buffer_adds_its_entry_and_reports_the_buffer()
    {
        using TestSwitch sw = new();
        sw.Send(1, TestPacket.Icmp());
        sw.Time.Advance(TimeSpan.FromSeconds(6));
        FlowMod mod = TestSwitch.Flow(FlowMatch.Any) with { Actions = ToPort2, BufferId = sw.PacketIns[0].Buffer };

        Assert.Equal(ControlError.BufferEmpty, sw.Control.Apply(mod));
        Assert.Single(sw.Flows());
    }

    private static ControlError[] Use(TestSwitch sw, params int[] packetIns) =>
        [.. packetIns.Select(i => sw.Control.PacketOut(sw.PacketIns[i].Buffer, 1, ToPort2, []))];
}
