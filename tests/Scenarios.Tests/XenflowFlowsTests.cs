using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab;
using Softswitch.Scenarios.Xenflow;

namespace Softswitch.Scenarios.Tests;

/// <summary>The routing table of a router that moves, the translation of its flows, and the flows of its switches.</summary>
public sealed class XenflowFlowsTests
{
    // As a kernel printed them.
    private const string Routes = """
        Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
        leg1	00000000	010014C6	0003	0	0	0	00000000	0	0	0
        leg0	000012C6	00000000	0001	0	0	0	00FFFFFF	0	0	0
        leg1	000013C6	010014C6	0003	0	0	20	0000FFFF	0	0	0
        leg0	000013C6	010012C6	0003	0	0	10	0000FFFF	0	0	0
        leg1	000014C6	00000000	0001	0	0	0	00FFFFFF	0	0	0
        leg1	070013C6	010014C6	0007	0	0	0	FFFFFFFF	0	0	0
        *	000015C6	00000000	0200	0	0	0	0000FFFF	0	0	0

        """;

    private const string Neighbours = """
        IP address       HW type     Flags       HW address            Mask     Device
        198.18.0.1       0x1         0x2         02:00:00:00:00:01     *        leg0
        198.20.0.1       0x1         0x2         02:00:00:00:00:04     *        leg1
        198.20.0.9       0x1         0x0         00:00:00:00:00:00     *        leg1

        """;

    private static readonly RouterPorts First = new(1, 2, 3, 4);
    private static readonly RouterPorts Second = new(11, 12, 13, 14);

    [Theory]
    [InlineData("198.18.0.1", "leg0", "02:00:00:00:00:01")] // on the link itself
    [InlineData("198.19.0.7", "leg1", "02:00:00:00:00:04")] // the longest prefix
    [InlineData("198.19.0.8", "leg0", "02:00:00:00:00:01")] // the least metric of two alike
    [InlineData("8.8.8.8", "leg1", "02:00:00:00:00:04")] // the default route
    public void The_kernels_table_tells_the_next_hop(string destination, string leg, string hardware) =>
        Assert.Equal(new NextHop(leg, AddressLiterals.Mac(hardware)), RoutingTable.Parse(Routes, Neighbours).Find(AddressLiterals.Address(destination)));

    [Theory]
    [InlineData("198.20.0.9")] // asked for, and no answer yet
    [InlineData("198.20.0.10")] // never asked for
    public void A_next_hop_whose_hardware_address_is_unknown_is_none(string destination) =>
        Assert.Null(RoutingTable.Parse(Routes, Neighbours).Find(AddressLiterals.Address(destination)));

    [Fact]
    public void Without_a_route_there_is_no_next_hop_even_to_a_known_neighbour()
    {
        var table = new RoutingTable([], new Dictionary<Be32, MacAddress> { [AddressLiterals.Address("10.0.0.1")] = AddressLiterals.Mac("02:00:00:00:00:01") });
        Assert.Null(table.Find(AddressLiterals.Address("10.0.0.1")));
    }

    [Fact]
    public void Routes_that_reject_are_left_out() =>
        Assert.DoesNotContain(RoutingTable.Parse(Routes, Neighbours).Routes, route => route.Network == AddressLiterals.Prefix("198.21.0.0/16"));

    [Fact]
    public void Tables_agree_until_a_route_or_a_neighbour_differs()
    {
        RoutingTable table = RoutingTable.Parse(Routes, Neighbours);
        Assert.True(table.Agrees(RoutingTable.Parse(Routes, Neighbours)));
        Assert.False(table.Agrees(RoutingTable.Parse(Routes.Replace("010012C6", "020012C6", StringComparison.Ordinal), Neighbours)));
        Assert.False(table.Agrees(RoutingTable.Parse(Routes, Neighbours.Replace("00:00:00:01 ", "00:00:00:0a ", StringComparison.Ordinal))));
    }

    [Fact]
    public void A_flow_that_moves_keeps_all_but_its_ports()
    {
        MigratingFlow flow = Flow(1, FlowAction.SetDlDst(AddressLiterals.Mac("02:00:00:00:00:04")), FlowAction.Output(2));
        Assert.True(First.TryTranslate(flow, Second, out MigratingFlow translated));
        Assert.Equal(flow.Match with { InPort = 11 }, translated.Match);
        Assert.Equal([FlowAction.SetDlDst(AddressLiterals.Mac("02:00:00:00:00:04")), FlowAction.Output(12)], translated.Actions);
        Assert.Equal((flow.Priority, flow.IdleTimeoutSeconds, flow.Cookie), (translated.Priority, translated.IdleTimeoutSeconds, translated.Cookie));
        Assert.True(Second.TryTranslate(translated, First, out MigratingFlow back));
        Assert.Equal(flow.Match, back.Match);
        Assert.Equal(flow.Actions, back.Actions);
    }

    [Fact]
    public void A_flow_with_a_queue_keeps_the_queue()
    {
        Assert.True(First.TryTranslate(Flow(2, FlowAction.Enqueue(1, 7)), Second, out MigratingFlow translated));
        Assert.Equal([FlowAction.Enqueue(11, 7)], translated.Actions);
    }

    [Theory]
    [InlineData(9, 2)] // comes in by another's port
    [InlineData(1, 9)] // goes out by another's port
    public void A_flow_of_a_port_that_is_not_the_routers_stays(int from, int to) =>
        Assert.False(First.TryTranslate(Flow((ushort)from, FlowAction.Output((ushort)to)), Second, out _));

    [Fact]
    public void The_routers_own_flows_name_its_ports_on_either_machine()
    {
        (ushort In, ushort Out)[] Ports(RouterPorts ports) =>
            [.. FlowFile.Read("xenflow/router.flows", ports.Words).Select(flow => (flow.Match.InPort, flow.Actions[0].Port))];
        Assert.Equal([(1, 3), (2, 4), (0, 3), (0, 4), (3, 1), (4, 2)], Ports(First));
        Assert.Equal([(11, 13), (12, 14), (0, 13), (0, 14), (13, 11), (14, 12)], Ports(Second));
    }

    [Fact]
    public void A_link_switch_takes_what_comes_from_either_machine_and_sends_to_one() =>
        Assert.Equal(
            [(1, 3), (2, 1), (3, 1)],
            FlowFile.Read("xenflow/link.flows", ("MACHINE", "3")).Select(flow => ((int)flow.Match.InPort, (int)flow.Actions[0].Port)));

    private static MigratingFlow Flow(ushort inPort, params FlowAction[] actions)
    {
        var match = new FlowMatch { InPort = inPort, DlType = EtherType.Ipv4, DlVlan = FlowMatch.VlanNone, NwDst = 0xc613_0001, TpSrc = 7 };
        return new MigratingFlow(match, Priority: 0x8000, IdleTimeoutSeconds: 300, Cookie: 5, actions);
    }
}
