using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Learning;
using Softswitch.OfAgent.Tests.Client;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Learning;

public class LearningControllerTests
{
    private const string HostA = "0a0000000001";
    private const string HostB = "0a0000000002";
    private const string Broadcast = "ffffffffffff";
    private const string Udp = "0800" + "4500001c000000004011" + "0000" + "0a0000010a000002" + "04d2003500080000";

    [Fact]
    public void A_switch_is_asked_for_its_features_and_told_how_much_of_a_packet_to_send()
    {
        using LearningController controller = Start();
        using ScriptedPeer peer = new(controller.Port);
        peer.Send(b => HelloMessage.Write(b, 1));

        Assert.Equal((byte)OfType.Hello, peer.Read()[1]);
        Assert.Equal((byte)OfType.FeaturesRequest, peer.Read()[1]);
        Assert.True(ConfigMessage.TryDecode(peer.Await(OfType.SetConfig), out SwitchConfig config, out _));
        Assert.Equal(128, config.MissSendLength);
    }

    [Fact]
    public void A_packet_to_an_unknown_host_is_flooded_from_its_buffer()
    {
        using LearningController controller = Start();
        using ScriptedPeer peer = Connect(controller);
        SendPacketIn(peer, 1, Broadcast + HostA + Udp, buffer: 77);

        PacketOut sent = ReadPacketOut(peer);
        Assert.Equal((77u, (ushort)1), (sent.BufferId, sent.InPort));
        Assert.Equal([FlowAction.Output(PortNumber.Flood)], sent.Actions.ToArray());
        Assert.True(sent.Data.IsEmpty);
    }

    [Fact]
    public void A_packet_to_a_known_host_earns_a_flow_for_exactly_its_like_and_leaves_its_buffer_through_it()
    {
        using LearningController controller = Start();
        using ScriptedPeer peer = Connect(controller);
        SendPacketIn(peer, 1, Broadcast + HostA + Udp, buffer: 1);
        SendPacketIn(peer, 2, HostA + HostB + Udp, buffer: 2);

        FlowAction[] storage = new FlowAction[8];
        Assert.True(FlowModMessage.TryDecode(peer.Await(OfType.FlowMod), storage, out FlowMod mod, out _));
        Assert.Equal((FlowModCommand.Add, 2u, (ushort)10), (mod.Command, mod.BufferId, mod.IdleTimeoutSeconds));
        Assert.Equal([FlowAction.Output(1)], mod.Actions.ToArray());
        Assert.Equal(FlowWildcards.None, mod.Match.Wildcards);
        Assert.True(FlowSyntax.TryParseFlow(
            "in_port=2,dl_src=0a:00:00:00:00:02,dl_dst=0a:00:00:00:00:01,dl_vlan=0xffff,dl_vlan_pcp=0,udp,nw_tos=0,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_src=1234,tp_dst=53,actions=1",
            FlowSyntaxMode.Add, null, out ParsedFlow expected, out _));
        Assert.Equal(expected.Match with { Wildcards = FlowWildcards.None }, mod.Match);
        Eventually.True(() => controller.FlowCount == 1 && controller.PacketInCount == 2, "counters");
    }

    [Fact]
    public void Without_a_buffer_the_packet_is_sent_back_behind_the_flow()
    {
        using LearningController controller = Start();
        using ScriptedPeer peer = Connect(controller);
        SendPacketIn(peer, 1, Broadcast + HostA + Udp, FlowMod.NoBuffer);
        Assert.Equal(Broadcast + HostA + Udp, Convert.ToHexStringLower(ReadPacketOut(peer).Data));
        SendPacketIn(peer, 2, HostA + HostB + Udp, FlowMod.NoBuffer);
        peer.Await(OfType.FlowMod);
        PacketOut sent = ReadPacketOut(peer);
        Assert.Equal([FlowAction.Output(1)], sent.Actions.ToArray());
        Assert.Equal(HostA + HostB + Udp, Convert.ToHexStringLower(sent.Data));
    }

