using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>What each flow-mod command does (OpenFlow 1.0.0 §4.6, §5.3.3), seen through packets, statistics and events.</summary>
public sealed class FlowModTests : IDisposable
{
    private static readonly byte[] Frame = TestPacket.Tcp();
    private static readonly FlowMatch Exact = ReferenceParser.Parse(Frame, 1);

    private readonly TestSwitch _sut = new() { KeepsFrames = true };

    public void Dispose() => _sut.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Add_replaces_an_identical_entry_with_counters_at_zero(bool exact)
    {
        FlowMatch match = exact ? Exact : Tcp();
        Assert.Equal(ControlError.None, _sut.Control.Apply(Mod(match, 7, cookie: 1, FlowAction.Output(2)) with { Flags = FlowModFlags.SendFlowRemoved }));
        _sut.Send(1, Frame, Frame);
        _sut.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(ControlError.None, _sut.Control.Apply(Mod(match, 7, cookie: 2, FlowAction.Output(3))));
        var flow = Assert.Single(_sut.Flows());
        Assert.Equal((2UL, 0UL, 0UL), (flow.Cookie, flow.Packets, flow.Bytes));
        _sut.Send(1, Frame);
        Assert.Single(_sut.Received(3));
        _sut.Control.Barriers.Finish();
        Assert.Empty(_sut.Removed); // §4.6: replaced, not removed
    }

    [Fact]
    public void Without_memory_for_more_entries_an_add_is_refused_and_what_was_used_before_serves_again()
    {
        bool hasMemory = true;
        using TestSwitch sut = new(options: new DatapathOptions { HasMemory = () => hasMemory });
        Assert.Equal(ControlError.None, sut.Control.Apply(Mod(FlowMatch.Any, 1, cookie: 1, FlowAction.Output(2))));
        hasMemory = false;
        List<ushort> taken = [];
        ushort priority = 2;
        while (sut.Control.Apply(Mod(FlowMatch.Any, priority, cookie: 1, FlowAction.Output(2))) == ControlError.None)
        {
            taken.Add(priority++); // some more until it is looked at
            Assert.InRange(taken.Count, 1, 5000);
        }
        Assert.Equal(ControlError.AllTablesFull, sut.Control.Apply(Mod(FlowMatch.Any, priority, cookie: 1, FlowAction.Output(2))));
        Assert.Equal(ControlError.None, sut.Control.Apply(Mod(FlowMatch.Any, 1, cookie: 2, FlowAction.Output(3)))); // replaces
        Assert.Equal(ControlError.None, sut.Control.Apply(Mod(FlowMatch.Any, taken[0], cookie: 0) with { Command = FlowModCommand.DeleteStrict }));
        sut.Control.Barriers.Finish();
        Assert.Equal(ControlError.None, sut.Control.Apply(Mod(FlowMatch.Any, priority, cookie: 1, FlowAction.Output(2))));
        hasMemory = true;
        sut.Time.Advance(TimeSpan.FromSeconds(1));
        sut.Control.Service();
        Assert.Equal(ControlError.None, sut.Control.Apply(Mod(FlowMatch.Any, 30000, cookie: 1, FlowAction.Output(2))));
    }

    [Fact]
    public void An_exact_entry_outranks_every_priority_and_reports_its_own()
    {
        _sut.Add(FlowMatch.Any, 0xffff, FlowAction.Output(2));
        _sut.Add(Exact, 3, FlowAction.Output(3));
        _sut.Send(1, Frame);
        Assert.Single(_sut.Received(3));
        Assert.Equal(3, _sut.Flows().Single(f => f.IsExact).Priority);
        // Its priority does not tell it from another exact entry.
        _sut.Add(Exact, 9, FlowAction.Output(4));
        Assert.Equal(9, _sut.Flows().Single(f => f.IsExact).Priority);
        _sut.Send(1, Frame);
        Assert.Single(_sut.Received(4));
    }

    [Theory]
    [InlineData(FlowModCommand.Modify)]
    [InlineData(FlowModCommand.ModifyStrict)]
    public void Modify_keeps_counters_timeouts_and_age(FlowModCommand command)
    {
        _sut.Control.Apply(Mod(Tcp(), 5, cookie: 1, FlowAction.Output(2)) with { IdleTimeoutSeconds = 10 });
        _sut.Send(1, Frame, Frame);
        _sut.Time.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(ControlError.None, _sut.Control.Apply(Mod(Tcp(), 5, cookie: 2, FlowAction.Output(3)) with { Command = command, IdleTimeoutSeconds = 99 }));
        uint cursor = 0;
        Assert.True(_sut.Control.Flows.Next(ref cursor, new FlowFilter(FlowMatch.Any), out FlowStatistics s));
        Assert.Equal((2UL, 10, TimeSpan.FromSeconds(6), 2UL), (s.PacketCount, s.IdleTimeoutSeconds, s.Duration, s.Cookie));
        Assert.Equal([FlowAction.Output(3)], s.Actions.ToArray());
        // Modifying is no use: four more seconds of silence end it.
        _sut.Time.Advance(TimeSpan.FromSeconds(4.2));
        _sut.Control.Service();
        Assert.Empty(_sut.Flows());
    }

