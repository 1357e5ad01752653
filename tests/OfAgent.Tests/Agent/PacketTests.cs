using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Packet-in, packet-out and port-status over a socket.</summary>
public sealed class PacketTests : AgentTest
{
    public PacketTests()
        : base(new DatapathOptions { DatapathId = 0x42, BufferCount = 256 })
    {
    }

    [Theory]
    [InlineData(0)]
    [InlineData(60)]
    [InlineData(65535)]
    public void A_table_miss_brings_miss_send_len_bytes_of_the_packet(int missSendLength)
    {
        byte[] frame = TestPacket.Icmp(payload: 200);
        Controller.Configure((ushort)missSendLength);
        Assert.True(Harness.Ports[1].TryInject(frame));

        ReceivedPacketIn packetIn = Controller.ReadPacketIn();
        Assert.Equal((1, PacketInReason.NoMatch, frame.Length), (packetIn.InPort, packetIn.Reason, packetIn.TotalLength));
        Assert.Equal(frame[..Math.Min(missSendLength, frame.Length)], packetIn.Data.ToArray());
    }

    [Fact]
    public void An_output_to_the_controller_brings_max_len_bytes()
    {
        Controller.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Controller, 40));
        Assert.True(Harness.Ports[2].TryInject(TestPacket.Icmp()));

        ReceivedPacketIn packetIn = Controller.ReadPacketIn();
        Assert.Equal((2, PacketInReason.Action, 40), (packetIn.InPort, packetIn.Reason, packetIn.Data.Length));
    }

    [Theory]
    [InlineData(FlowMod.NoBuffer, 298)]
    [InlineData(5u, 20)]
    public void A_packet_in_without_a_buffer_carries_the_whole_frame(uint buffer, int expected)
    {
        byte[] frame = TestPacket.Icmp(payload: 256);
        Assert.Equal(298, frame.Length);
        Controller.Configure(20);
        using (Harness.Control.Enter())
        {
            Harness.Agent.Sessions.OnPacketIn(new PacketIn { BufferId = buffer, InPort = 1, Reason = PacketInReason.NoMatch, MaxLength = 0, Data = frame });
        }
        ReceivedPacketIn packetIn = Controller.ReadPacketIn();
        Assert.Equal(frame[..expected], packetIn.Data.ToArray());
        Assert.Equal((buffer, frame.Length), (packetIn.BufferId, packetIn.TotalLength));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(128)]
    [InlineData(65535)]
    public void Without_buffers_a_packet_in_is_whole_whatever_miss_send_len_and_max_len_say(int length)
    {
        byte[] frame = TestPacket.Icmp(payload: 1400);
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        Assert.Equal(0u, controller.ReadFeatures([]).BufferCount);
        controller.Configure((ushort)length);
        controller.Add(FlowMatch.Any with { InPort = 2, Wildcards = FlowWildcards.All & ~FlowWildcards.InPort }, 1, FlowAction.Output(PortNumber.Controller, (ushort)length));
        foreach (ushort port in (ushort[])[1, 2])
        {
            Assert.True(harness.Ports[port].TryInject(frame));
            ReceivedPacketIn packetIn = controller.ReadPacketIn();
            Assert.Equal((FlowMod.NoBuffer, port, frame.Length), (packetIn.BufferId, packetIn.InPort, packetIn.TotalLength));
            Assert.Equal(frame, packetIn.Data.ToArray());
        }
    }

    [Fact]
    public void A_buffered_packet_goes_out_once_by_its_number()
    {
        byte[] frame = TestPacket.Icmp(payload: 200);
        Controller.Configure(0);
        Harness.Ports[1].TryInject(frame);
        uint buffer = Controller.ReadPacketIn().BufferId;
        Assert.NotEqual(FlowMod.NoBuffer, buffer);
        FlowAction[] output = [FlowAction.Output(2)];
        for (uint xid = 1; xid <= 2; xid++)
        {
            Controller.Send(b => PacketOutMessage.Write(b, xid, new PacketOut { BufferId = buffer, InPort = 1, Actions = output }));
        }

        Assert.Equal("OFPBRC_BUFFER_EMPTY", Controller.ReadError().Name);
        Controller.Barrier();
        Assert.Equal(frame, Assert.Single(Harness.Ports[2].Collect()));
    }

    [Theory]
    [InlineData(PortNumber.None)]
    [InlineData(PortNumber.Controller)]
    public void A_packet_out_with_data_is_flooded(ushort inPort)
    {
        byte[] frame = TestPacket.Icmp();
        FlowAction[] flood = [FlowAction.Output(PortNumber.Flood)];
        Controller.Send(b => PacketOutMessage.Write(b, 1, new PacketOut { InPort = inPort, Actions = flood, Data = frame }));

        Assert.Empty(Controller.Barrier());
        Assert.Equal(frame, Assert.Single(Harness.Ports[1].Collect()));
        Assert.Equal(frame, Assert.Single(Harness.Ports[2].Collect()));
    }

    [Fact]
    public void A_packet_out_of_nothing_does_nothing()
    {
        Controller.Send(b => PacketOutMessage.Write(b, 1, new PacketOut()));

        Assert.Empty(Controller.Barrier());
    }

    [Fact]
    public void A_link_that_goes_down_is_a_port_status()
    {
        Controller.Barrier();
        Harness.Ports[2].SetLink(up: false);

        (PortStatusReason reason, PortDescription port) = Controller.ReadPortStatus();
        Assert.Equal((PortStatusReason.Modify, 2), (reason, port.Number));
        Assert.True(port.State.HasFlag(PortState.LinkDown));
    }

    [Fact]
    public void Controllers_are_given_the_same_buffer_and_the_first_that_names_it_has_it()
    {
        byte[] frame = TestPacket.Icmp();
        using RawController one = Harness.Connect();
        using RawController two = Harness.Connect();
        one.Configure(20);
        two.Configure(20);
        Harness.Ports[1].TryInject(frame);
        uint buffer = one.ReadPacketIn().BufferId;
        Assert.Equal(buffer, two.ReadPacketIn().BufferId);
        FlowAction[] output = [FlowAction.Output(2)];
        two.Send(b => PacketOutMessage.Write(b, 1, new PacketOut { BufferId = buffer, InPort = 1, Actions = output }));
        Assert.Empty(two.Barrier());
        one.Send(b => PacketOutMessage.Write(b, 1, new PacketOut { BufferId = buffer, InPort = 1, Actions = output }));

        Assert.Equal("OFPBRC_BUFFER_EMPTY", one.ReadError().Name);
        Assert.Equal(frame, Assert.Single(Harness.Ports[2].Collect()));
    }

    [Fact]
    public void Every_controller_gets_a_packet_in_cut_to_its_own_length()
    {
        using RawController one = Harness.Connect();
        using RawController two = Harness.Connect();
        one.Configure(20);
        two.Configure(50);
        Harness.Ports[1].TryInject(TestPacket.Icmp());

        Assert.Equal(PacketInMessage.HeaderSize + 20, one.Read(OfType.PacketIn).Length);
        Assert.Equal(PacketInMessage.HeaderSize + 50, two.Read(OfType.PacketIn).Length);
    }
}
