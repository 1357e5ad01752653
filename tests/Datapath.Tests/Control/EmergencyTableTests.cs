using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tests.Pipeline;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>Entries with OFPFF_EMERG and emergency mode (OpenFlow 1.0.0 §4.3, §4.6).</summary>
public sealed class EmergencyTableTests
{
    private const FlowModFlags Emergency = FlowModFlags.Emergency;

    [Fact]
    public void Emergency_entries_treat_no_packet_while_a_controller_is_there()
    {
        using TestSwitch sw = new();
        Assert.Equal(ControlError.None, Apply(sw, InPort(1), outPort: 2));
        sw.Send(1, TestPacket.Icmp());
        Assert.Empty(sw.Received(2));
        Assert.Single(sw.PacketIns);
        Assert.Empty(sw.Flows());
        Assert.Single(Entries(sw));
        Assert.Equal((0u, 0u), (sw.Control.ReadTable(0).ActiveCount, sw.Control.ReadTable(1).ActiveCount));
    }

    [Theory]
    [InlineData(FlowModCommand.Add, 1, 0)]
    [InlineData(FlowModCommand.Add, 0, 1)]
    [InlineData(FlowModCommand.Modify, 3, 0)]
    [InlineData(FlowModCommand.ModifyStrict, 0, 65535)]
    public void Timeouts_are_refused(FlowModCommand command, ushort idle, ushort hard)
    {
        using TestSwitch sw = new();
        FlowMod mod = new() { Command = command, Match = InPort(1), Flags = Emergency, IdleTimeoutSeconds = idle, HardTimeoutSeconds = hard };
        Assert.Equal(ControlError.BadEmergencyTimeout, sw.Control.Apply(mod));
        Assert.Empty(Entries(sw));
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
        using TestSwitch sw = new();
        sw.Add(InPort(1), 5, FlowAction.Output(2));
        Assert.Equal(ControlError.None, Apply(sw, FlowMatch.Any, priority: 5, flags: FlowModFlags.CheckOverlap));
        Assert.Equal(ControlError.Overlap, Apply(sw, InPort(2), priority: 5, flags: FlowModFlags.CheckOverlap));
        Assert.Equal(ControlError.None, Apply(sw, InPort(2), priority: 6, flags: FlowModFlags.CheckOverlap));
        Assert.Equal(ControlError.None, sw.Control.Apply(new FlowMod { Match = InPort(2), Priority = 5, Flags = FlowModFlags.CheckOverlap }));
    }

    [Theory]
    [InlineData(FlowModCommand.Modify)]
    [InlineData(FlowModCommand.ModifyStrict)]
    [InlineData(FlowModCommand.Delete)]
    [InlineData(FlowModCommand.DeleteStrict)]
    public void Modify_and_delete_stay_on_their_side_of_the_flag(FlowModCommand command)
    {
        bool deletes = command is FlowModCommand.Delete or FlowModCommand.DeleteStrict;
        using TestSwitch sw = new();
        sw.Add(InPort(1), 5, FlowAction.Output(2));
        Apply(sw, InPort(1), priority: 5, outPort: 2);
        FlowMod mod = TestSwitch.Flow(InPort(1), 5, command) with { Actions = new[] { FlowAction.Output(3) } };
        sw.Control.Apply(mod);
        Assert.Equal(2, Assert.Single(Entries(sw)).Actions[0].Port);
        Assert.Equal(deletes ? 0 : 3, sw.Flows().Select(f => f.Actions[0].Port).SingleOrDefault());

        sw.Control.Apply(TestSwitch.Flow(FlowMatch.Any, 0, FlowModCommand.Delete));
        sw.Add(InPort(1), 5, FlowAction.Output(2));
        mod.Flags = Emergency;
        sw.Control.Apply(mod);
        Assert.Equal(2, Assert.Single(sw.Flows()).Actions[0].Port);
        Assert.Equal(deletes ? 0 : 3, Entries(sw).Select(f => f.Actions[0].Port).SingleOrDefault());
    }

    [Fact]
    public void A_modify_that_finds_no_emergency_entry_adds_one()
    {
        using TestSwitch sw = new();
        Assert.Equal(ControlError.None, Apply(sw, InPort(1), command: FlowModCommand.Modify));
        Assert.Equal(ControlError.None, Apply(sw, InPort(2), command: FlowModCommand.ModifyStrict));
        Assert.Equal(2, Entries(sw).Count);
        Assert.Empty(sw.Flows());
    }

