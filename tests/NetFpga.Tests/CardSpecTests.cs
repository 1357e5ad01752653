using Softswitch.NetFpga.Offload;
using Softswitch.Ports;

namespace Softswitch.NetFpga.Tests;

public sealed class CardSpecTests
{
    [Fact]
    public void A_card_alone_has_the_defaults()
    {
        CardSpec spec = Parse("nf2c4");
        Assert.Equal("nf2c4", spec.Name);
        Assert.False(spec.IsEmulator);
        Assert.Null(spec.Transport);
        Assert.Null(spec.Layout);
        Assert.Null(spec.Trace);
        Assert.Equal(OffloadLevel.On, spec.Offload);
    }

    [Fact]
    public void Every_option_is_read()
    {
        CardSpec spec = Parse("nf2c0,transport=device,layout=0.9,offload=strict,trace=/tmp/trace=1");
        Assert.Equal("device", spec.Transport);
        Assert.Equal(CardLayout.V09, spec.Layout);
        Assert.Equal(OffloadLevel.Strict, spec.Offload);
        Assert.Equal("/tmp/trace=1", spec.Trace);
    }

    [Fact]
    public void Automatic_is_what_absent_is()
    {
        CardSpec spec = Parse("nf2c0,transport=auto,layout=auto");
        Assert.Null(spec.Transport);
        Assert.Null(spec.Layout);
    }

    [Fact]
    public void An_emulated_card_has_four_wires_of_which_some_may_be_left_out()
    {
        CardSpec spec = Parse("emulator,layout=1.0,wires=a::c:d");
        Assert.True(spec.IsEmulator);
        Assert.Equal(CardLayout.V10, spec.Layout);
        Assert.Equal(["a", "", "c", "d"], spec.Wires);
        Assert.Equal(["", "", "", ""], Parse("emulator").Wires);
    }

    [Theory]
    [InlineData("", "'' is neither emulator nor the first interface of a card")]
    [InlineData("eth0", "'eth0' is neither")]
    [InlineData("nf2c2", "'nf2c2' is neither")]
    [InlineData("nf2c0,wires=a:b:c:d", "unknown option 'wires'; known are transport, layout, offload, trace")]
    [InlineData("emulator,wires", "wires needs a value (wires=...)")]
    [InlineData("emulator,wires=", "wires needs a value (wires=...)")]
    [InlineData("emulator,wires=a:b:c:d:e", "names 5; a card has 4")]
    [InlineData("emulator,wires=a:b:a:", "a is given twice")]
    [InlineData("emulator,layout=1.1", "layout=1.1: is none of auto, 1.0 and 0.9")]
    [InlineData("emulator,offload=yes", "offload=yes: is none of off, strict, on and all")]
    [InlineData("emulator,offload=on,offload=off", "offload is given twice")]
    [InlineData("nf2c0,transport=wish", "transport=wish: is none of auto, ioctl, device, pci and pci:WHERE")]
    public void What_is_wrong_is_named(string text, string reason)
    {
        Assert.False(CardSpec.TryParse(text, out _, out string? error));
        Assert.StartsWith($"card '{text}': ", error, StringComparison.Ordinal);
        Assert.Contains(reason, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nf2c0", 0)]
    [InlineData("nf2c11", 11)]
    [InlineData("nf2c", -1)]
    [InlineData("nf2c00", -1)]
    [InlineData("nf2c-1", -1)]
    [InlineData("nf2c1000", -1)]
    [InlineData("nf2c1x", -1)]
    [InlineData("eth0", -1)]
    [InlineData(null, -1)]
    public void An_interface_of_a_card_is_known_by_its_name(string? name, int index)
    {
        Assert.Equal(index >= 0, CardNetdev.TryParse(name, out int parsed));
        Assert.True(index < 0 || (parsed == index && CardNetdev.NameOf(index) == name));
    }

    private static CardSpec Parse(string text)
    {
        Assert.True(CardSpec.TryParse(text, out CardSpec? spec, out string? error), error);
        return spec;
    }
}
