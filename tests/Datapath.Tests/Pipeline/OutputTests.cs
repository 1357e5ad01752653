using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>Where packets go (OpenFlow 1.0.0 §3.3), each scenario with every frame accounted for.</summary>
public sealed class OutputTests
{
    private static readonly byte[] Frame = TestPacket.Tcp();

    [Fact]
    public void A_packet_leaves_by_the_port_of_its_entry_and_is_counted_everywhere()
    {
        using TestSwitch sut = With(FlowAction.Output(2));
        sut.Send(1, Frame, Frame, Frame);
        Assert.Equal([Frame, Frame, Frame], sut.Received(2));
        AssertNothingAt(sut, 1, 3, 4);
        Assert.Equal((3UL, 3UL * (ulong)Frame.Length), (sut.Flows()[0].Packets, sut.Flows()[0].Bytes));
        Assert.True(sut.Control.Ports.TryRead(1, out PortStatistics one));
        Assert.Equal((3UL, 3UL * (ulong)Frame.Length, 0UL), (one.ReceivedPackets, one.ReceivedBytes, one.TransmittedPackets));
        Assert.True(sut.Control.Ports.TryRead(2, out PortStatistics two));
        Assert.Equal((3UL, 3UL * (ulong)Frame.Length, 0UL), (two.TransmittedPackets, two.TransmittedBytes, two.ReceivedPackets));
    }

    [Fact]
    public void Each_output_sends_the_packet_as_it_is_at_that_moment()
    {
        MacAddress a = new(0x0a0b0c0d0e0f);
        MacAddress b = new(0x010203040506);
        using TestSwitch sut = With(
            FlowAction.Output(2), FlowAction.SetDlDst(a), FlowAction.Output(3), FlowAction.SetVlanVid(9), FlowAction.SetDlSrc(b), FlowAction.Output(4),
            FlowAction.StripVlan(), FlowAction.SetTpDst(99));
        sut.Send(1, Frame);
        Assert.Equal([Frame], sut.Received(2));
        byte[] third = [10, 11, 12, 13, 14, 15, .. Frame[6..]];
        Assert.Equal([third], sut.Received(3));
        Assert.Equal([[.. third[..6], 1, 2, 3, 4, 5, 6, 0x81, 0, 0, 9, .. Frame[12..]]], sut.Received(4));
    }

