namespace Softswitch.Ports.NetFpga.Emulator;

/// <summary>Which card is emulated, and how where the documentation leaves it open.</summary>
public sealed record EmulatedCardOptions
{
    public CardLayout Layout { get; init; } = CardLayout.V10;

    /// <summary>Null: what a card of the layout says.</summary>
    public EmulatedIdentity? Identity { get; init; }

    /// <summary>A UDP checksum that comes out as 0 is sent so, which says that there is none (E10). The card's arithmetic knows no exception for it.</summary>
    public bool UdpChecksumMayBecomeZero { get; init; } = true;
}
