using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>Packet-ins, the buffers behind them (bounded, aged, used once), and packet-outs (OpenFlow 1.0.0 §5.3.3, §5.3.6, §5.4.1).</summary>
public sealed class BufferTests : IDisposable
{
    private static readonly FlowAction[] ToPort2 = [FlowAction.Output(2)];

    private static readonly DatapathOptions Buffered = new() { BufferCount = 256 };

    private readonly TestSwitch _sut = new(options: Buffered) { KeepsFrames = true };

    public void Dispose() => _sut.Dispose();

    [Fact]
    public void A_buffer_serves_once()
    {
        uint id = Miss(_sut, 1);
        Assert.Equal(ControlError.None, _sut.Control.PacketOut(id, 1, ToPort2, []));
        Assert.Equal(ControlError.BufferEmpty, _sut.Control.PacketOut(id, 1, ToPort2, []));
        _sut.Settle();
        Assert.Equal([Numbered(1)], _sut.Received(2));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(255u)]
    [InlineData(100_000u)]
    [InlineData(0xfffffffeu)]
    public void A_number_never_given_out_is_unknown(uint id)
    {
        Assert.Equal(ControlError.BufferUnknown, _sut.Control.PacketOut(id, 1, ToPort2, []));
        uint given = Miss(_sut, 1);
        Assert.Equal(ControlError.BufferUnknown, _sut.Control.PacketOut(id, 1, ToPort2, []));
        uint nextOfItsPlace = given + (uint)Buffered.BufferCount;
        Assert.Equal(ControlError.BufferUnknown, _sut.Control.PacketOut(nextOfItsPlace, 1, ToPort2, []));
    }

    [Fact]
    public void The_oldest_gives_way_and_a_late_answer_finds_no_strangers_packet()
    {
        using TestSwitch sut = new(options: new DatapathOptions { BufferCount = 8 }) { KeepsFrames = true };
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
        uint id = Miss(_sut, 7);
        FlowMod mod = TestSwitch.Flow(FlowMatch.Any, 1) with { Actions = new[] { FlowAction.SetTpDst(99), FlowAction.Output(1), FlowAction.Output(2) }, BufferId = id };
        Assert.Equal(ControlError.None, _sut.Control.Apply(mod));
        _sut.Settle();
        Assert.Equal([TestPacket.Udp(srcPort: 7, dstPort: 99)], _sut.Received(2));
        Assert.Empty(_sut.Received(1)); // where it came from
        // The flow-mod holds although the buffer is gone.
        mod.Priority = 2;
        Assert.Equal(ControlError.BufferEmpty, _sut.Control.Apply(mod));
        Assert.Equal([1UL, 0UL], _sut.Flows().Select(flow => flow.Packets));
    }

    [Theory]
    [InlineData(1, FlowModCommand.Add)]
    [InlineData(2, FlowModCommand.Add)]
    [InlineData(2, FlowModCommand.Modify)]
    public void The_packet_that_a_flow_mod_releases_counts_in_the_new_entry_and_keeps_it(int workers, FlowModCommand command)
    {
        using TestSwitch sut = new(options: Buffered with { Workers = workers }) { KeepsFrames = true };
        sut.Time.Advance(TimeSpan.FromSeconds(1));
        FlowMod mod = TestSwitch.Flow(FlowMatch.Any, 1, command) with { Actions = ToPort2, IdleTimeoutSeconds = 10, BufferId = Miss(sut, 7) };
        Assert.Equal(ControlError.None, sut.Control.Apply(mod));
        Assert.Equal((1UL, (ulong)Numbered(7).Length), (sut.Flows()[0].Packets, sut.Flows()[0].Bytes));
        sut.Send(1, Numbered(8));
        Assert.Equal((2UL, 2 * (ulong)Numbered(7).Length), (sut.Flows()[0].Packets, sut.Flows()[0].Bytes));
        sut.Time.Advance(TimeSpan.FromSeconds(9));
        sut.Settle();
        Assert.Single(sut.Flows());
        sut.Time.Advance(TimeSpan.FromSeconds(2));
        sut.Settle();
        Assert.Empty(sut.Flows());
    }

