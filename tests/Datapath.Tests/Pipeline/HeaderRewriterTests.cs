using System.Buffers.Binary;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>The field-modify actions of OpenFlow 1.0.0 §3.3 (table 5) against frames rewritten field by field with checksums computed anew.</summary>
public sealed unsafe class HeaderRewriterTests : IDisposable
{
    private const int Cases = 8_000;

    private readonly FramePool _pool = new(64, largeFrameCount: 1);
    private readonly FrameCache _frames;
    private readonly GuardedMemory _guarded = new(4096);

    public HeaderRewriterTests() => _frames = _pool.CreateCache();

    public void Dispose()
    {
        _guarded.Dispose();
        _pool.Dispose();
    }

    [Theory]
    [InlineData(2001)]
    [InlineData(2002)]
    public void Random_lists_give_the_bytes_of_a_frame_rebuilt_by_the_book(int seed)
    {
        RandomRewrites random = new(seed);
        for (int i = 0; i < Cases; i++)
        {
            byte[] frame = random.NextFrame();
            FlowAction[] actions = random.NextActions();
            ReferenceRewriter reference = Rewritten(frame, actions);
            AssertSame(reference.Finish(), Rewrite(frame, actions), $"seed {seed}, case {i}: {Convert.ToHexString(frame)} {string.Join(", ", actions.Select(a => a.Kind))}");
        }
    }

    [Fact]
    public void Wrong_checksums_stay_wrong_by_the_same_difference()
    {
        const int seed = 2003;
        RandomRewrites random = new(seed);
        for (int i = 0; i < Cases; i++)
        {
            byte[] frame = random.NextSegment();
            ReferenceRewriter reference = new(frame);
            int ipDifference = random.Random.Next(0xffff);
            int transportDifference = random.Random.Next(0xffff);
            byte[] wrong = [.. frame];
            AddTo(wrong, reference.IpChecksumAt, ipDifference);
            AddTo(wrong, reference.TransportChecksumAt, transportDifference);
            if (Word(wrong, reference.TransportChecksumAt) == 0)
            {
                continue; // in UDP that would be no checksum
            }
            FlowAction[] actions = random.NextActions();
            foreach (FlowAction action in actions)
            {
                reference.Apply(action);
            }
            byte[] expected = reference.Finish();
            byte[] actual = Rewrite(wrong, actions);
            string what = $"seed {seed}, case {i}: {Convert.ToHexString(wrong)}";
            Assert.True(Difference(actual, expected, reference.IpChecksumAt) == ipDifference, what + " IP");
            Assert.True(Difference(actual, expected, reference.TransportChecksumAt) == transportDifference, what + " transport");
        }
    }

    [Fact]
    public void Rewriting_and_finishing_a_checksum_may_change_places()
    {
        const int seed = 2004;
        RandomRewrites random = new(seed);
        for (int i = 0; i < Cases; i++)
        {
            byte[] frame = random.NextSegment();
            FlowAction[] actions = random.NextActions();
            ReferenceRewriter reference = Rewritten(frame, actions);
            Packet packet = PartialChecksum(frame);
            Apply(ref packet, actions);
            Assert.True(ChecksumFinisher.TryFinish(ref packet, _frames));
            byte[] rewrittenFirst = packet.Bytes.ToArray();
            _frames.Release(packet);

            packet = PartialChecksum(frame);
            Assert.True(ChecksumFinisher.TryFinish(ref packet, _frames));
            Apply(ref packet, actions);
            byte[] finishedFirst = packet.Bytes.ToArray();
            _frames.Release(packet);

            string what = $"seed {seed}, case {i}: {Convert.ToHexString(frame)} {string.Join(", ", actions)}";
            // In TCP all ones and all zeros are the same number; which of the two is written is free.
            AssertSame(Canonical(reference.Finish(), reference), Canonical(rewrittenFirst, reference), what);
            AssertSame(Canonical(reference.Finish(), reference), Canonical(finishedFirst, reference), what);
        }
    }

    [Fact]
    public void The_layout_follows_the_headers_through_tags_and_back()
    {
        const int seed = 2005;
        RandomRewrites random = new(seed);
        for (int i = 0; i < Cases; i++)
        {
            byte[] frame = random.NextSegment();
            Rent(frame, out Packet packet);
            HeaderOffsets layout = Parse(packet);
            foreach (FlowAction action in random.NextActions())
            {
                HeaderRewriter.Apply(action, ref packet, ref layout, _frames);
                Assert.True(layout.Equals(Parse(packet)), $"seed {seed}, case {i}: {action} on {Convert.ToHexString(frame)}");
            }
            _frames.Release(packet);
        }
    }

    [Fact]
    public void Set_vlan_pushes_a_tag_on_an_untagged_frame_and_keeps_the_other_bits_of_a_tagged_one()
    {
        byte[] untagged = TestPacket.Udp();
        byte[] pushed = Rewrite(untagged, FlowAction.SetVlanVid(0x123));
        Assert.Equal([.. untagged[..12], 0x81, 0, 0x01, 0x23, .. untagged[12..]], pushed);
        Assert.Equal([.. untagged[..12], 0x81, 0, 0xa0, 0, .. untagged[12..]], Rewrite(untagged, FlowAction.SetVlanPcp(5)));
        byte[] tagged = TestPacket.Udp(vlan: 0xb456); // PCP 5, DEI set
        Assert.Equal([.. tagged[..14], 0xb1, 0x23, .. tagged[16..]], Rewrite(tagged, FlowAction.SetVlanVid(0x123)));
        Assert.Equal([.. tagged[..14], 0x54, 0x56, .. tagged[16..]], Rewrite(tagged, FlowAction.SetVlanPcp(2)));
        Assert.Equal([.. tagged[..12], .. tagged[16..]], Rewrite(tagged, FlowAction.StripVlan()));
        Assert.Equal(untagged, Rewrite(untagged, FlowAction.StripVlan()));
    }

