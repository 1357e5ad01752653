using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Packets;

public sealed class GsoSegmenterTests : IDisposable
{
    private const int Seed = 20250;

    private readonly FramePool _pool = new(64, largeFrameCount: 8);
    private readonly FrameCache _frames;

    public GsoSegmenterTests() => _frames = _pool.CreateCache();

    /// <summary>No frame is lost.</summary>
    public void Dispose()
    {
        _frames.Drain();
        Assert.Equal((_pool.FrameCount, _pool.LargeFrameCount), (_pool.FreeCount, _pool.FreeLargeCount));
        _pool.Dispose();
    }

    private List<byte[]> Cut(in Packet segment)
    {
        List<byte[]> cut = [];
        Assert.True(GsoSegmenter.TryBegin(segment, _frames, out GsoSegmenter segmenter));
        int expected = segmenter.Remaining;
        while (segmenter.TryNext(out Packet frame))
        {
            Assert.Equal(PacketFlags.None, frame.Flags);
            Assert.True(frame.Length <= segmenter.FrameLength);
            cut.Add(frame.Bytes.ToArray());
            _frames.Release(frame);
        }
        Assert.Equal(0, segmenter.Remaining);
        Assert.Equal(expected, cut.Count);
        return cut;
    }

    [Fact]
    public void Frames_are_those_a_sender_without_offloads_would_have_sent()
    {
        var random = new Random(Seed);
        for (int round = 0; round < 1000; round++)
        {
            int segmentSize = random.Next(1, 1449);
            SegmentBuilder builder = SegmentBuilder.Random(random, segmentSize + random.Next(1, round % 50 == 0 ? 60_000 : 4000));
            Packet segment = builder.Rent(_frames, segmentSize);
            List<byte[]> cut = Cut(segment);
            List<byte[]> expected = builder.Frames(segmentSize);
            Assert.True(expected.Count == cut.Count, $"seed {Seed}, round {round}: {cut.Count} frames, not {expected.Count}");
            for (int i = 0; i < cut.Count; i++)
            {
                Assert.True(expected[i].AsSpan().SequenceEqual(cut[i]), $"seed {Seed}, round {round}, frame {i} of {builder}");
            }
            _frames.Release(segment);
        }
    }

    [Fact]
    public void Sixty_four_kilobytes_at_536_bytes_a_frame_are_122_frames()
    {
        var builder = new SegmentBuilder { Payload = new byte[65_160], TcpFlags = 0x99 };
        Packet segment = builder.Rent(_frames, 536);
        List<byte[]> cut = Cut(segment);
        Assert.Equal(122, cut.Count);
        Assert.Equal(0x90, cut[0][47]); // CWR and ACK
        Assert.Equal(0x10, cut[1][47]); // ACK
        Assert.Equal(0x19, cut[121][47]); // ACK, PSH, FIN
        _frames.Release(segment);
    }

    [Fact]
    public void An_empty_pool_leaves_the_rest_for_later_or_to_be_counted()
    {
        using var pool = new FramePool(4, largeFrameCount: 1);
        FrameCache frames = pool.CreateCache();
        Packet segment = new SegmentBuilder { Payload = new byte[10_000] }.Rent(frames, 1000);
        Assert.True(GsoSegmenter.TryBegin(segment, frames, out GsoSegmenter segmenter));
        List<Packet> held = [];
        while (segmenter.TryNext(out Packet frame))
        {
            held.Add(frame);
        }
        Assert.Equal(4, held.Count);
        Assert.Equal(6, segmenter.Remaining);
        frames.Release(held[0]);
        Assert.True(segmenter.TryNext(out Packet next));
        Assert.Equal(5, segmenter.Remaining);
        Assert.False(segmenter.TryNext(out _));
        frames.Release(next);
        frames.Release(held.ToArray().AsSpan(1));
        frames.Release(segment);
        frames.Drain();
        Assert.Equal(4, pool.FreeCount);
        Assert.Equal(1, pool.FreeLargeCount);
    }