    [Fact]
    public void A_packet_released_by_a_change_of_an_entry_that_was_there_does_not_count_in_it()
    {
        uint id = Miss(_sut, 7);
        _sut.Add(FlowMatch.Any, 1);
        FlowMod mod = TestSwitch.Flow(FlowMatch.Any, 1, FlowModCommand.ModifyStrict) with { Actions = ToPort2, BufferId = id };
        Assert.Equal(ControlError.None, _sut.Control.Apply(mod));
        _sut.Settle();
        Assert.Equal([Numbered(7)], _sut.Received(2));
        Assert.Equal(0UL, _sut.Flows()[0].Packets);
    }

    [Fact]
    public void Without_buffers_every_packet_in_names_none_and_its_frame_is_free_at_once()
    {
        using TestSwitch sut = new(options: new DatapathOptions { BufferCount = 0 }) { KeepsFrames = true };
        for (ushort i = 0; i < 1000; i++)
        {
            Assert.Equal(FlowMod.NoBuffer, Miss(sut, i));
        }
        Assert.Equal(0, sut.Control.Buffers.OccupiedCount);
        foreach (uint id in (uint[])[0, 1, 256, FlowMod.NoBuffer - 1])
        {
            Assert.Equal(ControlError.BufferUnknown, sut.Control.PacketOut(id, 1, ToPort2, []));
            Assert.Equal(ControlError.BufferUnknown, sut.Control.Apply(TestSwitch.Flow(FlowMatch.Any, 1) with { Actions = ToPort2, BufferId = id }));
        }
    }

    [Fact]
    public void A_flow_mod_of_a_buffer_that_is_not_there_is_installed_and_gets_the_buffers_error()
    {
        uint id = Miss(_sut, 7);
        Assert.Equal(ControlError.None, _sut.Control.PacketOut(id, 1, ToPort2, []));
        Assert.Equal(ControlError.BufferEmpty, _sut.Control.Apply(TestSwitch.Flow(FlowMatch.Any, 1) with { BufferId = id }));
        Assert.Equal(ControlError.BufferUnknown, _sut.Control.Apply(TestSwitch.Flow(FlowMatch.Any, 2) with { BufferId = id + 1 }));
        Assert.Equal([1, 2], _sut.Flows().Select(flow => (int)flow.Priority).Order());
    }

    [Theory]
    [InlineData(FlowModCommand.Delete)]
    [InlineData(FlowModCommand.DeleteStrict)]
    public void A_delete_ignores_the_buffer(FlowModCommand command)
    {
        uint id = Miss(_sut, 7);
        FlowMod mod = TestSwitch.Flow(FlowMatch.Any, 1, command) with { BufferId = id };
        Assert.Equal(ControlError.None, _sut.Control.Apply(mod));
        mod.BufferId = 12345;
        Assert.Equal(ControlError.None, _sut.Control.Apply(mod));
        Assert.Equal(ControlError.None, _sut.Control.PacketOut(id, 1, ToPort2, []));
    }

    [Fact]
    public void A_refused_flow_mod_or_packet_out_leaves_the_buffer_alone()
    {
        uint id = Miss(_sut, 7);
        Assert.Equal(ControlError.BadOutPort, _sut.Control.Apply(TestSwitch.Flow(FlowMatch.Any, 1) with { Actions = new[] { FlowAction.Output(0) }, BufferId = id }));
        Assert.Equal(ControlError.BadOutPort, _sut.Control.PacketOut(id, 1, [FlowAction.Output(0)], []));
        Assert.Equal(ControlError.None, _sut.Control.PacketOut(id, 1, ToPort2, []));
    }

