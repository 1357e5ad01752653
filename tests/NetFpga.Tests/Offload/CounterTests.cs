using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Tests.Offload;

public sealed class CounterTests
{
    private static readonly FlowAction ToPort2 = FlowAction.Output(2);

    [Fact]
    public void Every_frame_that_the_card_treats_counts_once_wherever_its_flow_is_meanwhile()
    {
        RandomTable random = new(21, exactShare: 3);
        using OffloadRig rig = new(OffloadLevel.All);
        Dictionary<uint, (ulong Packets, ulong Bytes)> expected = [];
        ulong exact = 0;
        ulong wildcard = 0;
        long now = 0;
        for (int i = 0; i < 1500; i++)
        {
            random.Change(rig, 30, random.NextFlow(), random.Any(rig.Table));
            for (int frames = 0; frames < 8; frames++)
            {
                FlowKey frame = random.Any(rig.Table) is { } flow ? random.NextFrame(flow) : random.NextFrame();
                int length = random.Random.Next(60, 1515);
                if (frame.DlType.Host >= 0x600 && rig.Send(frame, length))
                {
                    SoftwareFlow winner = rig.Table.Winner(frame)!;
                    (ulong packets, ulong bytes) = expected.GetValueOrDefault(winner.Id);
                    expected[winner.Id] = (packets + 1, bytes + (uint)length);
                    exact += winner.IsExact ? 1u : 0;
                    wildcard += winner.IsExact ? 0u : 1;
                }
            }
            if (random.Random.Next(4) == 0)
            {
                rig.Offload.Service(now += random.Random.Next(1, 3000));
            }
        }
        foreach (SoftwareFlow flow in rig.Table.Flows.Values)
        {
            rig.Offload.Poll(flow.Id);
        }

        Assert.True(exact > 500 && wildcard > 500, $"{exact} and {wildcard} frames say little");
        Assert.All(expected, pair =>
        {
            OffloadCounters counters = rig.Offload.Read(pair.Key);
            Assert.Equal(pair.Value, (counters.Packets, counters.Bytes));
        });
        Assert.Equal(new OffloadTotals(exact, wildcard), rig.Offload.ReadTotals());
    }

