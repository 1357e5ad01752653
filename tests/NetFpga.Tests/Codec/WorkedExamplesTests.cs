using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Registers;
using Softswitch.NetFpga.Tests.Emulator;

namespace Softswitch.NetFpga.Tests.Codec;

/// <summary>Entries, slots and actions whose words are known from the reference driver and from simulation of the card, layout 1.0.</summary>
public sealed class WorkedExamplesTests
{
    /// <summary>The frames of these flows, and what the emulator takes them by, too.</summary>
    [Theory]
    [MemberData(nameof(CardLookupTests.Examples), MemberType = typeof(CardLookupTests))]
    public void A_flow_without_wildcards(int source, string frame, string words, int slotA, int slotB)
    {
        Assert.True(MatchCodecTests.TryParse(CardLookupTests.Example(frame), (ushort)((source / 2) + 1), out FlowKey key));
        Assert.True(MatchCodec.TryEncodeExact(CardLayout.V10, key, source / 2, out KeyWords value, out string? reason), reason);

        Assert.Equal(words, CardWords.Text(value));
        Assert.Equal((slotA, slotB), SlotHash.Compute(value));
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