    [Fact]
    public void A_packet_out_brings_its_packet_along_or_does_nothing()
    {
        byte[] frame = Numbered(3);
        Assert.Equal(ControlError.None, _sut.Control.PacketOut(FlowMod.NoBuffer, PortNumber.None, [FlowAction.SetVlanVid(5), FlowAction.Output(PortNumber.All)], frame));
        Assert.Equal(ControlError.None, _sut.Control.PacketOut(FlowMod.NoBuffer, 3, [FlowAction.Output(PortNumber.InPort)], frame));
        Assert.Equal(ControlError.None, _sut.Control.PacketOut(FlowMod.NoBuffer, 3, [], frame));
        Assert.Equal(ControlError.None, _sut.Control.PacketOut(FlowMod.NoBuffer, 3, ToPort2, []));
        Assert.Equal(ControlError.None, _sut.Control.PacketOut(FlowMod.NoBuffer, 3, ToPort2, frame.AsSpan(0, 13)));
        Assert.Equal(ControlError.None, _sut.Control.PacketOut(FlowMod.NoBuffer, 3, ToPort2, new byte[100_000]));
        _sut.Settle();
        Assert.All((ushort[])[1, 2, 4], port => Assert.Single(_sut.Received(port)));
        Assert.Equal([TestPacket.Udp(srcPort: 3, vlan: 5), frame], _sut.Received(3));
        Assert.Equal((1, 1), (_sut.Control.Accounts.ReadDrops(DropReason.Runt), _sut.Control.Accounts.ReadDrops(DropReason.NoFrame)));
        Assert.Equal(1, _sut.Control.Accounts.ReadDrops(DropReason.Action));
    }

    [Fact]
    public void A_full_packet_in_queue_counts_drops_and_loses_nothing_else()
    {
        using TestSwitch sut = new(options: new DatapathOptions { FrameCount = 2048 }) { KeepsFrames = true };
        FlowMatch udp = new() { Wildcards = FlowWildcards.All & ~(FlowWildcards.DlType | FlowWildcards.NwProto), DlType = 0x800, NwProto = 17 };
        sut.Add(udp, 1, FlowAction.Output(PortNumber.Controller, 10), FlowAction.Output(2));
        const int room = 342; // two thirds of a quarter of the frames
        for (ushort i = 0; i < 500; i++)
        {
            Assert.True(sut[1].TryInject(Numbered(i)));
        }
        while (sut.Control.Workers[0].PollOnce() > 0)
        {
        }
        Assert.Equal(500, sut.Received(2).Count);
        Assert.Equal(500 - room, sut.Control.Accounts.ReadDrops(DropReason.PacketInQueueFull));
        sut.Settle();
        Assert.Equal(Enumerable.Range(0, room).Select(i => Convert.ToHexString(Numbered((ushort)i))), sut.PacketIns.Select(p => Convert.ToHexString(p.Data)));
    }

    [Fact]
    public void With_a_stopped_worker_packet_outs_are_bounded_counted_and_none_leaks_and_a_barrier_returns()
    {
        using TestSwitch sut = new(options: new DatapathOptions { PacketOutQueueLength = 16 }) { KeepsFrames = true };
        for (int i = 0; i < 40; i++)
        {
            Assert.Equal(ControlError.None, sut.Control.PacketOut(FlowMod.NoBuffer, 1, [FlowAction.SetNwTos(4), FlowAction.Output(2)], Numbered(1)));
        }
        Assert.Equal(24, sut.Control.Accounts.ReadDrops(DropReason.PacketOutQueueFull));
        sut.Control.Barriers.Finish();
        Assert.Empty(sut.Received(2));
        sut.Settle();
        Assert.Equal(16, sut.Received(2).Count);
    }

    [Fact]
    public void Without_anybody_to_tell_packet_ins_are_released()
    {
        _sut.Control.Events = null;
        _sut.Send(1, [.. Enumerable.Range(0, 600).Select(i => Numbered((ushort)i))]);
    }

