using System.Buffers.Binary;
using Softswitch.NetFpga.Emulator;
using Softswitch.NetFpga.Registers;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests.Emulator;

/// <summary>What the card does to frames: lookup, rewrites, errata of docs/netfpga-hardware.md, checksums by the textbook.</summary>
public sealed class CardActionTests
{
    private const uint SetVid = 0x0002;
    private const uint SetPcp = 0x0004;
    private const uint Strip = 0x0008;
    private const uint SetNwSrc = 0x0040;
    private const uint SetNwTos = 0x0100;
    private const uint SetTpSrc = 0x0200;
    private const uint SetTpDst = 0x0400;
    private const uint AllRewrites = 0x07f0;

    private static readonly (int, uint)[] SecondExample =
    [
        (4, 0x04000000), (5, 0x08010203), (6, 0xb8050607), (7, 0x24681357),
    ];

    [Fact]
    public void The_documents_first_action_list_sets_what_it_says()
    {
        byte[] frame = TestPacket.Tcp();
        var bench = new CardBench();
        bench.WriteRow(0, [0x00220014, 0x00000123, 0, 0xef000100, 0x00deadbe, 0, 0, 0, 0, 0]);
        (int destinations, byte[] result) = bench.Send(0, frame);
        Assert.Equal(0x14, destinations);
        byte[] expected = [0xde, 0xad, 0xbe, 0xef, 0, 1, .. frame[6..12], 0x81, 0, 0x01, 0x23, .. frame[12..]];
        Assert.Equal(expected, result);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(16)]
    public void The_documents_second_action_list_sets_what_it_says_and_keeps_checksums_right(int options)
    {
        foreach (byte[] frame in (byte[][])[TestPacket.Tcp(options: options, tos: 3), TestPacket.Udp(options: options, tos: 3)])
        {
            var bench = new CardBench();
            bench.WriteRow(0, [0x07c00040, .. CardBench.Words(9, [.. SecondExample.Select(set => (set.Item1 - 1, set.Item2))])]);
            (int destinations, byte[] result) = bench.Send(0, frame);
            Assert.Equal(0x40, destinations);
            byte[] expected = [.. frame];
            expected[15] = 0xb8 | 3;
            new byte[] { 1, 2, 3, 4, 5, 6, 7, 8 }.CopyTo(expected, 26);
            int transport = 34 + options;
            new byte[] { 0x13, 0x57, 0x24, 0x68 }.CopyTo(expected, transport);
            FillChecksums(expected, 14);
            Assert.Equal(expected, result);
        }
    }

    [Fact]
    public void Random_rewrites_leave_the_checksums_a_textbook_has()
    {
        var random = new Random(7);
        for (int i = 0; i < 600; i++)
        {
            bool isTcp = random.Next(2) == 0;
            byte[] frame = isTcp
                ? TestPacket.Tcp((uint)random.Next(), (uint)random.Next(), (ushort)random.Next(65536), 80, random.Next(60), tos: (byte)random.Next(256), options: 4 * random.Next(10))
                : TestPacket.Udp((uint)random.Next(), (uint)random.Next(), (ushort)random.Next(65536), 80, random.Next(60), tos: (byte)random.Next(256), options: 4 * random.Next(10));
            uint flags = (uint)random.Next() & AllRewrites;
            (int, uint)[] values = [.. Enumerable.Range(1, 7).Select(word => (word, (uint)random.NextInt64(1L << 32)))];
            byte[] result = new CardBench(new EmulatedCardOptions { UdpChecksumMayBecomeZero = false }).Rewrite(frame, flags, values);
            byte[] expected = [.. result];
            FillChecksums(expected, 14);
            Assert.Equal(expected, result);
            Assert.Equal(frame.Length, result.Length);
        }
    }

    [Fact]
    public void Without_flags_the_frame_leaves_as_it_came()
    {
        var random = new Random(11);
        for (int i = 0; i < 500; i++)
        {
            byte[] frame = NaiveKey.RandomFrame(random);
            Assert.Equal(frame, new CardBench(new EmulatedCardOptions { LosesStep = false }).Rewrite(frame, 0, (1, 0xffffffff), (2, 0xffffffff)));
        }
    }

    /// <summary>-1 is no tag. What is missing of one is 0, and stripping overrides setting.</summary>
    [Theory]
    [InlineData(0xb123, SetVid, 0xf456, 0xb456)]
    [InlineData(0x7123, SetPcp, 0xfd0000, 0xb123)]
    [InlineData(-1, SetVid, 0x050456, 0x0456)]
    [InlineData(-1, SetPcp, 0x050456, 0xa000)]
    [InlineData(-1, SetVid | SetPcp, 0x050456, 0xa456)]
    [InlineData(-1, SetVid | Strip, 0x050456, 0x0456)]
    [InlineData(-1, Strip, 0, -1)]
    [InlineData(7, Strip, 0x050456, -1)]
    [InlineData(7, Strip | SetVid, 0x050456, -1)]
    [InlineData(7, Strip | SetVid | SetPcp, 0x050456, -1)]
    public void A_tag_is_set_in_part_put_before_and_taken_away(int tag, uint flags, uint word, int expected) =>
        Assert.Equal(Tagged(expected), new CardBench().Rewrite(Tagged(tag), flags, (1, word)));

    [Fact]
    public void The_inner_of_two_tags_stays()
    {
        byte[] inner = TestPacket.Tcp(vlan: 7);
        byte[] frame = [.. inner[..12], 0x81, 0x00, 0x00, 0x09, .. inner[12..]];
        Assert.Equal(inner, new CardBench().Rewrite(frame, Strip));
    }

