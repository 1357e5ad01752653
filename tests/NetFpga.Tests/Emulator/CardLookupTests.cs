using Softswitch.NetFpga.Emulator;
using Softswitch.NetFpga.Registers;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests.Emulator;

/// <summary>What the card sees in a frame and which entry it takes: entries, slots and lookup of docs/netfpga-hardware.md.</summary>
public sealed class CardLookupTests
{
    private const uint Word = uint.MaxValue;
    private const uint Tag = 0x00ffff00;
    private const uint Type = 0x00ffff00;
    private const uint Ports = (1000u << 16) | 80;

    // The worked examples of docs/netfpga-hardware.md: words 0 to 7 with the active bit, and both slots.
    public static TheoryData<int, string, string, int, int> Examples => new()
    {
        { 0, "tcp", "9c400050 00021406 00020ac0 020800c0 00000000 00000102 00020000 80ffff00", 0x0a0f, 0x58d0 },
        { 4, "udp", "14e90035 33640711 007109c6 5f0800cb 1b2c3d4e d3e4f50a 04a0b1c2 80c123b8", 0x7d9b, 0x7bc2 },
        { 6, "arp", "00000000 00020201 000201c0 ff0806c0 ffffffff 000001ff 06020000 80ffff00", 0x287c, 0x6292 },
    };

    /// <summary>Some words of keys, in the bits that the mask has.</summary>
    public static TheoryData<string, bool, byte[], (int Word, uint Mask, uint Value)[]> Keys => new()
    {
        { "a tag without its bit 12", false, TestPacket.Tcp(vlan: 0xb123), [(7, Tag, 0x00a12300), (3, Type, 0x00080000), (0, Word, Ports)] },
        { "no tag is 0xffff", false, TestPacket.Tcp(), [(7, Tag, 0x00ffff00)] },
        { "behind a second tag nothing is parsed", false, TwoTags(), [(3, Type, 0x00810000), (0, Word, 0), (1, Word, 0), (7, Word, 0x00000900)] },
        { "a length is the type, SNAP is not decoded", false, Snap(), [(3, Type, (uint)(Snap().Length - 14) << 8), (0, Word, 0), (1, Word, 0)] },
        { "options are skipped", false, TestPacket.Tcp(options: 12), [(0, Word, Ports)] },
        { "a first fragment has ports", false, TestPacket.Tcp(fragment: 0x2000), [(0, Word, Ports)] },
        { "a last fragment has what stands there", false, TestPacket.Tcp(fragment: 0x0005), [(0, Word, Ports)] },
        { "a middle fragment has what stands there", false, TestPacket.Tcp(fragment: 0x2005), [(0, Word, Ports)] },
        { "type and code of ICMP stand where ports do", false, TestPacket.Icmp(type: 3, code: 1), [(0, Word, (3u << 16) | 1)] },
        { "other protocols have no ports", false, TestPacket.Ipv4(47, [1, 2, 3, 4, 5, 6, 7, 8]), [(0, Word, 0)] },
        { "the low two bits of TOS are never set", false, TestPacket.Tcp(tos: 0xbb), [(7, 0xff, 0xb8)] },
        { "the low byte of an opcode, whatever the hardware type", false, OddArp(), [(1, 0xff, 2)] },
        { "layout 0.9 has no TOS, its tag a byte lower", true, TestPacket.Tcp(vlan: 0xa123, tos: 0xb8), [(7, Word, 0x0000a123)] },
        { "layout 0.9, no tag", true, TestPacket.Tcp(), [(7, Word, 0x0000ffff)] },
        { "layout 0.9 does not look into ARP", true, TestPacket.Arp(), [(3, Type, 0x00080600), (0, Word, 0), (1, Word, 0)] },
    };

