using Softswitch.NetFpga.Emulator;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests.Emulator;

/// <summary>Registers on a frame's way in and out: MAC, PHY, output queues. As docs/netfpga-hardware.md has them.</summary>
public sealed class CardPortRegisterTests
{
    private readonly CardBench _bench = new();

    private EmulatedCard Card => _bench.Card;

    [Fact]
    public void A_mac_counts_what_passed_its_wire()
    {
        _bench.WriteRow(0, CardBench.Action(0x01 | 0x10 | 0x02));
        byte[] frame = TestPacket.Tcp();
        _bench.Send(2, frame); // wire 1 to wires 0, 2 and the host
        _bench.Send(3, frame); // from the host
        uint bytes = (uint)frame.Length;
        Assert.Equal([0, 0, 1, 0, 0, 1, (bytes + 7) / 8, bytes, 0, 0, 0, 0, 0], _bench.ReadWords(0x640000, 13));
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2 * ((bytes + 7) / 8), 2 * bytes], _bench.ReadWords(0x680000, 13));
    }

    [Fact]
    public void A_mac_that_is_off_passes_nothing()
    {
        _bench.WriteRow(0, CardBench.Action(0x05));
        Card.Write(0x600000, 0x01);
        Assert.Equal(0x04, _bench.Send(2, TestPacket.Tcp()).Destinations);
        Card.Write(0x640000, 0x02);
        Assert.Equal(0, _bench.Send(2, TestPacket.Tcp()).Destinations);
        Assert.Equal(1u, Card.Read(0x640008));
    }

    [Fact]
    public void Runts_are_bad_frames()
    {
        _bench.WriteRow(0, CardBench.Action(0x04));
        Assert.Equal(0, _bench.Send(0, new byte[13]).Destinations);
        Assert.Equal(1u, Card.Read(0x600010));
        Assert.Equal(0u, Card.Read(0x600008));
    }

    [Fact]
    public void Output_queues_count_what_they_pass_and_drop_when_disabled()
    {
        _bench.WriteRow(0, CardBench.Action(0x06));
        byte[] frame = TestPacket.Tcp();
        _bench.Send(0, frame);
        Card.Write(0x2000300, 0x04);
        Assert.Equal(0x02, _bench.Send(0, frame).Destinations);
        Assert.Equal([(uint)frame.Length, 1, 1, 0], _bench.ReadWords(0x2000380 + 0x20, 4));
        Assert.Equal([(uint)(2 * frame.Length), 2, 0, 0], _bench.ReadWords(0x2000380 + 0x10, 4));
    }

    [Fact]
    public void Nothing_longer_than_2048_bytes_passes_to_or_from_the_host()
    {
        _bench.WriteRow(0, CardBench.Action(0x06));
        byte[] frame = TestPacket.Ethernet(0x1234, new byte[2048 - 13]);
        Assert.Equal(0x04, _bench.Send(0, frame).Destinations);
        Assert.Equal(0, _bench.Send(1, frame).Destinations);
        Assert.Equal(0x06, _bench.Send(1, frame.AsSpan(1)).Destinations);
    }

    [Fact]
    public void The_phy_tells_link_and_its_change()
    {
        Assert.Equal(0u, Card.Read(0x440080 + 0x64));
        Card.SetLink(1, true);
        Assert.Equal(4u, Card.Read(0x440080 + 0x64));
        Assert.Equal(2u, Card.Read(0x440080 + 0x68));
        Assert.Equal(0u, Card.Read(0x440080 + 0x68));
        Assert.Equal(0u, Card.Read(0x440000 + 0x64));
    }
}
