using Softswitch.NetFpga.Emulator;
using Softswitch.NetFpga.Registers;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests.Emulator;

/// <summary>Registers: staging, counters, identification, watchdog, resets. As docs/netfpga-hardware.md has them.</summary>
public sealed class CardRegisterTests
{
    private const uint WriteRow = 0x200106c;
    private const uint ReadRow = 0x2001068;
    private const uint RowBytes = 0x2001070;
    private const uint RowPackets = 0x20010f0;
    private const uint RowLastHit = 0x2001178;
    private static readonly string[] TcpKey = ["9c400050", "00021406", "00020ac0", "020800c0", "00000000", "00000102", "00020000", "80ffff00"];

    private readonly CardBench _bench = new();

    private EmulatedCard Card => _bench.Card;

    [Fact]
    public void Only_the_write_row_register_commits_what_was_staged()
    {
        _bench.WriteWords(0x2001000, CardBench.Action(0x10));
        _bench.WriteWords(0x2001028, CardBench.NothingCompared);
        Assert.Equal(0, _bench.Send(0, TestPacket.Tcp()).Destinations);
        Card.Write(WriteRow, 5);
        Assert.Equal(0x10, _bench.Send(0, TestPacket.Tcp()).Destinations);
        Assert.Equal(0u, Card.Read(WriteRow));
    }

    [Fact]
    public void A_row_is_read_back_through_the_staging_words_but_for_bits_that_do_not_exist()
    {
        uint[] value = [1, 2, 3, 4, 5, 6, 7, 0xff123456];
        uint[] action = [11, 12, 13, 14, 15, 16, 17, 18, 19, 20];
        _bench.WriteRow(9, value, CardBench.NothingCompared, action);
        _bench.WriteRow(8, new uint[8], new uint[8], new uint[10]);
        Assert.Equal(new uint[26], _bench.ReadWords(0x2001000, 26));
        Card.Write(ReadRow, 9);
        Assert.Equal(
            [.. action, .. Enumerable.Repeat(uint.MaxValue, 7), 0x00ffffff, 1, 2, 3, 4, 5, 6, 7, 0x00123456],
            _bench.ReadWords(0x2001000, 26));
    }

    [Fact]
    public void A_row_counts_packets_bytes_with_the_tag_and_the_second_of_its_last_hit()
    {
        _bench.Time.Advance(TimeSpan.FromSeconds(300));
        _bench.WriteRow(9, CardBench.Action(0x10, 0x0008));
        byte[] frame = TestPacket.Tcp(vlan: 7);
        _bench.Send(0, frame);
        _bench.Send(0, frame);
        Assert.Equal(2u, Card.Read(RowPackets + 36));
        Assert.Equal((uint)(2 * frame.Length), Card.Read(RowBytes + 36));
        Assert.Equal(300u, Card.Read(RowLastHit + 36));
        Assert.Equal(2u, Card.Read(RowPackets + 36)); // reading clears nothing
        Card.Write(RowPackets + 36, uint.MaxValue);
        Card.Write(RowBytes + 36, 5);
        Card.Write(RowLastHit + 36, 5);
        Assert.Equal(300u, Card.Read(RowLastHit + 36)); // which cannot be written
        _bench.Send(0, frame);
        Assert.Equal(0u, Card.Read(RowPackets + 36));
        Assert.Equal((uint)(5 + frame.Length), Card.Read(RowBytes + 36));
    }

    [Fact]
    public void Writing_a_row_leaves_its_counters()
    {
        _bench.WriteRow(9, CardBench.Action(0x10));
        _bench.Send(0, TestPacket.Tcp());
        _bench.WriteRow(9, CardBench.Action(0x40));
        Assert.Equal(1u, Card.Read(RowPackets + 36));
    }

