using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Emulator;
using Softswitch.NetFpga.Offload.Writing;
using Softswitch.NetFpga.Registers;
using Softswitch.NetFpga.Tests.Emulator;
using Softswitch.Ports.Memory;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests;

/// <summary>An emulated card between four wires in memory and four ports of a switch.</summary>
public sealed class EmulatedCardDeviceTests : IDisposable
{
    private readonly FramePool _pool = new(4096);
    private readonly FrameCache _frames;
    private readonly PacketBatch _batch = new();
    private readonly MemoryPort[] _wires;
    private readonly EmulatedCard _card = new();
    private readonly EmulatedNetdev[] _netdevs;
    private readonly CardPortDevice[] _ports;

    public EmulatedCardDeviceTests()
    {
        _frames = _pool.CreateCache();
        _wires = [.. Enumerable.Range(0, 4).Select(port => new MemoryPort($"wire{port}", _pool, takesOffloads: true))];
        var cardDevice = new EmulatedCardDevice(_card);
        CardStart.Run(_card, CardLayout.V10, TimeSpan.Zero);
        _netdevs = [.. _wires.Select((wire, port) => new EmulatedNetdev(cardDevice, port, wire, $"nf2c{port}", _pool))];
        _ports = [.. _netdevs.Select((netdev, port) => new CardPortDevice(netdev, _card, port))];
    }

    [Fact]
    public void With_the_reserved_rows_it_is_four_interfaces()
    {
        byte[] frame = TestPacket.Tcp();
        for (int port = 0; port < 4; port++)
        {
            Assert.True(_wires[port].TryInject(frame));
            Assert.Equal([frame], Receive(port));
            Transmit(port, frame);
            Assert.Equal([frame], _wires[port].Collect());
        }
        Assert.All(_wires, wire => Assert.Empty(wire.Collect()));
    }

    [Fact]
    public void What_the_card_forwards_from_wire_to_wire_the_switch_does_not_see()
    {
        WriteRow(0x04 | 0x10);
        byte[] frame = TestPacket.Tcp();
        Assert.True(_wires[0].TryInject(frame));
        Assert.Empty(Receive(0));
        Assert.Equal([frame], _wires[1].Collect());
        Assert.Equal([frame], _wires[2].Collect());
        Assert.Empty(_wires[3].Collect());
    }

    [Fact]
    public void A_frame_for_another_ports_queue_comes_in_there()
    {
        WriteRow(0x08);
        Assert.True(_wires[3].TryInject(TestPacket.Tcp()));
        Assert.Empty(Receive(3));
        Assert.Single(Receive(1));
    }

    [Fact]
    public void Statistics_count_what_passed_the_wire_whoever_forwarded_it()
    {
        byte[] frame = TestPacket.Tcp();
        _wires[0].TryInject(frame);
        Receive(0);
        Transmit(1, frame);
        WriteRow(0x04);
        _wires[0].TryInject(frame);
        Receive(0);
        PortTraffic first = _ports[0].ReadCounters().Traffic!.Value;
        PortTraffic second = _ports[1].ReadCounters().Traffic!.Value;
        Assert.Equal((2, 2L * frame.Length, 0), (first.ReceivedPackets, first.ReceivedBytes, first.TransmittedPackets));
        Assert.Equal((0, 2, 2L * frame.Length), (second.ReceivedPackets, second.TransmittedPackets, second.TransmittedBytes));
    }

    [Fact]
    public void A_partial_checksum_is_finished_before_the_card_sees_the_frame()
    {
        byte[] frame = TestPacket.Tcp();
        Inject(0, TestPacket.Unfinish(frame, 14, 16), PacketFlags.NeedsChecksum, new OffloadState { ChecksumStart = 34, ChecksumOffset = 16 });
        Assert.Equal([frame], Receive(0));
    }

    [Fact]
    public void A_segment_is_cut_before_the_card_sees_it()
    {
        WriteRow(0x04);
        byte[] segment = TestPacket.Tcp(payload: 5000);
        Inject(0, segment, PacketFlags.NeedsChecksum | PacketFlags.NeedsSegmentation, new OffloadState
        {
            Segmentation = SegmentationKind.TcpV4,
            HeaderLength = 54,
            SegmentSize = 1448,
            ChecksumStart = 34,
            ChecksumOffset = 16,
        });
        Assert.Empty(Receive(0));
        List<byte[]> frames = _wires[1].Collect();
        Assert.Equal([1502, 1502, 1502, 710], frames.Select(frame => frame.Length));
        Assert.All(frames, frame => Assert.Equal(0, TestPacket.TransportChecksum(frame.AsSpan(14))));
        Assert.Equal(segment[54..], frames.SelectMany(frame => frame[54..]));
        Assert.Equal(4, _ports[0].ReadCounters().Traffic!.Value.ReceivedPackets);
    }

    [Fact]
    public void A_damaged_offload_is_a_loss_and_nothing_else()
    {
        Inject(0, TestPacket.Tcp(), PacketFlags.NeedsChecksum, new OffloadState { ChecksumStart = 2000, ChecksumOffset = 16 });
        Assert.Empty(Receive(0));
        Assert.Equal(1, _ports[0].ReadCounters().ReceiveDropped);
    }

