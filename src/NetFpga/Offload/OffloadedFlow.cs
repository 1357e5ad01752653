namespace Softswitch.NetFpga.Offload;

/// <summary>Where a flow of the software's table is on the card, or why it is not.</summary>
/// <param name="Id">As in <see cref="Datapath.Offload.OffloadEntry.Id"/>.</param>
/// <param name="IsForwarded">The card does what it says. Otherwise what is below gives its frames to the host.</param>
/// <param name="Slot">Its slot of the exact table, 0 to 32767; null for none.</param>
/// <param name="Rows">Its rows, 0 to 23.</param>
/// <param name="Reason">Why the card does not do it, for people; null if it does.</param>
internal sealed record OffloadedFlow(uint Id, bool IsForwarded, int? Slot, IReadOnlyList<int> Rows, string? Reason);
