namespace Softswitch.Datapath.Offload;

/// <summary>What hardware counted for one flow entry, since the entry was added and wherever in the hardware it was meanwhile.</summary>
/// <param name="LastUsed">Control clock in milliseconds by which a hit was last noticed; 0 before the first.</param>
internal readonly record struct OffloadCounters(ulong Packets, ulong Bytes, long LastUsed);
