using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Packet-in, packet-out and port-status over a socket.</summary>
public sealed class PacketTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(60)]
    [InlineData(65535)]
    public void A_table_miss_brings_miss_send_len_bytes_of_the_packet(int missSendLength)
    {
        byte[] frame = TestPacket.Icmp(payload: 200);
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => ConfigMessage.WriteSet(b, 1, new SwitchConfig(OfConfigFlags.FragmentsNormal, (ushort)missSendLength)));
        controller.Barrier();
        Assert.True(harness.Ports[1].TryInject(frame));

        Assert.True(PacketInMessage.TryDecode(controller.Read(OfType.PacketIn), out ReceivedPacketIn packetIn, out _));
        Assert.Equal((1, PacketInReason.NoMatch, frame.Length), (packetIn.InPort, packetIn.Reason, packetIn.TotalLength));
        Assert.Equal(frame[..Math.Min(missSendLength, frame.Length)], packetIn.Data.ToArray());
    }

    [Fact]
    public void An_output_to_the_controller_brings_max_len_bytes()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => FlowTableTests.WriteAdd(b, 1, FlowMatch.Any, 1, FlowAction.Output(PortNumber.Controller, 40)));
        controller.Barrier();
        Assert.True(harness.Ports[2].TryInject(TestPacket.Icmp()));

        Assert.True(PacketInMessage.TryDecode(controller.Read(OfType.PacketIn), out ReceivedPacketIn packetIn, out _));
        Assert.Equal((2, PacketInReason.Action, 40), (packetIn.InPort, packetIn.Reason, packetIn.Data.Length));
    }

    [Fact]
    public void A_buffered_packet_goes_out_once_by_its_number()
    {
        byte[] frame = TestPacket.Icmp(payload: 200);
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => ConfigMessage.WriteSet(b, 1, new SwitchConfig(OfConfigFlags.FragmentsNormal, 0)));
        controller.Barrier();
        harness.Ports[1].TryInject(frame);
        PacketInMessage.TryDecode(controller.Read(OfType.PacketIn), out ReceivedPacketIn packetIn, out _);
        uint buffer = packetIn.BufferId;
        Assert.NotEqual(FlowMod.NoBuffer, buffer);
        FlowAction[] output = [FlowAction.Output(2)];
        for (uint xid = 1; xid <= 2; xid++)
        {
            controller.Send(b => PacketOutMessage.Write(b, xid, new PacketOut { BufferId = buffer, InPort = 1, Actions = output }));
        }

        Assert.Equal("OFPBRC_BUFFER_EMPTY", controller.ReadError().Name);
        controller.Barrier();
        Assert.Equal(frame, Assert.Single(harness.Ports[2].Collect()));
    }

    [Theory]
    [InlineData(PortNumber.None)]
    [InlineData(PortNumber.Controller)]
    public void A_packet_out_with_data_is_flooded(ushort inPort)
    {
        byte[] frame = TestPacket.Icmp();
        FlowAction[] flood = [FlowAction.Output(PortNumber.Flood)];
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => PacketOutMessage.Write(b, 1, new PacketOut { InPort = inPort, Actions = flood, Data = frame }));

        Assert.Empty(controller.Barrier());
        Assert.Equal(frame, Assert.Single(harness.Ports[1].Collect()));
        Assert.Equal(frame, Assert.Single(harness.Ports[2].Collect()));
    }

    [Fact]
    public void A_packet_out_of_nothing_does_nothing()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Send(b => PacketOutMessage.Write(b, 1, new PacketOut()));

        Assert.Empty(controller.Barrier());
    }

    [Fact]
    public void A_link_that_goes_down_is_a_port_status()
    {
        using AgentHarness harness = new();
        using RawController controller = harness.Connect();
        controller.Barrier();
        harness.Ports[2].SetLink(up: false);

        Assert.True(PortStatusMessage.TryDecode(
            controller.Read(OfType.PortStatus), out PortStatusReason reason, out PortDescription port, out _));
        Assert.Equal((PortStatusReason.Modify, 2), (reason, port.Number));
        Assert.True(port.State.HasFlag(PortState.LinkDown));
    }

    [Fact]
    public void Every_controller_gets_a_packet_in_cut_to_its_own_length()
    {
        using AgentHarness harness = new();
        using RawController one = harness.Connect();
        using RawController two = harness.Connect();
        one.Send(b => ConfigMessage.WriteSet(b, 1, new SwitchConfig(OfConfigFlags.FragmentsNormal, 20)));
        two.Send(b => ConfigMessage.WriteSet(b, 1, new SwitchConfig(OfConfigFlags.FragmentsNormal, 50)));
        one.Barrier();
        two.Barrier();
        harness.Ports[1].TryInject(TestPacket.Icmp());

        Assert.Equal(PacketInMessage.HeaderSize + 20, one.Read(OfType.PacketIn).Length);
        Assert.Equal(PacketInMessage.HeaderSize + 50, two.Read(OfType.PacketIn).Length);
    }
}
