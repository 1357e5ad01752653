namespace Softswitch.NetFpga.Registers;

/// <summary>A card's own state and statistics; reading them changes nothing. Counters are 32 bits and run.</summary>
/// <param name="Seconds">Since reset.</param>
/// <param name="Cookie">The scratch word that a shim marks its card with; 0 after a reset.</param>
/// <param name="HasWatchdog">Whether the card will empty its tables if it is not fed.</param>
/// <param name="Drops">Frames dropped, by source number.</param>
/// <param name="LinksUp">By port.</param>
internal sealed record CardStatus(
    uint Seconds, uint Cookie, bool HasWatchdog, uint ExactHits, uint ExactMisses, uint WildcardHits, uint WildcardMisses, IReadOnlyList<uint> Drops,
    IReadOnlyList<bool> LinksUp)
{
    /// <exception cref="RegisterAccessException">The card does not answer.</exception>
    public static CardStatus Read(IRegisterAccess card) => new(
        card.Read(CardRegisters.Timer),
        card.Read(CardRegisters.Scratch),
        (card.Read(CardRegisters.Watchdog) & 1) != 0,
        card.Read(CardRegisters.ExactHits),
        card.Read(CardRegisters.ExactMisses),
        card.Read(CardRegisters.WildcardHits),
        card.Read(CardRegisters.WildcardMisses),
        [.. Enumerable.Range(0, CardPort.NumberCount).Select(source => card.Read(CardRegisters.Drops + (4 * (uint)source)))],
        [.. Enumerable.Range(0, CardPort.Count).Select(port => IsUp(card, port))]);

    private static bool IsUp(IRegisterAccess card, int port) =>
        (card.Read(CardRegisters.Phy + ((uint)port * CardRegisters.PhyStride) + CardRegisters.PhyAuxiliaryStatus) & CardRegisters.PhyLinkUp) != 0;
}