    [Fact]
    public void Delete_takes_what_the_match_covers_strict_the_very_one_and_out_port_narrows_both()
    {
        void Fill()
        {
            _sut.Control.Apply(Mod(FlowMatch.Any, 0, FlowModCommand.Delete));
            _sut.Add(Exact, 1, FlowAction.SetDlDst(new(1)), FlowAction.Output(2));
            _sut.Add(Tcp(), 5, FlowAction.Output(2), FlowAction.Output(3));
            _sut.Add(Tcp(), 6, FlowAction.Output(PortNumber.Controller, 2));
            _sut.Add(OnlyDlSrc(), 5);
        }
        ushort[] Left(FlowModCommand command, FlowMatch match, ushort priority, ushort outPort)
        {
            Fill();
            Assert.Equal(ControlError.None, _sut.Control.Apply(Mod(match, priority, command) with { OutPort = outPort }));
            return [.. _sut.Flows().Select(f => f.Priority).Order()];
        }
        Assert.Equal([5], Left(FlowModCommand.Delete, Tcp(), 0, PortNumber.None));
        Assert.Equal([], Left(FlowModCommand.Delete, FlowMatch.Any, 0, PortNumber.None));
        Assert.Equal([5, 6], Left(FlowModCommand.Delete, FlowMatch.Any, 0, 2));
        Assert.Equal([1, 5, 6], Left(FlowModCommand.Delete, FlowMatch.Any, 0, 3));
        Assert.Equal([1, 5, 5], Left(FlowModCommand.Delete, FlowMatch.Any, 0, PortNumber.Controller));
        Assert.Equal([1, 5, 6], Left(FlowModCommand.DeleteStrict, Tcp(), 5, PortNumber.None));
        Assert.Equal([1, 5, 5, 6], Left(FlowModCommand.DeleteStrict, Tcp(), 5, 4));
        Assert.Equal([1, 5, 5, 6], Left(FlowModCommand.DeleteStrict, Tcp(), 7, PortNumber.None));
        Assert.Equal([5, 5, 6], Left(FlowModCommand.DeleteStrict, Exact, 1, 2));
        Assert.Equal([5, 5, 6], Left(FlowModCommand.DeleteStrict, Exact, 2, PortNumber.None));
        Assert.Equal([1, 5, 5, 6], Left(FlowModCommand.DeleteStrict, Exact, 2, 4));
        Assert.Equal([5, 5, 6], Left(FlowModCommand.Delete, Exact, 2, PortNumber.None));
    }

    [Fact]
    public void Out_port_means_nothing_to_add_and_modify()
    {
        _sut.Control.Apply(Mod(Tcp(), 5, cookie: 1, FlowAction.Output(2)) with { OutPort = 77 });
        _sut.Control.Apply(Mod(Tcp(), 5, cookie: 1, FlowAction.Output(3)) with { OutPort = 77, Command = FlowModCommand.Modify });
        Assert.Equal(3, Assert.Single(_sut.Flows()).Actions[0].Port);
    }

    [Fact]
    public void An_exact_entry_overlaps_itself_and_what_has_the_highest_priority_whichever_comes_first()
    {
        FlowMatch other = Exact with { TpDst = 81 };
        (FlowMatch First, ushort Priority, FlowMatch Second, ushort SecondPriority, bool Overlap)[] cases =
        [
            (FlowMatch.Any, 0xffff, Exact, 5, true),
            (Tcp(), 0xffff, Exact, 0xffff, true),
            (Udp(), 0xffff, Exact, 5, false),
            (FlowMatch.Any, 5, Exact, 5, false),
            (FlowMatch.Any, 0xfffe, Exact, 0xfffe, false),
            (Exact, 5, Exact, 6, true),
            (Exact, 5, other, 5, false),
        ];
        foreach ((FlowMatch first, ushort priority, FlowMatch second, ushort secondPriority, bool overlap) in cases)
        {
            ControlError expected = overlap ? ControlError.Overlap : ControlError.None;
            Assert.Equal(expected, AddAndCheck(first, priority, second, secondPriority));
            Assert.Equal(expected, AddAndCheck(second, secondPriority, first, priority));
        }

        static ControlError AddAndCheck(FlowMatch first, ushort priority, FlowMatch second, ushort secondPriority)
        {
            using TestSwitch sut = new(ports: 0, new DatapathOptions { MaxExactEntries = 16, MaxWildcardEntries = 16, FrameCount = 128, LargeFrameCount = 1 });
            sut.Add(FlowMatch.Any, 1); // what a packet finds if it finds nothing better
            sut.Add(first, priority);
            return sut.Control.Apply(Mod(second, secondPriority, FlowModCommand.Add) with { Flags = FlowModFlags.CheckOverlap });
        }
    }

