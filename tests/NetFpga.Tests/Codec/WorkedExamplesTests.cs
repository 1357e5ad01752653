using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.NetFpga.Codec;

namespace Softswitch.NetFpga.Tests.Codec;

/// <summary>Entries, slots and actions whose words are known from the reference driver and from simulation of the card, layout 1.0.</summary>
public sealed class WorkedExamplesTests
{
    [Fact]
    public void A_tcp_flow_without_a_tag()
    {
        FlowMatch match = Match(1, 0x0200_0000_0001, 0x0200_0000_0002, EtherType.Ipv4);
        (match.NwProto, match.NwSrc, match.TpSrc, match.NwDst, match.TpDst) = (IpProtocol.Tcp, 0xc000020a, 40000, 0xc0000214, 80);

        AssertExact(match, "9c400050 00021406 00020ac0 020800c0 00000000 00000102 00020000 80ffff00", 0x0a0f, 0x58d0);
    }

    [Fact]
    public void A_udp_flow_with_a_tag_and_tos()
    {
        FlowMatch match = Match(3, 0xa0b1_c2d3_e4f5, 0x0a1b_2c3d_4e5f, EtherType.Ipv4);
        (match.DlVlan, match.DlVlanPcp, match.NwTos) = (0x123, 6, 0xb8);
        (match.NwProto, match.NwSrc, match.TpSrc, match.NwDst, match.TpDst) = (IpProtocol.Udp, 0xcb007109, 5353, 0xc6336407, 53);

        AssertExact(match, "14e90035 33640711 007109c6 5f0800cb 1b2c3d4e d3e4f50a 04a0b1c2 80c123b8", 0x7d9b, 0x7bc2);
    }

    [Fact]
    public void An_arp_request()
    {
        FlowMatch match = Match(4, 0x0200_0000_0001, 0xffff_ffff_ffff, EtherType.Arp);
        (match.NwProto, match.NwSrc, match.NwDst) = (1, 0xc0000201, 0xc0000202);

        AssertExact(match, "00000000 00020201 000201c0 ff0806c0 ffffffff 000001ff 06020000 80ffff00", 0x287c, 0x6292);
    }

    [Fact]
    public void A_tag_and_an_address_set_and_two_outputs()
    {
        FlowAction[] actions =
        [
            FlowAction.SetVlanVid(0x123), FlowAction.SetDlDst(new MacAddress(0xdead_beef_0001)), FlowAction.Output(2), FlowAction.Output(3),
        ];

        AssertActions(actions, "00220014 00000123 00000000 ef000100 00deadbe 0 0 0 0 0");
    }

    [Fact]
    public void All_of_network_and_transport_set()
    {
        FlowAction[] actions =
        [
            FlowAction.SetNwSrc(0x01020304), FlowAction.SetNwDst(0x05060708), FlowAction.SetNwTos(0xb8), FlowAction.SetTpSrc(0x1357),
            FlowAction.SetTpDst(0x2468), FlowAction.Output(4),
        ];

        AssertActions(actions, "07c00040 00000000 00000000 00000000 04000000 08010203 b8050607 24681357 0 0");
    }

    [Fact]
    public void The_reserved_rows()
    {
        (uint Source, uint Bitmap)[] expected = [(1, 0x01), (3, 0x04), (5, 0x10), (7, 0x40), (0, 0x02), (2, 0x08), (4, 0x20), (6, 0x80)];
        for (int i = 0; i < expected.Length; i++)
        {
            RowImage row = ReservedRows.Row(24 + i);

            Assert.Equal(CardWords.Key($"0 0 0 0 0 0 {expected[i].Source << 24:x} 0"), row.Value);
            Assert.Equal(CardWords.Key("ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff 00ffffff ffffffff"), row.Mask);
            Assert.Equal(CardWords.Action($"{expected[i].Bitmap:x} 0 0 0 0 0 0 0 0 0"), row.Action);
        }
    }

    private static FlowMatch Match(ushort port, ulong from, ulong to, ushort type) =>
        new() { InPort = port, DlSrc = new MacAddress(from), DlDst = new MacAddress(to), DlType = type, DlVlan = FlowMatch.VlanNone };

    private static void AssertExact(in FlowMatch match, string words, int slotA, int slotB)
    {
        Assert.True(MatchNormalizer.Normalize(match, out FlowKey key, out _));
        Assert.True(MatchCodec.TryEncodeExact(CardLayout.V10, key, match.InPort - 1, out KeyWords value, out string? reason), reason);

        Assert.Equal(words, CardWords.Text(value));
        Assert.Equal((slotA, slotB), SlotHash.Compute(value));
    }

    private static void AssertActions(FlowAction[] actions, string words)
    {
        ushort bitmap = 0;
        foreach (FlowAction output in actions.Where(a => a.IsOutput))
        {
            bitmap |= CardPort.WireBit(output.Port - 1);
        }
        Assert.True(ActionCodec.TryEncodeRewrites(CardLayout.V10, actions, out ActionWords rewrites, out string? reason), reason);

        Assert.Equal(CardWords.Action(words), ActionCodec.WithOutputs(rewrites, bitmap));
    }
}