    [Fact]
    public void Hosts_are_known_per_vlan()
    {
        using LearningController controller = Start();
        using ScriptedPeer peer = Connect(controller);
        SendPacketIn(peer, 1, Broadcast + HostA + "81000005" + Udp, buffer: 1);
        ReadPacketOut(peer);
        SendPacketIn(peer, 2, HostA + HostB + "81000006" + Udp, buffer: 2);
        Assert.Equal([FlowAction.Output(PortNumber.Flood)], ReadPacketOut(peer).Actions.ToArray());
    }

    [Fact]
    public void When_a_host_moves_the_flows_to_its_old_place_go()
    {
        using LearningController controller = Start();
        using ScriptedPeer peer = Connect(controller);
        SendPacketIn(peer, 1, Broadcast + HostA + Udp, buffer: 1);
        SendPacketIn(peer, 3, Broadcast + HostA + Udp, buffer: 2);
        Assert.True(FlowModMessage.TryDecode(peer.Await(OfType.FlowMod), new FlowAction[8], out FlowMod mod, out _));
        Assert.Equal(FlowModCommand.Delete, mod.Command);
        Assert.Equal("0a:00:00:00:00:01", mod.Match.DlDst.ToString());
    }

    [Theory]
    [InlineData(PortStatusReason.Delete, PortConfig.None, PortState.StpForward)]
    [InlineData(PortStatusReason.Modify, PortConfig.PortDown, PortState.StpForward)]
    [InlineData(PortStatusReason.Modify, PortConfig.None, PortState.StpForward | PortState.LinkDown)]
    [InlineData(PortStatusReason.Modify, PortConfig.None, PortState.StpBlock)]
    [InlineData(PortStatusReason.Modify, PortConfig.None, PortState.StpListen)]
    [InlineData(PortStatusReason.Modify, PortConfig.None, PortState.StpLearn)]
    public void A_port_that_forwards_no_longer_loses_its_hosts_and_the_flows_to_and_from_it_until_it_does_again(
        PortStatusReason reason, PortConfig config, PortState state)
    {
        using LearningController controller = Start();
        PortDescription[] ports = [Port(1, state: PortState.StpForward), Port(2, state: PortState.StpForward)];
        using ScriptedPeer peer = Connect(controller, OfCapabilities.Stp, ports);
        SendPacketIn(peer, 1, Broadcast + HostA + Udp, buffer: 1);
        ReadPacketOut(peer);
        SendPortStatus(reason, Port(1, config, state));
        Assert.True(FlowModMessage.TryDecode(peer.Await(OfType.FlowMod), new FlowAction[8], out FlowMod to, out _));
        Assert.Equal((FlowModCommand.Delete, FlowMatch.Any, (ushort)1), (to.Command, to.Match, to.OutPort));
        Assert.True(FlowModMessage.TryDecode(peer.Await(OfType.FlowMod), new FlowAction[8], out FlowMod from, out _));
        Assert.Equal((FlowModCommand.Delete, PortNumber.None), (from.Command, from.OutPort));
        Assert.Equal((FlowWildcards.All & ~FlowWildcards.InPort, (ushort)1), (from.Match.Wildcards, from.Match.InPort));

        SendPacketIn(peer, 1, Broadcast + HostA + Udp, buffer: 2); // it was under way
        Assert.True(ReadPacketOut(peer).Actions.IsEmpty);
        SendPacketIn(peer, 2, HostA + HostB + Udp, buffer: 3);
        Assert.Equal([FlowAction.Output(PortNumber.Flood)], ReadPacketOut(peer).Actions.ToArray());

        SendPortStatus(PortStatusReason.Modify, Port(1, state: PortState.StpForward));
        SendPacketIn(peer, 1, Broadcast + HostA + Udp, buffer: 4);
        Assert.Equal([FlowAction.Output(PortNumber.Flood)], ReadPacketOut(peer).Actions.ToArray());

        void SendPortStatus(PortStatusReason why, PortDescription port) => peer.Send(b => PortStatusMessage.Write(b, 0, why, port));
    }