    [Fact]
    public void Strict_commands_mean_an_exact_entry_whatever_its_priority()
    {
        _sut.Control.Apply(Mod(Exact, 5, cookie: 1, FlowAction.Output(2)) with { IdleTimeoutSeconds = 10 });
        _sut.Send(1, Frame);
        _sut.Time.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(ControlError.None, _sut.Control.Apply(Mod(Exact, 6, cookie: 2, FlowAction.Output(3)) with { Command = FlowModCommand.ModifyStrict }));
        uint cursor = 0;
        Assert.True(_sut.Control.Flows.Next(ref cursor, new FlowFilter(FlowMatch.Any), out FlowStatistics flow));
        Assert.Equal((5, 10, TimeSpan.FromSeconds(6), 1UL, 2UL), (flow.Priority, flow.IdleTimeoutSeconds, flow.Duration, flow.PacketCount, flow.Cookie));
        Assert.Equal([FlowAction.Output(3)], flow.Actions.ToArray());
        _sut.Control.Apply(Mod(Exact, 7, FlowModCommand.DeleteStrict));
        Assert.Empty(_sut.Flows());
    }

    [Fact]
    public void Each_table_takes_what_it_promises_and_not_one_more()
    {
        using TestSwitch sut = new(options: new DatapathOptions { MaxExactEntries = 100, MaxWildcardEntries = 50 });
        for (int table = 0; table < 2; table++)
        {
            uint room = sut.Control.ReadTable(table).MaxEntries;
            for (uint i = 0; i < room; i++)
            {
                Assert.Equal(ControlError.None, sut.Add(Nth(table, i), 1, FlowAction.Output(2)));
            }
            Assert.Equal(ControlError.AllTablesFull, sut.Add(Nth(table, room), 1, FlowAction.Output(2)));
            Assert.Equal(room, sut.Control.ReadTable(table).ActiveCount);
            // An identical one replaces, a modify changes, and a deletion makes room, again and again.
            for (int round = 0; round < 3; round++)
            {
                Assert.Equal(ControlError.None, sut.Add(Nth(table, 0), 1, FlowAction.Output(3)));
                sut.Control.Apply(Mod(Nth(table, 1), 1, FlowModCommand.DeleteStrict));
                Assert.Equal(ControlError.None, sut.Add(Nth(table, 1), 1, FlowAction.Output(3)));
                Assert.Equal(ControlError.AllTablesFull, sut.Add(Nth(table, room), 1, FlowAction.Output(2)));
            }
        }
        Assert.Equal(150, sut.Flows().Count);
    }

    [Fact]
    public void What_is_refused_changes_nothing()
    {
        _sut.Add(Tcp(), 5, FlowAction.Output(2));
        (FlowAction Action, ControlError Error)[] bad =
        [
            (FlowAction.Output(0), ControlError.BadOutPort),
            (FlowAction.Output(PortNumber.Table), ControlError.BadOutPort),
            (FlowAction.Output(PortNumber.None), ControlError.BadOutPort),
            (FlowAction.Output(0xff01), ControlError.BadOutPort),
            (FlowAction.Output(0xfff7), ControlError.BadOutPort),
            (FlowAction.SetVlanVid(0x1000), ControlError.BadActionArgument),
            (FlowAction.SetVlanPcp(8), ControlError.BadActionArgument),
            (FlowAction.SetNwTos(1), ControlError.BadActionArgument),
            (FlowAction.Enqueue(1, QueueConfig.None), ControlError.BadQueue),
        ];
        foreach ((FlowAction action, ControlError error) in bad)
        {
            foreach (FlowModCommand command in (FlowModCommand[])[FlowModCommand.Add, FlowModCommand.Modify, FlowModCommand.ModifyStrict])
            {
                Assert.Equal(error, _sut.Control.Apply(Mod(Tcp(), 5, cookie: 9, FlowAction.Output(3), action) with { Command = command }));
            }
            Assert.Equal(ControlError.None, _sut.Control.Apply(Mod(Udp(), 5, cookie: 9, action) with { Command = FlowModCommand.Delete })); // a DELETE's actions are ignored
        }
        Assert.Equal(ControlError.BadCommand, _sut.Control.Apply(Mod(Tcp(), 5, (FlowModCommand)5)));
        Assert.Equal(ControlError.BadEmergencyTimeout, _sut.Control.Apply(Mod(Tcp(), 5, cookie: 9) with { Flags = FlowModFlags.Emergency, IdleTimeoutSeconds = 1 }));
        Assert.Equal(2, Assert.Single(_sut.Flows()).Actions[0].Port);
    }

