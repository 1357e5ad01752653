using Softswitch.NetFpga.Emulator;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests.Emulator;

/// <summary>E9: a frame whose header length points behind its end has no lookup result.</summary>
public sealed class CardStepTests
{
    // Where frames of a wire or of the host's queues go, by source number.
    private static readonly int[] Destinations = [0x10, 0x01, 0x40, 0x04, 0x02, 0x10, 0x08, 0x40];

    private readonly CardBench _bench = new();

    public CardStepTests() => WriteRows();

    /// <summary>The count of frames that passed the input arbiter, and the seven places that clear it, too.</summary>
    [Theory]
    [InlineData(0x2000100, 5u, 0u)]
    [InlineData(0x2000104, 0u, 5u)]
    [InlineData(0x200011c, 0u, 5u)]
    [InlineData(0x2000120, EmulatedCard.UnknownRegister, 0u)]
    [InlineData(0x20001e0, EmulatedCard.UnknownRegister, 0u)]
    [InlineData(0x20001fc, EmulatedCard.UnknownRegister, 5u)]
    [InlineData(0x2000200, EmulatedCard.UnknownRegister, 5u)]
    public void What_passed_the_arbiter_is_counted_from_one_access_to_the_next(uint address, uint value, uint left)
    {
        Send5();
        Assert.Equal((5u, value), (_bench.Card.Peek(0x2000100), _bench.Card.Read(address)));
        Assert.Equal((left, 0u), (_bench.Card.Read(0x2000100), _bench.Card.Read(0x2000100)));
        Send5();
        _bench.Card.Write(address, 77);
        Assert.Equal(left, _bench.Card.Read(0x2000100));

        void Send5()
        {
            for (int i = 0; i < 5; i++)
            {
                _bench.Send(i, TestPacket.Tcp());
            }
        }
    }

    [Theory]
    [InlineData(14)]
    [InlineData(15)]
    public void From_then_on_every_frame_gets_the_result_of_the_next(int headerLength)
    {
        byte[] lying = Lying(headerLength);
        Assert.Empty(_bench.SendAll(0, lying));
        byte[] waiting = Numbered(0);
        Assert.Equal([(Destinations[0], Convert.ToHexString(lying))], _bench.SendAll(2, waiting)); // its own, at last
        for (byte i = 1; i < 100; i++)
        {
            byte[] next = Numbered(i);
            int source = 3 * i % 8;
            Assert.Equal([(Destinations[source], Convert.ToHexString(waiting))], _bench.SendAll(source, next));
            waiting = next;
        }
        Assert.Equal(101u, _bench.Card.Read(0x2000100));
        Assert.Equal(100u, Lookups());
    }

    [Fact]
    public void A_shorter_lie_costs_one_frame_its_result_and_the_card_is_in_step_again()
    {
        byte[] lying = Lying(12);
        Assert.Empty(_bench.SendAll(2, lying));
        byte[] next = Numbered(1);
        Assert.Equal([(Destinations[2], Convert.ToHexString(lying)), (Destinations[0], Convert.ToHexString(next))], _bench.SendAll(4, next)); // as one of port 0
        for (byte i = 2; i < 10; i++)
        {
            byte[] frame = Numbered(i);
            Assert.Equal([(Destinations[6], Convert.ToHexString(frame))], _bench.SendAll(6, frame));
        }
        Assert.Equal(_bench.Card.Read(0x2000100), Lookups());
    }

    [Fact]
    public void The_word_of_a_lifted_tag_is_one_more_in_front_of_a_frame()
    {
        byte[] lying = Lying(15);
        Assert.Empty(_bench.SendAll(2, lying));
        byte[] tagged = TestPacket.Tcp(vlan: 7);
        Assert.Equal([(Destinations[2], Convert.ToHexString(lying)), (Destinations[0], Convert.ToHexString(tagged))], _bench.SendAll(4, tagged));
        Assert.Single(_bench.SendAll(4, tagged));
    }

