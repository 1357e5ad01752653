using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Offload;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Tests.Offload;

public sealed class FailureTests
{
    private static readonly FlowAction ToPort2 = FlowAction.Output(2);

    /// <summary>One access fails, at each place in turn: whatever is half done is cleared, nothing throws, and later all is as if nothing had been.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_register_that_fails_once_takes_the_card_out_until_it_is_tried_again(bool changesNevertheless)
    {
        int accesses = CountAccesses();
        string expected = Image(Changed());
        for (int failing = 0; failing < accesses; failing++)
        {
            using OffloadRig rig = Filled();
            int first = rig.Card.Accesses;
            rig.Card.FailsAfterwards = changesNevertheless;
            rig.Card.Fails = access => access == first + failing;
            rig.Watch(Matches.TcpFrames());
            Change(rig);

            Assert.True(rig.Offload.IdleReason != null, $"access {failing}");
            Assert.Empty(rig.Card.RowsOn);
            Assert.Empty(rig.Card.SlotsOn);
            Assert.Single(rig.Log);
            rig.Watch();
            rig.Offload.Service(1_000_000);
            Assert.Null(rig.Offload.IdleReason);
            rig.Watch(Matches.TcpFrames());
            rig.CheckAfter();
            Assert.Equal(expected, Image(rig));
        }
    }

    [Fact]
    public void A_card_that_takes_no_write_any_more_is_named_as_one_that_may_go_on_forwarding_and_is_tried_again()
    {
        using OffloadRig rig = Filled();
        rig.Card.Fails = _ => true;
        Change(rig);

        string line = Assert.Single(rig.Log);
        Assert.Contains("could not be cleared, and the card may go on forwarding by them", line, StringComparison.Ordinal);
        long now = 1_000_000;
        List<int> waits = [];
        for (int i = 0; i < 8; i++)
        {
            waits.Add(rig.Offload.Service(now));
            now += waits[^1];
        }
        Assert.Equal([2000, 4000, 8000, 16_000, 32_000, 64_000, 64_000, 64_000], waits);
        Assert.Single(rig.Log);

        rig.Card.Fails = null;
        rig.Offload.Service(now);
        rig.Watch(Matches.TcpFrames());
        rig.CheckAfter();
        Assert.Equal(Image(Changed()), Image(rig));
        Assert.Equal(2, rig.Log.Count);
    }