    [Fact]
    public void The_last_hits_of_a_removed_flow_are_there_until_it_is_forgotten()
    {
        using OffloadRig rig = new();
        rig.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, ToPort2));
        rig.Add(SoftwareFlow.Of(2, Matches.AnyFrom(3), 0, ToPort2));
        rig.Send(Matches.TcpFrame(1), 70);
        rig.Send(Matches.TcpFrame(3), 80);
        rig.Remove(1);
        rig.Remove(2);

        Assert.Equal((1UL, 70UL), Count(rig, 1));
        Assert.Equal((1UL, 80UL), Count(rig, 2));
        rig.Offload.Forget(1);
        Assert.Equal((0UL, 0UL), Count(rig, 1));
    }

    [Fact]
    public void A_replacing_flow_starts_at_zero_and_the_replaced_one_keeps_its_hits()
    {
        using OffloadRig rig = new();
        rig.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, ToPort2));
        rig.Add(SoftwareFlow.Of(2, Matches.AnyFrom(3), 0, ToPort2));
        rig.Send(Matches.TcpFrame(1));
        rig.Send(Matches.TcpFrame(3));
        rig.Replace(1, SoftwareFlow.Of(11, Matches.Tcp(1), 0, FlowAction.Output(3)));
        rig.Replace(2, SoftwareFlow.Of(12, Matches.AnyFrom(3), 0, ToPort2));
        rig.Send(Matches.TcpFrame(1));
        rig.Send(Matches.TcpFrame(1));
        rig.Offload.Poll(11);

        Assert.Equal((1UL, 100UL), Count(rig, 1));
        Assert.Equal((1UL, 100UL), Count(rig, 2));
        Assert.Equal((2UL, 200UL), Count(rig, 11));
        Assert.Equal((0UL, 0UL), Count(rig, 12));
    }

    [Fact]
    public void Row_counters_run_through_thirty_two_bits_without_losing_one()
    {
        using OffloadRig rig = new();
        rig.Add(SoftwareFlow.Of(1, Matches.AnyFrom(1), 0, ToPort2));
        int row = rig.Describe(1).Rows[0];
        uint[] bytes = [0xc000_0000, 0x8000_0000, 0x4000_0005, 0x0000_0007];
        for (int i = 0; i < bytes.Length; i++)
        {
            rig.Card.RowBytes[row] = bytes[i];
            rig.Card.RowPackets[row] += 0x4000_0000;
            rig.Offload.Service((i + 1) * 1000);
        }

        // 0xc0000000, then twice the way back round, then the rest of it.
        Assert.Equal((0x1_0000_0000UL, 0x3_0000_0007UL), Count(rig, 1));
    }

    /// <summary>What the card has of a row is 32 bits, and nothing of the time before it moved.</summary>
    [Fact]
    public void What_is_shown_of_a_row_counts_on_when_it_runs_round_and_when_it_moves()
    {
        using OffloadRig rig = new();
        for (ushort port = 1; port <= 3; port++)
        {
            rig.Add(SoftwareFlow.Of(port, Matches.AnyFrom(port), (ushort)(10 * port), ToPort2));
        }
        int row = rig.Describe(2).Rows[0];
        (rig.Card.RowPackets[row], rig.Card.RowBytes[row]) = (4_000_000, 0xf000_0000);
        rig.Offload.Service(1000);
        (rig.Card.RowPackets[row], rig.Card.RowBytes[row]) = (5_000_000, 0x1000_0000);
        for (ushort id = 4; id < 25; id++)
        {
            FlowMatch match = Matches.AnyFrom(2);
            match.Wildcards &= ~FlowWildcards.NwProto & ~FlowWildcards.DlType;
            (match.DlType, match.NwProto) = (0x0800, (byte)id);
            rig.Add(SoftwareFlow.Of(id, match, (ushort)(id % 2 == 0 ? 21 : 19), FlowAction.Output(4)));
        }

        Assert.NotEqual(row, rig.Describe(2).Rows[0]);
        Assert.Equal(new CardHits(5_000_000, 0x1_1000_0000), rig.Offload.PollRowHits()[rig.Describe(2).Rows[0]]);
    }

    /// <summary>Statistics may be asked for before the loss is noticed.</summary>
    [Theory]
    [InlineData(3, 200)]
    [InlineData(12, 720)]
    public void Row_counters_that_began_anew_are_not_taken_for_a_way_round(uint packets, uint bytes)
    {
        using OffloadRig rig = new();
        rig.Add(SoftwareFlow.Of(1, Matches.AnyFrom(1), 0, ToPort2));
        int row = rig.Describe(1).Rows[0];
        (rig.Card.RowPackets[row], rig.Card.RowBytes[row]) = (10, 15_000);
        rig.Offload.Poll(1);
        (rig.Card.RowPackets[row], rig.Card.RowBytes[row]) = (packets, bytes);
        rig.Offload.Poll(1);

        Assert.Equal((10UL + packets, 15_000UL + bytes), Count(rig, 1));
    }

    [Fact]
    public void What_a_row_had_counted_when_the_card_was_reset_is_not_taken_for_a_way_round()
    {
        using OffloadRig rig = new();
        rig.Add(SoftwareFlow.Of(1, Matches.AnyFrom(1), 0, ToPort2));
        int row = rig.Describe(1).Rows[0];
        (rig.Card.RowPackets[row], rig.Card.RowBytes[row]) = (0xc000_0000, 0xf000_0000);
        rig.Offload.Service(1000);
        rig.Card.Reset();
        rig.Offload.Service(2000);

        Assert.Contains("the card was reset", Assert.Single(rig.Log), StringComparison.Ordinal);
        Assert.Equal((0xc000_0000UL, 0xf000_0000UL), Count(rig, 1));
    }

    [Fact]
    public void Bit_24_of_a_slots_packets_is_counted_once_and_cleared()
    {
        using OffloadRig rig = new();
        rig.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, ToPort2));
        int slot = rig.Describe(1).Slot!.Value;
        rig.Card.SlotWord(slot, 8) = 0xfe00_0000 | 0x0100_0005; // the time of the last hit is none of the count
        rig.Offload.Service(4000);
        rig.Send(Matches.TcpFrame(1));
        rig.Offload.Service(8000);

        Assert.Equal(0x0100_0006UL, Count(rig, 1).Packets);
    }

    [Fact]
    public void Frames_that_are_punted_are_the_softwares_to_count()
    {
        using OffloadRig rig = new();
        rig.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, FlowAction.Output(PortNumber.Controller)));
        rig.Add(SoftwareFlow.Of(2, Matches.Ipv4, 9, FlowAction.Output(PortNumber.Controller)));
        rig.Add(SoftwareFlow.Of(3, FlowMatch.Any, 1, ToPort2));
        rig.Send(Matches.TcpFrame(1));
        rig.Send(Matches.TcpFrame(2));
        rig.Offload.Service(5000);
        rig.Modify(1, ToPort2);
        rig.Send(Matches.TcpFrame(1));
        rig.Offload.Poll(1);

        Assert.Equal(1UL, Count(rig, 1).Packets);
        Assert.Equal(0UL, Count(rig, 2).Packets);
        Assert.Equal(new OffloadTotals(1, 0), rig.Offload.ReadTotals());
    }

    [Fact]
    public void The_last_use_is_when_a_hit_was_noticed_and_asking_looks_at_once()
    {
        using OffloadRig rig = new();
        rig.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, ToPort2));
        rig.Add(SoftwareFlow.Of(2, Matches.AnyFrom(2), 0, ToPort2));
        rig.Offload.Service(10_000);
        Assert.Equal(0, rig.Offload.Poll(1).LastUsed);

        rig.Send(Matches.TcpFrame(1));
        rig.Send(Matches.TcpFrame(2));
        rig.Offload.Service(20_000);
        Assert.True(rig.Offload.Read(1).LastUsed >= 20_000);
        Assert.True(rig.Offload.Read(2).LastUsed >= 20_000);

        long used = rig.Offload.Read(1).LastUsed;
        rig.Offload.Service(30_000);
        Assert.Equal(used, rig.Offload.Poll(1).LastUsed);
        rig.Send(Matches.TcpFrame(1));
        Assert.True(rig.Offload.Poll(1).LastUsed >= 30_000);
    }

    [Fact]
    public void Every_slot_is_read_within_four_seconds_however_often_the_card_is_looked_after()
    {
        using OffloadRig rig = new();
        for (ushort i = 1; i <= 300; i++)
        {
            rig.Add(SoftwareFlow.Of(i, Matches.Tcp(1, from: i), 0, ToPort2));
        }
        long now = 50_000;
        rig.Offload.Service(now);
        for (ushort i = 1; i <= 300; i++)
        {
            rig.Send(Matches.TcpFrame(1, from: i));
        }
        for (int i = 0; i < 50; i++)
        {
            rig.Offload.Service(now += 81);
        }

        Assert.All(Enumerable.Range(1, 300), id => Assert.Equal(1UL, Count(rig, (uint)id).Packets));
    }

    private static (ulong Packets, ulong Bytes) Count(OffloadRig rig, uint id)
    {
        OffloadCounters counters = rig.Offload.Read(id);
        return (counters.Packets, counters.Bytes);
    }
}
