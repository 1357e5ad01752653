using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>What happens to packets between their port and the flow table, when several things happen in one batch.</summary>
public sealed class IngressStageTests
{
    private static readonly byte[] s_bpdu = TestPacket.Ethernet(0x0027, new byte[46], dlDst: 0x0180_c200_0000);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void What_is_left_of_a_mixed_batch_keeps_its_order(int seed)
    {
        using TestSwitch sut = new() { KeepsFrames = true };
        sut.Control.Pipeline.FragmentHandling = FragmentHandling.Drop;
        sut.Configure(1, PortConfig.NoReceiveStp);
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        Random random = new(seed);
        (DropReason? Ends, byte[] Frame)[] sent = [.. Enumerable.Range(0, 5 * PacketBatch.Capacity).Select(i => random.Next(4) switch
        {
            0 => ((DropReason?)DropReason.Runt, new byte[random.Next(1, 14)]),
            1 => (DropReason.IngressClosed, s_bpdu),
            2 => (DropReason.Fragment, TestPacket.Udp(fragment: 0x2000)),
            _ => (null, TestPacket.Udp(srcPort: (ushort)(i + 1))),
        })];
        sut.Send(1, [.. sent.Select(packet => packet.Frame)]);
        Assert.Equal(sent.Where(packet => packet.Ends == null).Select(packet => packet.Frame), sut.Received(2));
        Assert.All(
            [DropReason.Runt, DropReason.IngressClosed, DropReason.Fragment],
            reason => Assert.Equal(sent.Count(packet => packet.Ends == reason), sut.Control.Accounts.ReadDrops(reason)));
    }

    [Fact]
    public void What_the_table_does_to_a_packet_out_does_not_touch_the_rest_of_its_list()
    {
        using TestSwitch sut = new() { KeepsFrames = true };
        sut.Add(FlowMatch.Any, 1, FlowAction.SetVlanVid(5), FlowAction.Output(3)); // a tag moves every later header
        byte[] frame = TestPacket.Udp(dst: 0x0a00_0002);
        FlowAction[] actions = [FlowAction.Output(PortNumber.Table), FlowAction.SetNwDst(0x0a00_0063), FlowAction.Output(2)];
        Assert.Equal(ControlError.None, sut.Control.PacketOut(FlowMod.NoBuffer, 1, actions, frame));
        sut.Settle();
        Assert.Equal(frame.Length + 4, Assert.Single(sut.Received(3)).Length);
        Assert.Equal([TestPacket.Udp(dst: 0x0a00_0063)], sut.Received(2));
    }

    [Fact]
    public void A_packet_out_to_the_table_was_received_by_no_port()
    {
        using TestSwitch sut = new() { KeepsFrames = true };
        sut.Configure(1, PortConfig.NoReceive);
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        byte[] frame = TestPacket.Udp();
        sut.Control.PacketOut(FlowMod.NoBuffer, 1, [FlowAction.Output(PortNumber.Table)], frame);
        sut.Settle();
        Assert.Equal([frame], sut.Received(2));
        Assert.True(sut.Control.Ports.TryRead(1, out PortStatistics port));
        Assert.Equal((0UL, 0UL), (port.ReceivedPackets, port.ReceiveDropped));
    }
}