    [Fact]
    public void What_the_host_sends_is_padded_to_60_bytes_and_refused_above_its_mtu()
    {
        Transmit(2, TestPacket.Ethernet(0x88b5, [1, 2, 3]));
        byte[] sent = Assert.Single(_wires[2].Collect());
        Assert.Equal([.. TestPacket.Ethernet(0x88b5, [1, 2, 3]), .. new byte[43]], sent);
        using QueueLosses losses = new(_ports[2].Queues);
        Transmit(2, TestPacket.Ethernet(0x88b5, new byte[1987 + 4]));
        Assert.Empty(_wires[2].Collect());
        Assert.Equal((1, 1), (losses[DropReason.TooLong], losses.Total));
    }

    [Fact]
    public void The_link_is_the_wires_by_way_of_the_phy()
    {
        Assert.True(_ports[1].ReadLink().Up);
        _wires[1].SetLink(false);
        Assert.False(_ports[1].ReadLink().Up);
        Assert.Equal(0u, _card.Peek(0x440080 + 0x64));
        Assert.Equal(4u, _card.Peek(0x440000 + 0x64));
        _card.Fault = _ => RegisterFault.Lost;
        Assert.True(_ports[0].ReadLink().Up); // then it is the interface's
        _card.Fault = null;
        Assert.Equal(EmulatedNetdev.Mtu, _ports[0].ReadLink().Mtu);
    }

    [Fact]
    public void An_interface_that_is_down_takes_and_gives_nothing_and_the_card_goes_on()
    {
        _ports[0].SetAdministrativeState(false);
        Assert.True(_ports[0].ReadLink() is { Up: false, IsSetDown: true });
        _wires[0].TryInject(TestPacket.Tcp());
        Assert.Empty(Receive(0));
        using QueueLosses losses = new(_ports[0].Queues);
        Transmit(0, TestPacket.Tcp());
        Assert.Empty(_wires[0].Collect());
        Assert.Equal((1, 1), (losses[DropReason.LinkDown], losses.Total));
        WriteRow(0x10);
        _wires[0].TryInject(TestPacket.Tcp());
        Assert.Empty(Receive(0));
        Assert.Single(_wires[2].Collect());
        _ports[0].SetAdministrativeState(true);
        Transmit(0, TestPacket.Tcp());
        Assert.Single(_wires[2].Collect()); // by the row, which takes the host's frames too
    }

    [Fact]
    public void A_full_host_leaves_frames_on_the_wire()
    {
        byte[] frame = TestPacket.Tcp();
        WriteRow(0x02);
        for (int i = 0; i < 600; i++)
        {
            Assert.True(_wires[1].TryInject(frame));
        }
        for (int i = 0; i < 100; i++)
        {
            Receive(1); // fills queue 0
        }
        Assert.Equal(0, _wires[1].PendingReceive);
        for (int i = 0; i < 100; i++)
        {
            Assert.True(_wires[0].TryInject(frame));
        }
        Assert.Equal(PacketBatch.Capacity, Receive(0).Count);
        Assert.Equal(100, _wires[0].PendingReceive);
    }

    [Fact]
    public void Every_frame_comes_back_to_the_pool()
    {
        byte[] frame = TestPacket.Tcp();
        for (int i = 0; i < 100; i++)
        {
            WriteRow((uint)(i & 0xff));
            _wires[i % 4].TryInject(frame);
            Receive(i % 4);
            Transmit(i % 4, frame);
        }
        Dispose();
        Assert.Equal(_pool.FrameCount, _pool.FreeCount);
    }

    [Fact]
    public void Frames_cost_no_allocation()
    {
        WriteRow(0x04);
        byte[] frame = TestPacket.Tcp();
        Assert.Equal(0, Allocations.OfOneRound(() =>
        {
            _wires[0].TryInject(frame);
            _netdevs[0].Receive(_batch, _frames);
            while (_wires[1].TryCollect(out Packet packet))
            {
                _wires[1].FarFrames.Release(packet);
            }
        }));
    }

    public void Dispose()
    {
        Array.ForEach(_ports, port => port.Dispose()); // and the wires with them
        _frames.Release(_batch.Packets);
        _batch.Clear();
        _frames.Drain();
    }

    private void WriteRow(uint destinations) => new CardBench(_card).WriteRow(0, CardBench.Action(destinations));

    private void Inject(int wire, byte[] frame, PacketFlags flags, OffloadState offload)
    {
        FrameCache far = _wires[wire].FarFrames;
        Packet packet = far.Rent(frame);
        packet.Flags = flags;
        far.Offload(packet) = offload;
        Assert.True(_wires[wire].TryInject(packet));
    }

    private List<byte[]> Receive(int port) => _ports[port].Queues[0].ReceiveOnce(_frames);

    private void Transmit(int port, byte[] frame) => Assert.Equal(1, _ports[port].Send(_frames, frame));
}
