using System.Buffers.Binary;
using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfXdp;

/// <summary>What is joined is cut into the same packets again; what would not be stays as it came.</summary>
public sealed class SegmentJoinerTests : IDisposable
{
    private const int Seed = 811;
    private const int Size = 1000;

    private readonly FramePool _pool = new(1024, largeFrameCount: 64);
    private readonly FrameCache _frames;
    private readonly FakeXdpKernel _kernel;
    private readonly PacketBatch _batch = new();

    public SegmentJoinerTests()
    {
        _frames = _pool.CreateCache();
        _kernel = new FakeXdpKernel(_pool, _frames, 256, joins: true);
    }

    public void Dispose()
    {
        _kernel.Dispose();
        _pool.Dispose();
    }

    /// <summary>The packets the kernel makes of a segment, their checksums left to the device.</summary>
    private static List<byte[]> Cut(SegmentBuilder builder, int size) => [.. builder.Frames(size).Select(frame => Unfinish(builder, frame))];

    private static byte[] Unfinish(SegmentBuilder builder, byte[] frame)
    {
        int payload = frame.Length - builder.HeaderLength;
        byte[] partial = (builder with { Payload = new byte[payload] }).Build(finished: false); // its checksum depends on the length alone
        int field = builder.TransportOffset + 16;
        partial.AsSpan(field, 2).CopyTo(frame.AsSpan(field));
        return frame;
    }

    /// <summary>What comes of packets that are delivered, each as a sender without offloads would have sent it; how many packets it was.</summary>
    private List<byte[]> Pass(IEnumerable<byte[]> packets, out int count)
    {
        foreach (byte[] packet in packets)
        {
            _kernel.Deliver(packet);
        }
        List<byte[]> sent = [];
        count = 0;
        while (_kernel.Queue.Receive(_batch, _frames) > 0)
        {
            count += _batch.Count;
            foreach (ref Packet packet in _batch.Packets)
            {
                sent.AddRange(Finish(packet));
            }
            _batch.Clear();
        }
        return sent;
    }

    private List<byte[]> Finish(Packet packet)
    {
        List<byte[]> sent = [];
        if ((packet.Flags & PacketFlags.NeedsSegmentation) != 0)
        {
            sent.AddRange(_frames.Cut(packet));
        }
        else
        {
            Assert.True(ChecksumFinisher.TryFinish(ref packet, _frames));
            sent.Add(packet.Bytes.ToArray());
        }
        _frames.Release(packet);
        return sent;
    }

    private static SegmentBuilder Segment(int length = 8500, byte flags = 0x18) => new()
    {
        Payload = [.. Enumerable.Range(0, length).Select(i => (byte)i)],
        TcpFlags = flags,
        Identification = 65_533,
        Sequence = uint.MaxValue - 2500,
    };

    [Fact]
    public void Segments_that_were_cut_are_whole_again_and_cut_once_more_give_the_same_packets()
    {
        var random = new Random(Seed);
        int joined = 0;
        for (int round = 0; round < 300; round++)
        {
            int size = random.Next(1, round % 4 == 0 ? 9000 : 1449);
            SegmentBuilder builder = SegmentBuilder.Random(random, size + random.Next(1, Math.Min(50_000, 20 * size))) with { IsTcp = true };
            builder = builder with { TcpFlags = (byte)((builder.TcpFlags & 0x49) | 0x10), IpOptions = builder.IsIpv4 ? builder.IpOptions : [] };
            List<byte[]> sent = Pass(Cut(builder, size), out int count);
            List<byte[]> expected = builder.Frames(size);
            Assert.True(expected.Count == sent.Count, $"seed {Seed}, round {round}: {sent.Count} packets, not {expected.Count}");
            for (int i = 0; i < sent.Count; i++)
            {
                Assert.True(expected[i].AsSpan().SequenceEqual(sent[i]), $"seed {Seed}, round {round}, packet {i} of {builder}");
            }
            joined += count == 1 ? 1 : 0;
        }
        Assert.Equal(300, joined);
        _pool.AssertAllFree(_frames, _kernel.Ledger.Count);
    }

