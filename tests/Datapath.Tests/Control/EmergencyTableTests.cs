using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tests.Pipeline;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>Entries with OFPFF_EMERG and emergency mode (OpenFlow 1.0.0 §4.3, §4.6).</summary>
public sealed class EmergencyTableTests : IDisposable
{
    private const FlowModFlags Emergency = FlowModFlags.Emergency;

    private readonly TestSwitch _sw = new();

    public void Dispose() => _sw.Dispose();

    [Fact]
    public void Emergency_entries_treat_no_packet_while_a_controller_is_there()
    {
        Assert.Equal(ControlError.None, Apply(_sw, InPort(1), outPort: 2));
        _sw.Send(1, TestPacket.Icmp());
        Assert.Empty(_sw.Received(2));
        Assert.Single(_sw.PacketIns);
        Assert.Empty(_sw.Flows());
        Assert.Single(Entries(_sw));
        Assert.Equal((0u, 0u), (_sw.Control.ReadTable(0).ActiveCount, _sw.Control.ReadTable(1).ActiveCount));
    }

    [Theory]
    [InlineData(FlowModCommand.Add, 1, 0)]
    [InlineData(FlowModCommand.Add, 0, 1)]
    [InlineData(FlowModCommand.Modify, 3, 0)]
    [InlineData(FlowModCommand.ModifyStrict, 0, 65535)]
    public void Timeouts_are_refused(FlowModCommand command, ushort idle, ushort hard)
    {
        FlowMod mod = new() { Command = command, Match = InPort(1), Flags = Emergency, IdleTimeoutSeconds = idle, HardTimeoutSeconds = hard };
        Assert.Equal(ControlError.BadEmergencyTimeout, _sw.Control.Apply(mod));
        Assert.Empty(Entries(_sw));
    }

    [Fact]
    public void The_table_takes_what_it_promises_and_no_more()
    {
        using TestSwitch sw = new(options: new DatapathOptions { MaxEmergencyEntries = 3 });
        for (ushort port = 1; port <= 3; port++)
        {
            Assert.Equal(ControlError.None, Apply(sw, InPort(port)));
        }
        Assert.Equal(ControlError.AllTablesFull, Apply(sw, InPort(4)));
        Assert.Equal(ControlError.None, Apply(sw, InPort(3), outPort: 4)); // replaces
        Assert.Equal(ControlError.None, sw.Add(InPort(4), 1, FlowAction.Output(2)));
        Assert.Equal(3, Entries(sw).Count);
    }

    [Fact]
    public void Overlaps_are_looked_for_among_emergency_entries_only()
    {
        _sw.Add(InPort(1), 5, FlowAction.Output(2));
        Assert.Equal(ControlError.None, Apply(_sw, FlowMatch.Any, priority: 5, flags: FlowModFlags.CheckOverlap));
        Assert.Equal(ControlError.Overlap, Apply(_sw, InPort(2), priority: 5, flags: FlowModFlags.CheckOverlap));
        Assert.Equal(ControlError.None, Apply(_sw, InPort(2), priority: 6, flags: FlowModFlags.CheckOverlap));
        Assert.Equal(ControlError.None, _sw.Control.Apply(new FlowMod { Match = InPort(2), Priority = 5, Flags = FlowModFlags.CheckOverlap }));
    }

    [Theory]
    [InlineData(FlowModCommand.Modify)]
    [InlineData(FlowModCommand.ModifyStrict)]
    [InlineData(FlowModCommand.Delete)]
    [InlineData(FlowModCommand.DeleteStrict)]
    public void Modify_and_delete_stay_on_their_side_of_the_flag(FlowModCommand command)
    {
        bool deletes = command is FlowModCommand.Delete or FlowModCommand.DeleteStrict;
        _sw.Add(InPort(1), 5, FlowAction.Output(2));
        Apply(_sw, InPort(1), priority: 5, outPort: 2);
        FlowMod mod = TestSwitch.Flow(InPort(1), 5, command) with { Actions = new[] { FlowAction.Output(3) } };
        _sw.Control.Apply(mod);
        Assert.Equal(2, Assert.Single(Entries(_sw)).Actions[0].Port);
        Assert.Equal(deletes ? 0 : 3, _sw.Flows().Select(f => f.Actions[0].Port).SingleOrDefault());

        _sw.Control.Apply(TestSwitch.Flow(FlowMatch.Any, 0, FlowModCommand.Delete));
        _sw.Add(InPort(1), 5, FlowAction.Output(2));
        mod.Flags = Emergency;
        _sw.Control.Apply(mod);
        Assert.Equal(2, Assert.Single(_sw.Flows()).Actions[0].Port);
        Assert.Equal(deletes ? 0 : 3, Entries(_sw).Select(f => f.Actions[0].Port).SingleOrDefault());
    }