    [Theory]
    [InlineData(true, 1, PortConfig.None, PortState.StpBlock, false)]
    [InlineData(true, 1, PortConfig.None, PortState.StpForward, true)]
    [InlineData(true, 1, PortConfig.NoStp, PortState.StpListen, true)]
    [InlineData(true, PortNumber.Local, PortConfig.None, PortState.StpListen, true)]
    [InlineData(false, 1, PortConfig.None, PortState.StpBlock, true)]
    [InlineData(false, 1, PortConfig.None, PortState.LinkDown, false)]
    public void A_port_is_heard_from_the_start_if_it_forwards_or_takes_no_part_in_a_tree(
        bool hasTree, int number, PortConfig config, PortState state, bool isHeard)
    {
        using LearningController controller = Start();
        OfCapabilities capabilities = hasTree ? OfCapabilities.Stp : OfCapabilities.FlowStats;
        using ScriptedPeer peer = Connect(controller, capabilities, Port((ushort)number, config, state));
        SendPacketIn(peer, (ushort)number, Broadcast + HostA + Udp, buffer: 1);
        Assert.Equal(isHeard ? [FlowAction.Output(PortNumber.Flood)] : [], ReadPacketOut(peer).Actions.ToArray());
    }

    [Theory]
    [InlineData("0180c2000000" + HostA + "0026424203")] // spanning tree
    [InlineData("ffff")]                                // no Ethernet header
    public void What_is_not_to_be_forwarded_is_dropped_and_its_buffer_freed(string packet)
    {
        using LearningController controller = Start();
        using ScriptedPeer peer = Connect(controller);
        SendPacketIn(peer, 1, packet, buffer: 5);
        PacketOut sent = ReadPacketOut(peer);
        Assert.Equal(5u, sent.BufferId);
        Assert.True(sent.Actions.IsEmpty);
    }

    [Fact]
    public void Echo_requests_are_answered()
    {
        using LearningController controller = Start();
        using ScriptedPeer peer = Connect(controller);
        peer.Send(b => EchoMessage.WriteRequest(b, 99, [1, 2, 3]));
        byte[] reply = peer.Await(OfType.EchoReply);
        Assert.Equal(99u, ScriptedPeer.XidOf(reply));
        Assert.Equal([1, 2, 3], EchoMessage.BodyOf(reply).ToArray());
    }

    [Fact]
    public void Garbage_ends_its_own_connection_at_most_and_no_other()
    {
        const int seed = 80_085;
        Random random = new(seed);
        using LearningController controller = Start();
        using ScriptedPeer good = Connect(controller);
        for (int i = 0; i < 200; i++)
        {
            byte[] garbage = new byte[random.Next(1, 300)];
            random.NextBytes(garbage);
            if (i % 2 == 0 && garbage.Length >= 8)
            {
                (garbage[0], garbage[1], garbage[2], garbage[3]) = (1, (byte)random.Next(22), 0, (byte)random.Next(8, Math.Min(255, garbage.Length)));
            }
            using ScriptedPeer bad = new(controller.Port);
            bad.SendBytes(garbage);
        }
        Eventually.True(() => controller.SwitchCount == 1, $"connections are left over (seed {seed})");
        SendPacketIn(good, 1, Broadcast + HostA + Udp, buffer: 77);
        Assert.Equal(77u, ReadPacketOut(good).BufferId);
    }

    [Fact]
    public void More_switches_than_allowed_are_turned_away()
    {
        using LearningController controller = Start(new LearningOptions { Listen = "ptcp:0:127.0.0.1", MaxSwitches = 1 });
        using ScriptedPeer first = Connect(controller);
        using ScriptedPeer second = new(controller.Port);
        Assert.Null(second.TryRead(mayReset: true));
        Assert.Equal(1, controller.SwitchCount);
    }

    [Fact]
    public void An_address_in_use_is_named()
    {
        using LearningController controller = Start();
        using LearningController second = new(new LearningOptions { Listen = $"ptcp:{controller.Port}:127.0.0.1" });
        OfClientException e = Assert.Throws<OfClientException>(second.Start);
        Assert.Equal($"ptcp:{controller.Port}:127.0.0.1: Address already in use (this process)", e.Message);
    }

