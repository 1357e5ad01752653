using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Tests.Pipeline;
using Softswitch.Datapath.Tests.Tables;
using Softswitch.Datapath.Tracing;
using Softswitch.Ports.Memory;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Captures;

/// <summary>What a capture sees of packets on their way through a switch.</summary>
public sealed class CaptureTests
{
    private const CapturePoints Both = CapturePoints.Received | CapturePoints.Sent;

    private static Capture Start(TestSwitch sut, CapturePoints points = Both, ushort[]? ports = null, FlowMatch? match = null, int snapLength = Packet.MaxLength)
    {
        Capture capture = new(new CaptureFilter(points, ports, match ?? FlowMatch.Any, snapLength), sut.Control.Workers.Count);
        Assert.True(sut.Control.Pipeline.TryAddCapture(capture));
        return capture;
    }

    [Fact]
    public void A_packet_is_seen_as_it_came_and_as_it_left()
    {
        using TestSwitch sut = new();
        sut.Add(FlowMatch.Any, 1, FlowAction.StripVlan(), FlowAction.SetDlDst(new(0x0200_0000_00bb)), FlowAction.Output(2));
        byte[] frame = TestPacket.Tcp(vlan: 5);
        using Capture capture = Start(sut);
        sut.Send(1, frame);
        string left = Convert.ToHexString(Assert.Single(sut.Received(2)));
        List<Captured> seen = Captured.ReadAll(capture);
        Assert.Equal([(CapturePoints.Received, 1, Convert.ToHexString(frame)), (CapturePoints.Sent, 2, left)], seen.Select(p => (p.Point, (int)p.Port, p.Hex)));
        Assert.Equal([frame.Length, frame.Length - 4], seen.Select(p => p.Length));
        Assert.Equal([false, true], seen.Select(p => p.IsEgress));
    }