    [Fact]
    public void Only_in_port_sends_a_packet_back_where_it_came_from()
    {
        using TestSwitch sut = With(FlowAction.Output(1), FlowAction.Output(2));
        sut.Send(1, Frame);
        AssertNothingAt(sut, 1);
        Assert.Single(sut.Received(2));
        Assert.Equal(1, sut.Control.Accounts.ReadDrops(DropReason.OutputToIngress));
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.InPort));
        sut.Send(1, Frame);
        Assert.Equal([Frame], sut.Received(1));
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(1));
        sut.Send(1, Frame);
        AssertNothingAt(sut, 1, 2, 3, 4);
        Assert.Equal(2, sut.Control.Accounts.ReadDrops(DropReason.OutputToIngress));
    }

    [Fact]
    public void All_sends_everywhere_but_back_and_flood_spares_ports_marked_no_flood()
    {
        using TestSwitch sut = With(FlowAction.Output(PortNumber.All));
        sut.AddPort(PortNumber.Local);
        sut.Configure(3, PortConfig.NoFlood);
        sut.Send(1, Frame);
        AssertReceived(sut, [2, 3, 4, PortNumber.Local]);
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Flood));
        sut.Send(1, Frame);
        AssertReceived(sut, [2, 4, PortNumber.Local]);
        sut.Send(3, Frame);
        AssertReceived(sut, [1, 2, 4, PortNumber.Local]);
    }

    [Fact]
    public void Controller_gets_the_packet_as_it_is_with_the_actions_max_len_and_reason()
    {
        using TestSwitch sut = With(FlowAction.SetNwTos(0x20), FlowAction.Output(PortNumber.Controller, 77), FlowAction.StripVlan(), FlowAction.Output(2));
        sut.Send(3, TestPacket.Tcp(vlan: 5));
        (uint _, ushort inPort, PacketInReason reason, ushort maxLength, byte[] data) = Assert.Single(sut.PacketIns);
        Assert.Equal((3, PacketInReason.Action, 77), (inPort, reason, maxLength));
        Assert.Equal(TestPacket.Tcp(vlan: 5, tos: 0x20), data);
        Assert.Equal([TestPacket.Tcp(tos: 0x20)], sut.Received(2));
    }

    [Fact]
    public void A_miss_goes_to_the_controller_with_its_own_reason()
    {
        using TestSwitch sut = new() { KeepsFrames = true };
        sut.Send(2, Frame);
        Assert.Equal((2, PacketInReason.NoMatch), (sut.PacketIns[0].InPort, sut.PacketIns[0].Reason));
        Assert.Equal(Frame, sut.PacketIns[0].Data);
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Drop;
        sut.Send(2, Frame);
        Assert.Single(sut.PacketIns);
        Assert.Equal(1, sut.Control.Accounts.ReadDrops(DropReason.Miss));
    }

    [Fact]
    public void Local_is_a_port_like_any_other_when_there_is_one()
    {
        using TestSwitch sut = With(FlowAction.Output(PortNumber.Local));
        sut.Send(1, Frame);
        Assert.Equal(1, sut.Control.Accounts.ReadDrops(DropReason.NoSuchPort));
        sut.AddPort(PortNumber.Local);
        sut.Send(1, Frame);
        Assert.Equal([Frame], sut.Received(PortNumber.Local));
        sut.Send(PortNumber.Local, Frame);
        Assert.Equal(1, sut.Control.Accounts.ReadDrops(DropReason.OutputToIngress));
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.InPort));
        sut.Send(PortNumber.Local, Frame);
        Assert.Equal([Frame], sut.Received(PortNumber.Local));
    }

    [Fact]
    public void Lists_that_lead_nowhere_drop_and_say_why()
    {
        (FlowAction[] Actions, DropReason Reason)[] lists =
        [
            ([], DropReason.Action),
            ([FlowAction.SetDlDst(new(1))], DropReason.Action),
            ([FlowAction.Output(17)], DropReason.NoSuchPort),
            ([FlowAction.Output(0xff00)], DropReason.NoSuchPort),
        ];
        foreach ((FlowAction[] actions, DropReason reason) in lists)
        {
            using TestSwitch sut = With(actions);
            sut.Send(1, Frame);
            AssertNothingAt(sut, 1, 2, 3, 4);
            Assert.Equal(1, sut.Control.Accounts.ReadDrops(reason));
            Assert.Equal(1UL, sut.Flows()[0].Packets);
        }
    }

    [Fact]
    public void Alone_on_the_switch_a_flooded_packet_is_dropped_once()
    {
        using TestSwitch sut = new(ports: 1) { KeepsFrames = true };
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Flood));
        sut.Send(1, Frame);
        Assert.Equal(1, sut.Control.Accounts.ReadDrops(DropReason.Action));
    }

    [Fact]
    public void Runts_are_receive_errors_and_touch_no_table()
    {
        using TestSwitch sut = With(FlowAction.Output(2));
        sut.Send(1, Frame, [], new byte[1], new byte[13], Frame[..14], Frame);
        Assert.Equal([Frame, Frame[..14], Frame], sut.Received(2));
        Assert.Equal(3, sut.Control.Accounts.ReadDrops(DropReason.Runt));
        sut.Control.Ports.TryRead(1, out PortStatistics one);
        Assert.Equal((6UL, 3UL), (one.ReceivedPackets, one.ReceiveErrors));
        Assert.Equal(3UL, sut.Control.ReadTable(0).LookupCount);
    }

    [Fact]
    public void Without_frames_for_copies_only_the_copies_are_lost()
    {
        using TestSwitch sut = new(options: new DatapathOptions { FrameCount = 512 }) { KeepsFrames = true };
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2), FlowAction.Output(PortNumber.All));
        for (int i = 0; i < 200; i++)
        {
            Assert.True(sut[1].TryInject(Frame));
        }
        sut.Settle();
        long delivered = sut.Received(2).Count + sut.Received(3).Count + sut.Received(4).Count;
        Assert.Equal(4 * 200, delivered + sut.Control.Accounts.ReadDrops(DropReason.NoFrame));
        Assert.InRange(sut.Control.Accounts.ReadDrops(DropReason.NoFrame), 1, 599);
    }

    [Fact]
    public void A_full_transmit_queue_refuses_and_the_rest_is_released_and_counted()
    {
        using TestSwitch sut = new(ports: 1);
        using Softswitch.Ports.Memory.MemoryPort narrow = new("narrow", sut.Control.Frames, capacity: 4);
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(2, narrow));
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        sut.Send(1, [.. Enumerable.Repeat(Frame, 100)]);
        Assert.Equal(4, narrow.Collect().Count);
        Assert.Equal(96, sut.Control.Accounts.ReadDrops(DropReason.TransmitQueueFull));
        sut.Control.Ports.TryRead(2, out PortStatistics two);
        Assert.Equal((4UL, 4UL * (ulong)Frame.Length, 96UL), (two.TransmittedPackets, two.TransmittedBytes, two.TransmitDropped));
        narrow.FarFrames.Drain();
        sut.AssertNoFrameLost();
    }

    [Fact]
    public void Jumbo_packets_are_copied_and_flooded_too()
    {
        byte[] jumbo = TestPacket.Udp(payload: 9000);
        using TestSwitch sut = With(FlowAction.Output(PortNumber.All), FlowAction.Output(PortNumber.Controller, 65535));
        sut.Send(1, jumbo);
        foreach (ushort port in (ushort[])[2, 3, 4])
        {
            Assert.Equal([jumbo], sut.Received(port));
        }
        Assert.Equal(jumbo, sut.PacketIns[0].Data);
    }

    private static TestSwitch With(params FlowAction[] actions)
    {
        TestSwitch sut = new() { KeepsFrames = true };
        Assert.Equal(ControlError.None, sut.Add(FlowMatch.Any, 1, actions));
        return sut;
    }

    private static void AssertNothingAt(TestSwitch sut, params ushort[] ports) => Assert.All(ports, port => Assert.Empty(sut.Received(port)));

    private static void AssertReceived(TestSwitch sut, ushort[] expected)
    {
        foreach (PortDescription port in sut.Control.Ports.Descriptions)
        {
            Assert.Equal(expected.Contains(port.Number) ? 1 : 0, sut.Received(port.Number).Count(f => f.AsSpan().SequenceEqual(Frame)));
        }
    }
}
