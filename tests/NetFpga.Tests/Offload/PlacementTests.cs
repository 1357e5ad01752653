using System.Numerics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Offload;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Tests.Offload;

public sealed class PlacementTests
{
    private static readonly FlowAction ToController = FlowAction.Output(PortNumber.Controller);

    [Fact]
    public void An_output_with_in_port_open_takes_a_row_for_its_own_port_and_one_for_the_others()
    {
        using OffloadRig rig = new();
        rig.Watch(Matches.TcpFrames());
        rig.Add(SoftwareFlow.Of(1, FlowMatch.Any, 5, FlowAction.Output(2)));

        Assert.Equal(2, rig.Offload.RowsUsed);
        Assert.All(Matches.TcpFrames(), frame => Assert.True(rig.IsForwarded(frame)));
    }

    [Theory]
    [InlineData(PortNumber.All)]
    [InlineData(PortNumber.InPort)]
    public void An_output_that_differs_by_port_takes_a_row_for_each(ushort output)
    {
        using OffloadRig rig = new();
        rig.SetPorts([.. OffloadRig.PortsWith().Where(port => port.Number != OffloadRig.Elsewhere)]);
        rig.Watch(Matches.TcpFrames());
        rig.Add(SoftwareFlow.Of(1, FlowMatch.Any, 5, FlowAction.Output(output)));

        Assert.Equal(4, rig.Offload.RowsUsed);
    }

    [Fact]
    public void Flooding_stays_in_software_until_all_its_ports_are_the_cards()
    {
        using OffloadRig rig = new();
        rig.Watch(Matches.TcpFrames());
        rig.Add(SoftwareFlow.Of(1, FlowMatch.Any, 5, FlowAction.Output(PortNumber.Flood)));
        Assert.Equal("floods to port 5, which is not on the card", rig.Describe(1).Reason);

        rig.SetPorts(OffloadRig.PortsWith((OffloadRig.Elsewhere, PortConfig.NoFlood), (3, PortConfig.NoFlood)));
        Assert.Null(rig.Describe(1).Reason);
        Assert.Equal(4, rig.Offload.RowsUsed);
        Assert.Equal(CardPort.WireBit(1) | CardPort.WireBit(3), (int)rig.Card.Row(rig.Card.Find(rig.CardKey(Matches.TcpFrame(1))).Row).Action[0]);
    }

    [Fact]
    public void A_flow_in_software_is_punted_above_what_would_take_its_frames_and_only_there()
    {
        using OffloadRig rig = new();
        rig.Watch(Matches.TcpFrames());
        rig.Add(SoftwareFlow.Of(1, Matches.Ipv4, 9, ToController));
        Assert.Equal(0, rig.Offload.RowsUsed);

        rig.Add(SoftwareFlow.Of(2, Matches.AnyFrom(3), 5, FlowAction.Output(1)));

        Assert.Equal(2, rig.Offload.RowsUsed);
        Assert.Single(rig.Describe(1).Rows);
        Assert.True(rig.Describe(1).Rows[0] < rig.Describe(2).Rows[0]);
        Assert.False(rig.IsForwarded(Matches.TcpFrame(3)));

        rig.Remove(2);
        Assert.Equal(0, rig.Offload.RowsUsed);
    }

    [Fact]
    public void A_flow_without_wildcards_in_software_is_punted_by_its_slot()
    {
        using OffloadRig rig = new();
        rig.Watch(Matches.TcpFrames());
        rig.Add(SoftwareFlow.Of(1, FlowMatch.Any, 5, FlowAction.Output(2)));
        rig.Add(SoftwareFlow.Of(2, Matches.Tcp(1), 0, ToController));

        Assert.False(rig.IsForwarded(Matches.TcpFrame(1)));
        Assert.True(rig.IsForwarded(Matches.TcpFrame(1, from: 2000)));
        Assert.Equal((1, "outputs to CONTROLLER"), (rig.Offload.SlotsUsed, rig.Describe(2).Reason));
    }

    [Fact]
    public void A_flow_whose_slots_are_taken_is_punted_by_a_row_until_one_is_free()
    {
        using OffloadRig rig = new();
        FlowMatch[] rivals = Rivals();
        rig.Watch([.. Matches.TcpFrames(), .. rivals.Select(rival => Matches.Frame(rival))]);
        rig.Add(SoftwareFlow.Of(100, FlowMatch.Any, 5, FlowAction.Output(2)));
        for (uint i = 0; i < rivals.Length; i++)
        {
            rig.Add(SoftwareFlow.Of(i + 1, rivals[i], 0, FlowAction.Output(3)));
        }
        OffloadedFlow[] left = [.. rig.Offload.Describe().Where(flow => flow.Reason == "both its slots are taken")];
        Assert.Equal([3U, 4, 5], left.Select(flow => flow.Id));
        Assert.All(left, flow => Assert.Single(flow.Rows));

        rig.Remove(1);
        rig.Offload.Service(1000);
        rig.CheckAfter();
        Assert.True(rig.Describe(3).IsForwarded);
        Assert.Empty(rig.Describe(3).Rows);
    }