    [Fact]
    public void Disposal_closes_the_connections()
    {
        LearningController controller = Start();
        using ScriptedPeer peer = Connect(controller);
        controller.Dispose();
        while (peer.TryRead(mayReset: true) is not null)
        {
        }
        Assert.Equal(0, controller.SwitchCount);
    }

    [Trait("Ring", "peers")]
    [Fact]
    public void Open_vSwitch_forwards_under_it_and_gets_flows()
    {
        using OvsSwitch ovs = OvsSwitch.Start();
        string socket = ovs.PathOf("controller.sock");
        using LearningController controller = Start(new LearningOptions { Listen = $"punix:{socket}" });
        ovs.Vsctl("set-controller", "br0", $"unix:{socket}");
        Eventually.True(() => controller.SwitchCount == 1, "Open vSwitch did not connect");
        using OfClient client = OfClient.Connect(ovs.Target, TimeSpan.FromSeconds(60));

        // Until the connection is up, a switch in fail mode secure drops what misses.
        Eventually.True(() =>
        {
            ovs.Receive("p1", Broadcast + HostA + Udp);
            return Sent(client, port: 2) > 0;
        }, "the broadcast was not flooded");
        Eventually.True(() =>
        {
            ovs.Receive("p2", HostA + HostB + Udp);
            return Sent(client, port: 1) > 0;
        }, "the answer did not reach host A");

        List<string> flows = [];
        Assert.True(client.TryReadFlows(new ParsedFlow().ToFilter(), (in FlowStatistics flow) =>
        {
            System.Text.StringBuilder text = new();
            MatchText.Append(text, flow.Match);
            text.Append(' ');
            ActionText.Append(text, flow.Actions);
            flows.Add($"{flow.IdleTimeoutSeconds} {text}");
        }));
        Assert.Equal(
            ["10 udp,in_port=2,vlan_tci=0x0000,dl_src=0a:00:00:00:00:02,dl_dst=0a:00:00:00:00:01,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=0,tp_src=1234,tp_dst=53 output:1"],
            flows);
    }

    private static ulong Sent(OfClient client, ushort port)
    {
        Assert.True(client.TryReadPortStatistics(port, out List<PortStatistics> ports));
        return ports[0].TransmittedPackets;
    }

    private static LearningController Start(LearningOptions? options = null)
    {
        LearningController controller = new(options ?? new LearningOptions { Listen = "ptcp:0:127.0.0.1" });
        controller.Start();
        return controller;
    }

    private static PortDescription Port(ushort number, PortConfig config = PortConfig.None, PortState state = PortState.None) =>
        new(number, new(number), $"p{number}", config, state, default, default, default, default);

    private static ScriptedPeer Connect(
        LearningController controller, OfCapabilities capabilities = OfCapabilities.FlowStats, params PortDescription[] ports)
    {
        ScriptedPeer peer = new(controller.Port);
        peer.Send(b => HelloMessage.Write(b, 1));
        byte[] request = peer.Await(OfType.FeaturesRequest);
        SwitchFeatures features = new(0x42, 256, 2, capabilities, 0xfff);
        peer.Send(b => FeaturesMessage.WriteReply(b, ScriptedPeer.XidOf(request), features, ports));
        peer.Await(OfType.SetConfig);
        return peer;
    }

    private static void SendPacketIn(ScriptedPeer peer, ushort port, string packet, uint buffer) => peer.Send(b => PacketInMessage.Write(
        b, 0, new PacketIn { BufferId = buffer, InPort = port, Reason = PacketInReason.NoMatch, MaxLength = 128, Data = Convert.FromHexString(packet) }, 65535));

    private static PacketOut ReadPacketOut(ScriptedPeer peer)
    {
        Assert.True(PacketOutMessage.TryDecode(peer.Await(OfType.PacketOut), new FlowAction[8], out PacketOut packetOut, out _));
        return packetOut;
    }
}
