using System.Buffers.Binary;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.SpanningTree;
using Softswitch.Ports.Memory;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>In-band control: the switch's own connections pass whatever the flow table holds (OpenFlow 1.0.0 §4.2).</summary>
public sealed class InBandTests : IDisposable
{
    private const ulong Local = 0x0200_0000_00ff;
    private const ulong Peer = 0x0200_0000_00aa;
    private const ulong Stranger = 0x0200_0000_00cc;
    private const ulong Broadcast = 0xffff_ffff_ffff;
    private const uint OwnIp = 0x0a00_0064;
    private const uint ControllerIp = 0x0a01_0001;
    private const uint GatewayIp = 0x0a00_00fe;
    private const uint StrangerIp = 0x0a00_0009;
    private const ushort ControllerPort = 6653;
    private const ushort ListenPort = 6654;

    private static readonly Dictionary<string, (bool Passes, byte[] Frame)> Others = new()
    {
        ["arp request of the controller"] = (true, TestPacket.Arp(1, ControllerIp, StrangerIp, Peer)),
        ["arp request of the next hop"] = (true, TestPacket.Arp(1, GatewayIp, StrangerIp, Stranger)),
        ["arp request for our address"] = (true, TestPacket.Arp(1, StrangerIp, OwnIp, Stranger)),
        ["arp request for the controller"] = (true, TestPacket.Arp(1, StrangerIp, ControllerIp, Stranger)),
        ["arp reply to us"] = (true, TestPacket.Arp(2, StrangerIp, StrangerIp, Stranger, Local)),
        ["arp between strangers"] = (false, TestPacket.Arp(1, StrangerIp, StrangerIp + 1, Stranger)),
        ["tcp of the controller to us"] = (true, TestPacket.Tcp(ControllerIp, OwnIp, ControllerPort, 40000, dlSrc: Peer, dlDst: Local)),
        ["tcp of the controller from another port"] = (false, TestPacket.Tcp(ControllerIp, OwnIp, ControllerPort + 1, 40000, dlSrc: Peer, dlDst: Local)),
        ["tcp of the controller to a stranger"] = (false, TestPacket.Tcp(ControllerIp, StrangerIp, ControllerPort, 40000, dlSrc: Peer, dlDst: Stranger)),
        ["tcp of a stranger to us"] = (false, TestPacket.Tcp(StrangerIp, OwnIp, ControllerPort, 40000, dlSrc: Stranger, dlDst: Local)),
        ["tcp to our listener"] = (true, TestPacket.Tcp(StrangerIp, OwnIp, 40000, ListenPort, dlSrc: Stranger, dlDst: Local)),
        ["tcp to a stranger's listener"] = (false, TestPacket.Tcp(ControllerIp, StrangerIp, 40000, ListenPort, dlSrc: Peer, dlDst: Stranger)),
        ["udp like the controller's"] = (false, TestPacket.Udp(ControllerIp, OwnIp, ControllerPort, ListenPort, dlSrc: Peer, dlDst: Local)),
        ["fragment of the controller"] = (false, TestPacket.Tcp(ControllerIp, OwnIp, ControllerPort, 40000, fragment: 0x2000, dlSrc: Peer, dlDst: Local)),
        ["dhcp reply to us"] = (true, Dhcp(2, Local, 67, 68, Stranger, Local)),
        ["dhcp reply to all that names us"] = (true, Dhcp(2, Local, 67, 68, Stranger, Broadcast)),
        ["dhcp reply to all that names a stranger"] = (false, Dhcp(2, Stranger, 67, 68, Peer, Broadcast)),
        ["dhcp reply to all that is cut short"] = (false, Dhcp(2, Local, 67, 68, Stranger, Broadcast, length: 30)),
        ["dhcp request of a stranger"] = (false, Dhcp(1, Stranger, 68, 67, Stranger, Broadcast)),
        ["icmp"] = (false, TestPacket.Icmp()),
    };