    [Fact]
    public void A_buffer_not_used_within_its_time_is_empty_and_its_frame_free()
    {
        using TestSwitch sut = new(options: Buffered with { BufferTimeout = TimeSpan.FromSeconds(5) }) { KeepsFrames = true };
        sut.Send(1, TestPacket.Icmp());
        sut.Time.Advance(TimeSpan.FromSeconds(3));
        sut.Send(1, TestPacket.Tcp());
        Assert.Equal([ControlError.None], Use(sut, 1)); // 3 s old
        sut.Send(1, TestPacket.Tcp());
        sut.Time.Advance(TimeSpan.FromSeconds(5) - TimeSpan.FromMilliseconds(1));
        sut.Control.Service();
        Assert.Equal([ControlError.None], Use(sut, 2));
        sut.Send(1, TestPacket.Tcp());
        sut.Time.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal([ControlError.BufferEmpty], Use(sut, 3));
        Assert.Equal([ControlError.BufferEmpty], Use(sut, 0));
        sut.Settle();
        Assert.Equal(2, sut.Received(2).Count);
    }

    [Fact]
    public void Serving_the_control_side_releases_what_is_over_without_anybody_asking()
    {
        for (int i = 0; i < 600; i++) // more than there are places
        {
            _sut.Send(1, TestPacket.Icmp());
        }
        int before = _sut.Control.Buffers.OccupiedCount;
        _sut.Time.Advance(TimeSpan.FromSeconds(5));
        _sut.Control.Service();

        Assert.Equal(_sut.Control.Buffers.Capacity, before);
        Assert.Equal(0, _sut.Control.Buffers.OccupiedCount);
    }

    [Fact]
    public void Random_use_and_ageing_agree_with_a_list()
    {
        const int seed = 4711;
        Random random = new(seed);
        using TestSwitch sut = new(options: new DatapathOptions { BufferCount = 7, BufferTimeout = TimeSpan.FromMilliseconds(500) }) { KeepsFrames = true };
        List<(uint Id, long At, int Number)> live = [];
        long now = 0;
        for (int step = 0; step < 3000; step++)
        {
            switch (random.Next(3))
            {
                case 0:
                    sut.Send(1, TestPacket.Icmp());
                    live.Add((sut.PacketIns[^1].Buffer, now, sut.PacketIns.Count));
                    live.RemoveAll(b => b.Number <= sut.PacketIns.Count - 7); // places are filled in turn
                    break;
                case 1:
                    int milliseconds = random.Next(120);
                    sut.Time.Advance(TimeSpan.FromMilliseconds(milliseconds));
                    now += milliseconds;
                    break;
                case 2 when sut.PacketIns.Count > 0:
                    uint id = sut.PacketIns[^(1 + random.Next(Math.Min(12, sut.PacketIns.Count)))].Buffer;
                    live.RemoveAll(b => now - b.At >= 500);
                    ControlError expected = live.Exists(b => b.Id == id) ? ControlError.None : ControlError.BufferEmpty;
                    Assert.True(expected == sut.Control.PacketOut(id, 1, ToPort2, []), $"seed {seed}, step {step}");
                    live.RemoveAll(b => b.Id == id);
                    sut.Settle();
                    sut.Received(2);
                    break;
            }
        }
    }

    private static ControlError[] Use(TestSwitch sut, params int[] packetIns) =>
        [.. packetIns.Select(i => sut.Control.PacketOut(sut.PacketIns[i].Buffer, 1, ToPort2, []))];

    private static uint Miss(TestSwitch sut, ushort number)
    {
        sut.Send(1, Numbered(number));
        Assert.Equal(Numbered(number), sut.PacketIns[^1].Data);
        return sut.PacketIns[^1].Buffer;
    }

    private static byte[] Numbered(ushort number) => TestPacket.Udp(srcPort: number);
}
