using System.Buffers.Binary;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Registers;
using Softswitch.NetFpga.Tests.Emulator;
using Softswitch.NetFpga.Tests.Offload;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests.Codec;

public sealed unsafe class MatchCodecTests
{
    private static readonly ushort[] Tags = [0x0000, 0x0001, 0x2001, 0x0fff, 0x1fff, 0xefff, 0xffff, 0xe000, 0x1001];
    private static readonly ushort[] VlanIds = [FlowMatch.VlanNone, 0, 1, 0xfff];

    [Theory]
    [InlineData(CardLayout.V10)]
    [InlineData(CardLayout.V09)]
    internal void A_card_hits_the_frames_that_the_software_matches(CardLayout layout)
    {
        RandomMatches source = new(3);
        int hits = 0;
        for (int i = 0; i < 2_500; i++)
        {
            FlowMatch match = NextMatch(source);
            bool isExact = MatchNormalizer.Normalize(match, out FlowKey key, out FlowKey mask);
            int? port = mask.InPort != 0 ? key.InPort - 1 : null;
            if (!MatchCodec.TryEncode(layout, key, mask, port, out KeyWords value, out KeyWords cardMask, out _))
            {
                continue;
            }
            for (int j = 0; j < 30; j++)
            {
                byte[] frame = j == 0 ? FrameFor(match) ?? NextFrame(source) : NextFrame(source);
                ushort inPort = (ushort)(j == 0 && mask.InPort != 0 ? match.InPort : source.Random.Next(1, 5));
                if (!TryParse(frame, inPort, out FlowKey packet))
                {
                    continue;
                }
                uint[] cardKey = NaiveKey.Read(layout, 2 * (inPort - 1), frame);

                bool expected = FlowKey.Matches(packet, key, mask);
                hits += expected ? 1 : 0;
                Assert.True(expected == NaiveKey.Hits(cardKey, value, cardMask), $"{key} / {mask} against {packet}");
                cardKey[6] |= 0x0100_0000;
                Assert.False(NaiveKey.Hits(cardKey, value, cardMask), $"a frame of the host is hit by {key} / {mask}");
            }
            if (isExact)
            {
                Assert.True(MatchCodec.TryEncodeExact(layout, key, port!.Value, out KeyWords slot, out _));
                value[7] |= 0x8000_0000;
                Assert.Equal(value, slot);
            }
        }
        Assert.True(hits > 600, $"only {hits} hits: the test hardly tests anything");
    }

    [Theory]
    [InlineData(CardLayout.V10)]
    [InlineData(CardLayout.V09)]
    internal void Every_combination_of_wildcards_means_the_same_on_a_card(CardLayout layout)
    {
        (FlowKey Packet, uint[] CardKey)[] frames = [.. FramesAroundOne().Select(pair =>
        {
            Assert.True(TryParse(pair.Frame, pair.InPort, out FlowKey packet));
            return (packet, NaiveKey.Read(layout, 2 * (pair.InPort - 1), pair.Frame));
        })];
        int encoded = 0;
        for (uint wildcards = 0; wildcards < 1 << 10; wildcards++)
        {
            foreach ((int sourceBits, int destinationBits, ushort vlan) in new[] { (0, 0, VlanIds[0]), (8, 32, VlanIds[2]), (32, 1, VlanIds[3]), (31, 9, VlanIds[1]) })
            {
                FlowMatch match = Around(vlan);
                match.Wildcards = (FlowWildcards)((wildcards & 0xff) | ((wildcards >> 8) << 20));
                match.SetNwWildBits(sourceBits, destinationBits);
                MatchNormalizer.Normalize(match, out FlowKey key, out FlowKey mask);
                if (!MatchCodec.TryEncode(layout, key, mask, mask.InPort == 0 ? null : key.InPort - 1, out KeyWords value, out KeyWords cardMask, out _))
                {
                    continue;
                }
                encoded++;
                foreach ((FlowKey packet, uint[] cardKey) in frames)
                {
                    if (FlowKey.Matches(packet, key, mask) != NaiveKey.Hits(cardKey, value, cardMask))
                    {
                        Assert.Fail($"{match.Wildcards} against {packet}"); // the text of millions that agree would take longer than they do
                    }
                }
            }
        }
        Assert.Equal(layout == CardLayout.V10 ? 4096 : 2048 + 1024, encoded); // half of them compare nw_tos, if dl_type is compared
    }

    [Theory]
    [InlineData(CardLayout.V10)]
    [InlineData(CardLayout.V09)]
    internal void Matches_come_back_as_they_went(CardLayout layout)
    {
        RandomMatches source = new(4);
        int encoded = 0;
        for (int i = 0; i < 20_000; i++)
        {
            bool isExact = MatchNormalizer.Normalize(NextMatch(source), out FlowKey key, out FlowKey mask);
            int? port = mask.InPort != 0 ? key.InPort - 1 : null;
            if (!MatchCodec.TryEncode(layout, key, mask, port, out KeyWords value, out KeyWords cardMask, out _))
            {
                continue;
            }
            encoded++;
            CardMatch back = isExact ? MatchCodec.DecodeExact(layout, value) : MatchCodec.Decode(layout, value, cardMask);

            Assert.Equal(key with { InPort = 0 }, back.Key);
            Assert.Equal(mask with { InPort = 0 }, back.Mask);
            Assert.Equal(port, back.Port);
            Assert.Equal(port == null ? (byte)0xfe : (byte)0, back.SourceMask);
            Assert.Null(back.Anomaly);
        }
        Assert.True(encoded > 4_000);
    }

