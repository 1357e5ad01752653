using System.Text;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Hosting.Cards;
using Softswitch.Hosting.Configuration;
using Softswitch.NetFpga.Codec;
using Softswitch.NetFpga.Offload.Planning;
using Softswitch.NetFpga.Registers;
using Softswitch.OfAgent.Text;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.Cards;

/// <summary>What <c>netfpga dump</c> writes for flows, and what <c>netfpga decode</c> makes of it.</summary>
public sealed unsafe class FlowFileOnCardTests
{
    private const int WritesPerRow = 27;

    // The worked examples of entries and actions, as flows.
    private const string Examples = """
        in_port=1,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,dl_vlan=0xffff,tcp,nw_tos=0,nw_src=192.0.2.10,nw_dst=192.0.2.20,tp_src=40000,tp_dst=80,actions=mod_vlan_vid:0x123,mod_dl_dst:de:ad:be:ef:00:01,output:2,output:3
        in_port=3,dl_src=a0:b1:c2:d3:e4:f5,dl_dst=0a:1b:2c:3d:4e:5f,dl_vlan=0x123,dl_vlan_pcp=6,udp,nw_tos=0xb8,nw_src=203.0.113.9,nw_dst=198.51.100.7,tp_src=5353,tp_dst=53,actions=mod_nw_src:1.2.3.4,mod_nw_dst:5.6.7.8,mod_nw_tos:0xb8,mod_tp_src:0x1357,mod_tp_dst:0x2468,output:4
        in_port=4,dl_src=02:00:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,dl_vlan=0xffff,arp,arp_op=1,nw_src=192.0.2.1,nw_dst=192.0.2.2,nw_tos=0,tp_src=0,tp_dst=0,actions=output:1
        """;

    [Fact]
    public void The_worked_examples_are_written_word_for_word()
    {
        FlowFileOnCard table = Install(Examples, OffloadLevel.All);

        AssertSlot(table, 0x0a0f, "9c400050 00021406 00020ac0 020800c0 00000000 00000102 00020000 80ffff00", "00220014 00000123 00000000 ef000100 00deadbe 0 0 0 0 0");
        AssertSlot(table, 0x7d9b, "14e90035 33640711 007109c6 5f0800cb 1b2c3d4e d3e4f50a 04a0b1c2 80c123b8", "07c00040 0 0 0 04000000 08010203 b8050607 24681357 0 0");
        AssertSlot(table, 0x287c, "00000000 00020201 000201c0 ff0806c0 ffffffff 000001ff 06020000 80ffff00", "00000001 0 0 0 0 0 0 0 0 0");
        Assert.Equal((8 * WritesPerRow) + (3 * 20), table.Writes.Count);
    }

    [Fact]
    public void The_reserved_rows_come_first()
    {
        FlowFileOnCard table = Install("priority=5,tcp,in_port=1,actions=output:2", OffloadLevel.On);

        Assert.Equal(
            [24u, 25, 26, 27, 28, 29, 30, 31],
            table.Writes.Take(8 * WritesPerRow).Where(write => write.Address == CardRegisters.RowWrite).Select(write => write.Value));
        Assert.Equal("W 0200106c 00000018", RegisterLines.Format(table.Writes[WritesPerRow - 1]));
        Assert.Single(table.Writes.Skip(8 * WritesPerRow), write => write.Address == CardRegisters.RowWrite);
    }

    [Fact]
    public void The_active_bit_is_written_last()
    {
        FlowFileOnCard table = Install(Examples, OffloadLevel.All);
        for (int first = 8 * WritesPerRow; first < table.Writes.Count; first += 20)
        {
            RegisterWrite[] slot = [.. table.Writes.Skip(first).Take(20)];
            Assert.Equal([19], Enumerable.Range(0, 20).Where(i => slot[i].Address % CardRegisters.SlotStride == 0x1c));
        }
    }

    [Fact]
    public void Flow_files_modify_and_delete_as_the_switch_would()
    {
        FlowFileOnCard table = Install(
            """
            # comment
            priority=5,tcp,in_port=1,actions=output:2
            modify tcp,actions=output:3

            priority=6,udp,in_port=2,actions=output:3
            delete udp
            """,
            OffloadLevel.On);

        Assert.Equal(["tcp,in_port=1 actions=output:3"], Flows(Decode(table)));
    }

    [Theory]
    [InlineData("tcp,actions=output:2\ntcp,tp_dst=x,actions=output:2", "flows.txt:2: tp_dst: 'x' is not a number")]
    [InlineData("\n\nin_port=1,actions=output:0", "flows.txt:3: the switch refuses it: BadOutPort")]
    public void A_mistake_is_named_with_file_and_line(string text, string message) =>
        Assert.Equal(message, Assert.Throws<OptionException>(() => Install(text, OffloadLevel.On)).Message);

