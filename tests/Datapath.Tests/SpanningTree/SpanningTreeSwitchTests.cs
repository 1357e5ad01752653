using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.SpanningTree;
using Softswitch.Testing;
using static Softswitch.Datapath.Tests.SpanningTree.BridgedSwitch;

namespace Softswitch.Datapath.Tests.SpanningTree;

/// <summary>Spanning tree in a whole switch, as OpenFlow 1.0.0 §4.5 has it.</summary>
public sealed class SpanningTreeSwitchTests : IDisposable
{
    private const ulong Station = 0x0200_0000_00aa;
    private const ulong Other = 0x0200_0000_00bb;

    private readonly TestSwitch _sut = Create();

    public void Dispose() => _sut.Dispose();

    [Fact]
    public void Ports_listen_learn_and_forward_and_controllers_are_told_each_time()
    {
        Assert.True(_sut.Control.HasSpanningTree);
        Assert.All(_sut.Control.Ports.Descriptions, port => Assert.Equal(PortState.StpListen, port.State));
        Pass(_sut, 15);
        Assert.Equal(Reports(PortState.StpLearn), TakeReports(_sut));
        Pass(_sut, 15);
        Assert.Equal(Reports(PortState.StpForward), TakeReports(_sut));
        Assert.All(_sut.Control.Ports.Descriptions, port => Assert.Equal(PortState.StpForward, port.State));

        static (ushort, PortState)[] Reports(PortState state) => [(1, state), (2, state), (3, state), (4, state)];
    }

