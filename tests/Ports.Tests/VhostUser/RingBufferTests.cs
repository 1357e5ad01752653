using System.Buffers.Binary;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Linux.Sockets;
using Softswitch.Ports.VhostUser;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.VhostUser;

/// <summary>Packets in buffers of every shape, both ways.</summary>
public sealed unsafe class RingBufferTests
{
    private const int Seed = 16;
    private const ulong Everything = VirtioFeatures.Rings & ~VirtioFeatures.VHOST_F_LOG_ALL;

    // Three regions: two neighbours, so that buffers cross, and one far away.
    private static readonly (ulong Address, ulong Bytes)[] Regions = [(0x10000, 16 << 20), (0x10000 + (16 << 20), 16 << 20), (0x1_0000_0000, 16 << 20)];

    /// <summary>What is left to be done with a TCP segment without options.</summary>
    private static readonly VirtioNetHeader Segments = new()
    {
        Flags = VirtioNetHeader.VIRTIO_NET_HDR_F_NEEDS_CSUM,
        GsoType = (byte)SegmentationKind.TcpV4,
        HeaderLength = 54,
        SegmentSize = 1448,
        ChecksumStart = 34,
        ChecksumOffset = 16,
    };

    public static TheoryData<ulong, int> Shapes => new()
    {
        { Everything & ~VirtioFeatures.VIRTIO_F_RING_EVENT_IDX, 256 },
        { Everything, 64 },
        { Everything & ~VirtioFeatures.VIRTIO_NET_F_MRG_RXBUF, 256 },
        { VirtioFeatures.VIRTIO_F_RING_INDIRECT_DESC, 128 },
        { Everything, 1024 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Packets_sent_in_chains_and_tables_of_any_shape_arrive_as_they_are(ulong features, int size)
    {
        var random = new Random(Seed);
        using RingHarness harness = new(features, size, startAt: 65000, ram: new GuestRam(Regions));
        for (int round = 0; round < 100; round++)
        {
            List<byte[]> sent = [];
            for (int i = random.Next(1, 20); i > 0 && harness.Guest.Sending.Free > 40; i--)
            {
                byte[] packet = RandomPacket(random, random.Next(5) == 0 ? random.Next(1500, 65536) : random.Next(14, 1515));
                (ulong, uint)[] pieces = Scatter(harness, random, packet.Length + harness.Guest.HeaderSize, random.Next(1, 19));
                byte[] whole = [.. new byte[harness.Guest.HeaderSize], .. packet];
                int at = 0;
                foreach ((ulong address, uint length) in pieces)
                {
                    harness.Ram.Write(address, whole.AsSpan(at, (int)length));
                    at += (int)length;
                }
                harness.Guest.Sending.Add(isWritten: false, pieces, indirect: random.Next(2) == 0);
                sent.Add(packet);
            }
            PolledPort.AssertSame(sent, harness.ReceiveFrames(sent.Count));
            harness.Guest.Reclaim();
            harness.Ram.Next = Regions[1].Address - (ulong)random.Next(1 << 20);
        }
        Assert.Equal(default, harness.Device.ReadCounters());
    }

    [Fact]
    public void Packets_in_a_hundred_pieces_over_64_regions_are_few_at_a_time()
    {
        const int packets = 20;
        const int pieces = 100;
        (ulong Address, ulong Bytes)[] regions = [Regions[0], .. Enumerable.Range(1, GuestMemory.MaxRegions - 1).Select(n => (Regions[2].Address + ((ulong)n << 17), 1UL << 16))];
        var random = new Random(Seed);
        using RingHarness harness = new(Everything, size: 256, ram: new GuestRam(regions));
        List<byte[]> sent = [];
        for (int n = 0; n < packets; n++)
        {
            byte[] packet = RandomPacket(random, 1400 - harness.Guest.HeaderSize);
            byte[] whole = [.. new byte[harness.Guest.HeaderSize], .. packet];
            var chain = new (ulong Address, uint Length)[pieces];
            for (int piece = 0; piece < pieces; piece++)
            {
                chain[piece] = (regions[random.Next(1, regions.Length)].Address + (ulong)(((n * pieces) + piece) * 14), 14);
                harness.Ram.Write(chain[piece].Address, whole.AsSpan(piece * 14, 14));
            }
            harness.Guest.Sending.Add(isWritten: false, chain, indirect: true);
            sent.Add(packet);
        }
        List<byte[]> received = [];
        while (received.Count < packets)
        {
            List<byte[]> some = harness.ReceiveFrames(1);
            Assert.InRange(some.Count, 1, 3);
            received.AddRange(some);
        }
        Assert.Equal(sent, received);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Packets_received_by_buffers_of_any_shape_arrive_as_they_are(ulong features, int size)
    {
        var random = new Random(Seed);
        bool isMergeable = (features & VirtioFeatures.VIRTIO_NET_F_MRG_RXBUF) != 0;
        using RingHarness harness = new(features, size, startAt: 65000, fill: false, ram: new GuestRam(Regions));
        int total = 0;
        while (harness.Guest.Receiving.Free >= 20)
        {
            int length = !isMergeable ? 66_000 : random.Next(4) == 0 ? random.Next(12, 40) : random.Next(1000, 8000);
            total += length;
            harness.Guest.AddBuffer(Scatter(harness, random, length, random.Next(1, 19)), indirect: random.Next(2) == 0);
            harness.Ram.Next = Math.Max(harness.Ram.Next, 0x10000 + (ulong)random.Next(24 << 20));
        }
        int longest = Math.Min(total - 12, 65536);
        for (int round = 0; round < 1000; round++)
        {
            byte[] packet = RandomPacket(random, random.Next(5) == 0 ? random.Next(1500, longest) : random.Next(14, 1515));
            harness.Send(packet);
            PolledPort.AssertSame([packet], [harness.Guest.Receive(out VirtioNetHeader header)!]);
            Assert.True(header.IsPlain);
        }
        Assert.Equal(default, harness.Device.ReadCounters());
    }

    [Fact]
    public void Unfinished_checksums_and_segments_pass_both_ways()
    {
        using RingHarness harness = new(Everything, longest: 66_000);
        byte[] segment = new SegmentBuilder { Payload = new byte[32_000] }.Build(finished: false);
        Assert.True(harness.Guest.TrySend(segment, Segments));
        var batch = new PacketBatch();
        Assert.Equal(1, harness.Queue.Receive(batch, harness.Frames));
        Assert.Equal(PacketFlags.NeedsChecksum | PacketFlags.NeedsSegmentation, batch.Packets[0].Flags);
        Assert.Equal(1448, harness.Frames.Offload(batch.Packets[0]).SegmentSize);
        Assert.Equal(1, harness.Queue.Transmit(batch.Packets, harness.Frames));
        Assert.Equal(segment, harness.Guest.Receive(out VirtioNetHeader header));
        Assert.Equal(Segments, header);
    }

    [Fact]
    public void A_header_that_does_not_describe_its_packet_is_a_receive_error_and_the_next_packet_comes()
    {
        using RingHarness harness = new(Everything);
        byte[] good = TestPacket.Tcp();
        const byte csum = VirtioNetHeader.VIRTIO_NET_HDR_F_NEEDS_CSUM;
        VirtioNetHeader[] lies =
        [
            new() { GsoType = 1, SegmentSize = 100 }, // finished, and to be cut
            new() { Flags = csum, ChecksumStart = 13, ChecksumOffset = 4 },
            new() { Flags = csum, ChecksumStart = 34, ChecksumOffset = 2000 },
            new() { Flags = csum, ChecksumStart = 65535, ChecksumOffset = 65535 },
            new() { Flags = csum, ChecksumStart = 34, ChecksumOffset = 16, GsoType = 1 }, // pieces of nothing
            new() { Flags = csum, ChecksumStart = 34, ChecksumOffset = 16, GsoType = 3, SegmentSize = 100 },
            new() { Flags = csum, ChecksumStart = 34, ChecksumOffset = 16, GsoType = 77, SegmentSize = 100 },
        ];
        foreach (VirtioNetHeader lie in lies)
        {
            Assert.True(harness.Guest.TrySend(good, lie));
        }
        Assert.True(harness.Guest.TrySend(good));
        Assert.Equal(good, Assert.Single(harness.ReceiveFrames(1)));
        Assert.Equal(lies.Length, harness.Device.ReadCounters().ReceiveErrors);
        Assert.Null(harness.Rings.Fault);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(25)]
    [InlineData(12 + Packet.MaxLength + 1)]
    [InlineData(4 << 20)]
    public void A_packet_too_short_or_too_long_is_a_receive_error_and_its_buffer_comes_back(int length)
    {
        using RingHarness harness = new(Everything);
        foreach (bool indirect in (bool[])[false, true])
        {
            ushort head = harness.Guest.Sending.Add(isWritten: false, [(harness.Ram.Allocate((ulong)length), (uint)length)], indirect);
            harness.ReceiveWhatIsThere();
            Assert.True(harness.Guest.Sending.TryTake(out ushort back, out uint written));
            Assert.Equal((head, 0u), (back, written));
        }
        Assert.Equal(2, harness.Device.ReadCounters().ReceiveErrors);
        Assert.Null(harness.Rings.Fault);
    }

    [Theory]
    [InlineData(RingHarness.Modern, 256, 1515, 1514)] // longer than a driver without mergeable buffers wants: the buffer stays
    [InlineData(RingHarness.Mergeable, 16, 30_000, 20_000)] // longer than the whole ring holds
    public void A_packet_that_the_guest_has_no_room_for_is_too_long_and_the_next_one_goes(ulong features, int size, int tooLong, int good)
    {
        using RingHarness harness = new(features, size, bufferSize: 1526);
        using QueueLosses losses = new([harness.Queue]);
        byte[] frame = PolledPort.Frame(good);
        Packet[] packets = [.. ((byte[][])[frame, new byte[tooLong], frame]).Select(bytes => harness.Frames.Rent(bytes))];
        List<byte[]> received = [];
        int taken = 0;
        for (int round = 0; round < packets.Length; round++) // a ring that has no room for all at once is emptied in between
        {
            taken += harness.Queue.Transmit(packets.AsSpan(taken), harness.Frames);
            while (harness.NextSent() is { } sent)
            {
                received.Add(sent);
            }
        }
        Assert.Equal(packets.Length, taken);
        Assert.Equal([frame, frame], received);
        Assert.Equal((1, 1), (losses[DropReason.TooLong], losses.Total));
    }

    [Fact]
    public void What_one_guest_leaves_to_be_done_is_done_for_one_that_does_not_take_it()
    {
        using TestSwitch sut = new(ports: 0);
        using RingHarness sender = new(Everything, longest: 66_000, pool: sut.Control.Frames);
        using RingHarness taker = new(Everything, pool: sut.Control.Frames);
        using RingHarness other = new(Everything & ~VirtioFeatures.VIRTIO_NET_F_GUEST_TSO4, pool: sut.Control.Frames);
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(1, sender.Device));
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(2, taker.Device));
        Assert.Equal(ControlError.None, sut.Control.Ports.Add(3, other.Device));
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2), FlowAction.Output(3));
        SegmentBuilder builder = new() { Payload = new byte[10_000] };
        byte[] segment = builder.Build(finished: false);
        Assert.True(sender.Guest.TrySend(segment, Segments));
        sut.Settle();
        Assert.Equal(segment, taker.Guest.Receive(out VirtioNetHeader header));
        Assert.Equal(Segments, header);
        foreach (byte[] frame in builder.Frames(1448))
        {
            Assert.Equal(frame, other.Guest.Receive(out header));
            Assert.True(header.IsPlain);
        }
        Assert.Null(other.NextSent());
        sut.AssertNoFrameLost();
    }

    [Fact]
    public void What_the_guest_did_not_negotiate_is_an_error_and_never_reaches_it()
    {
        using RingHarness harness = new(Everything & ~VirtioFeatures.VIRTIO_NET_F_GUEST_TSO6);
        using QueueLosses losses = new([harness.Queue]);
        Packet packet = harness.Frames.Rent(new byte[1000]);
        packet.Flags = PacketFlags.NeedsChecksum | PacketFlags.NeedsSegmentation;
        packet.Bytes[54 + 12] = 0x50;
        harness.Frames.Offload(packet) = new OffloadState
        {
            Segmentation = SegmentationKind.TcpV6,
            SegmentSize = 500,
            ChecksumStart = 54,
            ChecksumOffset = 16,
            HeaderLength = 74,
        };
        Assert.Equal(1, harness.Queue.Transmit(new ReadOnlySpan<Packet>(in packet), harness.Frames));
        Assert.Null(harness.NextSent());
        Assert.Equal((1, 1), (losses[DropReason.DeviceRefused], losses.Total));
    }

    /// <summary>So many bytes in pieces of any length, some across the border of two regions.</summary>
    private static (ulong Address, uint Length)[] Scatter(RingHarness harness, Random random, int bytes, int pieces)
    {
        int[] cuts = [0, .. Enumerable.Range(1, pieces - 1).Select(_ => random.Next(bytes + 1)).Order(), bytes];
        var scattered = new (ulong, uint)[pieces];
        for (int i = 0; i < pieces; i++)
        {
            ulong length = (ulong)(cuts[i + 1] - cuts[i]);
            ulong border = Regions[1].Address;
            if (harness.Ram.Next + length > border && harness.Ram.Next < border)
            {
                harness.Ram.Next = random.Next(3) == 0 ? Regions[2].Address : Math.Max(harness.Ram.Next, border - (length / 2));
            }
            scattered[i] = (harness.Ram.Allocate(length, 1), (uint)length);
        }
        return scattered;
    }

    private static byte[] RandomPacket(Random random, int length)
    {
        byte[] packet = new byte[length];
        random.NextBytes(packet);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(12), 0x88b5);
        return packet;
    }
}
