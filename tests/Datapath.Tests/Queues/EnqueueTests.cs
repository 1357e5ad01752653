using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Queues;

/// <summary>OFPAT_ENQUEUE through the whole datapath (OpenFlow 1.0.0 §3.3, §5.2.2, §5.2.4), each frame accounted for.</summary>
public sealed class EnqueueTests : IDisposable
{
    private const long Mega = 1_000_000;
    private static readonly byte[] Frame = TestPacket.Udp(payload: 958); // 1000 bytes

    private readonly TestSwitch _sut = WithQueue();

    public void Dispose() => _sut.Dispose();

    [Fact]
    public void A_packet_leaves_by_its_queue_and_is_counted_there_and_at_the_port()
    {
        _sut.Add(FlowMatch.Any, 1, FlowAction.Enqueue(2, 5));
        _sut.Send(1, Frame, Frame, Frame);
        Assert.Equal([Frame, Frame, Frame], _sut.Received(2));
        Assert.Equal([new QueueStatistics(2, 5, 3000, 3, 0), new QueueStatistics(2, 6, 0, 0, 0)], _sut.Control.Queues.ReadStatistics(2));
        _sut.Control.Ports.TryRead(2, out PortStatistics two);
        Assert.Equal((3UL, 3000UL, 0UL), (two.TransmittedPackets, two.TransmittedBytes, two.TransmitDropped));
    }

    [Fact]
    public void Enqueue_is_an_output_among_others_and_as_the_last_one_needs_no_copy()
    {
        _sut.Add(FlowMatch.Any, 1, FlowAction.Enqueue(2, 5), FlowAction.SetVlanVid(7), FlowAction.Output(3), FlowAction.StripVlan(), FlowAction.Enqueue(2, 6), FlowAction.SetVlanPcp(3));
        _sut.Send(1, Frame);
        Assert.Equal([Frame, Frame], _sut.Received(2));
        Assert.Single(_sut.Received(3));
        Assert.Equal([1UL, 1UL], _sut.Control.Queues.ReadStatistics(2).Select(queue => queue.TransmittedPackets));
    }

    [Fact]
    public void An_out_port_filter_finds_enqueue()
    {
        _sut.Add(FlowMatch.Any, 1, FlowAction.Enqueue(2, 5));
        Assert.Equal(0U, _sut.Control.Flows.Aggregate(new FlowFilter(FlowMatch.Any, outPort: 3)).FlowCount);
        Assert.Equal(1U, _sut.Control.Flows.Aggregate(new FlowFilter(FlowMatch.Any, outPort: 2)).FlowCount);
    }

    [Fact]
    public void In_port_means_the_queue_of_the_port_the_packet_came_from_and_naming_that_port_means_nothing()
    {
        _sut.Add(FlowMatch.Any, 1, FlowAction.Enqueue(PortNumber.InPort, 5));
        _sut.Send(2, Frame);
        _sut.Send(1, Frame); // without queues: by the port itself
        Assert.Equal([Frame], _sut.Received(2));
        Assert.Equal([Frame], _sut.Received(1));
        Assert.Equal(1UL, _sut.Control.Queues.ReadStatistics(2)[0].TransmittedPackets);
        _sut.Add(FlowMatch.Any, 1, FlowAction.Enqueue(2, 5));
        _sut.Send(2, Frame);
        Assert.Empty(_sut.Received(2));
        Assert.Equal(1, _sut.Control.Accounts.ReadDrops(DropReason.OutputToIngress));
    }

