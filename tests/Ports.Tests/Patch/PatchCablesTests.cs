using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Memory;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Patch;
using Softswitch.Ports.Specs;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Patch;

public sealed class PatchCablesTests : IDisposable
{
    private static readonly DatapathOptions Options = new() { Workers = 2, FrameCount = 8192, MaxExactEntries = 16, MaxWildcardEntries = 16 };

    private readonly FramePool _frames = DatapathControl.CreateFrames(Options);
    private readonly PatchCables _cables;
    private readonly WorkerThreads _threads = new(Options.Workers, () => new EpollWaiter());
    private readonly List<DatapathControl> _datapaths = [];
    private readonly List<Exception> _failures = [];

    public PatchCablesTests() => _cables = new PatchCables(_frames, Options.Workers);

    public void Dispose()
    {
        foreach (DatapathControl datapath in _datapaths)
        {
            End(datapath);
        }
        _threads.Dispose();
        Assert.Equal((_frames.FrameCount, _frames.LargeFrameCount), (_frames.FreeCount, _frames.FreeLargeCount));
        Assert.Empty(_failures);
        _frames.Dispose();
    }

    [Fact]
    public void A_packet_goes_along_a_chain_of_switches_and_back()
    {
        (DatapathControl first, MemoryPort near) = AddEdge("a");
        AddSwitch("a", "b");
        AddSwitch("b", "c");
        (DatapathControl last, MemoryPort far) = AddEdge("c");
        for (int i = 0; i < 50; i++)
        {
            byte[] frame = TestPacket.Udp(srcPort: (ushort)(i + 1));
            Assert.True(near.TryInject(frame));
            Assert.Equal(frame, Collect(far));
            Assert.True(far.TryInject(frame));
            Assert.Equal(frame, Collect(near));
        }
        Assert.NotSame(first, last);
    }

    [Fact]
    public void An_end_that_stays_alone_says_so_until_the_other_comes_and_again_when_that_has_gone_for_a_while()
    {
        TestTime time = new();
        PatchCables cables = new(_frames, Options.Workers, time);
        using IPortDevice near = cables.Open("port 'patch:ab'", "ab", _frames);
        Assert.Null(near.Fault);
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal("no other port of the process is patch:ab: the cable has one end", near.Fault);
        using (IPortDevice far = cables.Open("port 'patch:ab'", "ab", _frames))
        {
            Assert.Equal((null, null), (near.Fault, far.Fault));
            time.Advance(TimeSpan.FromSeconds(20));
            Assert.Null(near.Fault);
        }
        Assert.Null(near.Fault);
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.NotNull(near.Fault);
    }

    [Fact]
    public void Unfinished_checksums_and_segments_pass_as_they_are_and_nothing_else_of_what_the_switch_thought()
    {
        using PatchPort near = Open("cable");
        using PatchPort far = Open("cable");
        FrameCache frames = _frames.CreateCache();
        Assert.True(frames.TryRentLarge(out Packet packet));
        packet.Length = 30_000;
        packet.Flags = PacketFlags.NeedsChecksum | PacketFlags.NeedsSegmentation | PacketFlags.HasTunnel | PacketFlags.MayFragment;
        frames.Offload(packet).SegmentSize = 1448;
        Assert.True(near.TakesOffloads);
        Assert.Equal(1, near.Queues[1].Transmit(new ReadOnlySpan<Packet>(in packet), frames));
        PacketBatch batch = new();
        Assert.Equal(1, far.Queues[1].Receive(batch, frames));
        Assert.Equal(PacketFlags.NeedsChecksum | PacketFlags.NeedsSegmentation, batch.Packets[0].Flags);
        Assert.Equal(1448, frames.Offload(batch.Packets[0]).SegmentSize);
        frames.Release(batch.Packets);
        frames.Drain();
    }

