using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;
using Softswitch.Ports.Null;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Flow-mods and port-mods, and the statistics that show what they did.</summary>
public sealed class FlowTableTests : AgentTest
{
    [Fact]
    public void What_a_flow_mod_adds_flow_statistics_report()
    {
        FlowAction[] actions = [FlowAction.SetNwTos(0xb8), FlowAction.Output(2)];
        Controller.Add(InPort(1), 7, actions);

        (FlowMatch match, ushort priority, byte table, FlowAction[] reported) = Assert.Single(Controller.ReadFlows());
        Assert.Equal((1, 7, 0), (match.InPort, priority, table));
        Assert.Equal(actions, reported);
    }

    [Fact]
    public void An_entry_may_have_as_many_actions_as_flow_statistics_can_show_whoever_adds_it()
    {
        Assert.Equal((OfHeader.MaxMessageLength - StatsMessage.HeaderSize - FlowStatsMessage.EntryHeaderSize) / 8 * 8, ActionValidator.MaxEntryBytes);
        FlowAction[] most = [.. Enumerable.Repeat(FlowAction.StripVlan(), ActionValidator.MaxEntryBytes / 8)];
        FlowAction[] oneMore = [.. most, FlowAction.StripVlan()];
        using (Harness.Control.Enter())
        {
            Assert.Equal(ControlError.TooManyActions, Harness.Control.Apply(new FlowMod { Match = InPort(2), Priority = 7, Actions = oneMore }));
        }
        Controller.Send(b => WriteAdd(b, 1, InPort(2), 7, oneMore));
        Assert.Equal("OFPBAC_TOO_MANY", Controller.ReadError().Name);

        Controller.Add(InPort(1), 7, most);
        Assert.Equal(most, Assert.Single(Controller.ReadFlows()).Actions);
    }

    [Fact]
    public void The_log_warns_once_of_a_match_that_gives_more_than_is_compared()
    {
        FlowMatch plain = new() { Wildcards = FlowWildcards.All & ~FlowWildcards.DlType, DlType = EtherType.Ipv6 };
        FlowMatch neighbours = plain with { Wildcards = plain.Wildcards & ~FlowWildcards.NwProto, NwProto = IpProtocol.IcmpV6 };
        foreach (FlowMatch match in (FlowMatch[])[plain, neighbours, neighbours with { DlType = EtherType.Rarp, NwProto = 3 }])
        {
            Controller.Add(match, 7);
        }

        string warning = Harness.WaitForLog("flow entry");
        Assert.Contains("flow entry 'icmp6': this switch does not look into IPv6", warning, StringComparison.Ordinal);
        Controller.Dispose();
        Assert.Contains("closed", Harness.WaitForLog(""), StringComparison.Ordinal); // the next line: no second warning
    }

    [Fact]
    public void A_flow_mod_without_a_barrier_is_in_force_when_the_next_message_is_answered()
    {
        byte[] frame = TestPacket.Icmp();
        for (uint i = 0; i < 200; i++)
        {
            ushort port = (ushort)((i % 2) + 1);
            Controller.Send(b => WriteAdd(b, i, InPort(1), 5, FlowAction.Output(port == 1 ? PortNumber.InPort : port)));
            Controller.Send(b => EchoMessage.WriteRequest(b, i));
            Controller.Read(OfType.EchoReply);
            Assert.True(Harness.Ports[1].TryInject(frame));
            Assert.Single(Harness.Collect(port, 1));
        }
    }

    [Fact]
    public void Flow_statistics_of_a_large_table_come_in_parts_of_which_all_but_the_last_say_more()
    {
        const int count = 5000;
        AddFlows(count);
        Assert.Equal(Enumerable.Range(0, count), Controller.ReadFlows().Select(flow => (int)flow.Match.TpDst).Order());

        List<byte[]> parts = Controller.ReadStatistics(OfStatsType.Flow, (b, xid) =>
        {
            FlowStatsMessage.WriteRequest(b, xid, new FlowFilter(FlowMatch.Any));
            EchoMessage.WriteRequest(b, 6);
        });
        Assert.InRange(parts.Count, 2, 100);
        Assert.All(parts, part => Assert.InRange(StatsMessage.HeaderSize + part.Length, 0, 61 * 1024));
        Controller.Read(OfType.EchoReply);
    }

    [Fact]
    public void Aggregate_and_table_statistics_count_the_entries()
    {
        AddFlows(100);
        Assert.Equal(100u, Controller.CountFlows());

        ReadOnlySpan<byte> body = Assert.Single(
            Controller.ReadStatistics(OfStatsType.Table, (b, xid) => StatsMessage.WriteRequest(b, xid, OfStatsType.Table)));
        Assert.True(TableStatsMessage.TryReadEntry(ref body, out TableStatistics table));
        Assert.Equal((0, 100u, 0), (table.TableId, table.ActiveCount, body.Length)); // one table
        Assert.Equal((FlowWildcards.All, Harness.Control.ReadTable().MaxEntries), (table.Wildcards, table.MaxEntries));
    }