    [Fact]
    public void The_longest_action_list_is_taken_executed_and_reported_and_one_more_refused()
    {
        using TestSwitch sut = new(options: new DatapathOptions { MaxExactEntries = 16, MaxWildcardEntries = 16 });
        FlowAction[] actions = new FlowAction[ActionValidator.MaxEntryBytes / 8];
        for (int i = 0; i < actions.Length; i++)
        {
            actions[i] = FlowAction.SetTpDst((ushort)i);
        }
        actions[^1] = FlowAction.Output(2);
        for (int length = 1; length < actions.Length; length = (length * 2) + 1)
        {
            Assert.Equal(ControlError.None, sut.Add(Tcp(), 5, actions[^length..]));
            sut.Send(1, Frame);
            ushort port = length == 1 ? (ushort)80 : (ushort)(actions.Length - 2);
            Assert.Equal([TestPacket.Tcp(dstPort: port)], sut.Received(2));
            Assert.Equal(actions[^length..], sut.Flows()[0].Actions);
        }
        Assert.Equal(ControlError.None, sut.Add(Tcp(), 5, actions));
        Assert.Equal(ControlError.TooManyActions, sut.Add(Tcp(), 5, [.. actions, FlowAction.Output(2)]));
    }

    [Fact]
    public void Flow_removed_tells_match_cookie_priority_duration_and_final_counters_before_the_barrier_returns()
    {
        _sut.Control.Apply(Mod(Tcp(), 5, cookie: 0xc00c1e, FlowAction.Output(2)) with { Flags = FlowModFlags.SendFlowRemoved, IdleTimeoutSeconds = 60 });
        _sut.Send(1, Frame, Frame);
        _sut.Time.Advance(TimeSpan.FromSeconds(1.5));
        _sut.Control.Apply(Mod(Tcp(), 5, FlowModCommand.Delete));
        _sut.Control.Barriers.Finish();
        Assert.Equal(
            new FlowRemoved(MatchNormalizer.Report(Tcp()), 0xc00c1e, 5, FlowRemovedReason.Delete, TimeSpan.FromSeconds(1.5), 60, 2, 2 * (ulong)Frame.Length),
            Assert.Single(_sut.Removed));
    }

    [Fact]
    public void Without_the_flag_an_entry_ends_in_silence()
    {
        _sut.Add(Tcp(), 5, FlowAction.Output(2));
        _sut.Control.Apply(Mod(FlowMatch.Any, 5, FlowModCommand.Delete));
        _sut.Control.Barriers.Finish();
        Assert.Empty(_sut.Removed);
    }

    private static FlowMatch Tcp() => new() { Wildcards = FlowWildcards.All & ~(FlowWildcards.DlType | FlowWildcards.NwProto), DlType = EtherType.Ipv4, NwProto = IpProtocol.Tcp };

    private static FlowMatch Udp() => Tcp() with { NwProto = IpProtocol.Udp };

    private static FlowMatch OnlyDlSrc() => new() { Wildcards = FlowWildcards.All & ~FlowWildcards.DlSrc, DlSrc = new(TestPacket.DefaultSource) };

    private static FlowMatch Subnet(uint address, int length)
    {
        FlowMatch match = new() { Wildcards = FlowWildcards.All & ~FlowWildcards.DlType, DlType = EtherType.Ipv4, NwDst = address };
        match.SetNwWildBits(32, 32 - length);
        return match;
    }

    private static FlowMatch Nth(int table, uint i) =>
        table == 0 ? Exact with { NwSrc = i } : Subnet(i << 16, 16 + (int)(i % 17)); // a hostile mixture of prefixes

    private static FlowMod Mod(FlowMatch match, ushort priority, FlowModCommand command) => TestSwitch.Flow(match, priority, command);

    private static FlowMod Mod(FlowMatch match, ushort priority, ulong cookie, params FlowAction[] actions)
    {
        return TestSwitch.Flow(match, priority, cookie: cookie) with { Actions = actions };
    }
}