    [Fact]
    public void The_link_is_up_while_both_ends_are_there_and_neither_is_set_down()
    {
        int changes = 0;
        using PatchPort near = Open("cable");
        near.Changed += _ => changes++;
        Assert.False(near.ReadLink().Up);
        PatchPort far = Open("cable");
        Assert.True(near.ReadLink().Up && far.ReadLink().Up);
        Assert.NotEqual(near.HardwareAddress, far.HardwareAddress);
        far.SetAdministrativeState(up: false);
        Assert.False(near.ReadLink().Up || far.ReadLink().Up);
        Assert.True(far.ReadLink().IsSetDown && !near.ReadLink().IsSetDown);
        far.SetAdministrativeState(up: true);
        Assert.True(near.ReadLink().Up && far.ReadLink().Up);
        far.Dispose();
        Assert.False(near.ReadLink().Up);
        Assert.Equal(4, changes);
    }

    [Fact]
    public void A_third_end_is_refused_until_one_of_the_two_goes()
    {
        using PatchPort near = Open("cable");
        PatchPort far = Open("cable");
        string message = Assert.Throws<PortException>(() => Open("cable")).Message;
        Assert.Equal("port 'patch:cable': the cable has two ends already: port 'patch:cable' and port 'patch:cable'", message);
        far.Dispose();
        using PatchPort next = Open("cable");
        Assert.True(near.ReadLink().Up && next.ReadLink().Up);
    }

