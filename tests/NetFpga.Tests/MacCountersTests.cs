using Softswitch.NetFpga.Emulator;
using Softswitch.NetFpga.Registers;
using Softswitch.NetFpga.Tests.Emulator;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests;

public sealed class MacCountersTests : IDisposable
{
    private readonly RegisterFile _card = new();

    [Fact]
    public void Counting_begins_when_the_port_is_opened()
    {
        Set(packets: 1000, bytes: 64000);
        var counters = new MacCounters(_card, 2);
        counters.Poll();
        Assert.Equal(0, counters.Traffic.ReceivedPackets);
        Set(packets: 1003, bytes: 64200);
        counters.Poll();
        Assert.Equal((3, 200), (counters.Traffic.ReceivedPackets, counters.Traffic.ReceivedBytes));
    }

    [Fact]
    public void A_register_that_wrapped_goes_on_in_64_bits()
    {
        Set(packets: uint.MaxValue, bytes: uint.MaxValue - 99);
        var counters = new MacCounters(_card, 2);
        Set(packets: 1, bytes: 100);
        counters.Poll();
        Assert.Equal((2, 200), (counters.Traffic.ReceivedPackets, counters.Traffic.ReceivedBytes));
        for (int i = 0; i < 10; i++)
        {
            Set(packets: 1, bytes: 0x8000_0000);
            counters.Poll();
            Set(packets: 1, bytes: 100);
            counters.Poll();
        }
        Assert.Equal(200 + (10L << 32), counters.Traffic.ReceivedBytes);
    }

    [Fact]
    public void A_reset_of_the_card_takes_nothing_away()
    {
        _card.Write(CardRegisters.Timer, 50);
        var counters = new MacCounters(_card, 2);
        Set(packets: 10, bytes: 1000);
        counters.Poll();
        _card.Write(CardRegisters.Timer, 1);
        Set(packets: 4, bytes: 400);
        counters.Poll();
        Assert.Equal((14, 1400), (counters.Traffic.ReceivedPackets, counters.Traffic.ReceivedBytes));
    }

    [Fact]
    public void Counting_goes_on_through_a_reset_that_is_told_however_soon_it_comes()
    {
        _card.Write(CardRegisters.Timer, 1);
        var counters = new MacCounters(_card, 2);
        Set(packets: 10, bytes: 1000);
        counters.Poll();
        Set(packets: 12, bytes: 1200);
        counters.CountThrough(() => Set(packets: 0, bytes: 0));
        Set(packets: 4, bytes: 400);
        _card.Write(CardRegisters.Timer, 2); // later than ever before
        counters.Poll();
        Assert.Equal((16, 1600), (counters.Traffic.ReceivedPackets, counters.Traffic.ReceivedBytes));
    }

    [Fact]
    public void A_card_that_does_not_answer_leaves_things_as_they_were()
    {
        var bench = new CardBench();
        bench.WriteRow(0, CardBench.Action(0x01));
        var counters = new MacCounters(bench.Card, 0);
        bench.Send(0, TestPacket.Tcp());
        counters.Poll();
        bench.Send(0, TestPacket.Tcp());
        bench.Card.Fault = _ => RegisterFault.Lost;
        counters.Poll();
        Assert.Equal((1, 1), (counters.Traffic.ReceivedPackets, counters.Traffic.TransmittedPackets));
        bench.Card.Fault = null;
        counters.Poll();
        Assert.Equal((2, 2), (counters.Traffic.ReceivedPackets, counters.Traffic.TransmittedPackets));
    }

    [Fact]
    public void Frames_that_the_mac_refused_are_told()
    {
        var bench = new CardBench();
        var counters = new MacCounters(bench.Card, 0);
        bench.Send(0, new byte[13]);
        counters.Poll();
        Assert.Equal((0, 1), counters.Dropped);
    }

    public void Dispose() => _card.Dispose();

    private void Set(uint packets, uint bytes)
    {
        _card.Write(0x680008, packets);
        _card.Write(0x68001c, bytes);
    }
}