    [Fact]
    public void Without_the_option_there_is_no_tree_and_802_1D_frames_are_like_others()
    {
        using TestSwitch sut = new();
        Assert.False(sut.Control.HasSpanningTree);
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Flood));
        byte[] bpdu = Hello(BetterBridge);
        sut.Send(1, bpdu);
        Assert.Equal(bpdu, Assert.Single(sut.Received(2)));
        Pass(sut, 60);
        Assert.All(sut.Control.Ports.Descriptions, port => Assert.Equal(PortState.None, port.State));
        Assert.Empty(TakeReports(sut));
        Assert.Empty(sut.Received(3).Skip(1));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void The_switch_says_hello_on_every_port_with_the_ports_address(int workers)
    {
        using TestSwitch sut = Create(new DatapathOptions { Workers = workers });
        Pass(sut, 10);
        for (ushort number = 1; number <= 4; number++)
        {
            List<byte[]> sent = sut.Received(number);
            Assert.Equal(5, sent.Count);
            Assert.Equal(60, sent[0].Length);
            Assert.Equal(sut[number].HardwareAddress.Value, new MacAddress(sent[0].AsSpan(6)).Value);
            Assert.True(Bpdu.TryDecode(sent[0], out Bpdu bpdu));
            Assert.Equal(new BridgePriority(0x8000_0000_0000_0001, 0, 0x8000_0000_0000_0001, (ushort)(0x8000 + number)), bpdu.Priority);
        }
    }

    [Fact]
    public void A_datapath_id_of_zero_gives_way_to_the_first_ports_address()
    {
        using TestSwitch sut = new(2, new DatapathOptions { DatapathId = 0xabcd_0000_0000_0000, SpanningTree = new SpanningTreeOptions { Priority = 0x1000 } });
        Assert.Equal(0x1000_0200_0000_ff01UL, sut.Control.Bridge!.Paths.Id);
    }

    [Fact]
    public void Bpdus_are_processed_before_the_flow_table_and_reach_neither_it_nor_the_controller()
    {
        _sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Controller), FlowAction.Output(PortNumber.All));
        _sut.Send(2, Hello(BetterBridge), TestPacket.Udp(), Hello(BetterBridge));
        Assert.Equal(BetterBridge, _sut.Control.Bridge!.Paths.Root);
        Assert.Equal(2, _sut.Control.Bridge.Paths.RootPort!.Number);
        Assert.Single(_sut.PacketIns);
        Assert.Equal(1UL, Assert.Single(_sut.Flows()).Packets);
        Assert.True(_sut.Control.Ports.TryRead(2, out PortStatistics statistics));
        Assert.Equal(3UL, statistics.ReceivedPackets);
        Assert.Equal(0UL, statistics.ReceiveDropped);
    }

    [Fact]
    public void Flood_keeps_to_the_tree_all_and_ports_by_number_do_not()
    {
        using TestSwitch sut = WithPort4Blocked();
        (string Why, ushort Output, ushort InPort, ushort[] Reached)[] cases =
        [
            ("along the tree", PortNumber.Flood, 1, [2, 3]),
            ("a port off the tree brings nothing into it", PortNumber.Flood, 4, []),
            ("as a bridge", PortNumber.Normal, 1, [2, 3]),
            ("a bridge discards what a blocked port receives", PortNumber.Normal, 4, []),
            ("ALL ignores the tree", PortNumber.All, 1, [2, 3, 4]),
            ("ALL ignores the tree, received there", PortNumber.All, 4, [1, 2, 3]),
            ("a number ignores the tree", 4, 1, [4]),
            ("a number ignores the tree, received there", 1, 4, [1]),
            ("IN_PORT ignores the tree", PortNumber.InPort, 4, [4]),
        ];
        foreach ((string why, ushort output, ushort inPort, ushort[] reached) in cases)
        {
            sut.Add(FlowMatch.Any, 1, FlowAction.Output(output));
            Assert.True(reached.SequenceEqual(Reached(sut, inPort)), why);
            Assert.Equal(1UL, Assert.Single(sut.Flows()).Packets);
        }
        Assert.Equal(2, sut.Control.Accounts.ReadDrops(DropReason.SpanningTree));
    }

    [Fact]
    public void A_port_that_does_not_forward_asks_no_controller_but_by_an_entry()
    {
        using TestSwitch sut = WithPort4Blocked();
        sut.Send(4, TestPacket.Udp());
        Assert.Empty(sut.PacketIns);
        Assert.Equal(1, sut.Control.Accounts.ReadDrops(DropReason.SpanningTree));
        sut.Send(1, TestPacket.Udp());
        Assert.Equal(1, Assert.Single(sut.PacketIns).InPort);
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Controller)); // as discovery does for LLDP
        sut.Send(4, TestPacket.Udp());
        Assert.Equal((4, PacketInReason.Action), (sut.PacketIns[^1].InPort, sut.PacketIns[^1].Reason));
    }

    [Theory]
    [InlineData(14, 0, PortConfig.None, 0)] // listening
    [InlineData(29, 0, PortConfig.None, 0)] // learning
    [InlineData(31, 0, PortConfig.None, 1)]
    [InlineData(1, 0, PortConfig.NoStp, 1)]
    [InlineData(31, 0, PortConfig.NoPacketIn, 0)]
    [InlineData(31, PortNumber.None, PortConfig.None, 1)] // a packet-out through the table
    public void A_miss_is_a_packet_in_once_its_port_forwards_or_outside_of_the_tree(int seconds, int inPort, PortConfig config, int packetIns)
    {
        _sut.Configure(1, config);
        Pass(_sut, seconds);
        if (inPort == 0)
        {
            _sut.Send(1, TestPacket.Udp());
        }
        else
        {
            _sut.Control.PacketOut(FlowMod.NoBuffer, (ushort)inPort, [FlowAction.Output(PortNumber.Table)], TestPacket.Udp());
            _sut.Settle();
        }
        Assert.Equal(packetIns, _sut.PacketIns.Count);
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 1)]
    public void A_miss_that_waits_while_its_port_stops_forwarding_is_no_packet_in(bool isByEntry, int packetIns)
    {
        if (isByEntry)
        {
            _sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Controller));
        }
        Pass(_sut, 31);
        Assert.True(_sut[4].TryInject(TestPacket.Udp()));
        _sut.Control.Workers[0].PollOnce(); // the control side has not looked yet
        _sut.Configure(4, PortConfig.PortDown, PortConfig.PortDown);
        _sut.Settle();
        Assert.Equal(packetIns, _sut.PacketIns.Count);
        Assert.Equal(1 - packetIns, _sut.Control.Accounts.ReadDrops(DropReason.SpanningTree));
    }

    [Fact]
    public void A_packet_out_floods_along_the_tree_from_any_ingress_on_it_or_none()
    {
        using TestSwitch sut = WithPort4Blocked();
        foreach ((ushort inPort, int[] reached) in ((ushort, int[])[])[(PortNumber.None, [1, 2, 3]), (PortNumber.Controller, [1, 2, 3]), (1, [2, 3]), (4, [])])
        {
            sut.Control.PacketOut(FlowMod.NoBuffer, inPort, [FlowAction.Output(PortNumber.Flood)], TestPacket.Udp());
            sut.Settle();
            Assert.Equal(reached, Enumerable.Range(1, 4).Where(port => Data(sut, (ushort)port) > 0));
        }
    }

    [Fact]
    public void Misses_that_are_bridged_keep_to_the_tree_too()
    {
        using TestSwitch sut = WithPort4Blocked();
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Normal;
        Assert.Equal([2, 3], Reached(sut, 1));
        Assert.Empty(Reached(sut, 4));
    }

    [Fact]
    public void A_learning_port_learns_and_does_not_forward()
    {
        _sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Normal));
        Pass(_sut, 14);
        _sut.Send(1, TestPacket.Udp(dlSrc: Station, dlDst: Other)); // listening: not learned
        Pass(_sut, 11);
        _sut.Send(2, TestPacket.Udp(dlSrc: Other, dlDst: Station)); // learning
        for (ushort port = 1; port <= 4; port++)
        {
            Assert.Equal(0, Data(_sut, port));
        }
        Assert.Equal(2, _sut.Control.Accounts.ReadDrops(DropReason.SpanningTree));
        Pass(_sut, 5);
        _sut.Send(3, TestPacket.Udp(dlDst: Station), TestPacket.Udp(dlDst: Other));
        Assert.Equal(1, Data(_sut, 1)); // the unknown one only
        Assert.Equal(2, Data(_sut, 2));
        Assert.Equal(1, Data(_sut, 4));
    }

    [Fact]
    public void A_station_behind_a_port_that_blocks_is_looked_for_along_the_tree()
    {
        _sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Normal));
        Pass(_sut, 30);
        _sut.Send(4, TestPacket.Udp(dlSrc: Station, dlDst: Other));
        Hear(_sut, 30);
        Assert.Equal(PortState.StpBlock, _sut.Control.Ports.Descriptions[3].State);
        Clear(_sut);
        _sut.Send(1, TestPacket.Udp(dlDst: Station));
        Assert.Equal([0, 1, 1, 0], Enumerable.Range(1, 4).Select(port => Data(_sut, (ushort)port)));
    }

    [Fact]
    public void A_port_that_stops_forwarding_forgets_its_stations_and_others_keep_theirs()
    {
        _sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Normal));
        Pass(_sut, 30 + 40); // the change that forwarding began with is over
        _sut.Send(1, TestPacket.Udp(dlSrc: Other, dlDst: Station));
        _sut.Send(4, TestPacket.Udp(dlSrc: Station, dlDst: Other));
        Assert.Equal((1, 4), (Find(Other), Find(Station)));
        _sut[4].SetLink(false);
        Pass(_sut, 1);
        Assert.Equal((1, 0), (Find(Other), Find(Station)));

        ushort Find(ulong station) =>
            _sut.Control.Stations.Find(new FlowKey { DlDst = new MacAddress(station) }, (uint)_sut.Control.Uptime.TotalMilliseconds);
    }

    [Fact]
    public void After_a_change_of_topology_stations_are_forgotten_within_the_forward_delay_and_for_good()
    {
        _sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Normal));
        Pass(_sut, 30 + 40); // the change that forwarding began with is over
        _sut.Send(1, TestPacket.Udp(dlSrc: Station, dlDst: Other));
        Pass(_sut, 100);
        Clear(_sut);
        _sut.Send(2, TestPacket.Udp(dlDst: Station));
        Assert.Equal([1, 0, 0, 0], Enumerable.Range(1, 4).Select(port => Data(_sut, (ushort)port)));
        _sut.Send(3, Frame(new Bpdu { IsChangeNotice = true }));
        Pass(_sut, 1);
        Clear(_sut);
        _sut.Send(2, TestPacket.Udp(dlDst: Station)); // silent for longer than 15 s
        Assert.Equal([1, 0, 1, 1], Enumerable.Range(1, 4).Select(port => Data(_sut, (ushort)port)));
        Pass(_sut, 40); // the change is over; 300 s hold again, but not for whom was forgotten
        Clear(_sut);
        _sut.Send(2, TestPacket.Udp(dlDst: Station));
        Assert.Equal([1, 0, 1, 1], Enumerable.Range(1, 4).Select(port => Data(_sut, (ushort)port)));
    }

    [Fact]
    public void NO_STP_takes_a_port_out_of_the_tree_and_its_802_1D_frames_to_the_flow_table()
    {
        using TestSwitch sut = WithPort4Blocked();
        TakeReports(sut);
        sut.Configure(4, PortConfig.NoStp, PortConfig.NoStp);
        Assert.Equal([(4, PortState.StpForward)], TakeReports(sut));
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Flood));
        Assert.Equal([2, 3, 4], Reached(sut, 1));
        sut.Send(4, Hello(BetterBridge));
        Assert.Equal(2UL, Assert.Single(sut.Flows()).Packets);
        Clear(sut);
        Pass(sut, 6);
        Assert.Empty(sut.Received(4)); // no hello there
        sut.Configure(4, PortConfig.None, PortConfig.NoStp);
        Assert.Equal([(4, PortState.StpListen)], TakeReports(sut));
    }

    [Fact]
    public void NO_RECV_spares_802_1D_frames_and_NO_RECV_STP_drops_them()
    {
        _sut.Configure(1, PortConfig.NoReceive, PortConfig.NoReceive);
        _sut.Configure(2, PortConfig.NoReceiveStp, PortConfig.NoReceiveStp);
        _sut.Send(2, Hello(BetterBridge));
        Assert.True(_sut.Control.Bridge!.Paths.IsRoot);
        Assert.Equal(1, _sut.Control.Accounts.ReadDrops(DropReason.IngressClosed));
        _sut.Send(1, Hello(BetterBridge), TestPacket.Udp());
        Assert.Equal(1, _sut.Control.Bridge.Paths.RootPort!.Number);
        Assert.Equal(2, _sut.Control.Accounts.ReadDrops(DropReason.IngressClosed));
        Assert.Empty(_sut.PacketIns);
    }

    [Fact]
    public void NO_FWD_and_NO_FLOOD_do_not_silence_the_bridge()
    {
        _sut.Configure(1, PortConfig.NoForward | PortConfig.NoFlood, PortConfig.NoForward | PortConfig.NoFlood);
        Pass(_sut, 10);
        Assert.Equal(5, _sut.Received(1).Count);
    }

    [Fact]
    public void A_port_without_link_or_taken_down_is_no_part_of_the_tree()
    {
        Pass(_sut, 30);
        TakeReports(_sut);
        _sut[1].SetLink(false);
        Pass(_sut, 1);
        Assert.Equal([(1, PortState.StpBlock | PortState.LinkDown)], TakeReports(_sut));
        _sut[1].SetLink(true);
        Pass(_sut, 1);
        Assert.Equal([(1, PortState.StpListen)], TakeReports(_sut));
        _sut.Configure(2, PortConfig.PortDown, PortConfig.PortDown);
        Assert.Equal([(2, PortState.StpBlock)], TakeReports(_sut));
        Clear(_sut);
        Pass(_sut, 6);
        Assert.Empty(_sut.Received(2));
        _sut.Configure(2, PortConfig.None, PortConfig.PortDown);
        Assert.Equal([(2, PortState.StpListen)], TakeReports(_sut));
        Pass(_sut, 30);
        Assert.All(_sut.Control.Ports.Descriptions, port => Assert.Equal(PortState.StpForward, port.State));
    }

    [Fact]
    public void A_new_port_joins_listening_and_one_that_leaves_frees_its_place()
    {
        Pass(_sut, 30);
        TakeReports(_sut);
        _sut.AddPort(5);
        Assert.Equal([(5, PortState.StpListen)], TakeReports(_sut));
        _sut.Send(5, Hello(BetterBridge));
        Assert.Equal(5, _sut.Control.Bridge!.Paths.RootPort!.Number);
        Assert.Equal(ControlError.None, _sut.Control.Ports.Remove(5));
        Assert.True(_sut.Control.Bridge.Paths.IsRoot);
        Assert.Equal(4, _sut.Control.Bridge.Ports.Count);
        Pass(_sut, 5);
    }

    [Fact]
    public void LOCAL_stands_outside_and_forwards_at_once()
    {
        _sut.AddPort(PortNumber.Local);
        Assert.Equal(PortState.StpForward, _sut.Control.Ports.Descriptions[^1].State);
        Assert.Equal(4, _sut.Control.Bridge!.Ports.Count);
    }

    [Fact]
    public void Port_numbers_too_long_for_an_identifier_get_a_free_one()
    {
        _sut.AddPort(0x0fff);
        _sut.AddPort(0xff00);
        _sut.AddPort(0x1001);
        Assert.Equal(
            [0x8001, 0x8002, 0x8003, 0x8004, 0x8fff, 0x8ffe, 0x8ffd],
            _sut.Control.Bridge!.Ports.Select(port => (int)port.Id));
    }

    [Fact]
    public void A_flood_of_bpdus_on_one_port_is_dropped_there_and_leaves_the_others_heard()
    {
        byte[] inferior = Hello(0xffff_0000_0000_0001);
        for (int i = 0; i < 500; i++)
        {
            Assert.True(_sut[1].TryInject(inferior));
        }
        _sut.Send(2, Hello(BetterBridge));
        Assert.Equal(2, _sut.Control.Bridge!.Paths.RootPort!.Number);
        Assert.Equal(500 - BpduExchange.MaxWaitingPerPort, _sut.Control.Accounts.ReadDrops(DropReason.BpduQueueFull));
        _sut.Send(1, inferior);
        Assert.Equal(500 - BpduExchange.MaxWaitingPerPort, _sut.Control.Accounts.ReadDrops(DropReason.BpduQueueFull));
    }

    [Fact]
    public void Bpdus_are_heard_and_sent_while_packet_ins_and_packet_outs_overflow()
    {
        using TestSwitch sut = Create(new DatapathOptions { FrameCount = 2048, PacketOutQueueLength = 2 });
        const int room = 342; // two thirds of a quarter of the frames
        Pass(sut, 31);
        Clear(sut);
        for (int i = 0; i < room + 98; i++)
        {
            Assert.True(sut[1].TryInject(TestPacket.Udp()));
        }
        for (int i = 0; i < 100; i++)
        {
            sut.Control.PacketOut(FlowMod.NoBuffer, PortNumber.None, [FlowAction.Output(3)], TestPacket.Udp());
        }
        sut.Send(1, Hello(BetterBridge));
        Assert.Equal(98, sut.Control.Accounts.ReadDrops(DropReason.PacketInQueueFull));
        Assert.Equal(room, sut.PacketIns.Count);
        Assert.Equal(1, sut.Control.Bridge!.Paths.RootPort!.Number);
        Pass(sut, 1);
        Assert.Contains(sut.Received(2), frame => Bpdu.TryDecode(frame, out Bpdu bpdu) && bpdu.Priority.Root == BetterBridge);
    }

    [Fact]
    public void A_port_whose_rate_is_used_up_still_says_hello_in_time()
    {
        Assert.Equal(ControlError.None, _sut.Control.Queues.ConfigureRate(2, 100_000));
        _sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        Clear(_sut);
        for (int second = 0; second < 10; second++)
        {
            for (int i = 0; i < 100; i++)
            {
                Assert.True(_sut[1].TryInject(TestPacket.Udp(payload: 1000)));
            }
            Pass(_sut, 1);
        }
        Assert.Equal(5, _sut.Received(2).Count(frame => Bpdu.TryDecode(frame, out _)));
    }

    [Fact]
    public void Every_worker_hands_up_what_its_ports_hear()
    {
        using TestSwitch sut = Create(new DatapathOptions { Workers = 4 });
        for (ushort port = 4; port >= 1; port--)
        {
            sut.Send(port, Hello(BetterBridge, port));
            Assert.Equal(port, sut.Control.Bridge!.Paths.RootPort!.Number);
        }
    }
}
