using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;

namespace Softswitch.NetFpga.Tests.Offload;

/// <summary>What a flow-mod costs on the bus.</summary>
public sealed class WriteCountTests
{
    private const int Row = 29;
    private const int ClearRow = 27;
    private const int RowAction = 27;
    private const int MoveRow = 32;

    private static readonly FlowAction[] ToPort2 = [FlowAction.Output(2)];
    private static readonly FlowAction[] Rewritten = [FlowAction.SetDlSrc(new MacAddress(5)), FlowAction.SetVlanVid(3), FlowAction.Output(2)];

    [Fact]
    public void A_flow_without_wildcards_takes_twenty_writes_to_come_and_one_to_go()
    {
        using OffloadRig rig = new();

        Assert.Equal(20, Count(rig, () => rig.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, ToPort2))));
        Assert.Equal(1, Count(rig, () => rig.Remove(1)));
    }

    [Fact]
    public void Other_outputs_take_one_write_and_other_rewrites_at_most_eleven()
    {
        using OffloadRig rig = new();
        rig.Add(SoftwareFlow.Of(1, Matches.Tcp(1), 0, ToPort2));

        Assert.Equal(1, Count(rig, () => rig.Modify(1, FlowAction.Output(3))));
        Assert.InRange(Count(rig, () => rig.Modify(1, Rewritten)), 3, 11);
        Assert.Equal(1, Count(rig, () => rig.Modify(1, FlowAction.Output(PortNumber.Controller))));
        Assert.Equal(1, Count(rig, () => rig.Modify(1, Rewritten))); // its words are still there
        Assert.Equal(0, Count(rig, () => rig.Modify(1, Rewritten)));
    }

    [Fact]
    public void A_row_takes_twenty_nine_writes_to_come_and_twenty_seven_to_go_or_to_change()
    {
        using OffloadRig rig = new();

        Assert.Equal(Row, Count(rig, () => rig.Add(SoftwareFlow.Of(1, Matches.AnyFrom(1), 5, ToPort2))));
        Assert.Equal(RowAction, Count(rig, () => rig.Modify(1, FlowAction.Output(3))));
        Assert.Equal(ClearRow, Count(rig, () => rig.Remove(1)));
    }

    [Fact]
    public void A_row_between_two_neighbours_moves_what_stands_between_it_and_the_nearest_gap_and_no_more()
    {
        using OffloadRig rig = new();
        for (ushort i = 1; i <= 23; i++)
        {
            rig.Add(Dropping(i, (ushort)(10 * i)));
        }
        int free = Enumerable.Range(0, 24).Except(rig.Card.RowsOn).Single();
        int rank = rig.Offload.Describe().Count(flow => flow.Rows[0] < free);
        for (ushort i = 0; i < 23; i++)
        {
            ushort priority = (ushort)((10 * i) + 5);
            int above = 23 - i;
            int moves = above >= rank ? Math.Max(0, above - rank) : rank - above;
            Assert.InRange(Count(rig, () => rig.Add(Dropping(99, priority))), Row, Row + (moves * MoveRow));
            rig.Remove(99);
            free = Enumerable.Range(0, 24).Except(rig.Card.RowsOn).Single();
            rank = rig.Offload.Describe().Count(flow => flow.Rows[0] < free);
        }
    }

    [Fact]
    public void Rows_that_come_back_together_do_not_move_each_other()
    {
        using OffloadRig rig = new();
        for (ushort i = 1; i <= 24; i++)
        {
            rig.Add(Dropping(i, (ushort)(100 + i)));
        }

        Assert.Equal(24 * ClearRow, Count(rig, () => rig.Suspend("a test")));
        Assert.Equal(24 * Row, Count(rig, () => rig.Suspend(null)));
    }

    [Fact]
    public void A_flow_that_the_card_does_not_care_for_costs_no_write()
    {
        using OffloadRig rig = new();
        for (ushort i = 1; i <= 24; i++)
        {
            rig.Add(Dropping(i, (ushort)(100 + i)));
        }

        Assert.Equal(0, Count(rig, () => rig.Add(Dropping(50, 1))));
        Assert.Equal(0, Count(rig, () => rig.Add(SoftwareFlow.Of(51, Matches.AnyFrom(OffloadRig.Elsewhere), 500, ToPort2))));
        Assert.Equal(0, Count(rig, () => rig.Add(SoftwareFlow.Of(52, Matches.Ipv4, 1, FlowAction.Output(PortNumber.Controller)))));
        Assert.Equal(0, Count(rig, () => rig.Remove(52)));
    }

    [Fact]
    public void A_port_that_closes_takes_one_write_for_each_of_its_slots()
    {
        using OffloadRig rig = new();
        for (ushort i = 1; i <= 100; i++)
        {
            rig.Add(SoftwareFlow.Of(i, Matches.Tcp((ushort)((i % 4) + 1), from: i), 0, Rewritten));
        }

        Assert.Equal(25, Count(rig, () => rig.SetPorts(OffloadRig.PortsWith((1, PortConfig.NoReceive)))));
        Assert.Equal(25, Count(rig, () => rig.SetPorts(OffloadRig.PortsWith())));
        Assert.Equal(100, Count(rig, () => rig.Suspend("a test")));
        Assert.Equal(100, Count(rig, () => rig.Suspend(null)));
    }

    private static SoftwareFlow Dropping(uint id, ushort priority)
    {
        FlowMatch match = FlowMatch.Any;
        match.Wildcards &= ~FlowWildcards.DlDst;
        match.DlDst = new MacAddress(0x0200_0000_0000UL | priority);
        return SoftwareFlow.Of(id, match, priority);
    }

    private static int Count(OffloadRig rig, Action change)
    {
        int before = rig.Card.Writes;
        change();
        return rig.Card.Writes - before;
    }
}