    [Theory]
    [InlineData(2, 5, ControlError.None)]
    [InlineData(2, 7, ControlError.None)] // not there yet
    [InlineData(3, 5, ControlError.None)] // no queues yet
    [InlineData(2, QueueConfig.None, ControlError.BadQueue)] // no queue's number
    [InlineData(99, 5, ControlError.None)] // not there yet
    [InlineData(PortNumber.InPort, 5, ControlError.None)]
    [InlineData(PortNumber.InPort, 7, ControlError.None)]
    [InlineData(PortNumber.Local, 5, ControlError.None)] // not there yet
    [InlineData(0, 5, ControlError.BadOutPort)]
    [InlineData(0xff01, 5, ControlError.BadOutPort)]
    [InlineData(PortNumber.Table, 5, ControlError.BadOutPort)]
    [InlineData(PortNumber.Normal, 5, ControlError.BadOutPort)]
    [InlineData(PortNumber.Flood, 5, ControlError.BadOutPort)]
    [InlineData(PortNumber.All, 5, ControlError.BadOutPort)]
    [InlineData(PortNumber.Controller, 5, ControlError.BadOutPort)]
    [InlineData(PortNumber.None, 5, ControlError.BadOutPort)]
    internal void Ports_and_queues_are_checked_when_the_actions_arrive(ushort port, uint queue, ControlError expected)
    {
        Assert.Equal(expected, _sut.Add(FlowMatch.Any, 1, FlowAction.Output(4), FlowAction.Enqueue(port, queue)));
        Assert.Equal(expected == ControlError.None ? 1 : 0, _sut.Flows().Count);
        Assert.Equal(expected, _sut.Control.PacketOut(FlowMod.NoBuffer, PortNumber.None, [FlowAction.Enqueue(port, queue)], Frame));
        FlowMod delete = TestSwitch.Flow(FlowMatch.Any, command: FlowModCommand.Delete) with { Actions = (FlowAction[])[FlowAction.Enqueue(port, queue)] };
        Assert.Equal(ControlError.None, _sut.Control.Apply(delete)); // actions of a delete are ignored
    }

