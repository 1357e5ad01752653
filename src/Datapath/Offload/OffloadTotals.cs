namespace Softswitch.Datapath.Offload;

/// <summary>Look-ups that ended in hardware: packets the workers never saw. Never falling.</summary>
internal readonly record struct OffloadTotals(ulong ExactMatches, ulong WildcardMatches);