    [Fact]
    public void Rows_go_to_the_highest_and_what_is_passed_over_is_punted_above_lower_ones()
    {
        using OffloadRig rig = new();
        for (ushort priority = 1; priority <= 30; priority++)
        {
            FlowMatch match = Matches.AnyFrom((ushort)((priority % 4) + 1));
            match.Wildcards &= ~FlowWildcards.DlDst;
            match.DlDst = new MacAddress(priority);
            rig.Add(SoftwareFlow.Of(priority, match, priority, FlowAction.Output(PortNumber.InPort)));
        }

        Assert.Equal(24, rig.Offload.RowsUsed);
        Assert.All(rig.Offload.Describe(), flow => Assert.Equal(flow.Id > 6, flow.IsForwarded));
        rig.Remove(20);
        Assert.True(rig.Describe(6).IsForwarded);
    }

    [Theory]
    [InlineData(PortConfig.PortDown)]
    [InlineData(PortConfig.NoReceive)]
    public void A_closed_port_sends_everything_to_the_software_which_counts_and_drops_it(PortConfig config)
    {
        using OffloadRig rig = new();
        rig.Watch(Matches.TcpFrames());
        rig.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, FlowAction.Output(3)));
        rig.Add(SoftwareFlow.Of(2, FlowMatch.Any, 5, FlowAction.Output(4)));
        rig.SetPorts(OffloadRig.PortsWith((1, config)));

        Assert.False(rig.IsForwarded(Matches.TcpFrame(1)));
        Assert.False(rig.IsForwarded(Matches.TcpFrame(1, from: 7)));
        Assert.True(rig.IsForwarded(Matches.TcpFrame(2)));
        Assert.Equal("its port is closed to its frames", rig.Describe(1).Reason);

        rig.SetPorts(OffloadRig.PortsWith());
        Assert.True(rig.IsForwarded(Matches.TcpFrame(1)));
    }

    [Fact]
    public void A_port_without_spanning_tree_frames_sends_only_these_to_the_software()
    {
        using OffloadRig rig = new();
        FlowKey bpdu = Matches.TcpFrame(1) with { DlDst = MacAddress.BridgeGroup };
        rig.SetPorts(OffloadRig.PortsWith((1, PortConfig.NoReceiveStp)));
        rig.Add(SoftwareFlow.Of(1, FlowMatch.Any, 5, FlowAction.Output(4)));

        Assert.False(rig.IsForwarded(bpdu));
        Assert.True(rig.IsForwarded(bpdu with { InPort = 2 }));
        Assert.True(rig.IsForwarded(Matches.TcpFrame(1)));
    }

    /// <summary>Slots stand above the rows by which a port is guarded.</summary>
    [Fact]
    public void Nor_does_a_flow_without_wildcards_forward_them()
    {
        using OffloadRig rig = new();
        FlowMatch match = Matches.Tcp(1);
        match.DlDst = MacAddress.BridgeGroup;
        rig.Watch(Matches.Frame(match), Matches.TcpFrame(1));
        rig.Add(SoftwareFlow.Of(1, match, 0, FlowAction.Output(4)));
        rig.Add(SoftwareFlow.Of(2, Matches.Tcp(1), 0, FlowAction.Output(4)));
        Assert.True(rig.IsForwarded(Matches.Frame(match)));

        rig.SetPorts(OffloadRig.PortsWith((1, PortConfig.NoReceiveStp)));
        Assert.False(rig.IsForwarded(Matches.Frame(match)));
        Assert.True(rig.IsForwarded(Matches.TcpFrame(1)));
        Assert.Equal("its port is closed to its frames", rig.Describe(1).Reason);
    }

    [Fact]
    public void A_punt_gives_its_slot_to_a_flow_that_the_card_can_forward()
    {
        using OffloadRig rig = new();
        FlowMatch[] rivals = Rivals();
        rig.Watch([.. Matches.TcpFrames(), .. rivals.Select(rival => Matches.Frame(rival))]);
        rig.Add(SoftwareFlow.Of(100, FlowMatch.Any, 5, FlowAction.Output(2)));
        rig.Add(SoftwareFlow.Of(1, rivals[0], 0, ToController));
        rig.Add(SoftwareFlow.Of(2, rivals[1], 0, ToController));
        rig.Add(SoftwareFlow.Of(3, rivals[2], 0, FlowAction.Output(3)));

        Assert.True(rig.Describe(3).IsForwarded);
        Assert.Equal(2, rig.Offload.SlotsUsed);
        Assert.All(rivals[..2], rival => Assert.False(rig.IsForwarded(Matches.Frame(rival))));
        Assert.Single(rig.Offload.Describe(), flow => flow.Id < 3 && flow.Rows.Count == 1);

        // An entry identical to one that has rows only takes its place, and then a slot.
        uint without = rig.Describe(1).Slot == null ? 1U : 2;
        rig.Replace(without, SoftwareFlow.Of(4, rivals[without - 1], 0, FlowAction.Output(3)));
        Assert.True(rig.Describe(4).IsForwarded);

        // None is left that could give way; when a place is free, the forwarded flow and the punt come back.
        rig.Add(SoftwareFlow.Of(5, rivals[3], 0, FlowAction.Output(3)));
        Assert.False(rig.Describe(5).IsForwarded);
        rig.Modify(3, ToController);
        rig.Offload.Service(1000);
        rig.CheckAfter();
        Assert.True(rig.Describe(5).IsForwarded);
        Assert.Null(rig.Describe(3).Slot);
    }

    [Fact]
    public void A_port_concerns_only_the_flows_that_depend_on_it()
    {
        Placement placement = new(CardLayout.V10, OffloadLevel.On, [1, 2, 3, 4]);
        List<CardFlow> flows = [];
        placement.SetPorts(OffloadRig.PortsWith(), flows);
        uint id = 0;
        foreach (ushort output in (ushort[])[2, 3, PortNumber.InPort, PortNumber.All])
        {
            CardFlow flow = placement.Make(SoftwareFlow.Of(++id, Matches.AnyFrom(1), 5, FlowAction.Output(output)).ToEntry());
            placement.Add(flow);
            flows.Add(flow);
        }
        Assert.Equal([2], Translated((3, PortConfig.NoForward)));
        Assert.Equal([1, 2, 3], Translated((1, PortConfig.NoReceiveStp)));
        Assert.Equal([2], Translated((1, PortConfig.NoReceiveStp), (3, PortConfig.NoForward)));
        Assert.Empty(Translated((1, PortConfig.NoReceiveStp), (3, PortConfig.NoForward)));

        IEnumerable<uint> Translated(params (ushort, PortConfig)[] configured)
        {
            // A flow that floods elsewhere has no rows, translated or not.
            IReadOnlyList<RowItem>[] before = [.. flows.Select(flow => flow.Rows)];
            placement.SetPorts(OffloadRig.PortsWith(configured), flows);
            return [.. flows.Where((flow, i) => flow.Rows.Count > 0 && !ReferenceEquals(before[i], flow.Rows)).Select(flow => flow.Id)];
        }
    }

    [Theory]
    [InlineData(OffloadLevel.On, "strip,vid", true, true, true)]
    [InlineData(OffloadLevel.On, "strip,vid", false, true, true)]
    [InlineData(OffloadLevel.On, "strip,vid", false, false, false)]
    [InlineData(OffloadLevel.All, "strip,strip", false, false, false)]
    [InlineData(OffloadLevel.Strict, "strip,vid", true, false, true)]
    [InlineData(OffloadLevel.Strict, "strip,vid", false, true, false)]
    [InlineData(OffloadLevel.Strict, "strip,pcp,strip", false, true, true)]
    [InlineData(OffloadLevel.Strict, "vid,strip", false, false, true)]
    [InlineData(OffloadLevel.Strict, "strip", false, false, true)]
    internal void A_tag_that_is_stripped_and_set_again_is_the_softwares_where_the_card_would_leave_another(
        OffloadLevel level, string list, bool untagged, bool ipv4, bool isForwarded)
    {
        FlowMatch match = Matches.AnyFrom(1);
        if (untagged)
        {
            match.DlVlan = FlowMatch.VlanNone;
            match.Wildcards &= ~FlowWildcards.DlVlan;
        }
        if (ipv4)
        {
            match.DlType = EtherType.Ipv4;
            match.Wildcards &= ~FlowWildcards.DlType;
        }
        IEnumerable<FlowAction> rewrites = list.Split(',').Select(word => word switch
        {
            "strip" => FlowAction.StripVlan(),
            "vid" => FlowAction.SetVlanVid(5),
            _ => FlowAction.SetVlanPcp(3),
        });
        using OffloadRig rig = new(level);
        rig.Add(SoftwareFlow.Of(1, match, 5, [.. rewrites, FlowAction.Output(2)]));

        Assert.Equal(isForwarded, rig.Describe(1).IsForwarded);
    }

    public static TheoryData<FlowAction[], string?> Lists => new()
    {
        { [], null },
        { [FlowAction.Output(2)], null },
        { [FlowAction.Output(1)], null },
        { [FlowAction.SetDlSrc(new MacAddress(3)), FlowAction.Output(2), FlowAction.StripVlan()], null },
        { [FlowAction.Output(2), FlowAction.Output(2)], "outputs to port 2 twice" },
        { [FlowAction.Output(2), FlowAction.StripVlan(), FlowAction.Output(3)], "StripVlan after an output: the card rewrites all copies of a frame alike" },
        { [FlowAction.Output(5)], "outputs to port 5, which is not on the card" },
        { [FlowAction.Output(PortNumber.Local)], "outputs to LOCAL" },
        { [FlowAction.Output(PortNumber.Normal)], "outputs to NORMAL" },
        { [FlowAction.Enqueue(2, 1)], "ENQUEUE: queues are the software's" },
        { [FlowAction.SetTunnel(1), FlowAction.Output(2)], "SetTunnel is nothing the card can do" },
        { [FlowAction.SetNwDst(1), FlowAction.Output(2)], "SetNwDst breaks fragments and UDP without checksum on the card (E2, E3); offload=all allows it" },
    };

    [Theory]
    [MemberData(nameof(Lists))]
    public void Every_flow_in_software_has_its_reason(FlowAction[] actions, string? reason)
    {
        using OffloadRig rig = new();
        rig.Watch(Matches.TcpFrames());
        rig.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, actions));
        rig.Add(SoftwareFlow.Of(2, Matches.AnyFrom(1), 7, actions));

        Assert.Equal((reason, reason), (rig.Describe(1).Reason, rig.Describe(2).Reason));
        Assert.Equal(reason == null, rig.Describe(2).IsForwarded);
    }

    [Fact]
    public void A_port_with_queues_of_its_own_is_the_softwares()
    {
        using OffloadRig rig = new();
        rig.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, FlowAction.Output(2)));
        rig.SetPorts([.. OffloadRig.PortsWith().Select(port => port with { IsScheduled = port.Number == 2 })]);

        Assert.Equal("outputs to port 2, which has queues or a rate", rig.Describe(1).Reason);
        Assert.False(rig.IsForwarded(Matches.TcpFrame(1)));
    }

    [Fact]
    public void In_strict_mode_nothing_that_compares_ports_and_no_length_for_a_type()
    {
        using OffloadRig rig = new(OffloadLevel.Strict);
        rig.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, FlowAction.Output(2)));
        rig.Add(SoftwareFlow.Of(2, Matches.AnyFrom(1), 7, FlowAction.Output(2)));

        Assert.StartsWith("compares ports", rig.Describe(1).Reason, StringComparison.Ordinal);
        Assert.False(rig.IsForwarded(Matches.TcpFrame(1)));
        Assert.True(rig.IsForwarded(Matches.TcpFrame(1) with { TpSrc = default, TpDst = default }));
        Assert.Equal(3, rig.Offload.RowsUsed); // the flow and two guards
        foreach (int length in new[] { 46, 0x3ff, 0x400, 0x5ff })
        {
            ModelCard card = rig.Card;
            Assert.Equal(CardPort.QueueBit(0), card.LookUp(FrameOfLength(length))[0]);
        }
        Assert.Equal(CardPort.WireBit(1), rig.Card.LookUp(FrameOfLength(0x600))[0]);
    }

    /// <summary>To the software a fragment has ports 0; to the card it has any.</summary>
    [Fact]
    public void In_strict_mode_a_flow_that_fragments_match_is_punted_whatever_the_card_takes_for_ports()
    {
        using OffloadRig rig = new(OffloadLevel.Strict);
        rig.Add(SoftwareFlow.Of(1, Matches.Tcp(1, from: 0, to: 0), 0, ToController));
        rig.Add(SoftwareFlow.Of(2, Matches.AnyFrom(1), 7, FlowAction.Output(2)));

        Assert.False(rig.IsForwarded(Matches.TcpFrame(1, from: 0xdead, to: 0xbeef)));
        Assert.Single(rig.Describe(1).Rows);
    }

    [Fact]
    public void The_old_layout_punts_more_than_it_must_where_it_cannot_compare_a_field()
    {
        using OffloadRig rig = new(layout: CardLayout.V09);
        rig.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, FlowAction.Output(2)));
        rig.Add(SoftwareFlow.Of(2, Matches.AnyFrom(1), 7, FlowAction.Output(2)));

        Assert.Equal("layout 0.9 does not compare nw_tos", rig.Describe(1).Reason);
        Assert.Single(rig.Describe(1).Rows);
        Assert.True(rig.Describe(2).IsForwarded);
    }

    [Fact]
    public void With_offload_off_and_while_suspended_the_card_holds_the_reserved_rows_only()
    {
        using OffloadRig off = new(OffloadLevel.Off);
        off.Add(SoftwareFlow.Of(1, FlowMatch.Any, 0, FlowAction.Output(2)));
        Assert.Empty(off.Card.RowsOn);
        Assert.Equal("offload=off", off.Describe(1).Reason);

        using OffloadRig rig = new();
        rig.Add(SoftwareFlow.Of(1, FlowMatch.Any, 0, FlowAction.Output(2)));
        rig.Add(SoftwareFlow.Of(2, Matches.Tcp(1), 0, FlowAction.Output(3)));
        rig.Suspend("spanning tree");
        Assert.Empty(rig.Card.RowsOn);
        Assert.Empty(rig.Card.SlotsOn);
        Assert.Equal("spanning tree", rig.Describe(2).Reason);

        rig.Add(SoftwareFlow.Of(3, Matches.Tcp(2), 0, FlowAction.Output(3)));
        rig.Suspend(null);
        Assert.Equal((2, 2), (rig.Offload.RowsUsed, rig.Offload.SlotsUsed));
    }

    [Fact]
    public void Which_flows_the_card_does_depends_on_the_table_not_on_its_past()
    {
        RandomTable random = new(9, exactShare: 30);
        SoftwareFlow[] flows = [.. Enumerable.Range(0, 60).Select(_ => random.NextFlow())];
        using OffloadRig one = new(OffloadLevel.All);
        using OffloadRig other = new(OffloadLevel.All);
        foreach (SoftwareFlow flow in flows)
        {
            one.Add(flow);
        }
        foreach (SoftwareFlow flow in flows.Reverse())
        {
            other.Add(flow with { Actions = [ToController] });
            other.Modify(flow.Id, flow.Actions);
        }

        Assert.Equal(Forwarded(one), Forwarded(other));
        Assert.Contains(one.Offload.Describe(), flow => flow.IsForwarded && flow.Rows.Count > 0);
    }

    private static IEnumerable<uint> Forwarded(OffloadRig rig) => rig.Offload.Describe().Where(flow => flow.IsForwarded).Select(flow => flow.Id);

    private static KeyWords FrameOfLength(int length)
    {
        FlowKey key = default;
        key.DlType = Be16.FromHost((ushort)length);
        FlowKey mask = FlowKey.AllOnes with { DlType = default };
        Assert.True(MatchCodec.TryEncode(CardLayout.V10, default, mask, 0, out KeyWords words, out _, out _));
        KeyFields.DlType.Set(words, (ulong)length);
        return words;
    }

    /// <summary>Flows that all have the same two slots: both hashes are linear, so differences that hash to zero are found by elimination.</summary>
    private static FlowMatch[] Rivals()
    {
        FlowMatch first = Matches.Tcp(1);
        Dictionary<int, (int Hash, ulong Addresses)> basis = [];
        List<FlowMatch> rivals = [first];
        for (int bit = 0; bit < 64 && rivals.Count < 5; bit++)
        {
            ulong addresses = 1UL << bit;
            int hash = SlotsOf(With(first, addresses)) ^ SlotsOf(first);
            while (hash != 0 && basis.TryGetValue(BitOperations.Log2((uint)hash), out (int Hash, ulong Addresses) known))
            {
                hash ^= known.Hash;
                addresses ^= known.Addresses;
            }
            if (hash != 0)
            {
                basis.Add(BitOperations.Log2((uint)hash), (hash, addresses));
            }
            else
            {
                rivals.Add(With(first, addresses));
            }
        }
        return [.. rivals];
    }

    private static FlowMatch With(FlowMatch match, ulong difference)
    {
        match.NwSrc ^= (uint)difference;
        match.NwDst ^= (uint)(difference >> 32);
        return match;
    }

    private static int SlotsOf(in FlowMatch match)
    {
        Assert.True(MatchCodec.TryEncodeExact(CardLayout.V10, Matches.Frame(match), 0, out KeyWords value, out _));
        (int a, int b) = SlotHash.Compute(value);
        return (a << 15) | b;
    }
}