    [Fact]
    public void A_segment_is_no_longer_than_an_ip_packet_can_be()
    {
        List<byte[]> packets = [];
        SegmentBuilder first = Segment(60_000, flags: 0x10);
        SegmentBuilder second = first with { Sequence = unchecked(first.Sequence + 60_000), Identification = (ushort)(first.Identification + 60) };
        packets.AddRange(Cut(first, Size));
        packets.AddRange(Cut(second, Size));
        List<byte[]> sent = Pass(packets, out int count);
        Assert.Equal(2, count);
        Assert.Equal([.. first.Frames(Size), .. second.Frames(Size)], sent);
    }

    [Theory]
    [InlineData("another flow", 36)]
    [InlineData("another acknowledgement", 45)]
    [InlineData("another window", 49)]
    [InlineData("an urgent pointer", 53)]
    [InlineData("another sequence number", 41)]
    [InlineData("another identification", 19)]
    [InlineData("another hop limit", 22)]
    [InlineData("another class of service", 15)]
    [InlineData("another destination", 5)]
    [InlineData("another flag", 47)]
    [InlineData("a wrong partial checksum", 50)]
    public void A_packet_that_differs_in_its_headers_stays_apart(string difference, int at)
    {
        List<byte[]> packets = Cut(Segment(4000, flags: 0x10), Size);
        packets[2][at] ^= 0x80;
        Pass(packets, out int count);
        Assert.True(count == 3, $"{difference}: {count} packets"); // 0 and 1; 2; 3
    }

    [Fact]
    public void Finished_checksums_stay_apart()
    {
        SegmentBuilder builder = Segment();
        Assert.Equal(builder.Frames(Size), Pass(builder.Frames(Size), out int count));
        Assert.Equal(9, count);
    }

    [Theory]
    [InlineData(0x12)] // SYN
    [InlineData(0x14)] // RST
    [InlineData(0x30)] // URG
    [InlineData(0x90)] // CWR
    [InlineData(0x00)]
    public void Only_plain_data_is_gone_on_with(byte flags)
    {
        List<byte[]> packets = Cut(Segment(4000, flags: 0x10), Size);
        packets[0][14 + 20 + 13] = flags;
        Pass(packets, out int count);
        Assert.Equal(2, count); // 0; 1, 2 and 3
    }

    [Fact]
    public void Nothing_follows_what_ends_a_segment()
    {
        SegmentBuilder builder = Segment(1500, flags: 0x18); // PSH, and a short last packet
        SegmentBuilder next = builder with { Sequence = unchecked(builder.Sequence + 1500), Identification = (ushort)(builder.Identification + 2) };
        List<byte[]> sent = Pass([.. Cut(builder, Size), .. Cut(next, Size)], out int count);
        Assert.Equal(2, count);
        Assert.Equal([.. builder.Frames(Size), .. next.Frames(Size)], sent);
    }

    [Fact]
    public void A_length_that_is_not_the_packets_own_stays_apart()
    {
        List<byte[]> packets = Cut(Segment(4000, flags: 0x10), Size);
        BinaryPrimitives.WriteUInt16BigEndian(packets[1].AsSpan(16), 60);
        Pass(packets, out int count);
        Assert.Equal(3, count); // 0; 1; 2 and 3
    }

    [Fact]
    public void Without_a_large_frame_packets_pass_as_they_are()
    {
        Packet[] hoard = _frames.HoardLarge();
        SegmentBuilder builder = Segment();
        Assert.Equal(builder.Frames(Size), Pass(Cut(builder, Size), out int count));
        Assert.Equal(9, count);
        _frames.Release(hoard);
    }

    [Fact]
    public void No_bytes_make_it_read_outside_of_a_packet()
    {
        var random = new Random(Seed);
        SegmentBuilder builder = Segment(4000, flags: 0x10);
        for (int round = 0; round < 2000; round++)
        {
            List<byte[]> packets = Cut(builder, Size);
            byte[] damaged = packets[random.Next(packets.Count)];
            for (int i = random.Next(1, 4); i > 0; i--)
            {
                damaged[random.Next(14, 54)] = (byte)random.Next(256);
            }
            packets[random.Next(packets.Count)] = damaged[..random.Next(14, damaged.Length + 1)];
            Pass(packets, out int count);
            Assert.InRange(count, 1, packets.Count);
        }
        _pool.AssertAllFree(_frames, _kernel.Ledger.Count);
    }
}
