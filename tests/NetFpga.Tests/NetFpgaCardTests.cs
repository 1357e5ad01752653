using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.NetFpga.Emulator;
using Softswitch.NetFpga.Offload.Writing;
using Softswitch.NetFpga.Registers;
using Softswitch.NetFpga.Tests.Emulator;
using Softswitch.Ports;
using Softswitch.Ports.Specs;
using Softswitch.Testing;

namespace Softswitch.NetFpga.Tests;

public sealed class NetFpgaCardTests : IDisposable
{
    private readonly FramePool _pool = new(1024);
    private readonly CardSet _cards;

    public NetFpgaCardTests() => _cards = new CardSet((spec, firstInterface) => EmulatedCardHardware.Create(spec, firstInterface, _pool));

    [Fact]
    public void The_reserved_rows_send_the_hosts_frames_to_the_wires_and_the_wires_to_the_host()
    {
        var bench = new CardBench();
        bench.WriteRow(3, CardBench.Action(0x55)); // left by somebody
        CardStart.Run(bench.Card, CardLayout.V10, TimeSpan.Zero);
        for (int source = 0; source < 8; source++)
        {
            Assert.Equal(1 << (source ^ 1), bench.Send(source, TestPacket.Tcp()).Destinations);
        }
    }

    [Fact]
    public void The_reserved_rows_are_verified_in_either_layout()
    {
        foreach (CardLayout layout in (CardLayout[])[CardLayout.V10, CardLayout.V09])
        {
            CardStart.Run(new EmulatedCard(new EmulatedCardOptions { Layout = layout }), layout, TimeSpan.Zero);
        }
    }