    [Fact]
    public void A_delete_by_out_port_deletes_only_what_outputs_there_and_reports_nothing()
    {
        using TestSwitch sw = new();
        Apply(sw, InPort(1), outPort: 2, flags: FlowModFlags.SendFlowRemoved);
        Apply(sw, InPort(2), outPort: 3, flags: FlowModFlags.SendFlowRemoved);
        sw.Control.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any, OutPort = 3, Flags = Emergency });
        sw.Settle();
        Assert.Equal(1, Assert.Single(Entries(sw)).Match.InPort);
        Assert.Empty(sw.Removed);
    }

    [Fact]
    public void Bad_actions_are_refused_as_in_the_other_tables()
    {
        using TestSwitch sw = new();
        Assert.Equal(ControlError.BadOutPort, Apply(sw, InPort(1), outPort: 0));
        Assert.Equal(ControlError.BadCommand, sw.Control.Apply(new FlowMod { Command = (FlowModCommand)7, Flags = Emergency }));
    }

    [Fact]
    public void Entering_deletes_normal_entries_and_puts_emergency_entries_in_force()
    {
        using TestSwitch sw = new();
        sw.Control.Apply(TestSwitch.Flow(FlowMatch.Any, 9, cookie: 1) with { Actions = new[] { FlowAction.Output(2) }, Flags = FlowModFlags.SendFlowRemoved });
        Apply(sw, InPort(1), outPort: 3, cookie: 2, flags: FlowModFlags.SendFlowRemoved);
        Assert.True(sw.Control.EnterEmergency());
        Assert.True(sw.Control.InEmergency);
        sw.Send(1, TestPacket.Icmp());
        sw.Send(4, TestPacket.Icmp());

        Assert.Single(sw.Received(3));
        Assert.Empty(sw.Received(2));
        Assert.Equal([1ul], sw.Removed.Select(r => r.Cookie));
        (FlowMatch _, ulong cookie, ulong packets, ulong bytes, ushort _, bool exact, FlowAction[] _) = Assert.Single(sw.Flows());
        Assert.Equal((2ul, 1ul, 98ul, false), (cookie, packets, bytes, exact));
        Assert.Equal(1ul, Assert.Single(Entries(sw)).Packets); // counted for the emergency entry as well
        Assert.Equal(new AggregateStatistics(1, 98, 1), sw.Control.Aggregate(new FlowFilter(FlowMatch.Any, FlowFilter.EmergencyTable)));
        Assert.False(sw.Control.EnterEmergency());
    }

    [Fact]
    public void Without_emergency_entries_nothing_is_entered_and_nothing_deleted()
    {
        using TestSwitch sw = new();
        sw.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        Assert.False(sw.Control.EnterEmergency());
        Assert.False(sw.Control.InEmergency);
        Assert.Single(sw.Flows());
    }

    [Fact]
    public void After_the_controller_is_back_the_entries_stay_until_it_deletes_them()
    {
        using TestSwitch sw = new();
        Apply(sw, InPort(1), outPort: 3, flags: FlowModFlags.SendFlowRemoved);
        sw.Control.EnterEmergency();
        sw.Control.LeaveEmergency();
        sw.Send(1, TestPacket.Icmp());
        Assert.Single(sw.Received(3));
        Apply(sw, InPort(1), outPort: 4); // the emergency table's entry, for the next time
        sw.Send(1, TestPacket.Icmp());
        Assert.Single(sw.Received(3));

        sw.Control.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any });
        sw.Send(1, TestPacket.Icmp());
        Assert.Single(sw.PacketIns);
        Assert.Empty(sw.Removed); // "Deleted emergency flow entries generate no flow removed messages"
        Assert.Equal(0ul, Assert.Single(Entries(sw)).Packets);
        Assert.True(sw.Control.EnterEmergency());
        sw.Send(1, TestPacket.Icmp());
        Assert.Single(sw.Received(4));
    }

    [Fact]
    public void While_in_emergency_mode_changes_of_the_emergency_table_take_effect_at_once()
    {
        using TestSwitch sw = new();
        Apply(sw, InPort(1), outPort: 2);
        sw.Control.EnterEmergency();
        Apply(sw, InPort(2), outPort: 3);
        Apply(sw, InPort(1), outPort: 4, command: FlowModCommand.Modify);
        sw.Send(1, TestPacket.Icmp());
        sw.Send(2, TestPacket.Icmp());
        Assert.Equal((0, 1, 1), (sw.Received(2).Count, sw.Received(3).Count, sw.Received(4).Count));
        sw.Control.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any, Flags = Emergency });
        sw.Settle();
        Assert.Empty(sw.Flows());
        Assert.Empty(Entries(sw));
    }

    [Fact]
    public void A_second_emergency_starts_from_the_emergency_table_as_it_then_is()
    {
        using TestSwitch sw = new();
        Apply(sw, InPort(1), outPort: 2, cookie: 1);
        Apply(sw, InPort(2), outPort: 2, cookie: 2);
        sw.Control.EnterEmergency();
        sw.Control.LeaveEmergency();
        sw.Control.Apply(new FlowMod { Command = FlowModCommand.Delete, Match = InPort(2), Flags = Emergency });
        sw.Add(InPort(3), 1, FlowAction.Output(2));
        Assert.True(sw.Control.EnterEmergency());
        Assert.Equal([1ul], sw.Flows().Select(f => f.Cookie));
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
        sw.Control.EnterEmergency();
        Assert.Equal(8, sw.Flows().Count);
        Assert.All(sw.Flows(), flow => Assert.Equal(3, flow.Actions[0].Port));
    }

    [Fact]
    public void Exact_entries_go_to_table_0_and_out_of_it()
    {
        using TestSwitch sw = new();
        FlowMatch exact = new() { InPort = 1, DlVlan = FlowMatch.VlanNone, DlType = 0x1234, DlSrc = new(1), DlDst = new(2) };
        Apply(sw, exact, outPort: 3, priority: 3);
        Apply(sw, exact, outPort: 4, priority: 9); // the same entry: priority tells exact ones not apart
        Assert.Single(Entries(sw));
        sw.Control.EnterEmergency();
        Assert.Equal(1u, sw.Control.ReadTable(0).ActiveCount);
        sw.Send(1, TestPacket.Ethernet(0x1234, new byte[46], 1, 2));
        Assert.Single(sw.Received(4));
    }

    [Fact]
    public void Exact_entries_overlap_and_are_meant_as_in_the_other_tables()
    {
        FlowMatch exact = new() { InPort = 1, DlVlan = FlowMatch.VlanNone, DlType = 0x1234, DlSrc = new(1), DlDst = new(2) };
        const FlowModFlags check = FlowModFlags.CheckOverlap;
        using TestSwitch sw = new();
        Apply(sw, InPort(1), priority: 0xffff);
        Apply(sw, InPort(1), priority: 5);
        Assert.Equal(ControlError.Overlap, Apply(sw, exact, priority: 5, flags: check));
        sw.Control.Apply(new FlowMod { Command = FlowModCommand.DeleteStrict, Match = InPort(1), Priority = 0xffff, Flags = Emergency });
        Assert.Equal(ControlError.None, Apply(sw, exact, outPort: 3, priority: 5, flags: check));
        Assert.Equal(ControlError.Overlap, Apply(sw, exact, priority: 6, flags: check));
        Assert.Equal(ControlError.Overlap, Apply(sw, InPort(1), priority: 0xffff, flags: check));
        Assert.Equal(ControlError.None, Apply(sw, InPort(2), priority: 0xffff, flags: check));

        Apply(sw, exact, outPort: 4, priority: 6, command: FlowModCommand.ModifyStrict);
        Assert.Equal([2, 2, 4], Entries(sw).Select(entry => (int)entry.Actions[0].Port).Order());
        sw.Control.Apply(new FlowMod { Command = FlowModCommand.DeleteStrict, Match = exact, Priority = 7, Flags = Emergency });
        Assert.Equal([2, 2], Entries(sw).Select(entry => (int)entry.Actions[0].Port));
    }

    [Fact]
    public void No_packet_meets_neither_table_while_they_change_places()
    {
        using TestSwitch sw = new();
        sw.Control.MissBehaviour = MissBehaviour.Drop;
        sw.Add(FlowMatch.Any, 9, FlowAction.Output(2));
        Apply(sw, FlowMatch.Any, outPort: 3, priority: 1);
        byte[] frame = TestPacket.Icmp();
        RunningWorkers workers = new(sw.Control);
        for (int i = 0; i < 2000; i++)
        {
            for (int n = 0; n < 20; n++)
            {
                sw[1].TryInject(frame);
            }
            Assert.True(sw.Control.EnterEmergency());
            sw[1].TryInject(frame);
            sw.Control.LeaveEmergency();
            sw.Add(FlowMatch.Any, 9, FlowAction.Output(2));
            sw[2].Collect();
            sw[3].Collect();
        }
        workers.Dispose();
        sw.Settle();
        Assert.Equal(0, sw.Control.ReadDrops(DropReason.Miss));
        Assert.True(sw.Control.ReadTable(1).MatchedCount > 0);
        sw.AssertNoFrameLost();
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
        while (sw.Control.NextFlow(ref cursor, filter, out FlowStatistics s))
        {
            Assert.Equal(0xfe, s.TableId);
            entries.Add((s.Match, s.PacketCount, s.Actions.ToArray()));
        }
        return entries;
    }

    private static FlowMatch InPort(ushort port) => new() { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = port };
}