    [Fact]
    public void Reading_an_exact_entrys_counters_clears_them_but_for_bit_24_and_the_last_hit()
    {
        _bench.Time.Advance(TimeSpan.FromSeconds(130)); // 7 bits of it are 2
        uint slot = WriteTcpSlot();
        byte[] frame = TestPacket.Tcp(0xc000020a, 0xc0000214, 40000, 80);
        Card.Write(slot + 0x20, 0x00ffffff);
        _bench.Send(0, frame);
        Assert.Equal((2u << 25) | 0x01000000, Card.Read(slot + 0x20));
        _bench.Send(0, frame);
        Assert.Equal((2u << 25) | 0x01000001, Card.Read(slot + 0x20));
        Assert.Equal((2u << 25) | 0x01000000, Card.Read(slot + 0x20));
        Assert.Equal((uint)(2 * frame.Length), Card.Read(slot + 0x24));
        Assert.Equal(0u, Card.Read(slot + 0x24));
        Card.Write(slot + 0x20, 0);
        Assert.Equal(0u, Card.Read(slot + 0x20));
    }

    [Fact]
    public void An_exact_entry_counts_25_bits_of_packets()
    {
        uint slot = WriteTcpSlot();
        Card.Write(slot + 0x20, 0x01ffffff);
        _bench.Send(0, TestPacket.Tcp(0xc000020a, 0xc0000214, 40000, 80));
        Assert.Equal(0u, Card.Read(slot + 0x20));
    }

    [Fact]
    public void An_exact_entry_counts_32_bits_of_bytes()
    {
        uint slot = WriteTcpSlot();
        byte[] frame = TestPacket.Tcp(0xc000020a, 0xc0000214, 40000, 80);
        Card.Write(slot + 0x24, 0x7fffffff);
        _bench.Send(0, frame);
        Assert.Equal(0x7fffffffu + (uint)frame.Length, Card.Peek(slot + 0x24));
        Card.Write(slot + 0x24, uint.MaxValue);
        _bench.Send(0, frame);
        Assert.Equal((uint)frame.Length - 1, Card.Read(slot + 0x24));
    }

    [Fact]
    public void Words_24_and_25_of_a_slot_clear_on_read_as_its_counters_do()
    {
        uint slot = CardBench.SlotAddress(0x1234);
        foreach (uint word in (uint[])[23, 24, 25, 26])
        {
            Card.Write(slot + (4 * word), uint.MaxValue);
            Assert.Equal(uint.MaxValue, Card.Read(slot + (4 * word)));
        }
        Assert.Equal([uint.MaxValue, 0xff000000, 0, uint.MaxValue], _bench.ReadWords(slot + (4 * 23), 4));
    }

    [Fact]
    public void Lookup_statistics_can_be_written_and_count_on_from_there()
    {
        for (uint address = 0x2000000; address <= 0x200002c; address += 4)
        {
            Card.Write(address, address);
            Assert.Equal(address, Card.Read(address));
        }
        _bench.Send(5, TestPacket.Tcp());
        Assert.Equal([0x2000001, 0x2000004, 0x2000009, 0x200000c], _bench.ReadWords(0x2000000, 4));
        Assert.Equal(0x2000025u, Card.Read(0x2000024));
    }

    [Fact]
    public void Timer_and_the_word_behind_it_cannot_be_written_and_that_one_is_0()
    {
        Card.Write(0x2000038, 77);
        Card.Write(0x200003c, 77);
        Assert.Equal([0, 0, EmulatedCard.UnknownRegister], _bench.ReadWords(0x2000038, 3));
    }

    [Fact]
    public void The_read_row_register_reads_back_what_was_written_last()
    {
        Card.Write(ReadRow, 9);
        Assert.Equal(9u, Card.Read(ReadRow));
        Card.Reset();
        Assert.Equal(0u, Card.Read(ReadRow));
    }

    [Fact]
    public void The_last_staging_word_of_the_mask_keeps_its_top_byte_until_a_row_is_read()
    {
        const uint LastOfMask = 0x2001044;
        const uint LastOfValue = 0x2001064;
        Card.Write(LastOfMask, 0xab123456);
        Card.Write(LastOfValue, 0xab123456);
        Card.Write(WriteRow, 3);
        Assert.Equal((0xab123456u, 0x00123456u), (Card.Read(LastOfMask), Card.Read(LastOfValue)));
        Card.Write(ReadRow, 3);
        Assert.Equal((0x00123456u, 0x00123456u), (Card.Read(LastOfMask), Card.Read(LastOfValue)));
    }