    [Fact]
    public void Port_statistics_are_of_one_port_or_all()
    {
        Assert.Equal([1, 2], ReadPorts(PortNumber.None));
        Assert.Equal([2], ReadPorts(2));
        Assert.Empty(ReadPorts(99));
    }

    [Fact]
    public void Statistics_of_more_ports_than_a_message_holds_come_in_parts()
    {
        const ushort count = 1500;
        using (Harness.Control.Enter())
        {
            for (ushort number = 3; number <= count; number++)
            {
                Assert.Equal(ControlError.None, Harness.Control.Ports.Add(number, new NullPort($"n{number}")));
            }
        }

        Assert.Equal(Enumerable.Range(1, count), ReadPorts(PortNumber.None));
    }

    [Fact]
    public void Description_statistics_say_who_made_it()
    {
        ReadOnlySpan<byte> body = Assert.Single(
            Controller.ReadStatistics(OfStatsType.Description, (b, xid) => StatsMessage.WriteRequest(b, xid, OfStatsType.Description)));
        Assert.True(DescriptionStatsMessage.TryReadEntry(ref body, out SwitchDescription? description));
        Assert.Equal("Softswitch", description!.Manufacturer);
    }

    [Fact]
    public void Flow_removed_caused_by_a_delete_comes_before_the_reply_to_the_barrier_after_it()
    {
        Controller.Apply(new FlowMod { Match = InPort(1), Cookie = 0xc00c1e, Flags = FlowModFlags.SendFlowRemoved });
        Controller.Send(b => FlowModMessage.Write(b, 2, new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any }));

        byte[] removed = Assert.Single(Controller.Barrier());
        Assert.True(FlowRemovedMessage.TryDecode(removed, out FlowRemoved flow, out _));
        Assert.Equal((0xc00c1eul, FlowRemovedReason.Delete), (flow.Cookie, flow.Reason));
    }

    [Fact]
    public void A_port_mod_of_an_unknown_port_or_a_wrong_address_is_refused_and_a_right_one_is_done()
    {
        PortMod mod = new(1, new(0x0200_0000_ff01UL), PortConfig.NoFlood | PortConfig.NoStp, PortConfig.All, default);
        Controller.Send(b => PortModMessage.Write(b, 1, mod with { Number = 9 }));
        Controller.Send(b => PortModMessage.Write(b, 2, mod with { HardwareAddress = default }));
        Controller.Send(b => PortModMessage.Write(b, 3, mod));
        Controller.Send(b => PortModMessage.Write(b, 4, mod with { Config = PortConfig.None, Mask = PortConfig.NoStp }));

        Assert.Equal("OFPPMFC_BAD_PORT", Controller.ReadError().Name);
        Assert.Equal("OFPPMFC_BAD_HW_ADDR", Controller.ReadError().Name);
        Assert.Empty(Controller.Barrier());
        using (Harness.Control.Enter())
        {
            Assert.Equal(PortConfig.NoFlood, Harness.Control.Ports.Descriptions[0].Config);
        }
    }

    internal static FlowMatch InPort(ushort port) => new() { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = port };

    internal static void WriteAdd(OfBuffer buffer, uint xid, FlowMatch match, ushort priority, params FlowAction[] actions) =>
        FlowModMessage.Write(buffer, xid, new FlowMod { Match = match, Priority = priority, Actions = actions });

    private void AddFlows(int count)
    {
        Controller.Send(b =>
        {
            for (int i = 0; i < count; i++)
            {
                FlowWildcards wildcards = FlowWildcards.All & ~(FlowWildcards.DlType | FlowWildcards.NwProto | FlowWildcards.TpDst);
                WriteAdd(b, (uint)i, new() { Wildcards = wildcards, DlType = 0x800, NwProto = 6, TpDst = (ushort)i }, 9, FlowAction.Output(2));
            }
        });
        Assert.Empty(Controller.Barrier());
    }

    private List<int> ReadPorts(ushort port)
    {
        List<int> ports = [];
        foreach (byte[] part in Controller.ReadStatistics(OfStatsType.Port, (b, xid) => PortStatsMessage.WriteRequest(b, xid, port)))
        {
            ReadOnlySpan<byte> rest = part;
            while (PortStatsMessage.TryReadEntry(ref rest, out PortStatistics statistics, out _))
            {
                ports.Add(statistics.PortNumber);
            }
        }
        return ports;
    }
}