    [Fact]
    public void Layout_0_9_has_its_own_places_and_keeps_in_software_what_it_does_not_know()
    {
        FlowFileOnCard table = FlowFileOnCard.Install(
            new StringReader("in_port=2,dl_vlan=5,actions=output:1\nip,nw_tos=4,actions=output:1"), "flows.txt", CardLayout.V09, OffloadLevel.On);

        Assert.Equal([null, "layout 0.9 does not compare nw_tos"], table.Flows.Select(flow => flow.Reason));
        CardTables tables = Image(table);
        CardRow row = Assert.Single(tables.Rows, row => row.Row < 24 && !row.IsEmpty);
        KeyWords value = row.Image.Value;
        Assert.Equal(5u, value[7]);
    }

    [Fact]
    public void Decoded_flows_do_what_the_dumped_ones_did()
    {
        RandomMatches source = new(7);
        int alike = 0;
        for (int i = 0; i < 50; i++)
        {
            string[] flows = [.. Enumerable.Range(0, source.Random.Next(1, 5)).Select(_ => NextFlow(source))];
            CardTables dumped = Image(Install(string.Join('\n', flows), OffloadLevel.All));
            string decoded = string.Join('\n', CardListing.DescribeFlows(dumped, CardLayout.V10, FlowFileOnCard.PortNumbers));
            CardTables again = Image(Install(decoded, OffloadLevel.All));
            for (int j = 0; j < 100; j++)
            {
                int port = source.Random.Next(CardPort.Count);
                if (!TryParse(source.NextFrame(), port, out FlowKey key) || !MatchCodec.TryEncodeExact(CardLayout.V10, key, port, out KeyWords words, out _))
                {
                    continue;
                }
                uint before = Find(dumped, words);
                uint after = Find(again, words);
                bool asked = before == CardPort.QueueBit(port) || after == CardPort.QueueBit(port); // the host is right always
                alike += asked ? 0 : 1;
                Assert.True(asked || before == after, $"{string.Join('\n', flows)}\nbecame\n{decoded}\n{key}: {before:x} and {after:x}");
            }
        }
        Assert.True(alike > 500, $"only {alike} frames were forwarded by both");
    }

    /// <summary>Value and mask of vlan as the shim, the reference driver and others write them.</summary>
    [Theory]
    [InlineData(0xffff, 0x0000, "vlan_tci=0x0000")]
    [InlineData(0xffff, 0xe000, "vlan_tci=0x0000")]
    [InlineData(0xffff, 0xf000, "vlan_tci=0x0000", "dl_vlan=4095")]
    [InlineData(0x0fff, 0xf000, "vlan_tci=0x0000", "dl_vlan=4095")]
    [InlineData(0x0fff, 0x0000, "dl_vlan=4095,dl_vlan_pcp=0")]
    [InlineData(0x0fff, 0xe000, "dl_vlan=4095")]
    [InlineData(0xe000, 0x1fff, "vlan_tci=0x0000", "dl_vlan_pcp=7")]
    public void A_row_about_tags_is_the_same_row_when_its_flows_are_loaded_again(ushort vlan, ushort open, params string[] matches)
    {
        using RegisterImage image = new();
        KeyWords value = default;
        KeyWords mask = default;
        ActionWords action = default;
        ((Span<uint>)mask).Fill(uint.MaxValue);
        (value[7], mask[7]) = ((uint)vlan << 8, 0xff0000ff | ((uint)open << 8));
        (value[6], mask[6]) = (0, 0x00ffffff); // from port 1
        action[0] = CardPort.WireBit(1);
        for (int i = 0; i < ActionWords.Count; i++)
        {
            image.Write(CardRegisters.RowAction + (4 * (uint)i), action[i]);
        }
        for (int i = 0; i < KeyWords.Count; i++)
        {
            image.Write(CardRegisters.RowMask + (4 * (uint)i), mask[i]);
            image.Write(CardRegisters.RowValue + (4 * (uint)i), value[i]);
        }
        image.Write(CardRegisters.RowWrite, 20);
        CardTables written = CardTables.Read(image);

        string[] lines = [.. CardListing.DescribeFlows(written, CardLayout.V10, FlowFileOnCard.PortNumbers)];
        Assert.Equal(matches.Select(match => $"priority=4,in_port=1,{match} actions=output:2"), lines.Where(line => line[0] != '#'));
        FlowFileOnCard again = Install(string.Join('\n', lines), OffloadLevel.On);
        CardTables loaded = Image(again);
        foreach (ushort tag in (ushort[])[0xffff, 0x0fff, 0x2fff, 0xefff, 0xe005, 0x0005, 0x0000])
        {
            KeyWords frame = default;
            (frame[0], frame[7]) = (80, (uint)tag << 8); // not all zero, which empty rows match
            uint expected = written.Rows.FirstOrDefault(row => !row.IsEmpty && Hits(row.Image, frame)).Image.Action[0];
            Assert.Equal(expected == 0 ? CardPort.QueueBit(0) : expected, Find(loaded, frame));
        }
        Assert.Equal(lines.Where(line => line[0] != '#').Select(WithoutPriority), Decode(again).Where(line => line[0] != '#').Select(WithoutPriority));
    }