    [Fact]
    public void Switches_with_other_frames_cannot_be_joined()
    {
        using FramePool others = new(64);
        Assert.Contains("one process", Assert.Throws<PortException>(() => _cables.Open("port 'patch:x'", "x", others)).Message, StringComparison.Ordinal);
        Assert.True(PortSpec.TryParse("2=patch:x", out PortSpec? spec, out _));
        Assert.Contains("no patch cables", Assert.Throws<PortException>(() => PortFactory.Open(spec, others)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_sent_while_there_is_no_other_end_is_dropped_and_counted()
    {
        using PatchPort near = Open("cable");
        using QueueLosses losses = new(near.Queues);
        FrameCache frames = _frames.CreateCache();
        Send(near.Queues[0], frames, 3);
        Assert.Equal((3, 0), (losses[DropReason.LinkDown], near.ReadCounters().TransmitDropped));
        PatchPort far = Open("cable");
        Send(near.Queues[0], frames, 5);
        far.SetAdministrativeState(up: false);
        Send(near.Queues[0], frames, 7);
        Assert.Equal((10, 0), (losses[DropReason.LinkDown], near.ReadCounters().TransmitDropped));
        far.Dispose(); // has not received them
        Assert.Equal((10, 5), (losses.Total, near.ReadCounters().TransmitDropped));
        frames.Drain();
    }

    [Fact]
    public void An_end_goes_and_returns_while_the_other_sends_and_no_frame_is_lost()
    {
        const int packets = 200_000;
        using PatchPort near = Open("cable");
        using QueueLosses losses = new(near.Queues);
        long sent = 0;
        long received = 0;
        Thread sender = new(() =>
        {
            FrameCache frames = _frames.CreateCache();
            while (sent < packets)
            {
                sent += Send(near.Queues[0], frames, 8);
            }
            frames.Drain();
        });
        sender.Start();
        FrameCache mine = _frames.CreateCache();
        while (sender.IsAlive)
        {
            using PatchPort far = Open("cable");
            for (int i = 0; i < 20; i++)
            {
                received += far.Queues[0].ReceiveOnce(mine).Count;
            }
        }
        sender.Join();
        mine.Drain();
        Assert.Equal(sent, received + near.ReadCounters().TransmitDropped + losses.Total);
    }

    [Fact]
    public void A_loop_of_cables_that_floods_holds_up_no_other_switch()
    {
        DatapathControl loop = Add();
        MemoryPort into = AddMemory(loop, 1);
        foreach (ushort number in (ushort[])[2, 3, 4, 5])
        {
            AddPort(loop, number, Open(number < 4 ? "left" : "right"));
        }
        (_, MemoryPort near) = AddEdge("a");
        (_, MemoryPort far) = AddEdge("a");
        for (int i = 0; i < 10; i++)
        {
            Assert.True(into.TryInject(TestPacket.Udp(srcPort: (ushort)(i + 1))));
        }
        for (int i = 0; i < 50; i++)
        {
            byte[] frame = TestPacket.Udp(srcPort: (ushort)(i + 1));
            Assert.True(near.TryInject(frame));
            Assert.Equal(frame, Collect(far));
        }
        long before = loop.Workers.Sum(worker => worker.Counters.Lookups);
        Eventually.True(() => loop.Workers.Sum(worker => worker.Counters.Lookups) > before, "the storm goes on");
        using (loop.EnterWithoutTable())
        {
            Assert.Equal(ControlError.None, loop.Ports.Remove(3));
            Assert.Equal(ControlError.None, loop.Ports.Remove(5));
        }
    }

    [Fact]
    public void What_an_end_has_not_received_is_given_back_also_when_the_far_end_went_first()
    {
        FrameCache frames = _frames.CreateCache();
        PatchPort near = Open("cable");
        using (PatchPort far = Open("cable"))
        {
            Assert.Equal(8, Send(far.Queues[0], frames, 8));
        }
        near.Dispose();
        frames.Drain();
        Assert.Equal(_frames.FrameCount, _frames.FreeCount);
    }

    [Fact]
    public void A_switch_goes_while_its_neighbours_send_to_it()
    {
        (_, MemoryPort near) = AddEdge("a");
        for (int i = 0; i < 20; i++)
        {
            DatapathControl middle = AddSwitch("a", "b");
            Assert.True(near.TryInject(TestPacket.Udp(srcPort: (ushort)(i + 1))));
            _datapaths.Remove(middle);
            End(middle);
        }
        (_, MemoryPort far) = AddEdge("a");
        near.Collect();
        byte[] last = TestPacket.Udp(srcPort: 4711);
        Assert.True(near.TryInject(last));
        Assert.Equal(last, Collect(far));
    }

    private static int Send(IPort queue, FrameCache frames, int count) => queue.SendBurst(frames, [.. Enumerable.Repeat(new byte[60], count)]);

    private static byte[] Collect(MemoryPort port)
    {
        Packet packet = default;
        Eventually.True(() => port.TryCollect(out packet), "the packet comes out");
        byte[] frame = packet.Bytes.ToArray();
        port.FarFrames.Release(packet);
        return frame;
    }

    private PatchPort Open(string cable) => _cables.Open($"port 'patch:{cable}'", cable, _frames);

    private (DatapathControl Datapath, MemoryPort Host) AddEdge(string cable)
    {
        DatapathControl datapath = Add();
        MemoryPort host = AddMemory(datapath, 1);
        AddPort(datapath, 2, Open(cable));
        return (datapath, host);
    }

    private DatapathControl AddSwitch(string left, string right)
    {
        DatapathControl datapath = Add();
        AddPort(datapath, 1, Open(left));
        AddPort(datapath, 2, Open(right));
        return datapath;
    }

    private DatapathControl Add()
    {
        DatapathControl datapath = new(Options, _frames);
        _datapaths.Add(datapath);
        Assert.Equal(ControlError.None, datapath.Apply(new FlowMod { Match = FlowMatch.Any, Actions = new[] { FlowAction.Output(PortNumber.Flood) } }));
        _threads.Add(datapath.Workers, (_, failure) => _failures.Add(failure));
        return datapath;
    }

    private MemoryPort AddMemory(DatapathControl datapath, ushort number)
    {
        MemoryPort port = new($"m{number}", _frames);
        AddPort(datapath, number, port);
        return port;
    }

    private static void AddPort(DatapathControl datapath, ushort number, IPortDevice device)
    {
        using (datapath.EnterWithoutTable())
        {
            Assert.Equal(ControlError.None, datapath.Ports.Add(number, device));
        }
        // A pass that is under way knows the ports of its beginning, and a worker may be kept from going on for long.
        Eventually.True(() => datapath.Workers.All(worker => worker.Adopted.Find(number) != null), $"workers know port {number}");
    }

    private void End(DatapathControl datapath)
    {
        Assert.True(_threads.Remove(datapath.Workers, 60_000));
        datapath.Dispose();
        Assert.Equal((0, 0), (datapath.FrameQuota.Count, datapath.FrameQuota.LargeCount));
    }
}