    [Fact]
    public void Each_capture_has_its_own_ports_points_and_length_and_new_ports_are_seen_too()
    {
        using TestSwitch sut = new(ports: 2);
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.All));
        using Capture all = Start(sut);
        using Capture leaving = Start(sut, CapturePoints.Sent, [3], snapLength: 20);
        byte[] frame = TestPacket.Udp();
        sut.Send(1, frame);
        sut.AddPort(3);
        sut.Send(1, frame);
        Assert.Equal([1, 2, 1, 2, 3], Captured.ReadAll(all).Select(p => (int)p.Port));
        Captured cut = Assert.Single(Captured.ReadAll(leaving));
        Assert.Equal((CapturePoints.Sent, 3, frame.Length, Convert.ToHexString(frame.AsSpan(0, 20))), (cut.Point, (int)cut.Port, cut.Length, cut.Hex));

        Assert.True(sut.Control.Pipeline.RemoveCapture(all));
        sut.Send(1, frame);
        Assert.Empty(Captured.ReadAll(all));
        Assert.Single(Captured.ReadAll(leaving));
    }

    [Fact]
    public void A_clock_that_is_set_back_is_followed_and_one_that_is_put_right_puts_nothing_out_of_order()
    {
        using TestSwitch sut = new();
        sut.Time.Wall = new DateTimeOffset(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        using Capture capture = Start(sut, CapturePoints.Received);
        DateTimeOffset first = Stamp(0);
        Assert.Equal(sut.Time.Wall, first);
        Assert.Equal(first, Stamp(-0.5));
        DateTimeOffset back = Stamp(-3600);
        Assert.Equal(sut.Time.Wall, back);

        DateTimeOffset Stamp(double seconds)
        {
            sut.Time.Wall += TimeSpan.FromSeconds(seconds);
            sut.Time.Advance(TimeSpan.FromSeconds(2)); // by then the clock is looked at again
            sut.Control.Service();
            sut.Send(1, TestPacket.Udp());
            return new DateTimeOffset(Assert.Single(Captured.ReadAll(capture)).Ticks, TimeSpan.Zero);
        }
    }

    [Fact]
    public void The_ninth_capture_is_refused()
    {
        using TestSwitch sut = new();
        Capture[] captures = [.. Enumerable.Range(0, PipelineControl.MostCaptures).Select(_ => Start(sut))];
        using Capture another = new(captures[0].Filter, 1);
        Assert.False(sut.Control.Pipeline.TryAddCapture(another));
        Assert.True(sut.Control.Pipeline.RemoveCapture(captures[3]));
        Assert.True(sut.Control.Pipeline.TryAddCapture(another));
        foreach (Capture capture in captures.Append(another))
        {
            sut.Control.Pipeline.RemoveCapture(capture);
            capture.Dispose();
        }
    }

    [Fact]
    public void What_a_full_device_refuses_is_not_seen_as_sent()
    {
        using TestSwitch sut = new(ports: 1);
        MemoryPort narrow = new("narrow", sut.Control.Frames, capacity: 4);
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(2, narrow));
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        using Capture capture = Start(sut, CapturePoints.Sent);
        sut.Send(1, [.. Enumerable.Range(0, 10).Select(i => TestPacket.Tcp(src: (uint)i))]);
        Assert.Equal(narrow.Collect().Select(Convert.ToHexString), Captured.ReadAll(capture).Select(p => p.Hex));
        Assert.Equal(6, sut.Control.Accounts.ReadDrops(DropReason.TransmitQueueFull));
    }

    [Fact]
    public void What_waits_for_its_turn_at_a_full_device_is_seen_once()
    {
        using TestSwitch sut = new(ports: 1);
        MemoryPort narrow = new("narrow", sut.Control.Frames, capacity: 4);
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(2, narrow));
        Assert.Equal(ControlError.None, sut.Control.Queues.ConfigureRate(2, 1_000_000_000));
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        using Capture capture = Start(sut, CapturePoints.Sent);
        sut.Send(1, [.. Enumerable.Range(0, 10).Select(i => TestPacket.Tcp(src: (uint)i))]);
        List<string> left = [];
        for (int i = 0; i < 5; i++)
        {
            left.AddRange(narrow.Collect().Select(Convert.ToHexString));
            sut.Time.Advance(TimeSpan.FromMilliseconds(1));
            sut.Settle();
        }
        Assert.Equal(10, left.Count);
        Assert.Equal(left, Captured.ReadAll(capture).Select(p => p.Hex));
    }

    [Fact]
    public void Dropped_packets_come_with_reason_port_and_side_as_they_ended()
    {
        using TestSwitch sut = new(ports: 1);
        MemoryPort narrow = new("narrow", sut.Control.Frames, capacity: 4);
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(2, narrow));
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Drop;
        sut.Add(FlowMatch.Any with { DlVlan = 7, Wildcards = FlowMatch.Any.Wildcards & ~FlowWildcards.DlVlan }, 2, FlowAction.StripVlan(), FlowAction.Output(7));
        sut.Add(FlowMatch.Any with { DlVlan = 8, Wildcards = FlowMatch.Any.Wildcards & ~FlowWildcards.DlVlan }, 2, FlowAction.Output(2));
        using Capture capture = Start(sut, CapturePoints.Dropped);
        using Capture elsewhere = Start(sut, CapturePoints.Dropped, [2]);
        byte[] plain = TestPacket.Tcp();
        byte[] crowding = TestPacket.Tcp(vlan: 8);
        sut.Send(1, plain, TestPacket.Tcp(vlan: 7), crowding, crowding, crowding, crowding, crowding);
        string crowded = Convert.ToHexString(crowding);
        Assert.Equal(
            [
                (DropReason.Miss, 1, false, Convert.ToHexString(plain)), (DropReason.NoSuchPort, 1, false, Convert.ToHexString(plain)),
                (DropReason.TransmitQueueFull, 2, true, crowded),
            ],
            Captured.ReadAll(capture).Select(p => (p.Reason, (int)p.Port, p.IsEgress, p.Hex)));
        Assert.Equal(DropReason.TransmitQueueFull, Assert.Single(Captured.ReadAll(elsewhere)).Reason);
    }

    [Fact]
    public void What_a_device_drops_by_itself_is_foretold_by_a_trace_counted_and_seen_with_its_reason()
    {
        using TestSwitch sut = new(ports: 2) { KeepsFrames = true };
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        sut[2].SetLink(false);
        sut.Control.Ports.AnnounceLinkChange();
        sut.Settle();
        byte[] frame = TestPacket.Tcp();
        using (PacketTracer tracer = sut.Control.CreateTracer())
        {
            IReadOnlyList<TraceStep> steps = tracer.Trace(1, frame).Steps;
            Assert.Equal((TraceStepKind.Dropped, DropReason.LinkDown, 2), (steps[^1].Kind, steps[^1].Reason, steps[^1].Port));
            Assert.DoesNotContain(steps, step => step.Kind == TraceStepKind.Output);
        }
        using Capture capture = Start(sut, CapturePoints.Dropped);
        sut.Send(1, frame, frame);
        Assert.Equal(
            [(DropReason.LinkDown, 2, true), (DropReason.LinkDown, 2, true)],
            Captured.ReadAll(capture).Select(p => (p.Reason, (int)p.Port, p.IsEgress)));
        Assert.True(sut.Control.Ports.TryRead(2, out PortStatistics two));
        Assert.Equal((0UL, 2UL, 0UL), (two.TransmittedPackets, two.TransmitDropped, two.TransmitErrors));
    }

    [Fact]
    public void A_match_takes_what_a_linear_comparison_of_the_fields_takes()
    {
        RandomMatches random = new(14);
        using TestSwitch sut = new();
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        int taken = 0;
        for (int round = 0; round < 300; round++)
        {
            FlowMatch match = random.NextMatch();
            match.Wildcards |= FlowWildcards.InPort;
            byte[][] frames = [.. Enumerable.Range(0, 40).Select(_ => random.NextFrame())];
            using Capture capture = Start(sut, match: match);
            sut.Send(1, frames);
            Assert.True(sut.Control.Pipeline.RemoveCapture(capture));
            string[] expected = [.. frames.Where(frame => ReferenceTable.Matches(match, ReferenceParser.Parse(frame, 1))).Select(Convert.ToHexString)];
            ILookup<CapturePoints, string> seen = Captured.ReadAll(capture).ToLookup(p => p.Point, p => p.Hex);
            Assert.Equal(expected, seen[CapturePoints.Received]);
            Assert.Equal(expected, seen[CapturePoints.Sent]);
            taken += expected.Length;
            sut.Received(2);
        }
        Assert.InRange(taken, 300, 11_000); // neither none nor all
    }

    [Fact]
    public void A_match_of_the_ingress_port_is_refused()
    {
        FlowMatch match = FlowMatch.Any with { InPort = 1 };
        match.Wildcards &= ~FlowWildcards.InPort;
        Assert.Throws<ArgumentException>(() => new CaptureFilter(Both, null, match));
    }

    [Fact]
    public void Packets_of_two_workers_come_in_the_order_of_time()
    {
        using TestSwitch sut = new(options: new DatapathOptions { Workers = 2 });
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        using Capture capture = Start(sut, CapturePoints.Received);
        Random random = new(3);
        using RunningWorkers workers = new(sut.Control);
        for (int i = 0; i < 400; i++)
        {
            Assert.True(sut[(ushort)random.Next(1, 5)].TryInject(TestPacket.Tcp()));
        }
        Eventually.True(() => sut.Control.ReadTable(0).LookupCount == 400, () => $"{sut.Control.ReadTable(0).LookupCount} of 400");
        Assert.True(sut.Control.Pipeline.RemoveCapture(capture));
        List<Captured> seen = Captured.ReadAll(capture);
        Assert.Equal(400, seen.Count);
        Assert.Equal(seen.Select(p => p.Ticks).Order(), seen.Select(p => p.Ticks));
    }

    [Fact]
    public void A_hundred_thousand_captured_packets_allocate_nothing()
    {
        using TestSwitch sut = new();
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Drop;
        using Capture capture = Start(sut, Both | CapturePoints.Dropped);
        byte[] frame = TestPacket.Tcp();
        Assert.Equal(0, Allocations.OfOneRound(() =>
        {
            for (int i = 0; i < 100_000; i++)
            {
                sut[1].TryInject(frame);
                sut.Control.Workers[0].PollOnce();
                while (capture.TryRead(long.MaxValue, out _, out _))
                {
                    // looked at
                }
                capture.Release();
            }
        }));
    }
}
