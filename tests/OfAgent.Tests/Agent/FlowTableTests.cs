using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;
using Softswitch.Ports.Null;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Flow-mods, their errors, and the statistics that show what they did.</summary>
public sealed class FlowTableTests
{
    private static readonly FlowAction[] Storage = new FlowAction[OfActions.MaxCount];

    [Fact]
    public void What_a_flow_mod_adds_flow_statistics_report()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        FlowMatch match = InPort(1);
        controller.Send(b => WriteAdd(b, 1, match, 7, FlowAction.SetNwTos(0xb8), FlowAction.Output(2)));
        controller.Send(b => FlowStatsMessage.WriteRequest(b, 5, new FlowFilter(FlowMatch.Any)));

        byte[] reply = controller.Read(OfType.StatsReply);
        Assert.True(StatsMessage.TryDecode(reply, out OfStatsType type, out ushort flags, out ReadOnlySpan<byte> body, out _));
        Assert.Equal((OfStatsType.Flow, (ushort)0), (type, flags));
        Assert.True(FlowStatsMessage.TryReadEntry(ref body, Storage, out FlowStatistics flow));
        Assert.Equal(0, body.Length);
        Assert.Equal(match.InPort, flow.Match.InPort);
        Assert.Equal(7, flow.Priority);
        Assert.Equal(0, flow.TableId);
        Assert.Equal([FlowAction.SetNwTos(0xb8), FlowAction.Output(2)], flow.Actions.ToArray());
    }

    [Fact]
    public void Flow_statistics_of_a_large_table_come_in_parts_of_which_all_but_the_last_say_more()
    {
        const int count = 5000;
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        AddFlows(controller, count);
        controller.Send(b => FlowStatsMessage.WriteRequest(b, 5, new FlowFilter(FlowMatch.Any)));
        controller.Send(b => EchoMessage.WriteRequest(b, 6));
        HashSet<ushort> ports = [];
        int parts = 0;
        bool more = true;
        while (more)
        {
            byte[] reply = controller.Read(OfType.StatsReply);
            Assert.Equal(5u, RawController.XidOf(reply));
            Assert.InRange(reply.Length, 0, 61 * 1024);
            StatsMessage.TryDecode(reply, out _, out ushort flags, out ReadOnlySpan<byte> body, out _);
            while (FlowStatsMessage.TryReadEntry(ref body, Storage, out FlowStatistics flow))
            {
                Assert.True(ports.Add(flow.Match.TpDst), $"flow {flow.Match.TpDst} came twice");
            }
            Assert.Equal(0, body.Length);
            more = flags == StatsMessage.ReplyMore;
            parts++;
        }

        Assert.Equal(count, ports.Count);
        Assert.InRange(parts, 2, 100);
        controller.Read(OfType.EchoReply);
    }

    [Fact]
    public void Aggregate_and_table_statistics_count_the_entries()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        AddFlows(controller, 100);
        controller.Send(b => AggregateStatsMessage.WriteRequest(b, 1, new FlowFilter(FlowMatch.Any)));
        controller.Send(b => StatsMessage.WriteRequest(b, 2, OfStatsType.Table));

        StatsMessage.TryDecode(controller.Read(OfType.StatsReply), out _, out _, out ReadOnlySpan<byte> body, out _);
        Assert.True(AggregateStatsMessage.TryReadEntry(ref body, out AggregateStatistics total));
        Assert.Equal(100u, total.FlowCount);
        StatsMessage.TryDecode(controller.Read(OfType.StatsReply), out _, out _, out body, out _);
        Assert.True(TableStatsMessage.TryReadEntry(ref body, out TableStatistics table));
        Assert.Equal((0, 100u, 0), (table.TableId, table.ActiveCount, body.Length)); // one table
    }

    [Fact]
    public void Port_statistics_are_of_one_port_or_all()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();

        Assert.Equal([(ushort)1, (ushort)2], ReadPorts(controller, Datapath.Ports.PortNumber.None));
        Assert.Equal([(ushort)2], ReadPorts(controller, 2));
        Assert.Empty(ReadPorts(controller, 99));
    }

    [Fact]
    public void Statistics_of_more_ports_than_a_message_holds_come_in_parts()
    {
        const ushort count = 1500;
        using AgentHarness harness = new();
        using (harness.Control.Enter())
        {
            for (ushort number = 3; number <= count; number++)
            {
                Assert.Equal(ControlError.None, harness.Control.AddPort(number, new NullPort($"n{number}")));
            }
        }
        using RawController controller = harness.Connect();

        Assert.Equal(Enumerable.Range(1, count), ReadPorts(controller, Datapath.Ports.PortNumber.None).Select(number => (int)number));
    }

    [Fact]
    public void Description_statistics_say_who_made_it()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => StatsMessage.WriteRequest(b, 2, OfStatsType.Description));

        StatsMessage.TryDecode(controller.Read(OfType.StatsReply), out _, out _, out ReadOnlySpan<byte> body, out _);
        Assert.True(DescriptionStatsMessage.TryReadEntry(ref body, out SwitchDescription? description));
        Assert.Equal("Softswitch", description!.Manufacturer);
    }

    [Fact]
    public void Queue_requests_are_answered_though_there_are_no_queues()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => QueueStatsMessage.WriteRequest(b, 1, Datapath.Ports.PortNumber.All, QueueStatsMessage.AllQueues));
        controller.Send(b => QueueConfigMessage.WriteRequest(b, 2, 1));
        controller.Send(b => QueueStatsMessage.WriteRequest(b, 3, 1, 7));
        controller.Send(b => QueueStatsMessage.WriteRequest(b, 4, 99, QueueStatsMessage.AllQueues));

        Assert.Equal(StatsMessage.HeaderSize, controller.Read(OfType.StatsReply).Length);
        Assert.Equal(QueueConfigMessage.ReplyHeaderSize, controller.Read(OfType.QueueGetConfigReply).Length);
        Assert.Equal("OFPQOFC_BAD_QUEUE", controller.ReadError().Name);
        Assert.Equal("OFPQOFC_BAD_PORT", controller.ReadError().Name);
    }

    [Fact]
    public void An_overlap_is_refused_when_the_check_is_asked_for()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => WriteAdd(b, 1, InPort(1), 5, FlowAction.Output(2)));
        controller.Send(b => FlowModMessage.Write(
            b, 2, new FlowMod { Match = FlowMatch.Any, Priority = 5, Flags = FlowModFlags.CheckOverlap }));

        (string name, uint xid, byte[] data) = controller.ReadError();
        Assert.Equal(("OFPFMFC_OVERLAP", 2u, 64), (name, xid, data.Length));
    }

    [Fact]
    public void Flow_removed_caused_by_a_delete_comes_before_the_reply_to_the_barrier_after_it()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => FlowModMessage.Write(
            b, 1, new FlowMod { Match = InPort(1), Cookie = 0xc00c1e, Flags = FlowModFlags.SendFlowRemoved }));
        Assert.Empty(controller.Barrier());
        controller.Send(b => FlowModMessage.Write(b, 2, new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any }));

        byte[] removed = Assert.Single(controller.Barrier());
        Assert.True(FlowRemovedMessage.TryDecode(removed, out FlowRemoved flow, out _));
        Assert.Equal((0xc00c1eul, FlowRemovedReason.Delete), (flow.Cookie, flow.Reason));
    }

    [Fact]
    public void A_port_mod_of_an_unknown_port_or_a_wrong_address_is_refused_and_a_right_one_is_done()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        PortMod mod = new(1, new(0x0200_0000_ff01UL), Datapath.Ports.PortConfig.NoFlood, Datapath.Ports.PortConfig.NoFlood, default);
        controller.Send(b => PortModMessage.Write(b, 1, mod with { Number = 9 }));
        controller.Send(b => PortModMessage.Write(b, 2, mod with { HardwareAddress = default }));
        controller.Send(b => PortModMessage.Write(b, 3, mod));

        Assert.Equal("OFPPMFC_BAD_PORT", controller.ReadError().Name);
        Assert.Equal("OFPPMFC_BAD_HW_ADDR", controller.ReadError().Name);
        Assert.Empty(controller.Barrier());
        using (harness.Control.Enter())
        {
            Assert.Equal(Datapath.Ports.PortConfig.NoFlood, harness.Control.Ports[0].Config);
        }
    }

    internal static FlowMatch InPort(ushort port) => new() { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = port };

    internal static void WriteAdd(OfBuffer buffer, uint xid, FlowMatch match, ushort priority, params FlowAction[] actions) =>
        FlowModMessage.Write(buffer, xid, new FlowMod { Match = match, Priority = priority, Actions = actions });

    private static void AddFlows(RawController controller, int count)
    {
        controller.Send(b =>
        {
            for (int i = 0; i < count; i++)
            {
                FlowWildcards wildcards = FlowWildcards.All & ~(FlowWildcards.DlType | FlowWildcards.NwProto | FlowWildcards.TpDst);
                WriteAdd(b, (uint)i, new() { Wildcards = wildcards, DlType = 0x800, NwProto = 6, TpDst = (ushort)i }, 9, FlowAction.Output(2));
            }
        });
        Assert.Empty(controller.Barrier());
    }

    private static List<ushort> ReadPorts(RawController controller, ushort port)
    {
        controller.Send(b => PortStatsMessage.WriteRequest(b, 1, port));
        List<ushort> ports = [];
        ushort flags;
        do
        {
            byte[] part = controller.Read(OfType.StatsReply);
            Assert.Equal(1u, RawController.XidOf(part));
            Assert.True(StatsMessage.TryDecode(part, out _, out flags, out ReadOnlySpan<byte> body, out _));
            while (PortStatsMessage.TryReadEntry(ref body, out PortStatistics statistics, out _))
            {
                ports.Add(statistics.PortNumber);
            }
        }
        while ((flags & StatsMessage.ReplyMore) != 0);
        return ports;
    }
}
