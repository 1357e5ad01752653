namespace Softswitch.Hosting.TakeOver;

/// <summary>What two processes say to each other while one takes a switch over from the other, in this order: docs/take-over.md.</summary>
/// <remarks>
/// <code>
/// giver                                  taker
///                                        take-over VERSION       a line of the control socket; the answer is as to any other
/// Switch, Memory, Listener..., Port..., OfferEnd
///                                        Begin                   everything it can check by itself is in order
/// Entries..., EntriesEnd                                         the flow table is as it is from here on
///                                        Prepared                from here on workers rest
/// DeviceRest..., Rest, Counts
///                                        Mine                    from here on the taker forwards
/// </code>
/// Instead of each either may say <see cref="Failed"/>, with the reason. A message is its kind, the length of what follows in four bytes, little-endian, and that.
/// </remarks>
internal enum TakeOverMessage : byte
{
    Failed,
    Switch,
    Memory,
    Listener,
    Port,
    OfferEnd,
    Begin,
    Entries,
    EntriesEnd,
    Prepared,
    DeviceRest,
    Rest,
    Counts,
    Mine,
}
