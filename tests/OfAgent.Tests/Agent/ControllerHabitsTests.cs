using System.Buffers.Binary;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>What controllers in the field do, over a socket and through a whole datapath.</summary>
public sealed class ControllerHabitsTests
{
    private static readonly FlowAction[] ToPort2 = [FlowAction.Output(2)];
    private static readonly FlowAction[] Storage = new FlowAction[OfActions.MaxCount];

    [Theory]
    [InlineData(0x0010001fu)] // POX's "delete all": fields whose prerequisite is open are not set open
    [InlineData(0xffffffffu)]
    [InlineData(0x003820ffu)]
    [InlineData(0x00300010u)] // only what others need; the rest 0 and compared, were it not for dl_type
    public void Fields_without_their_prerequisite_are_ignored_in_add_delete_and_strict_alike(uint wildcards)
    {
        FlowMatch match = wildcards == 0x00300010u ? FlowTableTests.InPort(1) : FlowMatch.Any;
        FlowMatch stated = new()
        {
            Wildcards = (FlowWildcards)wildcards,
            NwProto = 6,
            NwTos = 0x40,
            NwSrc = 0x0a000001,
            NwDst = 0x0a000002,
            TpSrc = 5,
            TpDst = 6,
        };
        if (wildcards == 0x00300010u)
        {
            (stated.InPort, stated.DlSrc, stated.DlDst, stated.DlVlan) = (1, new(7), new(8), 0);
            (match.DlSrc, match.DlDst, match.DlVlan) = (new(7), new(8), 0);
            match.Wildcards &= ~(FlowWildcards.DlSrc | FlowWildcards.DlDst | FlowWildcards.DlVlan);
        }
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();

        // What is added in one wording is found by the other, strictly and not.
        Send(controller, FlowModCommand.Add, stated, 5);
        Assert.Equal(MatchNormalizer.Report(match), Assert.Single(ReadFlows(controller)).Match);
        Send(controller, FlowModCommand.DeleteStrict, match, 5);
        Assert.Empty(ReadFlows(controller));
        Send(controller, FlowModCommand.Add, match, 5);
        Send(controller, FlowModCommand.Add, stated, 5); // the same entry
        Assert.Single(ReadFlows(controller));
        Send(controller, FlowModCommand.DeleteStrict, stated, 5);
        Assert.Empty(ReadFlows(controller));
        Send(controller, FlowModCommand.Add, match, 5);
        Send(controller, FlowModCommand.Delete, stated, 0);
        Assert.Empty(ReadFlows(controller));
    }

