using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Packets;

public sealed class GsoSegmenterTests
{
    private const int Seed = 20250;

    private static List<byte[]> Cut(in Packet segment, FrameCache frames)
    {
        List<byte[]> cut = [];
        Assert.True(GsoSegmenter.TryBegin(segment, frames, out GsoSegmenter segmenter));
        int expected = segmenter.Remaining;
        while (segmenter.TryNext(out Packet frame))
        {
            Assert.Equal(PacketFlags.None, frame.Flags);
            Assert.True(frame.Length <= segmenter.FrameLength);
            cut.Add(frame.Bytes.ToArray());
            frames.Release(frame);
        }
        Assert.Equal(0, segmenter.Remaining);
        Assert.Equal(expected, cut.Count);
        return cut;
    }

    [Fact]
    public void Frames_are_those_a_sender_without_offloads_would_have_sent()
    {
        using var pool = new FramePool(64, largeFrameCount: 8);
        FrameCache frames = pool.CreateCache();
        var random = new Random(Seed);
        for (int round = 0; round < 1000; round++)
        {
            int segmentSize = random.Next(1, 1449);
            SegmentBuilder builder = SegmentBuilder.Random(random, segmentSize + random.Next(1, round % 50 == 0 ? 60_000 : 4000));
            Packet segment = builder.Rent(frames, segmentSize);
            List<byte[]> cut = Cut(segment, frames);
            List<byte[]> expected = builder.Frames(segmentSize);
            Assert.True(expected.Count == cut.Count, $"seed {Seed}, round {round}: {cut.Count} frames, not {expected.Count}");
            for (int i = 0; i < cut.Count; i++)
            {
                Assert.True(expected[i].AsSpan().SequenceEqual(cut[i]), $"seed {Seed}, round {round}, frame {i} of {builder}");
            }
            frames.Release(segment);
        }
        frames.Drain();
        Assert.Equal(pool.FrameCount, pool.FreeCount);
        Assert.Equal(pool.LargeFrameCount, pool.FreeLargeCount);
    }

    [Fact]
    public void Sixty_four_kilobytes_at_536_bytes_a_frame_are_122_frames()
    {
        using var pool = new FramePool(8, largeFrameCount: 2);
        FrameCache frames = pool.CreateCache();
        var builder = new SegmentBuilder { Payload = new byte[65_160], TcpFlags = 0x99 };
        Packet segment = builder.Rent(frames, 536);
        List<byte[]> cut = Cut(segment, frames);
        Assert.Equal(122, cut.Count);
        Assert.Equal(0x90, cut[0][47]); // CWR and ACK
        Assert.Equal(0x10, cut[1][47]); // ACK
        Assert.Equal(0x19, cut[121][47]); // ACK, PSH, FIN
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
        using var pool = new FramePool(64, largeFrameCount: 2);
        FrameCache frames = pool.CreateCache();
        Packet segment = new SegmentBuilder { Payload = new byte[60_000] }.Rent(frames, 1448);
        Assert.Equal(0, Allocations.OfOneRound(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                CutAndRelease(segment, frames);
            }
        }));

        static void CutAndRelease(in Packet segment, FrameCache frames)
        {
            Assert.True(GsoSegmenter.TryBegin(segment, frames, out GsoSegmenter segmenter));
            while (segmenter.TryNext(out Packet frame))
            {
                frames.Release(frame);
            }
        }
    }

    [Fact]
    public void Hostile_headers_and_offsets_are_refused_or_cut_but_never_read_beyond_the_packet()
    {
        using var pool = new FramePool(64, largeFrameCount: 8);
        FrameCache frames = pool.CreateCache();
        var random = new Random(Seed);
        int refused = 0;
        for (int round = 0; round < 40_000; round++)
        {
            Packet packet = SegmentBuilder.Random(random, random.Next(1, 300)).Rent(frames, random.Next(1, 100));
            packet.Flags = PacketFlags.NeedsChecksum | PacketFlags.NeedsSegmentation;
            ref OffloadState offload = ref frames.Offload(packet);
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
            if (!GsoSegmenter.TryBegin(packet, frames, out GsoSegmenter segmenter))
            {
                refused++;
                Assert.Equal(0, segmenter.Remaining);
            }
            while (segmenter.TryNext(out Packet frame)) // a default segmenter has nothing to give
            {
                frames.Release(frame);
            }
            Packet checksummed = packet;
            checksummed.Flags = PacketFlags.NeedsChecksum;
            ChecksumFinisher.TryFinish(ref checksummed, frames);
            frames.Release(packet);
        }
        Assert.InRange(refused, 2_000, 38_000);
        frames.Drain();
        Assert.Equal(pool.FrameCount, pool.FreeCount);
    }

    [Fact]
    public void A_packet_that_needs_only_its_checksum_gets_it()
    {
        using var pool = new FramePool(8, largeFrameCount: 2);
        FrameCache frames = pool.CreateCache();
        var random = new Random(Seed);
        for (int round = 0; round < 5000; round++)
        {
            SegmentBuilder builder = SegmentBuilder.Random(random, random.Next(0, 1400));
            Packet packet = builder.Rent(frames, segmentSize: 60_000);
            Assert.True(ChecksumFinisher.TryFinish(ref packet, frames));
            Assert.Equal(PacketFlags.None, packet.Flags);
            Assert.True(packet.Bytes.SequenceEqual(builder.Build(finished: true)), $"seed {Seed}, round {round}");
            Assert.True(ChecksumFinisher.TryFinish(ref packet, frames)); // nothing left to do
            frames.Release(packet);
        }
    }

    [Fact]
    public void A_checksum_that_would_lie_outside_is_refused_and_the_packet_left_alone()
    {
        using var pool = new FramePool(8, largeFrameCount: 2);
        FrameCache frames = pool.CreateCache();
        Packet packet = new SegmentBuilder { Payload = new byte[10] }.Rent(frames, segmentSize: 60_000);
        byte[] before = packet.Bytes.ToArray();
        frames.Offload(packet).ChecksumStart = (ushort)(packet.Length - 17);
        Assert.False(ChecksumFinisher.TryFinish(ref packet, frames));
        Assert.Equal(PacketFlags.NeedsChecksum, packet.Flags);
        Assert.Equal(before, packet.Bytes.ToArray());
    }
}
