namespace Softswitch.Hosting.Tracing;

/// <summary>What is to be traced: packets, or the words of one.</summary>
/// <param name="InPort">Number or name of the port they come in by; null if <paramref name="Flow"/> says so.</param>
/// <param name="Flow">A packet in a match's words; null where there are <paramref name="Packets"/>.</param>
/// <param name="Length">Bytes of the packet made of the words; null for as few as an Ethernet frame has.</param>
/// <param name="Packets">From the Ethernet header on, without FCS; traced one after the other, each as if those before it had
/// passed.</param>
internal sealed record TraceRequest(string? InPort, string? Flow, int? Length, IReadOnlyList<byte[]> Packets);