    [Fact]
    public void A_modify_that_finds_no_emergency_entry_adds_one()
    {
        Assert.Equal(ControlError.None, Apply(_sw, InPort(1), command: FlowModCommand.Modify));
        Assert.Equal(ControlError.None, Apply(_sw, InPort(2), command: FlowModCommand.ModifyStrict));
        Assert.Equal(2, Entries(_sw).Count);
        Assert.Empty(_sw.Flows());
    }

    [Fact]
    public void A_delete_by_out_port_deletes_only_what_outputs_there_and_reports_nothing()
    {
        Apply(_sw, InPort(1), outPort: 2, flags: FlowModFlags.SendFlowRemoved);
        Apply(_sw, InPort(2), outPort: 3, flags: FlowModFlags.SendFlowRemoved);
        _sw.Control.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any, OutPort = 3, Flags = Emergency });
        _sw.Settle();
        Assert.Equal(1, Assert.Single(Entries(_sw)).Match.InPort);
        Assert.Empty(_sw.Removed);
    }

    [Fact]
    public void Bad_actions_are_refused_as_in_the_other_tables()
    {
        Assert.Equal(ControlError.BadOutPort, Apply(_sw, InPort(1), outPort: 0));
        Assert.Equal(ControlError.BadCommand, _sw.Control.Apply(new FlowMod { Command = (FlowModCommand)7, Flags = Emergency }));
    }

    [Fact]
    public void Entering_deletes_normal_entries_and_puts_emergency_entries_in_force()
    {
        _sw.Control.Apply(TestSwitch.Flow(FlowMatch.Any, 9, cookie: 1) with { Actions = new[] { FlowAction.Output(2) }, Flags = FlowModFlags.SendFlowRemoved });
        Apply(_sw, InPort(1), outPort: 3, cookie: 2, flags: FlowModFlags.SendFlowRemoved);
        Assert.True(_sw.Control.Flows.Emergency.Enter());
        Assert.True(_sw.Control.Flows.Emergency.InForce);
        _sw.Send(1, TestPacket.Icmp());
        _sw.Send(4, TestPacket.Icmp());

        Assert.Single(_sw.Received(3));
        Assert.Empty(_sw.Received(2));
        Assert.Equal([1ul], _sw.Removed.Select(r => r.Cookie));
        (FlowMatch _, ulong cookie, ulong packets, ulong bytes, ushort _, bool exact, FlowAction[] _) = Assert.Single(_sw.Flows());
        Assert.Equal((2ul, 1ul, 98ul, false), (cookie, packets, bytes, exact));
        Assert.Equal(1ul, Assert.Single(Entries(_sw)).Packets); // counted for the emergency entry as well
        Assert.Equal(new AggregateStatistics(1, 98, 1), _sw.Control.Flows.Aggregate(new FlowFilter(FlowMatch.Any, FlowFilter.EmergencyTable)));
        Assert.False(_sw.Control.Flows.Emergency.Enter());
    }

    [Fact]
    public void Without_emergency_entries_nothing_is_entered_and_nothing_deleted()
    {
        _sw.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        Assert.False(_sw.Control.Flows.Emergency.Enter());
        Assert.False(_sw.Control.Flows.Emergency.InForce);
        Assert.Single(_sw.Flows());
    }

    [Fact]
    public void After_the_controller_is_back_the_entries_stay_until_it_deletes_them()
    {
        Apply(_sw, InPort(1), outPort: 3, flags: FlowModFlags.SendFlowRemoved);
        _sw.Control.Flows.Emergency.Enter();
        _sw.Control.Flows.Emergency.Leave();
        _sw.Send(1, TestPacket.Icmp());
        Assert.Single(_sw.Received(3));
        Apply(_sw, InPort(1), outPort: 4); // the emergency table's entry, for the next time
        _sw.Send(1, TestPacket.Icmp());
        Assert.Single(_sw.Received(3));

        _sw.Control.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any });
        _sw.Send(1, TestPacket.Icmp());
        Assert.Single(_sw.PacketIns);
        Assert.Empty(_sw.Removed); // "Deleted emergency flow entries generate no flow removed messages"
        Assert.Equal(0ul, Assert.Single(Entries(_sw)).Packets);
        Assert.True(_sw.Control.Flows.Emergency.Enter());
        _sw.Send(1, TestPacket.Icmp());
        Assert.Single(_sw.Received(4));
    }

    [Fact]
    public void While_in_emergency_mode_changes_of_the_emergency_table_take_effect_at_once()
    {
        Apply(_sw, InPort(1), outPort: 2);
        _sw.Control.Flows.Emergency.Enter();
        Apply(_sw, InPort(2), outPort: 3);
        Apply(_sw, InPort(1), outPort: 4, command: FlowModCommand.Modify);
        _sw.Send(1, TestPacket.Icmp());
        _sw.Send(2, TestPacket.Icmp());
        Assert.Equal((0, 1, 1), (_sw.Received(2).Count, _sw.Received(3).Count, _sw.Received(4).Count));
        _sw.Control.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any, Flags = Emergency });
        _sw.Settle();
        Assert.Empty(_sw.Flows());
        Assert.Empty(Entries(_sw));
    }

    [Fact]
    public void A_second_emergency_starts_from_the_emergency_table_as_it_then_is()
    {
        Apply(_sw, InPort(1), outPort: 2, cookie: 1);
        Apply(_sw, InPort(2), outPort: 2, cookie: 2);
        _sw.Control.Flows.Emergency.Enter();
        _sw.Control.Flows.Emergency.Leave();
        _sw.Control.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = InPort(2), Flags = Emergency });
        _sw.Add(InPort(3), 1, FlowAction.Output(2));
        Assert.True(_sw.Control.Flows.Emergency.Enter());
        Assert.Equal([1ul], _sw.Flows().Select(f => f.Cookie));
    }

    [Fact]
    public void Full_tables_do_not_keep_emergency_entries_out()
    {
        using TestSwitch sw = new(options: new DatapathOptions { MaxWildcardEntries = 4, MaxEmergencyEntries = 8 });
        for (ushort port = 1; port <= 4; port++)
        {
            sw.Add(InPort(port), 7, FlowAction.Output(2));
        }
        for (ushort port = 1; port <= 8; port++)
        {
            Apply(sw, InPort(port), outPort: 3);
        }
        sw.Control.Flows.Emergency.Enter();
        Assert.Equal(8, sw.Flows().Count);
        Assert.All(sw.Flows(), flow => Assert.Equal(3, flow.Actions[0].Port));
    }

    [Fact]
    public void Exact_entries_go_to_table_0_and_out_of_it()
    {
        FlowMatch exact = new() { InPort = 1, DlVlan = FlowMatch.VlanNone, DlType = 0x1234, DlSrc = new(1), DlDst = new(2) };
        Apply(_sw, exact, outPort: 3, priority: 3);
        Apply(_sw, exact, outPort: 4, priority: 9); // the same entry: priority tells exact ones not apart
        Assert.Single(Entries(_sw));
        _sw.Control.Flows.Emergency.Enter();
        Assert.Equal(1u, _sw.Control.ReadTable(0).ActiveCount);
        _sw.Send(1, TestPacket.Ethernet(0x1234, new byte[46], 1, 2));
        Assert.Single(_sw.Received(4));
    }

    [Fact]
    public void Exact_entries_overlap_and_are_meant_as_in_the_other_tables()
    {
        FlowMatch exact = new() { InPort = 1, DlVlan = FlowMatch.VlanNone, DlType = 0x1234, DlSrc = new(1), DlDst = new(2) };
        const FlowModFlags check = FlowModFlags.CheckOverlap;
        Apply(_sw, InPort(1), priority: 0xffff);
        Apply(_sw, InPort(1), priority: 5);
        Assert.Equal(ControlError.Overlap, Apply(_sw, exact, priority: 5, flags: check));
        _sw.Control.Apply(new FlowMod { Command = FlowModCommand.DeleteStrict, Match = InPort(1), Priority = 0xffff, Flags = Emergency });
        Assert.Equal(ControlError.None, Apply(_sw, exact, outPort: 3, priority: 5, flags: check));
        Assert.Equal(ControlError.Overlap, Apply(_sw, exact, priority: 6, flags: check));
        Assert.Equal(ControlError.Overlap, Apply(_sw, InPort(1), priority: 0xffff, flags: check));
        Assert.Equal(ControlError.None, Apply(_sw, InPort(2), priority: 0xffff, flags: check));

        Apply(_sw, exact, outPort: 4, priority: 6, command: FlowModCommand.ModifyStrict);
        Assert.Equal([2, 2, 4], Entries(_sw).Select(entry => (int)entry.Actions[0].Port).Order());
        _sw.Control.Apply(new FlowMod { Command = FlowModCommand.DeleteStrict, Match = exact, Priority = 7, Flags = Emergency });
        Assert.Equal([2, 2], Entries(_sw).Select(entry => (int)entry.Actions[0].Port));
    }

    [Fact]
    public void No_packet_meets_neither_table_while_they_change_places()
    {
        _sw.Control.Pipeline.MissBehaviour = MissBehaviour.Drop;
        _sw.Add(FlowMatch.Any, 9, FlowAction.Output(2));
        Apply(_sw, FlowMatch.Any, outPort: 3, priority: 1);
        byte[] frame = TestPacket.Icmp();
        RunningWorkers workers = new(_sw.Control);
        for (int i = 0; i < 2000; i++)
        {
            for (int n = 0; n < 20; n++)
            {
                _sw[1].TryInject(frame);
            }
            Assert.True(_sw.Control.Flows.Emergency.Enter());
            _sw[1].TryInject(frame);
            _sw.Control.Flows.Emergency.Leave();
            _sw.Add(FlowMatch.Any, 9, FlowAction.Output(2));
            _sw[2].Collect();
            _sw[3].Collect();
        }
        workers.Dispose();
        _sw.Settle();
        Assert.Equal(0, _sw.Control.Accounts.ReadDrops(DropReason.Miss));
        Assert.True(_sw.Control.ReadTable(1).MatchedCount > 0);
        _sw.AssertNoFrameLost();
    }

    private static ControlError Apply(
        TestSwitch sw, FlowMatch match, ushort outPort = 2, ushort priority = 0x8000, FlowModFlags flags = FlowModFlags.None, ulong cookie = 0,
        FlowModCommand command = FlowModCommand.Add)
    {
        return sw.Control.Apply(TestSwitch.Flow(match, priority, command, cookie) with { Flags = flags | Emergency, Actions = new[] { FlowAction.Output(outPort) } });
    }

    private static List<(FlowMatch Match, ulong Packets, FlowAction[] Actions)> Entries(TestSwitch sw)
    {
        List<(FlowMatch, ulong, FlowAction[])> entries = [];
        FlowFilter filter = new(FlowMatch.Any, FlowFilter.EmergencyTable);
        uint cursor = 0;
        while (sw.Control.Flows.Next(ref cursor, filter, out FlowStatistics s))
        {
            Assert.Equal(0xfe, s.TableId);
            entries.Add((s.Match, s.PacketCount, s.Actions.ToArray()));
        }
        return entries;
    }

    private static FlowMatch InPort(ushort port) => new() { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = port };
}