    private static readonly Dictionary<string, (bool Passes, byte[] Frame)> Ours = new()
    {
        ["arp request for anyone"] = (true, TestPacket.Arp(1, OwnIp, StrangerIp, Local)),
        ["tcp to the controller"] = (true, TestPacket.Tcp(OwnIp, ControllerIp, 40000, ControllerPort, dlSrc: Local, dlDst: Peer)),
        ["tcp to another port of the controller"] = (false, TestPacket.Tcp(OwnIp, ControllerIp, 40000, ControllerPort + 1, dlSrc: Local, dlDst: Peer)),
        ["tcp of our listener"] = (true, TestPacket.Tcp(OwnIp, StrangerIp, ListenPort, 40000, dlSrc: Local, dlDst: Stranger)),
        ["tcp to a stranger"] = (false, TestPacket.Tcp(OwnIp, StrangerIp, 40000, ControllerPort, dlSrc: Local, dlDst: Stranger)),
        ["dhcp request"] = (true, Dhcp(1, Local, 68, 67, Local, Broadcast)),
        ["dhcp request with a stranger's address"] = (false, Dhcp(1, Stranger, 68, 67, Stranger, Broadcast)),
        ["dns"] = (false, TestPacket.Udp(OwnIp, ControllerIp, 40000, 53, dlSrc: Local, dlDst: Peer)),
    };

    private readonly InBandSwitch _sut = new();

    public void Dispose() => _sut.Dispose();

    public static TheoryData<string> FromOthers => [.. Others.Keys];

    public static TheoryData<string> FromUs => [.. Ours.Keys];

    [Theory]
    [MemberData(nameof(FromOthers))]
    public void What_comes_in_from_elsewhere_passes_the_table_if_it_is_ours(string kind)
    {
        (bool passes, byte[] frame) = Others[kind];
        _sut.Switch.Send(1, frame);
        Assert.Equal(passes ? [frame] : [], _sut.Local.Collect());
        _sut.AssertLookedUp(passes ? 0UL : 1);
    }

    [Theory]
    [MemberData(nameof(FromUs))]
    public void What_our_own_stack_sends_passes_the_table_if_it_is_the_secure_channels(string kind)
    {
        (bool passes, byte[] frame) = Ours[kind];
        Assert.True(_sut.Local.TryInject(frame));
        _sut.Switch.Settle();
        for (ushort port = 1; port <= 4; port++)
        {
            Assert.Equal(passes ? [frame] : [], _sut.Switch.Received(port));
        }
        _sut.AssertLookedUp(passes ? 0UL : 1);
    }

    [Theory]
    [InlineData("exact")]
    [InlineData("drop all")]
    [InlineData("to the controller")]
    [InlineData("none, dropped")]
    [InlineData("none, packet-in")]
    [InlineData("emergency")]
    public void No_entry_and_no_fail_mode_can_take_it(string table)
    {
        byte[] frame = Others["tcp of the controller to us"].Frame;
        FlowMod mod = TestSwitch.Flow(table == "exact" ? ReferenceParser.Parse(frame, 1) : FlowMatch.Any, ushort.MaxValue);
        mod.Flags = table == "emergency" ? FlowModFlags.Emergency : FlowModFlags.None;
        FlowAction[] actions = table == "to the controller" ? [FlowAction.Output(PortNumber.Controller)] : [];
        mod.Actions = actions;
        Assert.Equal(ControlError.None, _sut.Switch.Control.Apply(TestSwitch.Flow(FlowMatch.Any, command: FlowModCommand.Delete)));
        if (!table.StartsWith("none", StringComparison.Ordinal))
        {
            Assert.Equal(ControlError.None, _sut.Switch.Control.Apply(mod));
        }
        Assert.Equal(table == "emergency", _sut.Switch.Control.Flows.Emergency.Enter());
        _sut.Switch.Control.Pipeline.MissBehaviour = table == "none, dropped" ? MissBehaviour.Drop : MissBehaviour.Controller;

        _sut.Switch.Send(1, frame);

        Assert.Equal(frame, Assert.Single(_sut.Local.Collect()));
        Assert.Empty(_sut.Switch.PacketIns);
        Assert.All(_sut.Switch.Flows(), flow => Assert.Equal(0UL, flow.Packets));
        _sut.AssertLookedUp(0);
    }

