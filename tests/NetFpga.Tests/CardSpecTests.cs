using Softswitch.Ports.Specs;

namespace Softswitch.NetFpga.Tests;

public sealed class CardSpecTests
{
    [Theory]
    [InlineData("nf2c4", "nf2c4", null, null, "On", null, ":::")]
    [InlineData("nf2c0,transport=auto,layout=auto", "nf2c0", null, null, "On", null, ":::")]
    [InlineData("nf2c0,transport=device,layout=0.9,offload=strict,trace=/tmp/trace=1", "nf2c0", "device", "V09", "Strict", "/tmp/trace=1", ":::")]
    [InlineData("emulator,layout=1.0,wires=a::c:d", null, null, "V10", "On", null, "a::c:d")]
    [InlineData("emulator", null, null, null, "On", null, ":::")]
    public void A_card_is_what_its_options_say(string text, string? name, string? transport, string? layout, string offload, string? trace, string wires)
    {
        Assert.True(CardSpec.TryParse(text, out CardSpec? spec, out string? error), error);
        Assert.Equal((name, name == null, transport, trace), (spec.Name, spec.IsEmulator, spec.Transport, spec.Trace));
        Assert.Equal((layout, offload, wires), (spec.Layout?.ToString(), spec.Offload.ToString(), string.Join(':', spec.Wires)));
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
}