    [Fact]
    public void What_gives_frames_to_the_host_is_a_comment()
    {
        // A flow of lower priority that the card holds must not take the frames of one that is only in software.
        string[] lines = Decode(Install("priority=9,tcp,in_port=1,actions=controller\npriority=5,in_port=1,actions=output:2", OffloadLevel.On));

        Assert.Contains(lines, line => line.StartsWith("# row ", StringComparison.Ordinal) && line.EndsWith(",tcp,in_port=1 to the host", StringComparison.Ordinal));
        Assert.Equal(["in_port=1 actions=output:2"], Flows(lines));
    }

    private static FlowFileOnCard Install(string text, OffloadLevel level) => FlowFileOnCard.Install(new StringReader(text), "flows.txt", CardLayout.V10, level);

    private static CardTables Image(FlowFileOnCard table)
    {
        using RegisterImage image = new();
        RegisterLines.Apply(new StringReader(string.Join('\n', table.Writes.Select(RegisterLines.Format))), "dump", image);
        return CardTables.Read(image);
    }

    private static string[] Decode(FlowFileOnCard table) => [.. CardListing.DescribeFlows(Image(table), CardLayout.V10, FlowFileOnCard.PortNumbers)];

    /// <summary>The flows of rows, without the priorities that say in which rows they are.</summary>
    private static IEnumerable<string> Flows(IEnumerable<string> lines) =>
        lines.Where(line => line[0] != '#').Select(WithoutPriority);

    private static string WithoutPriority(string line) => line[(line.IndexOf(',', StringComparison.Ordinal) + 1)..];

    private static void AssertSlot(FlowFileOnCard table, int slot, string value, string action)
    {
        using RegisterImage image = new();
        foreach (RegisterWrite write in table.Writes)
        {
            image.Write(write.Address, write.Value);
        }
        uint address = CardRegisters.Exact + ((uint)slot * CardRegisters.SlotStride);
        Assert.Equal(value.Split(' ').Select(Hex), Enumerable.Range(0, 8).Select(i => image.Read(address + (4 * (uint)i))));
        Assert.Equal(action.Split(' ').Select(Hex), Enumerable.Range(0, 10).Select(i => image.Read(address + 0x28 + (4 * (uint)i))));
    }

    private static uint Hex(string word) => Convert.ToUInt32(word, 16);

    private static string NextFlow(RandomMatches source)
    {
        Random random = source.Random;
        List<FlowAction> actions = [];
        if (random.Next(3) == 0)
        {
            actions.Add(random.Next(3) switch
            {
                0 => FlowAction.SetDlDst(new MacAddress(0x0200_0000_0009)),
                1 => FlowAction.StripVlan(),
                _ => FlowAction.SetVlanVid(7),
            });
        }
        for (int i = random.Next(3); i > 0; i--)
        {
            actions.Add(FlowAction.Output((ushort)random.Next(1, 5)));
        }
        FlowMatch match = source.NextMatch();
        // Few fields at most: two random matches of many hardly ever meet a frame.
        match.Wildcards |= (FlowWildcards)random.Next(1 << 22) & (FlowWildcards)random.Next(1 << 22) & ~FlowWildcards.DlType;
        match.Wildcards |= FlowWildcards.DlSrc | FlowWildcards.TpSrc | FlowWildcards.DlDst | FlowWildcards.TpDst;
        StringBuilder text = new();
        FlowText.AppendSyntax(text, new ParsedFlow { Match = match, Priority = (ushort)random.Next(1, 4), Actions = [.. actions] });
        return text.ToString();
    }

    private static bool TryParse(byte[] frame, int port, out FlowKey key)
    {
        FlowKey parsed;
        HeaderOffsets layout;
        fixed (byte* data = frame)
        {
            FlowKeyParser.Parse(data, frame.Length, FlowFileOnCard.PortNumbers[port], &parsed, &layout);
        }
        key = parsed;
        return (layout.Flags & HeaderFlags.Fragment) == 0;
    }

    /// <summary>The first action word of what a frame hits: bitmap and flags.</summary>
    private static uint Find(CardTables tables, KeyWords key)
    {
        foreach (CardSlot slot in tables.Slots)
        {
            if (slot.Image.Value == key)
            {
                return slot.Image.Action[0];
            }
        }
        key[7] &= 0x7fffffff;
        return tables.Rows.First(row => Hits(row.Image, key)).Image.Action[0];
    }

    private static bool Hits(RowImage row, KeyWords key)
    {
        (KeyWords value, KeyWords mask, _) = row;
        for (int i = 0; i < KeyWords.Count; i++)
        {
            if (((key[i] ^ value[i]) & ~mask[i]) != 0)
            {
                return false;
            }
        }
        return true;
    }
}