    [Fact]
    public void A_queue_that_is_gone_or_never_came_gives_way_to_the_port_itself()
    {
        _sut.Add(FlowMatch.Any, 1, FlowAction.Enqueue(2, 5), FlowAction.Enqueue(5, 1));
        _sut.Send(1, Frame);
        Assert.Equal([Frame], _sut.Received(2));
        Assert.Equal(0UL, _sut.Control.Queues.ReadMisses(2));
        Assert.Equal(ControlError.None, _sut.Control.Queues.Remove(2, 5));
        _sut.AddPort(5);
        _sut.Send(1, Frame);
        Assert.Equal([Frame], _sut.Received(2));
        Assert.Equal([Frame], _sut.Received(5));
        Assert.Equal([new QueueStatistics(2, 6, 0, 0, 0)], _sut.Control.Queues.ReadStatistics(2));
        Assert.Equal((1UL, 1UL), (_sut.Control.Queues.ReadMisses(2), _sut.Control.Queues.ReadMisses(5)));
        Assert.Equal(ControlError.None, _sut.Control.Queues.Remove(2, 6));
        _sut.Send(1, Frame);
        Assert.Equal([Frame], _sut.Received(2));
        Assert.Equal((2UL, 2UL), (_sut.Control.Queues.ReadMisses(2), _sut.Control.Queues.ReadMisses(5)));
        Assert.Equal(0UL, _sut.Control.Queues.ReadMisses(99));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_queue_that_comes_later_is_used_and_until_then_its_packets_go_by_the_port_itself_and_are_counted(int workers)
    {
        using TestSwitch sut = new(options: new DatapathOptions { Workers = workers }) { KeepsFrames = true };
        Assert.Equal(ControlError.None, sut.Add(FlowMatch.Any, 1, FlowAction.Enqueue(2, 5)));
        sut.Send(1, Frame, Frame);
        Assert.Equal([Frame, Frame], sut.Received(2));
        Assert.Equal(2UL, sut.Control.Queues.ReadMisses(2));
        Assert.Equal(ControlError.None, sut.Control.Queues.Configure(2, new QueueConfig(6)));
        sut.Send(1, Frame);
        Assert.Equal([Frame], sut.Received(2));
        Assert.Equal(3UL, sut.Control.Queues.ReadMisses(2));
        Assert.Equal(ControlError.None, sut.Control.Queues.Configure(2, new QueueConfig(5)));
        sut.Send(1, Frame);
        Assert.Equal([Frame], sut.Received(2));
        Assert.Equal(3UL, sut.Control.Queues.ReadMisses(2));
        Assert.Equal([1UL, 0UL], sut.Control.Queues.ReadStatistics(2).Select(queue => queue.TransmittedPackets));
    }

    [Fact]
    public void A_packet_out_can_name_a_queue()
    {
        Assert.Equal(ControlError.None, _sut.Control.PacketOut(FlowMod.NoBuffer, PortNumber.None, [FlowAction.Enqueue(2, 6)], Frame));
        _sut.Settle();
        Assert.Equal([Frame], _sut.Received(2));
        Assert.Equal(1UL, _sut.Control.Queues.ReadStatistics(2)[1].TransmittedPackets);
    }

    [Theory]
    [InlineData(PortConfig.PortDown)]
    [InlineData(PortConfig.NoForward)]
    public void A_closed_port_takes_nothing_into_its_queues(PortConfig closed)
    {
        _sut.Add(FlowMatch.Any, 1, FlowAction.Enqueue(2, 5));
        _sut.Configure(2, closed);
        _sut.Send(1, Frame);
        Assert.Empty(_sut.Received(2));
        Assert.Equal(1, _sut.Control.Accounts.ReadDrops(DropReason.EgressClosed));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_guaranteed_queue_holds_while_plain_output_floods_the_port(int workers)
    {
        using TestSwitch sut = new(options: new DatapathOptions { Workers = workers }) { KeepsFrames = true };
        Flood(sut, TimeSpan.FromSeconds(1), out long guaranteed, out long flooded);
        Assert.True(guaranteed >= 0.95 * 10 * Mega / 8, $"{guaranteed} bytes in a second at 10 Mbit/s");
        Assert.InRange(guaranteed + flooded, 0.99 * 50 * Mega / 8, (50 * Mega / 8 * 1.005) + Frame.Length);
    }

    [Fact]
    public void Every_packet_is_sent_lost_or_waiting_and_counted_as_that()
    {
        using TestSwitch sut = new() { KeepsFrames = true };
        Flood(sut, TimeSpan.FromMilliseconds(100), out long guaranteed, out long flooded);
        Drain(sut);
        guaranteed += Bytes(sut.Received(2), 5000, out long other);
        flooded += other;
        QueueStatistics queue = sut.Control.Queues.ReadStatistics(2)[0];
        sut.Control.Ports.TryRead(2, out PortStatistics port);
        ulong entered = sut.Flows().Aggregate(0UL, (sum, flow) => sum + flow.Packets);
        Assert.Equal((ulong)guaranteed, queue.TransmittedBytes);
        Assert.Equal((ulong)(guaranteed + flooded), port.TransmittedBytes);
        Assert.Equal(entered, port.TransmittedPackets + port.TransmitDropped);
        Assert.Equal((long)port.TransmitDropped, sut.Control.Accounts.ReadDrops(DropReason.TransmitQueueFull));
        Assert.True(port.TransmitDropped > 0, "a flood of twice the rate overruns the port's own queue");
        Assert.Equal(0UL, queue.TransmitErrors);
    }

    [Fact]
    public void A_full_queue_counts_its_losses_exactly()
    {
        _sut.Control.Queues.ConfigureRate(2, 1 * Mega);
        _sut.Add(FlowMatch.Any, 1, FlowAction.Enqueue(2, 5));
        _sut.Send(1, [.. Enumerable.Repeat(Frame, 800)]);
        Drain(_sut);
        QueueStatistics queue = _sut.Control.Queues.ReadStatistics(2)[0];
        Assert.Equal((ulong)_sut.Received(2).Count, queue.TransmittedPackets);
        Assert.Equal(800UL, queue.TransmittedPackets + queue.TransmitErrors);
        Assert.InRange(queue.TransmitErrors, 250UL, 320UL); // 512 places, and a burst of 5 ms
    }

    [Fact]
    public void A_port_with_a_rate_and_no_queues_keeps_to_it()
    {
        using TestSwitch sut = new() { KeepsFrames = true };
        sut.Control.Queues.ConfigureRate(2, 8 * Mega); // 1000 frames a second
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        sut.Send(1, [.. Enumerable.Repeat(Frame, 300)]);
        Assert.InRange(sut.Received(2).Count, 5, 7); // a burst of 5 ms
        sut.Time.Advance(TimeSpan.FromMilliseconds(4));
        sut.Settle();
        Assert.InRange(sut.Received(2).Count, 3, 5);
        sut.Control.Queues.ConfigureRate(2, 0);
        sut.Send(1, Frame);
        Assert.Equal([Frame], sut.Received(2)); // what waited went with the rate
        sut.Control.Ports.TryRead(2, out PortStatistics two);
        Assert.Equal(301UL, two.TransmittedPackets + two.TransmitDropped);
    }

    [Fact]
    public void A_removed_port_gives_back_the_frames_that_waited_in_its_queues()
    {
        _sut.Control.Queues.ConfigureRate(2, 1 * Mega);
        _sut.Add(FlowMatch.Any, 1, FlowAction.Enqueue(2, 5));
        _sut.Send(1, [.. Enumerable.Repeat(Frame, 200)]);
        _sut.Received(2);
        Assert.Equal(ControlError.None, _sut.Control.Ports.Remove(2));
        Assert.Equal(ControlError.BadPort, _sut.Control.Queues.Configure(2, new QueueConfig(5)));
        _sut.Send(1, Frame);
        Assert.InRange(_sut.Control.Accounts.ReadDrops(DropReason.NoSuchPort), 190, 201);
    }

    [Fact]
    public void Queues_are_configured_changed_and_read_back()
    {
        DatapathControl control = _sut.Control;
        Assert.Equal([new QueueConfig(5, 10 * Mega), new QueueConfig(6)], control.Queues.Read(2));
        Assert.Equal(ControlError.None, control.Queues.Configure(2, new QueueConfig(5, 1 * Mega, 2 * Mega)));
        Assert.Equal([new QueueConfig(5, 1 * Mega, 2 * Mega), new QueueConfig(6)], control.Queues.Read(2));
        Assert.Equal(ControlError.BadQueue, control.Queues.Configure(2, new QueueConfig(QueueConfig.None)));
        Assert.Equal(ControlError.BadQueue, control.Queues.Configure(2, new QueueConfig(5, 2 * Mega, 1 * Mega)));
        Assert.Equal(ControlError.BadQueue, control.Queues.Configure(2, new QueueConfig(5, -1)));
        Assert.Equal(ControlError.BadQueue, control.Queues.Remove(2, 7));
        Assert.Equal(ControlError.BadPort, control.Queues.Configure(9, new QueueConfig(5)));
        Assert.Equal(ControlError.BadPort, control.Queues.Remove(9, 5));
        Assert.Equal(ControlError.BadPort, control.Queues.ConfigureRate(9, Mega));
        Assert.Empty(control.Queues.Read(9));
        Assert.Equal(0, control.Queues.ReadRate(2)); // a memory port has no speed
        Assert.Equal(ControlError.None, control.Queues.ConfigureRate(2, 50 * Mega));
        Assert.Equal(50 * Mega, control.Queues.ReadRate(2));
        Assert.NotEqual(0U, control.SupportedActions & (1u << (int)ActionKind.Enqueue));
    }

    private static byte[] Guaranteed { get; } = TestPacket.Udp(payload: 958, dstPort: 5000);

    private static TestSwitch WithQueue()
    {
        TestSwitch sut = new() { KeepsFrames = true };
        Assert.Equal(ControlError.None, sut.Control.Queues.Configure(2, new QueueConfig(6)));
        Assert.Equal(ControlError.None, sut.Control.Queues.Configure(2, new QueueConfig(5, 10 * Mega)));
        return sut;
    }

    /// <summary>Port 2 has 50 Mbit/s and a queue of 10; from port 1 come 10 Mbit/s for that queue, from port 3 100 for the port itself.</summary>
    private static void Flood(TestSwitch sut, TimeSpan duration, out long guaranteed, out long flooded)
    {
        Assert.Equal(ControlError.None, sut.Control.Queues.ConfigureRate(2, 50 * Mega));
        Assert.Equal(ControlError.None, sut.Control.Queues.Configure(2, new QueueConfig(5, 10 * Mega)));
        Assert.Equal(ControlError.None, sut.Add(FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = 1 }, 2, FlowAction.Enqueue(2, 5)));
        Assert.Equal(ControlError.None, sut.Add(FlowMatch.Any, 1, FlowAction.Output(2)));
        guaranteed = 0;
        flooded = 0;
        TimeSpan step = TimeSpan.FromMicroseconds(800); // one frame of 1000 bytes at 10 Mbit/s
        for (TimeSpan passed = TimeSpan.Zero; passed < duration; passed += step)
        {
            sut.Time.Advance(step);
            for (int i = 0; i < 10; i++)
            {
                Assert.True(sut[3].TryInject(Frame));
            }
            sut.Send(1, Guaranteed);
            guaranteed += Bytes(sut.Received(2), 5000, out long other);
            flooded += other;
        }
    }

    private static void Drain(TestSwitch sut)
    {
        for (int i = 0; i < 1000; i++)
        {
            sut.Time.Advance(TimeSpan.FromMilliseconds(10));
            sut.Settle();
        }
    }

    /// <summary>Bytes of frames to this UDP port, and of the others.</summary>
    private static long Bytes(List<byte[]> frames, ushort port, out long other)
    {
        long wanted = frames.Where(frame => (frame[36] << 8 | frame[37]) == port).Sum(frame => (long)frame.Length);
        other = frames.Sum(frame => (long)frame.Length) - wanted;
        return wanted;
    }
}
