using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Emulator;

/// <summary>Which card is emulated, and how where nothing is known of it.</summary>
internal sealed record EmulatedCardOptions
{
    public CardLayout Layout { get; init; } = CardLayout.V10;

    /// <summary>Null: what a card of the layout says.</summary>
    public EmulatedIdentity? Identity { get; init; }

    /// <summary>A UDP checksum that comes out as 0 is sent so, which says that there is none (E10). The card's arithmetic knows no exception for it.</summary>
    public bool UdpChecksumMayBecomeZero { get; init; } = true;

    /// <summary>A frame of TCP, UDP or ICMP whose IPv4 header length points behind its end puts the card out of step (E9). Otherwise its ports are 0.</summary>
    public bool LosesStep { get; init; } = true;
}