    [Fact]
    public void Masks_are_those_of_the_documents()
    {
        FlowMatch any = FlowMatch.Any;
        Assert.Equal("ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff feffffff 00fffffc", MaskOf(any));
        Assert.Equal("ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff feffffff 00e000fc", MaskOf(any with { Wildcards = any.Wildcards & ~FlowWildcards.DlVlan, DlVlan = 5 }));
        Assert.Equal("ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff feffffff 000ffffc", MaskOf(any with { Wildcards = any.Wildcards & ~FlowWildcards.DlVlanPcp }));
        FlowMatch net = any with { Wildcards = any.Wildcards & ~FlowWildcards.DlType, DlType = EtherType.Ipv4 };
        net.SetNwWildBits(8, 0);
        Assert.Equal("ffffffff 000000ff 0000ff00 ff000000 ffffffff ffffffff feffffff 00fffffc", MaskOf(net));
    }

    [Theory]
    [InlineData(CardLayout.V10, "dl_type=0x05ff", "dl_type 0x05ff: the card has the length of 802.3 frames there")]
    [InlineData(CardLayout.V09, "nw_tos", "layout 0.9 does not compare nw_tos")]
    [InlineData(CardLayout.V09, "arp", "layout 0.9 does not parse ARP")]
    internal void What_a_card_cannot_compare_is_refused(CardLayout layout, string what, string reason)
    {
        FlowMatch match = FlowMatch.Any;
        match.Wildcards &= ~FlowWildcards.DlType;
        match.DlType = what switch { "nw_tos" => EtherType.Ipv4, "arp" => EtherType.Arp, _ => EtherType.NotEthernetII };
        match.Wildcards &= what switch { "nw_tos" => ~FlowWildcards.NwTos, "arp" => ~FlowWildcards.NwProto, _ => FlowWildcards.All };
        MatchNormalizer.Normalize(match, out FlowKey key, out FlowKey mask);

        Assert.False(MatchCodec.TryEncode(layout, key, mask, null, out _, out _, out string? actual));
        Assert.Equal(reason, actual);
    }

    [Fact]
    public void Masks_of_the_reference_driver_are_read()
    {
        KeyWords mask = CardWords.Key("ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff 00f000fc"); // dl_vlan only
        CardMatch match = MatchCodec.Decode(CardLayout.V10, CardWords.Key("0 0 0 0 0 0 0 00012300"), mask);

        Assert.Null(match.Anomaly);
        Assert.Null(match.Untagged);
        Assert.Equal((0xff, (int?)null), (match.SourceMask, match.Port));
        Assert.Equal((0x1123, 0x1fff), (match.Key.Vlan.Host, match.Mask.Vlan.Host));
    }

    /// <summary>E6: of an untagged frame's ones the masks of the reference driver leave bit 12 out.</summary>
    [Theory]
    [InlineData("00ffff00", "00f000fc", 0x1fff, 0x1fff)] // no tag, as the reference driver writes it
    [InlineData("000fff00", "00f000fc", 0x1fff, 0x1fff)] // VID 0xfff
    [InlineData("00e00000", "001ffffc", 0xf000, 0xf000)] // PCP 7
    public void A_row_of_ones_that_leaves_bit_12_open_matches_tagged_and_untagged_frames(string valueWord, string maskWord, int key, int mask)
    {
        KeyWords cardMask = CardWords.Key($"ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff feffffff {maskWord}");
        CardMatch match = MatchCodec.Decode(CardLayout.V10, CardWords.Key($"0 0 0 0 0 0 0 {valueWord}"), cardMask);

        Assert.Equal((key, mask), (match.Key.Vlan.Host, match.Mask.Vlan.Host));
        CardMatch untagged = Assert.NotNull(match.Untagged);
        Assert.Equal((0, 0xffff), (untagged.Key.Vlan.Host, untagged.Mask.Vlan.Host));
        Assert.Null(untagged.Untagged);
    }

    private static string MaskOf(in FlowMatch match)
    {
        MatchNormalizer.Normalize(match, out FlowKey key, out FlowKey mask);
        Assert.True(MatchCodec.TryEncode(CardLayout.V10, key, mask, null, out _, out KeyWords cardMask, out _));
        return CardWords.Text(cardMask);
    }

    /// <summary>A random match, of tags that are easily confused.</summary>
    private static FlowMatch NextMatch(RandomMatches source)
    {
        FlowMatch match = source.NextMatch();
        match.DlVlan = VlanIds[source.Random.Next(VlanIds.Length)];
        match.DlVlanPcp = (byte)(source.Random.Next(2) * 7);
        return match;
    }

