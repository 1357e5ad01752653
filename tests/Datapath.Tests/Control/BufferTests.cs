using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>Packet-ins, the buffers behind them, and packet-outs (OpenFlow 1.0.0 §5.3.3, §5.3.6, §5.4.1).</summary>
public sealed class BufferTests
{
    private static readonly FlowAction[] ToPort2 = [FlowAction.Output(2)];

    [Fact]
    public void A_buffer_serves_once()
    {
        using TestSwitch sut = new();
        uint id = Miss(sut, 1);
        Assert.Equal(ControlError.None, sut.Control.PacketOut(id, 1, ToPort2, []));
        Assert.Equal(ControlError.BufferEmpty, sut.Control.PacketOut(id, 1, ToPort2, []));
        sut.Settle();
        Assert.Equal([Numbered(1)], sut.Received(2));
        sut.AssertNoFrameLost();
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(255u)]
    [InlineData(100_000u)]
    [InlineData(0xfffffffeu)]
    public void A_number_never_given_out_is_unknown(uint id)
    {
        using TestSwitch sut = new();
        Assert.Equal(ControlError.BufferUnknown, sut.Control.PacketOut(id, 1, ToPort2, []));
        Miss(sut, 1);
        Assert.Equal(ControlError.BufferUnknown, sut.Control.PacketOut(id, 1, ToPort2, []));
        sut.AssertNoFrameLost();
    }

    [Fact]
    public void The_oldest_gives_way_and_a_late_answer_finds_no_strangers_packet()
    {
        using TestSwitch sut = new(options: new DatapathOptions { BufferCount = 8 });
        uint[] ids = [.. Enumerable.Range(0, 20).Select(i => Miss(sut, (ushort)i))];
        Assert.Equal(20, ids.Distinct().Count());
        Assert.DoesNotContain(FlowMod.NoBuffer, ids);
        for (int i = 0; i < 12; i++)
        {
            Assert.Equal(ControlError.BufferEmpty, sut.Control.PacketOut(ids[i], 1, ToPort2, []));
        }
        for (int i = 12; i < 20; i++)
        {
            Assert.Equal(ControlError.None, sut.Control.PacketOut(ids[i], 1, ToPort2, []));
            sut.Settle();
            Assert.Equal([Numbered((ushort)i)], sut.Received(2));
        }
        sut.AssertNoFrameLost();
    }

    [Fact]
    public void Numbers_start_over_when_they_run_out_and_every_packet_can_be_had()
    {
        using FramePool pool = new(64, largeFrameCount: 1);
        FrameCache frames = pool.CreateCache();
        BufferedPackets buffers = new(16, frames, new ControlClock(new TestTime()), 3_600_000, usedBefore: (FlowMod.NoBuffer / 16) - 3);
        for (int i = 0; i < 100; i++)
        {
            Assert.True(frames.TryRent(out Packet packet));
            uint id = buffers.Add(packet, (ushort)i);
            Assert.NotEqual(FlowMod.NoBuffer, id);
            Assert.Equal(ControlError.None, buffers.TryTake(id, out Packet taken, out ushort inPort));
            Assert.Equal(i, inPort);
            Assert.Equal(ControlError.BufferEmpty, buffers.TryTake(id, out _, out _));
            frames.Release(taken);
        }
    }

    [Fact]
    public void A_flow_mod_with_a_buffer_sends_the_packet_through_its_actions()
    {
        using TestSwitch sut = new();
        uint id = Miss(sut, 7);
        FlowMod mod = TestSwitch.Flow(FlowMatch.Any, 1) with { Actions = new[] { FlowAction.SetTpDst(99), FlowAction.Output(1), FlowAction.Output(2) }, BufferId = id };
        Assert.Equal(ControlError.None, sut.Control.Apply(mod));
        sut.Settle();
        Assert.Equal([TestPacket.Udp(srcPort: 7, dstPort: 99)], sut.Received(2));
        Assert.Empty(sut.Received(1)); // where it came from
        Assert.Equal(0UL, sut.Flows()[0].Packets);
        // The flow-mod holds although the buffer is gone.
        mod.Priority = 2;
        Assert.Equal(ControlError.BufferEmpty, sut.Control.Apply(mod));
        Assert.Equal(2, sut.Flows().Count);
        sut.AssertNoFrameLost();
    }

    [Theory]
    [InlineData(FlowModCommand.Delete)]
    [InlineData(FlowModCommand.DeleteStrict)]
    public void A_delete_ignores_the_buffer(FlowModCommand command)
    {
        using TestSwitch sut = new();
        uint id = Miss(sut, 7);
        FlowMod mod = TestSwitch.Flow(FlowMatch.Any, 1, command) with { BufferId = id };
        Assert.Equal(ControlError.None, sut.Control.Apply(mod));
        mod.BufferId = 12345;
        Assert.Equal(ControlError.None, sut.Control.Apply(mod));
        Assert.Equal(ControlError.None, sut.Control.PacketOut(id, 1, ToPort2, []));
    }