    [Fact]
    public void It_goes_where_the_bridge_has_learned_and_counts_at_the_ports()
    {
        byte[] request = Others["arp request of the controller"].Frame;
        byte[] answer = TestPacket.Tcp(OwnIp, ControllerIp, 40000, ControllerPort, dlSrc: Local, dlDst: Peer);
        _sut.Switch.Send(3, request);
        Assert.True(_sut.Local.TryInject(answer));
        _sut.Switch.Settle();
        Assert.Equal(answer, Assert.Single(_sut.Switch.Received(3)));
        Assert.Equal(request, Assert.Single(_sut.Switch.Received(1)));
        Assert.True(_sut.Switch.Control.Ports.TryRead(3, out PortStatistics port));
        Assert.Equal((1UL, (ulong)request.Length, 1UL, (ulong)answer.Length), (port.ReceivedPackets, port.ReceivedBytes, port.TransmittedPackets, port.TransmittedBytes));
        Assert.True(_sut.Switch.Control.Ports.TryRead(PortNumber.Local, out PortStatistics local));
        Assert.Equal((1UL, 1UL), (local.ReceivedPackets, local.TransmittedPackets));
    }

    [Fact]
    public void Port_settings_and_spanning_tree_hold_for_it_too()
    {
        byte[] request = Ours["arp request for anyone"].Frame;
        _sut.Switch.Configure(2, PortConfig.NoFlood);
        _sut.Switch.Configure(3, PortConfig.NoForward);
        Assert.True(_sut.Local.TryInject(request));
        _sut.Switch.Settle();
        Assert.Equal([1, 0, 0, 1], _sut.Counts());
        _sut.Switch.Configure(1, PortConfig.NoReceive);
        _sut.Switch.Send(1, Others["tcp of the controller to us"].Frame);
        Assert.Empty(_sut.Local.Collect());

        using InBandSwitch blocked = new(new DatapathOptions { SpanningTree = new SpanningTreeOptions() });
        Assert.True(blocked.Local.TryInject(request));
        blocked.Switch.Settle();
        Assert.DoesNotContain(request, blocked.Switch.Received(1)); // it listens
        Assert.Equal(1, blocked.Switch.Control.Accounts.ReadDrops(DropReason.Action)); // nowhere to go
    }

    [Fact]
    public void A_batch_of_both_kinds_keeps_the_order_of_each()
    {
        Assert.True(_sut.Local.TryInject(Ours["arp request for anyone"].Frame)); // the bridge learns where we are
        _sut.Switch.Settle();
        _sut.Switch.Received(2);
        byte[][] ours = [.. Enumerable.Range(0, 8).Select(i => TestPacket.Tcp(ControllerIp, OwnIp, ControllerPort, (ushort)i, dlSrc: Peer, dlDst: Local))];
        byte[][] others = [.. Enumerable.Range(0, 8).Select(i => TestPacket.Udp(srcPort: (ushort)i))];
        _sut.Switch.Control.Apply(TestSwitch.Flow(FlowMatch.Any, command: FlowModCommand.Delete));
        _sut.Switch.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        byte[][] mixed = [others[0], others[1], ours[0], ours[1], others[2], .. Enumerable.Range(3, 5).SelectMany(i => new[] { ours[i - 1], others[i] }), ours[7]];
        foreach (byte[] frame in mixed)
        {
            Assert.True(_sut.Switch[1].TryInject(frame));
        }
        _sut.Switch.Settle();
        Assert.Equal(others, _sut.Switch.Received(2));
        Assert.Equal(ours, _sut.Local.Collect());
    }