    private static byte[] NextFrame(RandomMatches source)
    {
        byte[] frame = source.NextFrame();
        bool isTagged = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) == EtherType.Vlan;
        return !isTagged && source.Random.Next(2) == 0 ? Tagged(frame, Tags[source.Random.Next(Tags.Length)]) : frame;
    }

    private static byte[] Tagged(byte[] frame, ushort tag) =>
        [.. frame.AsSpan(0, 12), 0x81, 0x00, (byte)(tag >> 8), (byte)tag, .. frame.AsSpan(12)];

    /// <summary>A frame whose fields are those the match names, where there can be one; null if there is none.</summary>
    private static byte[]? FrameFor(in FlowMatch match)
    {
        byte[] frame;
        switch (match.DlType, match.NwProto)
        {
            case (EtherType.Ipv4, IpProtocol.Tcp):
                frame = TestPacket.Tcp(match.NwSrc, match.NwDst, match.TpSrc, match.TpDst, 20, null, match.NwTos, 0, 0, match.DlSrc.Value, match.DlDst.Value);
                break;
            case (EtherType.Ipv4, IpProtocol.Udp):
                frame = TestPacket.Udp(match.NwSrc, match.NwDst, match.TpSrc, match.TpDst, 20, null, match.NwTos, 0, 0, true, match.DlSrc.Value, match.DlDst.Value);
                break;
            case (EtherType.Arp, _):
                frame = TestPacket.Arp(match.NwProto, match.NwSrc, match.NwDst, match.DlSrc.Value, match.DlDst.Value);
                break;
            case (EtherType.Ipv4, _):
                return null;
            default:
                frame = TestPacket.Ethernet(match.DlType, new byte[46], match.DlSrc.Value, match.DlDst.Value, null);
                break;
        }
        return match.DlVlan == FlowMatch.VlanNone ? frame : Tagged(frame, (ushort)((match.DlVlanPcp << 13) | match.DlVlan));
    }

    /// <summary>The match whose fields <see cref="FramesAroundOne"/> vary.</summary>
    private static FlowMatch Around(ushort vlan) => new()
    {
        InPort = 2,
        DlSrc = new MacAddress(0x0200_0000_0001),
        DlDst = new MacAddress(0x0200_0000_0002),
        DlVlan = vlan,
        DlVlanPcp = 7,
        DlType = EtherType.Ipv4,
        NwTos = 0xb8,
        NwProto = IpProtocol.Tcp,
        NwSrc = 0x0a000001,
        NwDst = 0xc0a80102,
        TpSrc = 4000,
        TpDst = 80,
    };

    /// <summary>One frame, and those that differ from it in one field, with every tag.</summary>
    private static List<(byte[] Frame, ushort InPort)> FramesAroundOne()
    {
        List<byte[]> untagged =
        [
            Tcp(), Tcp(source: 0x0a000002), Tcp(source: 0x8a000001), Tcp(destination: 0xc0a80103), Tcp(destination: 0xc0a80302), Tcp(from: 4001),
            Tcp(to: 81), Tcp(tos: 0xbc), Tcp(dlSource: 0x0200_0000_0003), Tcp(dlDestination: 0x8200_0000_0002),
            TestPacket.Udp(0x0a000001, 0xc0a80102, 4000, 80, 20, null, 0xb8, 0, 0, true, 0x0200_0000_0001, 0x0200_0000_0002),
            TestPacket.Arp(6, 0x0a000001, 0xc0a80102, 0x0200_0000_0001, 0x0200_0000_0002),
            TestPacket.Ethernet(EtherType.Lldp, new byte[46], 0x0200_0000_0001, 0x0200_0000_0002, null),
        ];
        List<(byte[], ushort)> frames = [(untagged[0], 1), (untagged[0], 4)];
        foreach (byte[] frame in untagged)
        {
            frames.Add((frame, 2));
            frames.AddRange(Tags.Select(tag => (Tagged(frame, tag), (ushort)2)));
        }
        return frames;
    }

    private static byte[] Tcp(
        uint source = 0x0a000001, uint destination = 0xc0a80102, ushort from = 4000, ushort to = 80, byte tos = 0xb8,
        ulong dlSource = 0x0200_0000_0001, ulong dlDestination = 0x0200_0000_0002) =>
        TestPacket.Tcp(source, destination, from, to, 20, null, tos, 0, 0, dlSource, dlDestination);

    /// <summary>False for fragments, of which a card takes ports and the software does not, and for what the card takes for another frame.</summary>
    internal static bool TryParse(byte[] frame, ushort inPort, out FlowKey key)
    {
        FlowKey parsed;
        HeaderOffsets layout;
        fixed (byte* data = frame)
        {
            FlowKeyParser.Parse(data, frame.Length, inPort, &parsed, &layout);
        }
        key = parsed;
        return (layout.Flags & HeaderFlags.Fragment) == 0 && CardErrata.IsParsed(frame);
    }
}