    [Fact]
    public void A_card_that_fails_from_the_start_comes_in_when_it_answers()
    {
        ModelCard card = new() { Fails = _ => true };
        List<string> log = [];
        using NetFpgaOffload offload = new(card, CardLayout.V10, OffloadLevel.On, [1, 2, 3, 4], log.Add);
        offload.SetPorts(OffloadRig.PortsWith());
        offload.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, ToPort2).ToEntry());
        Assert.Single(log);

        card.Fails = null;
        offload.Service(100_000);
        Assert.Single(card.SlotsOn);
        Assert.Equal(ReservedRows.Row(31).Action, card.Row(31).Action);
    }

    [Fact]
    public void A_card_that_does_not_hold_its_reserved_rows_is_not_used()
    {
        ModelCard card = new();
        card.Written = () => card.Row(28) = default;
        List<string> log = [];
        using NetFpgaOffload offload = new(card, CardLayout.V10, OffloadLevel.On, [1, 2, 3, 4], log.Add);

        Assert.Contains("row 28 does not hold what was written", Assert.Single(log), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Lost_tables_are_noticed_and_written_again_and_nothing_counts_backwards(bool reset)
    {
        using OffloadRig rig = Filled();
        rig.Send(Matches.TcpFrame(1));
        rig.Send(Matches.TcpFrame(3));
        rig.Offload.Service(1000);
        if (reset)
        {
            rig.Card.Reset();
        }
        else
        {
            rig.Card.Flush();
        }
        for (long now = 2000; now < 12_000; now += 1000)
        {
            rig.Offload.Service(now);
        }

        Assert.Single(rig.Log);
        Assert.Equal(Image(Filled()), Image(rig));
        Assert.Equal(1UL, rig.Offload.Poll(1).Packets);
        Assert.Equal(1UL, rig.Offload.Poll(3).Packets);
        rig.Send(Matches.TcpFrame(3));
        Assert.Equal(2UL, rig.Offload.Poll(3).Packets);
    }

    [Fact]
    public void A_row_and_a_slot_that_someone_else_changed_are_written_again()
    {
        using OffloadRig rig = Filled();
        rig.Card.Row(rig.Describe(3).Rows[0]) = default;
        rig.Card.Row(Enumerable.Range(0, 24).Except(rig.Card.RowsOn).First()) = ReservedRows.Row(24);
        rig.Card.SlotWord(rig.Describe(1).Slot!.Value, 10) = CardPort.WireBit(3);
        for (long now = 1000; now < 60_000; now += 1000)
        {
            rig.Offload.Service(now);
        }

        Assert.Equal(Image(Filled()), Image(rig));
        Assert.Equal(2, rig.Log.Count);
        rig.Watch(Matches.TcpFrames());
        rig.CheckAfter();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(22)]
    [InlineData(23)]
    public void Every_row_is_looked_at_within_24_seconds(int row)
    {
        using OffloadRig rig = Filled();
        RowImage planned = rig.Card.Row(row);
        rig.Card.Row(row) = ReservedRows.Row(24);
        for (long now = 1000; now <= 24_000; now += 1000)
        {
            rig.Offload.Service(now);
        }

        Assert.Contains($"row {row} was changed by someone else", Assert.Single(rig.Log), StringComparison.Ordinal);
        Assert.Equal(planned, rig.Card.Row(row));
    }

    [Fact]
    public void A_slot_that_someone_else_changed_gives_its_frames_to_the_host_until_all_of_it_is_written_again()
    {
        using OffloadRig rig = new();
        rig.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, FlowAction.SetDlDst(new MacAddress(0x0200_0000_0077)), ToPort2));
        int slot = rig.Describe(1).Slot!.Value;
        rig.Card.SlotWord(slot, 10) ^= 0x0200_0000; // set_tp_src, too
        rig.Card.SlotWord(slot, 13) ^= 0xff; // and another dl_dst
        rig.Watch(Matches.TcpFrame(1));
        int checks = 0;
        rig.Card.Written = () =>
        {
            if (rig.Log.Count > 0) // from here on it is being repaired
            {
                rig.CheckAfter();
                checks++;
            }
        };
        rig.Offload.Service(1000);

        Assert.Contains($"slot {slot} was changed by someone else", Assert.Single(rig.Log), StringComparison.Ordinal);
        Assert.True(checks > 10, $"{checks} writes");
        rig.Card.Written = null;
        Assert.True(rig.IsForwarded(Matches.TcpFrame(1)));
    }

    [Fact]
    public void What_an_earlier_run_left_on_the_card_is_gone_before_anything_else_happens()
    {
        using OffloadRig earlier = Filled();
        List<string> log = [];
        using NetFpgaOffload offload = new(earlier.Card, CardLayout.V10, OffloadLevel.On, [1, 2, 3, 4], log.Add);

        Assert.Empty(earlier.Card.RowsOn);
        Assert.Empty(earlier.Card.SlotsOn);
        Assert.Empty(log);
    }

    [Fact]
    public void Ending_leaves_the_reserved_rows_only()
    {
        OffloadRig rig = Filled();
        rig.Dispose();
        rig.Add(SoftwareFlow.Of(99, Matches.Tcp(4, from: 9), 0, ToPort2)); // too late, and harmless

        Assert.Empty(rig.Card.RowsOn);
        Assert.Empty(rig.Card.SlotsOn);
        Assert.All(Enumerable.Range(24, 8), row => Assert.Equal(ReservedRows.Row(row).Action, rig.Card.Row(row).Action));
    }

    private static OffloadRig Filled()
    {
        OffloadRig rig = new();
        rig.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, ToPort2));
        rig.Add(SoftwareFlow.Of(2, Matches.Ipv4, 9, FlowAction.Output(PortNumber.Controller)));
        rig.Add(SoftwareFlow.Of(3, Matches.AnyFrom(3), 20, ToPort2));
        rig.Add(SoftwareFlow.Of(4, FlowMatch.Any, 1, FlowAction.Output(4)));
        return rig;
    }

    private static OffloadRig Changed()
    {
        OffloadRig rig = Filled();
        Change(rig);
        return rig;
    }

    private static void Change(OffloadRig rig)
    {
        rig.Add(SoftwareFlow.Of(5, Matches.Tcp(2), 0, ToPort2, FlowAction.Output(3)));
        rig.Modify(1, FlowAction.StripVlan(), FlowAction.Output(4));
        rig.Add(SoftwareFlow.Of(6, Matches.AnyFrom(1), 30, FlowAction.Output(3)));
        rig.Remove(2);
        rig.Replace(5, SoftwareFlow.Of(7, Matches.Tcp(2), 0, FlowAction.Output(1)));
        rig.SetPorts(OffloadRig.PortsWith((3, PortConfig.NoForward)));
        rig.Remove(7);
        rig.Offload.Poll(3);
    }

    private static int CountAccesses()
    {
        using OffloadRig rig = Filled();
        rig.Card.Fails = _ => false;
        int before = rig.Card.Accesses;
        Change(rig);
        return rig.Card.Accesses - before;
    }

    /// <summary>Which flow is where: the rows in their order, whatever their numbers.</summary>
    private static string Image(OffloadRig rig) => string.Join(
        "\n", rig.Card.RowsOn.Select(row => string.Join(" ", Words(rig.Card.Row(row).Value)) + " -> " + rig.Card.Row(row).Action[0])
            .Concat(rig.Card.SlotsOn.Select(slot => $"slot {slot}: {rig.Card.SlotWord(slot, 10)}")));

    private static uint[] Words(KeyWords words) => ((ReadOnlySpan<uint>)words).ToArray();
}