    [Theory]
    [MemberData(nameof(Examples))]
    public void A_documented_exact_entry_is_hit_in_either_slot(int source, string frame, string words, int slotA, int slotB)
    {
        foreach (int slot in (int[])[slotA, slotB])
        {
            var bench = new CardBench();
            bench.WriteSlot(slot, Parse(words), CardBench.Action(0x10));
            Assert.Equal(0x10, bench.Send(source, Example(frame)).Destinations);
            Assert.Equal(0, bench.Send(source ^ 2, Example(frame)).Destinations);
        }
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void A_row_sees_the_key_that_the_document_tells(int source, string frame, string words, int slotA, int slotB)
    {
        uint[] expected = Parse(words);
        expected[7] &= ~CardBench.Active;
        Assert.Equal(expected, new CardBench().KeyOf(source, Example(frame)));
        Assert.NotEqual(slotA, slotB);
    }

    [Fact]
    public void An_exact_entry_without_its_active_bit_is_not_hit()
    {
        var bench = new CardBench();
        uint[] words = Parse((string)Examples.First().Data.Item3);
        bench.WriteSlot(0x0a0f, [.. words[..7], words[7] & ~CardBench.Active], CardBench.Action(0x10));
        Assert.Equal(0, bench.Send(0, Example("tcp")).Destinations);
    }

    [Fact]
    public void Slot_a_wins_over_slot_b_and_this_over_rows_of_which_the_lowest_wins()
    {
        var bench = new CardBench();
        uint[] words = Parse(Examples.First().Data.Item3);
        foreach ((int row, uint destinations, int won) in ((int, uint, int)[])[(31, 0x40, 0x40), (7, 0x10, 0x10), (19, 0x01, 0x10), (0, 0x04, 0x04)])
        {
            bench.WriteRow(row, CardBench.Action(destinations));
            Assert.Equal(won, bench.Send(0, Example("tcp")).Destinations);
        }
        bench.WriteSlot(0x58d0, words, CardBench.Action(0x40));
        Assert.Equal(0x40, bench.Send(0, Example("tcp")).Destinations);
        bench.WriteSlot(0x0a0f, words, CardBench.Action(0x10));
        Assert.Equal(0x10, bench.Send(0, Example("tcp")).Destinations);
    }

    [Fact]
    public void Mask_bits_that_are_1_are_not_compared()
    {
        var bench = new CardBench();
        bench.WriteRow(3, CardBench.Words(8, (0, 0x0050)), CardBench.MaskBut(0, 0xffff), CardBench.Action(0x10));
        Assert.Equal(0x10, bench.Send(0, TestPacket.Tcp(dstPort: 0x50)).Destinations);
        Assert.Equal(0, bench.Send(0, TestPacket.Tcp(dstPort: 0x51)).Destinations);
    }

    [Fact]
    public void A_source_mask_of_0xff_takes_frames_of_the_host_too_and_0xfe_does_not()
    {
        var bench = new CardBench();
        bench.WriteRow(0, new uint[8], CardBench.NothingCompared, CardBench.Action(0x10));
        Assert.Equal(0x10, bench.Send(1, TestPacket.Tcp()).Destinations);
        bench.WriteRow(0, new uint[8], CardBench.MaskBut(6, 0x0100_0000), CardBench.Action(0x10)); // bit 216, the lowest of the source
        Assert.Equal(0, bench.Send(1, TestPacket.Tcp()).Destinations);
        Assert.Equal(0x10, bench.Send(2, TestPacket.Tcp()).Destinations);
    }

    [Fact]
    public void A_frame_is_reflected_to_its_ingress_if_the_row_says_so()
    {
        var bench = new CardBench();
        bench.WriteRow(0, CardBench.Action(0x55));
        Assert.Equal(0x55, bench.Send(2, TestPacket.Tcp()).Destinations);
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void A_key_has_what_the_document_says(string what, bool isOld, byte[] frame, (int Word, uint Mask, uint Value)[] expected)
    {
        uint[] key = new CardBench(new EmulatedCardOptions { Layout = isOld ? CardLayout.V09 : CardLayout.V10 }).KeyOf(0, frame);
        Assert.All(expected, part => Assert.True((key[part.Word] & part.Mask) == part.Value, $"{what}: word {part.Word} is {key[part.Word]:x8}"));
    }

    [Fact]
    public void A_header_length_below_5_makes_the_frame_one_of_port_0_with_nothing_in_it()
    {
        byte[] frame = TestPacket.Tcp(vlan: 7);
        frame[18] = 0x44;
        var bench = new CardBench();
        Assert.Equal(CardBench.Words(8, (7, 0x00ffff00)), bench.KeyOf(6, frame));
        bench = new CardBench();
        bench.Send(6, frame);
        Assert.Equal([1, 0, 0, 0, 0, 0, 0, 0], bench.ReadWords(0x2000010, 8));
    }

    [Fact]
    public void An_emptied_row_matches_the_key_that_is_all_zero()
    {
        byte[] frame = new byte[60];
        frame[12] = 0x81; // a tag of 0, a length of 0
        var bench = new CardBench();
        bench.WriteRow(31, CardBench.Action(0x10));
        Assert.Equal(0, bench.Send(0, frame).Destinations); // by row 0, which is empty and says nothing
        Assert.Equal(0x10, bench.Send(2, frame).Destinations);
        Assert.Equal(1u, bench.Card.Read(0x20010f0));
    }

    [Fact]
    public void Random_frames_get_the_key_that_a_naive_reading_gives()
    {
        var random = new Random(20261121);
        for (int i = 0; i < 100; i++)
        {
            CardLayout layout = random.Next(2) == 0 ? CardLayout.V10 : CardLayout.V09;
            byte[] frame = NaiveKey.RandomFrame(random);
            int source = random.Next(8);
            uint[] key = new CardBench(new EmulatedCardOptions { Layout = layout, LosesStep = false }).KeyOf(source, frame);
            Assert.Equal(NaiveKey.Read(layout, source, frame), key);
        }
    }

    private static byte[] TwoTags()
    {
        byte[] inner = TestPacket.Tcp(vlan: 7);
        return [.. inner[..12], 0x81, 0x00, 0x00, 0x09, .. inner[12..]];
    }

    private static byte[] Snap()
    {
        byte[] snap = [0xaa, 0xaa, 0x03, 0, 0, 0, 0x08, 0x00, .. TestPacket.Tcp()[14..]];
        return TestPacket.Ethernet((ushort)snap.Length, snap);
    }

    private static byte[] OddArp()
    {
        byte[] frame = TestPacket.Arp(opcode: 0x0302);
        frame[14] = 0x77;
        return frame;
    }

    private static uint[] Parse(string words) => [.. words.Split(' ').Select(word => Convert.ToUInt32(word, 16))];

    internal static byte[] Example(string name) => name switch
    {
        "tcp" => TestPacket.Tcp(0xc000020a, 0xc0000214, 40000, 80),
        "udp" => TestPacket.Udp(
            0xcb007109, 0xc6336407, 5353, 53, vlan: 0xc123, tos: 0xb8, dlSrc: 0xa0b1c2d3e4f5, dlDst: 0x0a1b2c3d4e5f),
        _ => TestPacket.Arp(1, 0xc0000201, 0xc0000202, dlSrc: 0x020000000001, dlDst: 0xffffffffffff),
    };
}