    [Fact]
    public void Without_it_and_after_it_the_table_has_the_say()
    {
        _sut.Switch.Control.Pipeline.InBand = null;
        _sut.Switch.Send(1, Others["tcp of the controller to us"].Frame);
        Assert.Empty(_sut.Local.Collect());
        _sut.AssertLookedUp(1);
    }

    [Fact]
    public void A_packet_out_through_the_table_passes_it_as_well()
    {
        byte[] frame = Others["tcp of the controller to us"].Frame;
        Assert.Equal(ControlError.None, _sut.Switch.Control.PacketOut(FlowMod.NoBuffer, 1, [FlowAction.Output(PortNumber.Table)], frame));
        _sut.Switch.Settle();
        Assert.Equal(frame, Assert.Single(_sut.Local.Collect()));
        _sut.AssertLookedUp(0);
    }

    [Fact]
    public void A_hundred_thousand_packets_allocate_nothing()
    {
        byte[][] frames =
        [
            Others["tcp of the controller to us"].Frame, Others["arp request for our address"].Frame,
            Others["dhcp reply to all that names us"].Frame, Others["tcp to our listener"].Frame, TestPacket.Udp(),
        ];
        Assert.Equal(0, Allocations.OfOneRound(() => Forward(100_000)));

        void Forward(int count)
        {
            for (int i = 0; i < count; i++)
            {
                _sut.Switch[1].TryInject(frames[i % frames.Length]);
                if (i % 16 == 15)
                {
                    _sut.Switch.Control.Workers[0].PollOnce();
                    TestSwitch.Discard(_sut.Local);
                    for (ushort port = 1; port <= 4; port++)
                    {
                        _sut.Switch.Discard(port);
                    }
                }
            }
        }
    }

    /// <summary>A DHCP message (RFC 2131 §2) without options.</summary>
    private static byte[] Dhcp(byte operation, ulong client, ushort srcPort, ushort dstPort, ulong dlSrc, ulong dlDst, int length = 240)
    {
        byte[] udp = new byte[8 + length];
        BinaryPrimitives.WriteUInt16BigEndian(udp, srcPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp.AsSpan(2), dstPort);
        BinaryPrimitives.WriteUInt16BigEndian(udp.AsSpan(4), (ushort)udp.Length);
        udp[8] = operation;
        if (length >= 34)
        {
            new MacAddress(client).CopyTo(udp.AsSpan(8 + 28));
        }
        return TestPacket.Ipv4(IpProtocol.Udp, udp, 0, 0xffff_ffff, dlSrc: dlSrc, dlDst: dlDst);
    }

    /// <summary>Ports 1 to 4 and LOCAL, everything dropped by an entry, in-band control on.</summary>
    private sealed class InBandSwitch : IDisposable
    {
        public InBandSwitch(DatapathOptions? options = null)
        {
            Switch = new TestSwitch(options: options);
            Local = new MemoryPort("local", Switch.Control.Frames, capacity: 4096) { HardwareAddress = new(InBandTests.Local) };
            Assert.Equal(ControlError.None, Switch.Control.Ports.Add(PortNumber.Local, Local));
            Switch.Add(FlowMatch.Any, ushort.MaxValue);
            Switch.Control.Pipeline.InBand = new InBandTraffic(
                new(InBandTests.Local), [new InBandController(Be32.FromHost(ControllerIp), Be16.FromHost(ControllerPort))], [ListenPort],
                [Be32.FromHost(GatewayIp), Be32.FromHost(OwnIp)]);
        }

        public TestSwitch Switch { get; }

        public MemoryPort Local { get; }

        public int[] Counts() => [.. Enumerable.Range(1, 4).Select(port => Switch.Received((ushort)port).Count)];

        public void AssertLookedUp(ulong packets) => Assert.Equal(packets, Switch.Control.ReadTable(0).LookupCount);

        public void Dispose() => Switch.Dispose();
    }
}