    [Fact]
    public void Cutting_allocates_nothing()
    {
        Packet segment = new SegmentBuilder { Payload = new byte[60_000] }.Rent(_frames, 1448);
        Assert.Equal(0, Allocations.OfOneRound(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                CutAndRelease();
            }
        }));
        _frames.Release(segment);

        void CutAndRelease()
        {
            Assert.True(GsoSegmenter.TryBegin(segment, _frames, out GsoSegmenter segmenter));
            while (segmenter.TryNext(out Packet frame))
            {
                _frames.Release(frame);
            }
        }
    }

    [Fact]
    public void Hostile_headers_and_offsets_are_refused_or_cut_but_never_read_beyond_the_packet()
    {
        var random = new Random(Seed);
        int refused = 0;
        for (int round = 0; round < 40_000; round++)
        {
            Packet packet = SegmentBuilder.Random(random, random.Next(1, 300)).Rent(_frames, random.Next(1, 100));
            packet.Flags = PacketFlags.NeedsChecksum | PacketFlags.NeedsSegmentation;
            ref OffloadState offload = ref _frames.Offload(packet);
            switch (random.Next(4))
            {
                case 0: // a header byte lies
                    packet.Bytes[random.Next(Math.Min(packet.Length, 80))] = (byte)random.Next(256);
                    break;
                case 1: // the packet ends early
                    packet.Length = random.Next(packet.Length);
                    break;
                case 2: // the state lies
                    offload.ChecksumStart = (ushort)random.Next(65536);
                    offload.ChecksumOffset = (ushort)random.Next(65536);
                    break;
                default:
                    offload.SegmentSize = (ushort)random.Next(65536);
                    offload.Segmentation = (SegmentationKind)random.Next(256);
                    break;
            }
            if (!GsoSegmenter.TryBegin(packet, _frames, out GsoSegmenter segmenter))
            {
                refused++;
                Assert.Equal(0, segmenter.Remaining);
            }
            while (segmenter.TryNext(out Packet frame)) // a default segmenter has nothing to give
            {
                _frames.Release(frame);
            }
            Packet checksummed = packet;
            checksummed.Flags = PacketFlags.NeedsChecksum;
            ChecksumFinisher.TryFinish(ref checksummed, _frames);
            _frames.Release(packet);
        }
        Assert.InRange(refused, 2_000, 38_000);
    }

    [Fact]
    public void A_packet_that_needs_only_its_checksum_gets_it()
    {
        var random = new Random(Seed);
        for (int round = 0; round < 5000; round++)
        {
            SegmentBuilder builder = SegmentBuilder.Random(random, random.Next(0, 1400));
            Packet packet = builder.Rent(_frames, segmentSize: 60_000);
            Assert.True(ChecksumFinisher.TryFinish(ref packet, _frames));
            Assert.Equal(PacketFlags.None, packet.Flags);
            Assert.True(packet.Bytes.SequenceEqual(builder.Build(finished: true)), $"seed {Seed}, round {round}");
            Assert.True(ChecksumFinisher.TryFinish(ref packet, _frames)); // nothing left to do
            _frames.Release(packet);
        }
    }

    [Fact]
    public void A_checksum_that_would_lie_outside_is_refused_and_the_packet_left_alone()
    {
        Packet packet = new SegmentBuilder { Payload = new byte[10] }.Rent(_frames, segmentSize: 60_000);
        byte[] before = packet.Bytes.ToArray();
        _frames.Offload(packet).ChecksumStart = (ushort)(packet.Length - 17);
        Assert.False(ChecksumFinisher.TryFinish(ref packet, _frames));
        Assert.Equal(PacketFlags.NeedsChecksum, packet.Flags);
        Assert.Equal(before, packet.Bytes.ToArray());
        _frames.Release(packet);
    }
}
