namespace Softswitch.Ports.NetFpga.Emulator;

/// <summary>Which card is emulated, and how where the documentation leaves it open.</summary>
public sealed record EmulatedCardOptions
{
    public CardLayout Layout { get; init; } = CardLayout.V10;

    /// <summary>Null: what a card of the layout says.</summary>
    public EmulatedIdentity? Identity { get; init; }

    /// <summary>
    /// What a UDP checksum that comes out as 0 is sent as. The card's arithmetic knows no exception for it, as far as is known, and 0 says that there is
    /// no checksum.
    /// </summary>
    public bool UdpChecksumMayBecomeZero { get; init; } = true;
}