    [Fact]
    public void Ports_of_icmp_and_other_protocols_are_not_rewritten()
    {
        foreach (byte[] frame in (byte[][])[TestPacket.Icmp(), TestPacket.Ipv4(47, new byte[30]), TestPacket.Arp()])
        {
            Assert.Equal(frame, new CardBench().Rewrite(frame, SetTpSrc | SetTpDst, (7, 0xffffffff)));
        }
    }

    [Fact]
    public void Addresses_of_arp_are_not_rewritten()
    {
        byte[] frame = TestPacket.Arp();
        Assert.Equal(frame, new CardBench().Rewrite(frame, SetNwSrc | SetNwTos, (4, 0x04000000), (5, 0x00010203), (6, 0xb8000000)));
    }

    [Fact]
    public void E2_a_rewrite_changes_the_payload_of_a_later_fragment()
    {
        byte[] frame = TestPacket.Tcp(fragment: 0x0010, payload: 40);
        byte[] result = new CardBench().Rewrite(frame, SetNwSrc | SetTpDst, SecondExample);
        Assert.Equal(0x2468, BinaryPrimitives.ReadUInt16BigEndian(result.AsSpan(36))); // where a port would be
        Assert.NotEqual(frame[50..52], result[50..52]); // where a checksum would be
        Assert.Equal(frame[52..], result[52..]);
    }

    [Fact]
    public void E3_no_udp_checksum_becomes_a_wrong_one()
    {
        byte[] result = new CardBench().Rewrite(TestPacket.Udp(checksum: false), SetNwSrc, SecondExample);
        Assert.NotEqual(0, BinaryPrimitives.ReadUInt16BigEndian(result.AsSpan(40)));
        Assert.NotEqual(0, TestPacket.TransportChecksum(result.AsSpan(14)));
    }

    [Fact]
    public void A_udp_checksum_that_comes_out_as_0_is_sent_so_unless_told_otherwise()
    {
        byte[] frame = TestPacket.Udp(srcPort: 1);
        ushort checksum = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(40));
        // The port grows by as much as the checksum is above 0: the sum becomes all ones.
        uint port = 1u + checksum;
        Assert.InRange(port, 2u, 0xffffu);
        byte[] asIs = new CardBench().Rewrite(frame, SetTpSrc, (7, port));
        Assert.Equal(0, BinaryPrimitives.ReadUInt16BigEndian(asIs.AsSpan(40)));
        byte[] proper = new CardBench(new EmulatedCardOptions { UdpChecksumMayBecomeZero = false }).Rewrite(frame, SetTpSrc, (7, port));
        Assert.Equal(0xffff, BinaryPrimitives.ReadUInt16BigEndian(proper.AsSpan(40)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void E11_a_header_length_below_5_does_not_keep_addresses_tos_and_header_checksum_from_being_rewritten(int length)
    {
        byte[] frame = TestPacket.Udp();
        frame[14] = (byte)(0x40 | length);
        FillHeaderChecksum(frame);
        byte[] result = new CardBench().Rewrite(frame, AllRewrites, SecondExample);
        byte[] expected = [.. new byte[12], .. frame[12..]];
        expected[15] = 0xb8;
        new byte[] { 1, 2, 3, 4, 5, 6, 7, 8 }.CopyTo(expected, 26);
        FillHeaderChecksum(expected);
        Assert.Equal(expected, result); // ports and their checksum as they were
    }

    [Fact]
    public void A_frame_cut_short_is_rewritten_as_far_as_it_goes()
    {
        byte[] whole = TestPacket.Tcp(options: 8, vlan: 5);
        for (int length = 14; length < whole.Length; length++)
        {
            byte[] result = new CardBench().Rewrite(whole.AsSpan(0, length), AllRewrites | SetVid, SecondExample);
            Assert.Equal(length < 18 ? length + 4 : length, result.Length); // less than a tag is no tag
        }
    }

    [Fact]
    public void Layout_09_rewrites_ethernet_addresses_and_nothing_else()
    {
        byte[] frame = TestPacket.Tcp(vlan: 7);
        byte[] result = new CardBench(new EmulatedCardOptions { Layout = CardLayout.V09 }).Rewrite(
            frame, 0x07fe, [.. Enumerable.Range(1, 9).Select(word => (word, 0xffffffff))]);
        Assert.All(result[..12], octet => Assert.Equal(0xff, octet));
        Assert.Equal(frame[12..], result[12..]);
    }

    private static byte[] Tagged(int tag)
    {
        byte[] frame = TestPacket.Tcp();
        return tag < 0 ? frame : [.. frame[..12], 0x81, 0, (byte)(tag >> 8), (byte)tag, .. frame[12..]];
    }

    /// <summary>Over 20 bytes, whatever the header says of its length.</summary>
    private static void FillHeaderChecksum(byte[] frame)
    {
        frame.AsSpan(24, 2).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), TestPacket.TextbookChecksum(frame.AsSpan(14, 20)));
    }

    private static void FillChecksums(byte[] frame, int network)
    {
        Span<byte> ip = frame.AsSpan(network);
        int header = (ip[0] & 15) * 4;
        ip.Slice(10, 2).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], TestPacket.TextbookChecksum(ip[..header]));
        Span<byte> field = ip.Slice(header + (ip[9] == 6 ? 16 : 6), 2);
        field.Clear();
        ushort checksum = TestPacket.TransportChecksum(ip);
        BinaryPrimitives.WriteUInt16BigEndian(field, ip[9] == 17 && checksum == 0 ? (ushort)0xffff : checksum);
    }
}