    [Fact]
    public void Byte_counts_have_12_bits_of_a_frames_length()
    {
        _bench.WriteRow(0, CardBench.Action(0x10));
        _bench.Send(0, TestPacket.Ethernet(0x1234, new byte[5000]));
        Assert.Equal((uint)((5000 + 14) % 4096), Card.Read(RowBytes));
    }

    [Fact]
    public void The_lookup_counts_an_exact_miss_for_every_wildcard_hit()
    {
        _bench.WriteRow(31, CardBench.Action(0x10));
        _bench.Send(0, TestPacket.Tcp());
        Assert.Equal([0, 1, 1, 0], _bench.ReadWords(0x2000000, 4));
        WriteTcpSlot();
        _bench.Send(0, TestPacket.Tcp(0xc000020a, 0xc0000214, 40000, 80));
        Assert.Equal([0, 1, 1, 1], _bench.ReadWords(0x2000000, 4)); // the row's hit lost
        Assert.Equal(1u, Card.Read(RowPackets + 124));
    }

    [Fact]
    public void A_frame_without_destination_is_counted_under_its_source()
    {
        _bench.Send(5, TestPacket.Tcp());
        _bench.WriteRow(0, CardBench.Action(0));
        _bench.Send(5, TestPacket.Tcp());
        _bench.Send(2, TestPacket.Tcp());
        Assert.Equal([0, 0, 1, 0, 0, 2, 0, 0], _bench.ReadWords(0x2000010, 8));
    }

    [Fact]
    public void Scratch_words_keep_what_is_written_and_a_reset_clears_them()
    {
        uint[] addresses = [0x2000030, 0x2000034, 0x2001170, 0x2001174];
        foreach (uint address in addresses)
        {
            Card.Write(address, address);
        }
        Assert.All(addresses, address => Assert.Equal(address, Card.Read(address)));
        Card.Write(0x008, Card.Read(0x008) | 0x100);
        Assert.All(addresses, address => Assert.Equal(0u, Card.Read(address)));
    }

