using System.Buffers.Binary;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.PcapLib;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.PcapLib;

public sealed class PartialSegmentTests : IDisposable
{
    private const int Seed = 5353;
    private const int Mtu = 1500;

    private readonly FramePool _pool = new(128, largeFrameCount: 4);
    private readonly FrameCache _frames;

    public PartialSegmentTests() => _frames = _pool.CreateCache();

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void A_tcp_segment_becomes_the_frames_its_sender_would_have_sent_at_the_full_mtu()
    {
        var random = new Random(Seed);
        for (int round = 0; round < 500; round++)
        {
            SegmentBuilder builder = SegmentBuilder.Random(random, random.Next(1, round % 20 == 0 ? 60_000 : 8000)) with { IsTcp = true };
            builder = builder with { IpOptions = builder.IsIpv4 ? builder.IpOptions : [] };
            Packet packet = _frames.Rent(builder.Build(finished: false));
            Assert.True(PartialSegment.TryMark(ref packet, _frames, Mtu));
            int room = Mtu - (builder.HeaderLength - builder.NetworkOffset);
            bool cut = builder.Payload.Length > room;
            Assert.Equal(cut ? PacketFlags.NeedsChecksum | PacketFlags.NeedsSegmentation : PacketFlags.NeedsChecksum, packet.Flags);
            if (cut)
            {
                Assert.Equal((builder.TcpFlags & 0x80) != 0, _frames.Offload(packet).Ecn);
                Assert.Equal(builder.Frames(room), _frames.Cut(packet));
            }
            _frames.Release(packet);
        }
    }

    [Fact]
    public void What_is_above_the_mtu_and_cannot_be_cut_is_refused()
    {
        foreach (SegmentBuilder builder in (SegmentBuilder[])[
            new() { IsTcp = false, Payload = new byte[3000] },
            new() { IsTcp = false, IsIpv4 = false, Payload = new byte[3000] }])
        {
            Packet udp = _frames.Rent(builder.Build(finished: false));
            Assert.False(PartialSegment.TryMark(ref udp, _frames, Mtu));
        }
        Packet finished = _frames.Rent(new SegmentBuilder { Payload = new byte[3000] }.Build(finished: true));
        Assert.False(PartialSegment.TryMark(ref finished, _frames, Mtu));
    }

    [Fact]
    public void Ordinary_frames_stay_as_they_are()
    {
        foreach (byte[] frame in (byte[][])[
            TestPacket.Tcp(payload: 1460), TestPacket.Tcp(payload: 1460, vlan: 7), TestPacket.Udp(), TestPacket.Arp(),
            TestPacket.Ethernet(0x88b5, new byte[5000]), new byte[14]])
        {
            Packet packet = _frames.Rent(frame);
            Assert.True(PartialSegment.TryMark(ref packet, _frames, Mtu));
            Assert.False(packet.HasOffload);
            Assert.Equal(frame, packet.Bytes.ToArray());
            _frames.Release(packet);
        }
    }

    [Fact]
    public void Whatever_bytes_come_nothing_outside_of_the_packet_is_touched()
    {
        var random = new Random(Seed);
        byte[] segment = new SegmentBuilder { Payload = new byte[200] }.Build(finished: false);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = segment[..random.Next(14, segment.Length + 1)];
            for (int change = 0; change < 3; change++)
            {
                bytes[random.Next(12, bytes.Length)] = (byte)random.Next(256);
            }
            if (bytes.Length >= 40)
            {
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(16), (ushort)(bytes.Length - 14)); // or its length gives it away
            }
            Packet packet = _frames.Rent(bytes);
            if (PartialSegment.TryMark(ref packet, _frames, mtu: random.Next(0, 200)) && (packet.Flags & PacketFlags.NeedsSegmentation) != 0
                && GsoSegmenter.TryBegin(packet, _frames, out GsoSegmenter segmenter))
            {
                while (segmenter.TryNext(out Packet frame))
                {
                    Assert.True(frame.Length <= packet.Length);
                    _frames.Release(frame);
                }
            }
            Assert.Equal(bytes, packet.Bytes.ToArray());
            _frames.Release(packet);
        }
    }
}