    [Fact]
    public void Strip_vlan_twice_takes_both_tags_of_a_frame_that_has_two()
    {
        byte[] inner = TestPacket.Udp(vlan: 7);
        byte[] frame = [.. inner[..12], 0x81, 0, 0, 9, .. inner[12..]];
        Assert.Equal(inner, Rewrite(frame, FlowAction.StripVlan()));
        Assert.Equal([.. inner[..12], .. inner[16..]], Rewrite(frame, FlowAction.StripVlan(), FlowAction.StripVlan()));
        // §3.3: an existing tag's VID is replaced, none is added.
        Assert.Equal([.. inner[..14], 0, 8, .. inner[16..]], Rewrite(frame, FlowAction.StripVlan(), FlowAction.SetVlanVid(8)));
    }

    [Fact]
    public void A_udp_checksum_of_0_stays_0_and_a_computed_0_is_sent_as_all_ones()
    {
        byte[] none = Rewrite(TestPacket.Udp(checksum: false), FlowAction.SetNwSrc(0x01020304), FlowAction.SetTpDst(9));
        Assert.Equal(0, Word(none, 40));
        // Every source port but one gives another checksum: walk through all until the sum is 0.
        int ones = 0;
        byte[] frame = TestPacket.Udp(payload: 1);
        for (int port = 0; port < 0x10000; port++)
        {
            ushort checksum = Word(Rewrite(frame, FlowAction.SetTpSrc((ushort)port)), 40);
            Assert.NotEqual(0, checksum);
            ones += checksum == 0xffff ? 1 : 0;
        }
        Assert.Equal(1, ones);
    }

    private static ReferenceRewriter Rewritten(byte[] frame, FlowAction[] actions)
    {
        ReferenceRewriter reference = new(frame);
        foreach (FlowAction action in actions)
        {
            reference.Apply(action);
        }
        return reference;
    }

    // At a guard page, so that nothing is written behind the packet.
    private byte[] Rewrite(byte[] frame, params FlowAction[] actions)
    {
        Packet packet = new(_guarded.PlaceAtEnd(frame), frame.Length);
        Apply(ref packet, actions);
        return packet.Bytes.ToArray();
    }

    private void Apply(ref Packet packet, FlowAction[] actions)
    {
        HeaderOffsets layout = Parse(packet);
        foreach (FlowAction action in actions)
        {
            HeaderRewriter.Apply(action, ref packet, ref layout, _frames);
        }
    }

    private void Rent(byte[] frame, out Packet packet)
    {
        Assert.True(_frames.TryRent(out packet));
        packet.Length = frame.Length;
        frame.CopyTo(packet.Bytes);
    }

    /// <summary>As a local stack sends it: the field holds the pseudo-header's folded sum (linux/virtio_net.h, VIRTIO_NET_HDR_F_NEEDS_CSUM).</summary>
    private Packet PartialChecksum(byte[] frame)
    {
        Rent(frame, out Packet packet);
        HeaderOffsets layout = Parse(packet);
        bool tcp = (layout.Flags & HeaderFlags.Tcp) != 0;
        Span<byte> ip = packet.Bytes[layout.NetworkOffset..];
        int length = BinaryPrimitives.ReadUInt16BigEndian(ip[2..]) - (layout.TransportOffset - layout.NetworkOffset);
        byte[] pseudo = [.. ip.Slice(12, 8), 0, ip[9], (byte)(length >> 8), (byte)length];
        int offset = tcp ? 16 : 6;
        BinaryPrimitives.WriteUInt16BigEndian(packet.Bytes[(layout.TransportOffset + offset)..], (ushort)~TestPacket.TextbookChecksum(pseudo));
        packet.Flags = PacketFlags.NeedsChecksum;
        _frames.Offload(packet) = new OffloadState { ChecksumStart = layout.TransportOffset, ChecksumOffset = (ushort)offset };
        return packet;
    }

    private static HeaderOffsets Parse(in Packet packet)
    {
        FlowKey key;
        HeaderOffsets layout;
        FlowKeyParser.Parse(packet.Data, packet.Length, 1, &key, &layout);
        return layout;
    }

    private static byte[] Canonical(byte[] frame, ReferenceRewriter reference)
    {
        if (Word(frame, reference.TransportChecksumAt) == 0xffff)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(reference.TransportChecksumAt), 0);
        }
        return frame;
    }

    private static ushort Word(byte[] frame, int at) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at));

    private static void AddTo(byte[] frame, int at, int difference) =>
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), (ushort)((Word(frame, at) + difference) % 0xffff));

    // One's complement: modulo 2^16 - 1.
    private static int Difference(byte[] a, byte[] b, int at) => (Word(a, at) - Word(b, at) + (2 * 0xffff)) % 0xffff;

    private static void AssertSame(byte[] expected, byte[] actual, string what) =>
        Assert.True(expected.AsSpan().SequenceEqual(actual), $"{what}\nexpected {Convert.ToHexString(expected)}\nactual   {Convert.ToHexString(actual)}");
}