    [Fact]
    public void A_frame_that_tells_the_truth_or_has_no_ports_does_no_harm()
    {
        byte[][] frames =
        [
            TestPacket.Tcp(options: 40, payload: 0), TestPacket.Udp(options: 40, vlan: 5), TestPacket.Tcp()[..54], TestPacket.Arp()[..42], TestPacket.Arp(), Lying(11),
            TestPacket.Icmp()[..35], Lying(15, protocol: 89), [.. Lying(15), .. new byte[18]], new byte[60], new byte[14], Lying(4), Lying(0),
        ];
        foreach (byte[] frame in frames)
        {
            Assert.Equal(Convert.ToHexString(frame), Assert.Single(_bench.SendAll(0, frame)).Frame);
        }
        Assert.Equal((uint)frames.Length, Lookups());
    }

    [Fact]
    public void A_reset_brings_the_card_into_step_and_a_flush_does_not()
    {
        _bench.SendAll(0, Lying(15));
        _bench.Card.Flush();
        WriteRows();
        _bench.SendAll(0, Numbered(1));
        Assert.NotEqual(_bench.Card.Read(0x2000100), Lookups());
        _bench.Card.Reset();
        WriteRows();
        byte[] frame = Numbered(2);
        Assert.Equal([(Destinations[2], Convert.ToHexString(frame))], _bench.SendAll(2, frame));
        Assert.Equal(_bench.Card.Read(0x2000100), Lookups());
    }

    [Fact]
    public void Lies_add_up_until_the_card_takes_no_frame_any_more()
    {
        for (int i = 0; i < 16; i++)
        {
            Assert.True(_bench.SendAll(0, Lying(15)).Count < 2);
            _bench.SendAll(0, Numbered((byte)i));
        }
        uint passed = _bench.Card.Read(0x2000100);
        Assert.Equal(passed - 16, Lookups());
        Assert.Empty(_bench.SendAll(2, Numbered(0)));
        Assert.Empty(_bench.SendAll(3, Numbered(0)));
        Assert.Equal(0u, _bench.Card.Read(0x2000100)); // none since
        Assert.Equal(1u, _bench.Card.Read(0x64000c)); // port 1: dropped, queue full
    }

    [Fact]
    public void A_longer_frame_that_waited_fits_where_a_shorter_one_came()
    {
        _bench.SendAll(0, Lying(15));
        byte[] longer = TestPacket.Tcp(payload: 1400);
        _bench.SendAll(0, longer);
        Assert.Equal(longer.Length + EmulatedCard.LongestGrowth, _bench.Card.RoomFor(60));
        Assert.Equal([(Destinations[2], Convert.ToHexString(longer))], _bench.SendAll(2, Numbered(1)));
    }

    [Fact]
    public void It_can_be_switched_off()
    {
        var bench = new CardBench(new EmulatedCardOptions { LosesStep = false });
        bench.WriteRow(0, CardBench.Action(0x10));
        Assert.Single(bench.SendAll(0, Lying(15)));
        Assert.Single(bench.SendAll(0, Lying(12)));
    }

    private static byte[] Lying(int headerLength, byte protocol = 6)
    {
        byte[] frame = Numbered(0xff);
        frame[14] = (byte)(0x40 | headerLength);
        frame[23] = protocol;
        return frame;
    }

    /// <summary>60 bytes, told from others by the last.</summary>
    private static byte[] Numbered(byte number)
    {
        byte[] frame = TestPacket.Tcp()[..54];
        return [.. frame, 0, 0, 0, 0, 0, number];
    }

    private uint Lookups() => _bench.Card.Read(0x2000008) + _bench.Card.Read(0x200000c);

    private void WriteRows()
    {
        for (int source = 0; source < 8; source++)
        {
            _bench.WriteRow(source, CardBench.Words(8, (6, (uint)source << 24)), CardBench.MaskBut(6, 0xff000000), CardBench.Action((uint)Destinations[source]));
        }
    }
}