    [Fact]
    public void The_timer_counts_seconds_since_the_reset()
    {
        _bench.Time.Advance(TimeSpan.FromSeconds(12.9));
        Assert.Equal(12u, Card.Read(0x2000038));
        Card.Reset();
        _bench.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1u, Card.Read(0x2000038));
    }

    [Fact]
    public void A_reset_by_the_cpci_loses_everything()
    {
        uint slot = WriteTcpSlot();
        _bench.WriteRow(9, CardBench.Action(0x10));
        Card.Write(0x2001000, 77);
        _bench.Send(0, TestPacket.Tcp());
        Card.Write(0x008, 0xff); // bit 8 is the one that counts
        Assert.Equal(1u, Card.Read(RowPackets + 36));
        Card.Write(0x008, 0x100);
        Assert.Equal(0, _bench.Send(0, TestPacket.Tcp()).Destinations);
        Assert.Equal(new uint[20], _bench.ReadWords(slot, 20));
        Assert.Equal(0u, Card.Read(0x2001000));
        Assert.Equal(0u, Card.Read(RowPackets + 36));
        Assert.Equal([1, 0, 1, 0], _bench.ReadWords(0x2000000, 4)); // of the frame since
    }

    [Fact]
    public void The_watchdog_flushes_both_tables_after_8_6_seconds_and_the_scratch_words_survive()
    {
        uint slot = WriteTcpSlot();
        _bench.WriteRow(30, CardBench.Action(0x10));
        Card.Write(0x2000030, 42);
        Card.Write(0x2000400, 1);
        _bench.Time.Advance(TimeSpan.FromSeconds(8.5));
        Assert.Equal(0x10, _bench.Send(0, TestPacket.Tcp()).Destinations);
        _bench.Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(0, _bench.Send(0, TestPacket.Tcp()).Destinations);
        Assert.Equal(0u, Card.Read(slot));
        Assert.Equal(42u, Card.Read(0x2000030));
    }

    [Theory]
    [InlineData(0x2000404, true)]
    [InlineData(0x2000100, true)]
    [InlineData(0x20001fc, true)]
    [InlineData(0x2000038, false)]
    [InlineData(0x2001000, false)]
    [InlineData(0x1000000, false)]
    public void The_watchdog_is_fed_only_by_its_own_block_and_the_arbiters(uint address, bool feeds)
    {
        _bench.WriteRow(30, CardBench.Action(0x10));
        Card.Write(0x2000400, 1);
        for (int i = 0; i < 5; i++)
        {
            _bench.Time.Advance(TimeSpan.FromSeconds(4));
            Card.Read(address);
        }
        Assert.Equal(feeds ? 0x10 : 0, _bench.Send(0, TestPacket.Tcp()).Destinations);
    }

    [Fact]
    public void The_watchdog_counts_8_nanoseconds_a_step_and_rests_while_disabled()
    {
        _bench.Time.Advance(TimeSpan.FromSeconds(100));
        Assert.Equal(0u, Card.Read(0x2000404));
        Card.Write(0x2000400, 1);
        _bench.Time.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(500_000_000u, Card.Read(0x2000404));
        Assert.Equal(0u, Card.Read(0x2000404));
    }

    [Fact]
    public void A_watchdog_that_nobody_feeds_flushes_again_and_again()
    {
        Card.Write(0x2000400, 1);
        _bench.Time.Advance(TimeSpan.FromSeconds(9));
        _bench.WriteRow(30, CardBench.Action(0x10));
        Assert.Equal(0x10, _bench.Send(0, TestPacket.Tcp()).Destinations);
        _bench.Time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(0, _bench.Send(0, TestPacket.Tcp()).Destinations);
    }

    [Fact]
    public void It_identifies_itself_as_package_3_does()
    {
        Assert.Equal([0x5e461ffe, 0x439725c9, 0x279a22a1, 0x855f6c53, 0, 0x010004], _bench.ReadWords(0x400000, 6));
        Assert.Equal("openflow_switch", Text(0x40001c, 64));
        Assert.Equal("OpenFlow Switch", Text(0x40005c, 64));
        Assert.Equal("OpenFlow Switch", Text(0x40009c, 100));
        Assert.Equal(0x6f70656eu, Card.Read(0x40001c)); // "open"
        Assert.Equal(0x100u, Card.Read(0x104) & 0x100);
    }

    [Fact]
    public void Layout_09_identifies_itself_as_package_2_does()
    {
        var old = new CardBench(new EmulatedCardOptions { Layout = CardLayout.V09 });
        Assert.Equal([0x4071736d, 0x8a603d2b, 0x4d55f629, 0x89a73c95], old.ReadWords(0x400000, 4));
        Assert.Equal(0x4f70656eu, old.Card.Read(0x40001c)); // "Open"
    }

    [Fact]
    public void A_bitfile_without_identification_reads_as_nothing_known()
    {
        var other = new CardBench(new EmulatedCardOptions { Identity = new EmulatedIdentity { BlockVersion = 0 } });
        Assert.All(other.ReadWords(0x400000, 16), word => Assert.Equal(EmulatedCard.UnknownRegister, word));
    }

    [Fact]
    public void A_string_fills_its_field_and_ends_in_zero()
    {
        var other = new CardBench(new EmulatedCardOptions { Identity = new EmulatedIdentity { Directory = new string('x', 80) } });
        Assert.Equal(0x78787800u, other.Card.Read(0x40001c + 60));
    }

    [Fact]
    public void An_access_that_is_to_fail_throws_and_is_lost_or_not_as_asked()
    {
        Card.Fault = access => access.Number == 2 ? RegisterFault.Lost : access.Number == 3 ? RegisterFault.Unanswered : RegisterFault.None;
        Card.Write(0x2000030, 1);
        Assert.Throws<RegisterAccessException>(() => Card.Write(0x2000030, 2));
        Assert.Equal(1u, Card.Peek(0x2000030));
        RegisterAccessException failure = Assert.Throws<RegisterAccessException>(() => Card.Write(0x2000030, 3));
        Assert.Contains("0x2000030", failure.Message, StringComparison.Ordinal);
        Assert.Equal(3u, Card.Peek(0x2000030));
        Assert.Equal(3u, Card.Read(0x2000030));
        Assert.Equal(4, Card.AccessCount);
    }

    [Fact]
    public void Each_write_is_told_and_those_behind_the_drivers_back_are_not()
    {
        List<uint> told = [];
        Card.Written = access => told.Add(access.Address);
        _bench.WriteRow(0, CardBench.Action(1));
        Card.Tamper(0x2000030, 9);
        Assert.Equal(27, told.Count);
        Assert.Equal(WriteRow, told[^1]);
        Assert.Equal(9u, Card.Read(0x2000030));
    }

    [Fact]
    public void A_row_can_be_made_to_match_nothing_while_it_is_written()
    {
        _bench.WriteRow(3, CardBench.Action(0x10));
        List<int> seen = [];
        Card.RowVanished = row => seen.Add(_bench.Send(0, TestPacket.Tcp()).Destinations);
        _bench.WriteRow(3, CardBench.Action(0x40));
        Assert.Equal([0], seen);
        Assert.Equal(0x40, _bench.Send(0, TestPacket.Tcp()).Destinations);
    }

    [Fact]
    public void Peeking_clears_nothing()
    {
        uint slot = WriteTcpSlot();
        Card.SetLink(0, true);
        _bench.Send(0, TestPacket.Tcp(0xc000020a, 0xc0000214, 40000, 80));
        Assert.Equal(1u, Card.Peek(slot + 0x20) & 0x01ffffff);
        Assert.Equal(1u, Card.Peek(slot + 0x20) & 0x01ffffff);
        Assert.Equal(2u, Card.Peek(0x440068));
        Assert.Equal(2u, Card.Read(0x440068));
    }

    [Fact]
    public void A_frame_meets_a_row_as_it_was_or_as_it_will_be_while_another_thread_writes_it()
    {
        _bench.WriteRow(5, CardBench.Action(0x11));
        _bench.WriteRow(31, CardBench.Action(0x80));
        int[] seen = new int[256];
        using var stop = new CancellationTokenSource();
        var sender = new Thread(() =>
        {
            byte[] frame = TestPacket.Tcp();
            byte[] result = new byte[frame.Length + EmulatedCard.LongestGrowth];
            do
            {
                seen[Card.Process(0, frame, result, out _)]++;
            }
            while (!stop.IsCancellationRequested);
        });
        sender.Start();
        for (int i = 0; i < 2000; i++)
        {
            _bench.WriteRow(5, CardBench.Action((i & 1) == 0 ? 0x44u : 0x11));
        }
        stop.Cancel();
        sender.Join();
        Assert.True(seen[0x11] + seen[0x44] > 0);
        Assert.Equal(seen.Sum(), seen[0x11] + seen[0x44]);
    }

    [Fact]
    public void A_frame_costs_no_allocation()
    {
        _bench.WriteRow(31, CardBench.Action(0x10, 0x07f6));
        byte[] frame = TestPacket.Tcp();
        byte[] result = new byte[frame.Length + EmulatedCard.LongestGrowth];
        Assert.Equal(0, Allocations.OfOneRound(() => Card.Process(0, frame, result, out _)));
    }

    private uint WriteTcpSlot()
    {
        _bench.WriteSlot(0x0a0f, [.. TcpKey.Select(word => Convert.ToUInt32(word, 16))], CardBench.Action(0x10));
        return CardBench.SlotAddress(0x0a0f);
    }

    private string Text(uint address, int length)
    {
        byte[] bytes = [.. _bench.ReadWords(address, length / 4).SelectMany(word => new[] { (byte)(word >> 24), (byte)(word >> 16), (byte)(word >> 8), (byte)word })];
        return System.Text.Encoding.ASCII.GetString(bytes).TrimEnd('\0');
    }
}