    [Fact]
    public void Poxs_delete_all_deletes_all()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        FlowMatch tcp = FlowMatch.Any;
        tcp.Wildcards &= ~(FlowWildcards.DlType | FlowWildcards.NwProto);
        (tcp.DlType, tcp.NwProto) = (EtherType.Ipv4, IpProtocol.Tcp);
        Send(controller, FlowModCommand.Add, tcp, 5);
        Send(controller, FlowModCommand.Add, FlowTableTests.InPort(1), 6);
        Send(controller, FlowModCommand.Add, new FlowMatch { InPort = 1, DlType = EtherType.Arp, DlVlan = FlowMatch.VlanNone }, 7);
        Assert.Equal(3, ReadFlows(controller).Count);
        Send(controller, FlowModCommand.Delete, new FlowMatch { Wildcards = (FlowWildcards)0x0010001f }, 0x8000);
        Assert.Empty(ReadFlows(controller));
    }

    [Fact]
    public void Address_wildcard_counts_from_32_to_63_all_mean_any()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        for (uint bits = 32; bits <= 63; bits++)
        {
            FlowMatch match = Ip(bits, 95 - bits);
            Send(controller, FlowModCommand.Add, match, 5);
            Assert.Equal(Ip(32, 32) with { NwSrc = 0, NwDst = 0 }, Assert.Single(ReadFlows(controller)).Match); // reported in one way
        }
        Assert.True(harness.Ports[1].TryInject(TestPacket.Tcp(src: 0xc0a80101, dst: 0x08080808)));
        Assert.Single(harness.Collect(2, 1));
        Send(controller, FlowModCommand.DeleteStrict, Ip(32, 32), 5);
        Assert.Empty(ReadFlows(controller));
    }

    [Fact]
    public void Buffer_and_actions_are_ignored_in_delete_and_out_port_in_add_and_modify()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        FlowAction[] bad = [FlowAction.Output(0)];
        controller.Send(b => FlowModMessage.Write(b, 1, new FlowMod { Match = FlowTableTests.InPort(1), OutPort = 77, Actions = ToPort2 }));
        Assert.Empty(controller.Barrier());
        controller.Send(b => FlowModMessage.Write(
            b, 2, new FlowMod { Command = FlowModCommand.Modify, Match = FlowMatch.Any, OutPort = 77, Actions = new[] { FlowAction.Output(1) } }));
        Assert.Empty(controller.Barrier());
        Assert.Equal(1, Assert.Single(ReadFlows(controller)).Actions[0].Port);
        controller.Send(b => FlowModMessage.Write(
            b, 3, new FlowMod { Command = FlowModCommand.DeleteStrict, Match = FlowTableTests.InPort(1), BufferId = 0x77, Actions = bad }));
        Assert.Empty(controller.Barrier());
        Assert.Empty(ReadFlows(controller));
        Send(controller, FlowModCommand.Add, FlowTableTests.InPort(1), 5);
        controller.Send(b => FlowModMessage.Write(
            b, 4, new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any, BufferId = 0, Actions = bad }));
        Assert.Empty(controller.Barrier());
        Assert.Empty(ReadFlows(controller));
    }

    [Fact]
    public void A_flow_mod_without_a_barrier_is_in_force_when_the_next_message_is_answered()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        byte[] frame = TestPacket.Icmp();
        for (uint i = 0; i < 200; i++)
        {
            ushort port = (ushort)((i % 2) + 1);
            controller.Send(b => FlowTableTests.WriteAdd(
                b, i, FlowTableTests.InPort(1), 5, FlowAction.Output(port == 1 ? PortNumber.InPort : port)));
            controller.Send(b => EchoMessage.WriteRequest(b, i));
            controller.Read(OfType.EchoReply);
            Assert.True(harness.Ports[1].TryInject(frame));
            Assert.Single(harness.Collect(port, 1));
        }
    }

    [Fact]
    public void Description_statistics_are_answered_at_once_even_to_a_slave_and_before_features()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => StatsMessage.WriteRequest(b, 1, OfStatsType.Description));
        Assert.Equal(1u, RawController.XidOf(controller.Read(OfType.StatsReply)));
        controller.Send(b => RoleMessage.WriteRequest(b, 2, ControllerRole.Slave));
        controller.Read(OfType.Vendor);
        controller.Send(b => StatsMessage.WriteRequest(b, 3, OfStatsType.Description));
        Assert.Equal(3u, RawController.XidOf(controller.Read(OfType.StatsReply)));
    }

    [Theory]
    [InlineData("01 04 00 10 00 00 00 01 00 00 26 e1 00 00 00 00")] // Big Switch, as Floodlight asks
    [InlineData("01 04 00 10 00 00 00 01 00 00 00 01 00 00 00 00")]
    [InlineData("01 04 00 0c 00 00 00 01 de ad be ef")]
    public void Unknown_vendor_messages_get_bad_vendor_at_once_and_the_session_goes_on(string hex)
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.SendHex(hex);
        Assert.Equal("OFPBRC_BAD_VENDOR", controller.ReadError().Name);
        Assert.Empty(controller.Barrier());
    }

    [Fact]
    public void Flood_honours_no_flood_and_all_does_not()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        PortMod(controller, harness, 2, PortConfig.NoFlood, PortConfig.NoFlood);
        byte[] frame = TestPacket.Icmp();
        PacketOut(controller, frame, PortNumber.None, PortNumber.Flood);
        controller.Barrier();
        Assert.Single(harness.Ports[1].Collect());
        Assert.Empty(harness.Ports[2].Collect());
        PacketOut(controller, frame, PortNumber.None, PortNumber.All);
        controller.Barrier();
        Assert.Single(harness.Ports[1].Collect());
        Assert.Single(harness.Ports[2].Collect());
    }

    [Theory]
    [InlineData(0x01u)]
    [InlineData(0x02u)]
    [InlineData(0x04u)]
    [InlineData(0x08u)]
    [InlineData(0x10u)]
    [InlineData(0x20u)]
    [InlineData(0x40u)]
    [InlineData(0x7eu)]
    [InlineData(0x7fu)]
    [InlineData(0xffffff80u)] // bits nobody has defined
    public void Port_mod_takes_every_bit_alone_or_together_and_only_port_down_brings_a_port_status(uint bits)
    {
        PortConfig expected = (PortConfig)bits & PortConfig.All;
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        foreach (PortConfig config in new[] { (PortConfig)bits, PortConfig.None })
        {
            controller.Send(b => PortModMessage.Write(b, 3, new PortMod(2, new(0x0200_0000_ff02UL), config, (PortConfig)bits, default)));
            List<byte[]> came = controller.Barrier();
            Assert.Equal((bits & 1) != 0 ? 1 : 0, came.Count);
            foreach (byte[] message in came)
            {
                Assert.True(PortStatusMessage.TryDecode(message, out PortStatusReason reason, out PortDescription port, out _));
                Assert.Equal((PortStatusReason.Modify, config & PortConfig.All), (reason, port.Config));
            }
            Assert.Equal(config == PortConfig.None ? PortConfig.None : expected, ConfigOf(harness, 2));
        }
    }

    [Fact]
    public void Port_mod_leaves_bits_outside_of_its_mask_alone()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        PortMod(controller, harness, 1, PortConfig.NoFlood | PortConfig.NoStp, PortConfig.All);
        PortMod(controller, harness, 1, PortConfig.All, PortConfig.NoPacketIn);
        Assert.Equal(PortConfig.NoFlood | PortConfig.NoStp | PortConfig.NoPacketIn, ConfigOf(harness, 1));
    }

    [Fact]
    public void Floodlights_first_minute_deletes_all_flows_and_sends_lldp_out_of_every_port_again_and_again()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        Send(controller, FlowModCommand.Add, FlowTableTests.InPort(1), 5);
        controller.Send(b => FeaturesMessage.WriteRequest(b, 1));
        controller.Read(OfType.FeaturesReply);
        controller.Send(b => FlowModMessage.Write(b, 1, new FlowMod { Command = FlowModCommand.Delete, Match = FlowMatch.Any }));
        for (int round = 0; round < 4; round++)
        {
            for (ushort port = 1; port <= 2; port++)
            {
                byte[] lldp = TestPacket.Ethernet(EtherType.Lldp, new byte[46 + round], dlDst: 0x0180_c200_000e);
                PacketOut(controller, lldp, PortNumber.None, port);
                Assert.Empty(controller.Barrier());
                Assert.Equal(lldp, Assert.Single(harness.Ports[port].Collect()));
            }
        }
        // What arrives of it on the other side is a table miss.
        Assert.True(harness.Ports[2].TryInject(TestPacket.Ethernet(EtherType.Lldp, new byte[46], dlDst: 0x0180_c200_000e)));
        Assert.True(PacketInMessage.TryDecode(controller.Read(OfType.PacketIn), out ReceivedPacketIn packetIn, out _));
        Assert.Equal((2, PacketInReason.NoMatch), (packetIn.InPort, packetIn.Reason));
        Assert.Empty(ReadFlows(controller));
    }

    [Fact]
    public void An_exact_entry_reports_the_priority_it_was_given()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        FlowMatch exact = new() { InPort = 1, DlType = EtherType.Arp, DlVlan = FlowMatch.VlanNone };
        foreach (ushort priority in new ushort[] { 0, 17, 0x8000, 0xffff })
        {
            Send(controller, FlowModCommand.Add, exact, priority);
            (FlowMatch _, ushort reported, byte table, FlowAction[] _) = Assert.Single(ReadFlows(controller));
            Assert.Equal((priority, (byte)0), (reported, table));
        }
    }

    [Fact]
    public void Output_to_the_ingress_port_is_accepted_and_does_nothing()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => FlowTableTests.WriteAdd(b, 1, FlowTableTests.InPort(1), 5, FlowAction.Output(1), FlowAction.Output(2)));
        Assert.Empty(controller.Barrier());
        Assert.True(harness.Ports[1].TryInject(TestPacket.Icmp()));
        Assert.Single(harness.Collect(2, 1));
        Assert.Empty(harness.Ports[1].Collect());
    }

    [Theory]
    [InlineData(FlowMod.NoBuffer, 298)]
    [InlineData(5u, 20)]
    public void A_packet_in_without_a_buffer_carries_the_whole_frame(uint buffer, int expected)
    {
        byte[] frame = TestPacket.Icmp(payload: 256);
        Assert.Equal(298, frame.Length);
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => ConfigMessage.WriteSet(b, 1, new SwitchConfig(OfConfigFlags.FragmentsNormal, 20)));
        controller.Barrier();
        using (harness.Control.Enter())
        {
            harness.Agent.OnPacketIn(new PacketIn { BufferId = buffer, InPort = 1, Reason = PacketInReason.NoMatch, MaxLength = 0, Data = frame });
        }
        Assert.True(PacketInMessage.TryDecode(controller.Read(OfType.PacketIn), out ReceivedPacketIn packetIn, out _));
        Assert.Equal(frame[..expected], packetIn.Data.ToArray());
        Assert.Equal((buffer, frame.Length), (packetIn.BufferId, packetIn.TotalLength));
    }

    [Fact]
    public void As_many_entries_as_table_statistics_promise_can_be_added()
    {
        using AgentHarness harness = new(datapath: new DatapathOptions { MaxWildcardEntries = 300 });
        using RawController controller = harness.Connect();
        controller.Send(b => StatsMessage.WriteRequest(b, 2, OfStatsType.Table));
        StatsMessage.TryDecode(controller.Read(OfType.StatsReply), out _, out _, out ReadOnlySpan<byte> body, out _);
        Assert.True(TableStatsMessage.TryReadEntry(ref body, out TableStatistics table));
        Assert.Equal(FlowWildcards.All, table.Wildcards);
        uint room = harness.Control.ReadTable(1).MaxEntries;
        Assert.Equal(room + harness.Control.ReadTable(0).MaxEntries, table.MaxEntries);
        void Add(uint n) => controller.Send(b =>
        {
            FlowMatch match = FlowMatch.Any; // every second with a mask of its own, as a hostile mixture of prefixes would have it
            match.Wildcards &= ~FlowWildcards.DlType;
            (match.DlType, match.NwSrc, match.NwDst) = (EtherType.Ipv4, n << 8, n << 16);
            match.SetNwWildBits((int)(n % 9), n % 2 == 0 ? 32 : (int)(n % 17));
            FlowTableTests.WriteAdd(b, n, match, (ushort)n, FlowAction.Output(2));
        });
        for (uint n = 1; n <= room; n++)
        {
            Add(n);
        }
        Assert.Empty(controller.Barrier());
        Add(room + 1);
        Assert.Equal("OFPFMFC_ALL_TABLES_FULL", controller.ReadError().Name);
    }

    [Fact]
    public void Short_frames_and_double_tagged_frames_pass_unchanged()
    {
        byte[] inner = TestPacket.Icmp();
        byte[][] frames =
        [
            TestPacket.Ethernet(0x1234, []),
            TestPacket.Ethernet(0x1234, [1]),
            TestPacket.Icmp(payload: 0),
            TestPacket.Ethernet(EtherType.Vlan, [0x00, 0x05, 0x08, 0x00, .. inner[14..]], vlan: 7),
            TestPacket.Ethernet(0x88a8, [0x00, 0x07, 0x81, 0x00, 0x00, 0x05, 0x08, 0x00, .. inner[14..]]),
            TestPacket.Ethernet(EtherType.Vlan, [0x00], vlan: 7), // the second tag is cut short
        ];
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        Send(controller, FlowModCommand.Add, FlowTableTests.InPort(1), 5);
        foreach (byte[] frame in frames)
        {
            Assert.True(harness.Ports[1].TryInject(frame));
            Assert.Equal(frame, Assert.Single(harness.Collect(2, 1)));
        }
    }

    [Theory]
    [InlineData("01 05 00 09 00 00 00 21 00", "OFPBRC_BAD_LEN")]
    [InlineData("01 0e 00 47 00 00 00 21", "OFPBRC_BAD_LEN")]
    [InlineData("01 0d 00 0c 00 00 00 21 ff ff ff ff", "OFPBRC_BAD_LEN")]
    [InlineData("01 0f 00 1f 00 00 00 21", "OFPBRC_BAD_LEN")]
    [InlineData("00 05 00 08 00 00 00 21", "OFPBRC_BAD_VERSION")]
    [InlineData("04 05 00 08 00 00 00 21", "OFPBRC_BAD_VERSION")]
    public void A_wrong_length_or_version_gets_its_error_as_long_as_framing_holds(string hex, string error)
    {
        byte[] head = Convert.FromHexString(hex.Replace(" ", ""));
        byte[] message = new byte[BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(2))];
        head.CopyTo(message, 0);
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.SendBytes(message);
        (string name, uint xid, _) = controller.ReadError();
        Assert.Equal((error, 0x21u), (name, xid));
        Assert.Empty(controller.Barrier());
    }

    [Fact]
    public void Hellos_cross_and_the_first_request_may_come_with_the_hello()
    {
        using AgentHarness harness = new();
        using RawController controller = new(harness.Agent.ListenPorts[0]);
        controller.Send(b =>
        {
            HelloMessage.Write(b, 1);
            FeaturesMessage.WriteRequest(b, 2);
            ConfigMessage.WriteSet(b, 3, new SwitchConfig(OfConfigFlags.FragmentsNormal, 0xffff));
            BarrierMessage.WriteRequest(b, 0xfeedbeef);
        });
        controller.Read(OfType.Hello);
        Assert.Equal(2u, RawController.XidOf(controller.Read(OfType.FeaturesReply)));
        Assert.Equal(0xfeedbeefu, RawController.XidOf(controller.Read(OfType.BarrierReply)));
    }

    private static FlowMatch Ip(uint sourceBits, uint destinationBits)
    {
        FlowMatch match = FlowMatch.Any;
        match.Wildcards &= ~(FlowWildcards.DlType | FlowWildcards.NwSrcMask | FlowWildcards.NwDstMask);
        match.Wildcards |= (FlowWildcards)((sourceBits << 8) | (destinationBits << 14));
        (match.DlType, match.NwSrc, match.NwDst) = (EtherType.Ipv4, 0x0a0b0c0d, 0x01020304);
        return match;
    }

    private static void Send(RawController controller, FlowModCommand command, FlowMatch match, ushort priority)
    {
        controller.Send(b => FlowModMessage.Write(b, 1, new FlowMod { Command = command, Match = match, Priority = priority, Actions = ToPort2 }));
        Assert.Empty(controller.Barrier());
    }

    private static void PacketOut(RawController controller, byte[] frame, ushort inPort, ushort outPort)
    {
        FlowAction[] output = [FlowAction.Output(outPort)];
        controller.Send(b => PacketOutMessage.Write(b, 1, new PacketOut { InPort = inPort, Actions = output, Data = frame }));
    }

    private static void PortMod(RawController controller, AgentHarness harness, ushort port, PortConfig config, PortConfig mask)
    {
        controller.Send(b => PortModMessage.Write(b, 3, new PortMod(port, harness.Ports[port].HardwareAddress, config, mask, default)));
        Assert.Empty(controller.Barrier());
    }

    private static PortConfig ConfigOf(AgentHarness harness, ushort port)
    {
        using (harness.Control.Enter())
        {
            return harness.Control.Ports[port - 1].Config;
        }
    }

    private static List<(FlowMatch Match, ushort Priority, byte Table, FlowAction[] Actions)> ReadFlows(RawController controller)
    {
        controller.Send(b => FlowStatsMessage.WriteRequest(b, 5, new FlowFilter(FlowMatch.Any)));
        StatsMessage.TryDecode(controller.Read(OfType.StatsReply), out _, out _, out ReadOnlySpan<byte> body, out _);
        List<(FlowMatch, ushort, byte, FlowAction[])> flows = [];
        while (FlowStatsMessage.TryReadEntry(ref body, Storage, out FlowStatistics flow))
        {
            flows.Add((flow.Match, flow.Priority, flow.TableId, flow.Actions.ToArray()));
        }
        return flows;
    }
}