    [Fact]
    public void A_refused_flow_mod_or_packet_out_leaves_the_buffer_alone()
    {
        using TestSwitch sut = new();
        uint id = Miss(sut, 7);
        Assert.Equal(ControlError.BadOutPort, sut.Control.Apply(TestSwitch.Flow(FlowMatch.Any, 1) with { Actions = new[] { FlowAction.Output(0) }, BufferId = id }));
        Assert.Equal(ControlError.BadOutPort, sut.Control.PacketOut(id, 1, [FlowAction.Output(0)], []));
        Assert.Equal(ControlError.None, sut.Control.PacketOut(id, 1, ToPort2, []));
    }

    [Fact]
    public void A_packet_out_brings_its_packet_along_or_does_nothing()
    {
        using TestSwitch sut = new();
        byte[] frame = Numbered(3);
        Assert.Equal(ControlError.None, sut.Control.PacketOut(FlowMod.NoBuffer, PortNumber.None, [FlowAction.SetVlanVid(5), FlowAction.Output(PortNumber.All)], frame));
        Assert.Equal(ControlError.None, sut.Control.PacketOut(FlowMod.NoBuffer, 3, [FlowAction.Output(PortNumber.InPort)], frame));
        Assert.Equal(ControlError.None, sut.Control.PacketOut(FlowMod.NoBuffer, 3, [], frame));
        Assert.Equal(ControlError.None, sut.Control.PacketOut(FlowMod.NoBuffer, 3, ToPort2, []));
        Assert.Equal(ControlError.None, sut.Control.PacketOut(FlowMod.NoBuffer, 3, ToPort2, frame.AsSpan(0, 13)));
        Assert.Equal(ControlError.None, sut.Control.PacketOut(FlowMod.NoBuffer, 3, ToPort2, new byte[100_000]));
        sut.Settle();
        Assert.All((ushort[])[1, 2, 4], port => Assert.Single(sut.Received(port)));
        Assert.Equal([TestPacket.Udp(srcPort: 3, vlan: 5), frame], sut.Received(3));
        Assert.Equal((1, 1), (sut.Control.ReadDrops(DropReason.Runt), sut.Control.ReadDrops(DropReason.NoFrame)));
        Assert.Equal(1, sut.Control.ReadDrops(DropReason.Action));
        sut.AssertNoFrameLost();
    }

    [Fact]
    public void A_full_packet_in_queue_counts_drops_and_loses_nothing_else()
    {
        using TestSwitch sut = new(options: new DatapathOptions { PacketInQueueLength = 64 });
        FlowMatch udp = new() { Wildcards = FlowWildcards.All & ~(FlowWildcards.DlType | FlowWildcards.NwProto), DlType = 0x800, NwProto = 17 };
        sut.Add(udp, 1, FlowAction.Output(PortNumber.Controller, 10), FlowAction.Output(2));
        for (ushort i = 0; i < 500; i++)
        {
            Assert.True(sut[1].TryInject(Numbered(i)));
        }
        while (sut.Control.Workers[0].PollOnce() > 0)
        {
        }
        Assert.Equal(500, sut.Received(2).Count);
        Assert.Equal(500 - 64, sut.Control.ReadDrops(DropReason.PacketInQueueFull));
        sut.Control.Service();
        Assert.Equal(Enumerable.Range(0, 64).Select(i => Convert.ToHexString(Numbered((ushort)i))), sut.PacketIns.Select(p => Convert.ToHexString(p.Data)));
        sut.AssertNoFrameLost();
    }

    [Fact]
    public void With_a_stopped_worker_packet_outs_are_bounded_counted_and_none_leaks_and_a_barrier_returns()
    {
        using TestSwitch sut = new(options: new DatapathOptions { PacketOutQueueLength = 16 });
        for (int i = 0; i < 40; i++)
        {
            Assert.Equal(ControlError.None, sut.Control.PacketOut(FlowMod.NoBuffer, 1, [FlowAction.SetNwTos(4), FlowAction.Output(2)], Numbered(1)));
        }
        Assert.Equal(24, sut.Control.ReadDrops(DropReason.PacketOutQueueFull));
        sut.Control.Barrier();
        Assert.Empty(sut.Received(2));
        sut.Settle();
        Assert.Equal(16, sut.Received(2).Count);
        sut.AssertNoFrameLost();
    }

    [Fact]
    public void Without_anybody_to_tell_packet_ins_are_released()
    {
        using TestSwitch sut = new();
        sut.Control.Events = null;
        sut.Send(1, [.. Enumerable.Range(0, 600).Select(i => Numbered((ushort)i))]);
        sut.AssertNoFrameLost();
    }

    private static uint Miss(TestSwitch sut, ushort number)
    {
        sut.Send(1, Numbered(number));
        Assert.Equal(Numbered(number), sut.PacketIns[^1].Data);
        return sut.PacketIns[^1].Buffer;
    }

    private static byte[] Numbered(ushort number) => TestPacket.Udp(srcPort: number);
}