    /// <summary>Counters would take them for four thousand million packets.</summary>
    [Fact]
    public void A_card_that_is_gone_from_the_bus_fails_instead_of_reading_as_ones()
    {
        var registers = new RegisterFile();
        var shared = new SharedRegisters(registers);
        registers.Write(CardRegisters.RowPackets, uint.MaxValue);
        Assert.Equal(uint.MaxValue, shared.Read(CardRegisters.RowPackets));

        registers.Write(CardRegisters.Identification, uint.MaxValue);
        RegisterAccessException failure = Assert.Throws<RegisterAccessException>(() => shared.Read(CardRegisters.RowPackets));
        Assert.Contains("gone", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    [InlineData(300)]
    public void A_card_that_fails_on_the_way_is_an_error_with_its_address(int number)
    {
        var bench = new CardBench();
        bench.Card.Fault = access => access.Number == number ? RegisterFault.Lost : RegisterFault.None;
        RegisterAccessException failure = Assert.Throws<RegisterAccessException>(() => CardStart.Run(bench.Card, CardLayout.V10, TimeSpan.Zero));
        Assert.Contains("0x", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_that_does_not_hold_is_an_error()
    {
        var bench = new CardBench();
        bench.Card.Written = access =>
        {
            if (access is { Address: 0x200106c, Value: 31 })
            {
                bench.Card.Tamper(0x2001000, 0xff); // somebody else's row 26
                bench.Card.Tamper(0x200106c, 26);
            }
        };
        RegisterAccessException failure = Assert.Throws<RegisterAccessException>(() => CardStart.Run(bench.Card, CardLayout.V10, TimeSpan.Zero));
        Assert.Contains("row 26 does not hold what was written", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_emulated_cards_ports_are_served_by_one_worker()
    {
        Open("emulator", 0);
        ushort?[] beside = new ushort?[4];
        for (int port = 0; port < 4; port++)
        {
            using IPortDevice device = _cards.OpenPort((ushort)(11 + port), Port($"nf2c{port}"), out beside[port]);
            Assert.Equal($"nf2c{port}", device.Name);
            Assert.False(device.TakesOffloads);
            Assert.False(device.ReadLink().Up);
        }
        Assert.Equal([null, 11, 11, 11], beside);
    }

    [Fact]
    public void Statistics_of_ports_go_on_through_a_reset_of_a_card_in_use()
    {
        NetFpgaCard card = Open("emulator", 0);
        IPortDevice[] ports = [.. Enumerable.Range(0, 4).Select(port => _cards.OpenPort((ushort)(port + 1), Port($"nf2c{port}"), out _))];
        FrameCache frames = _pool.CreateCache();
        for (long resets = 0; resets < 3; resets++)
        {
            foreach (IPortDevice port in ports)
            {
                Assert.Equal(1, port.Send(frames, [2, .. new byte[59]]));
            }
            card.Reset();
            Assert.Equal(0u, card.Registers.Read(CardRegisters.Mac + 0x28));
            PortTraffic[] traffic = [.. ports.Select(port => port.ReadCounters().Traffic!.Value)];
            Assert.All(traffic, all => Assert.Equal((resets + 1, 60 * (resets + 1)), (all.TransmittedPackets, all.TransmittedBytes)));
            CardStart.Run(card.Registers, card.Layout, TimeSpan.Zero); // the reserved rows
        }
        frames.Drain();
        Array.ForEach(ports, port => port.Dispose());
    }

    [Fact]
    public void A_port_is_opened_once_and_only_of_a_card_that_is_there()
    {
        Open("emulator", 4);
        using IPortDevice device = _cards.OpenPort(1, Port("nf2c5"), out _);
        Assert.Equal("port 'nf2c5': is a port already", Assert.Throws<PortException>(() => _cards.OpenPort(2, Port("nf2c5"), out _)).Message);
        Assert.Contains("--netfpga", Assert.Throws<PortException>(() => _cards.OpenPort(2, Port("nf2c0"), out _)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Registers_of_a_closed_card_do_not_answer()
    {
        NetFpgaCard card = Open("emulator", 0);
        Assert.Equal(0x5e461ffeu, card.Registers.Read(0x400000));
        card.Registers.Dispose(); // a user's
        Assert.Equal(0x5e461ffeu, card.Registers.Read(0x400000));
        card.Dispose();
        Assert.Throws<RegisterAccessException>(() => card.Registers.Read(0x400000));
    }

    [Fact]
    public void The_layout_is_told_from_the_card_or_by_the_option()
    {
        Assert.Equal(CardLayout.V10, Open("emulator", 0).Layout);
        Assert.Equal(CardLayout.V09, Open("emulator,layout=0.9", 4).Layout);
    }

    [Fact]
    public void A_trace_is_a_line_for_each_access_that_succeeded()
    {
        var card = new EmulatedCard();
        using var text = new StringWriter { NewLine = "\n" };
        var traced = new TracingRegisters(card, text);
        traced.Write(0x2000030, 0xabc);
        traced.Read(0x2000030);
        card.Fault = _ => RegisterFault.Lost;
        Assert.Throws<RegisterAccessException>(() => traced.Write(0x2000030, 1));
        Assert.Equal("W 02000030 00000abc\nR 02000030 00000abc\n", text.ToString());
    }

    [Fact]
    public void A_trace_that_cannot_be_written_any_more_ends_alone()
    {
        var card = new EmulatedCard();
        using var traced = new TracingRegisters(card, new StreamWriter("/dev/full"));
        traced.Write(0x2000030, 0xabc);
        Assert.Equal(0xabcu, traced.Read(0x2000030));
    }

    public void Dispose()
    {
        _cards.Dispose();
        _pool.Dispose();
    }

    private NetFpgaCard Open(string text, int firstInterface)
    {
        Assert.True(CardSpec.TryParse(text, out CardSpec? spec, out string? error), error);
        return _cards.Add(spec, firstInterface);
    }

    private static PortSpec Port(string text)
    {
        Assert.True(PortSpec.TryParse(text, out PortSpec? spec, out string? error), error);
        return spec;
    }
}
