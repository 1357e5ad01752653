namespace Softswitch.Hosting.Reports;

/// <summary>The busiest flow entries of an interval.</summary>
/// <param name="Seconds">How long it was.</param>
/// <param name="Flows">The busiest first; those without a packet are left out.</param>
internal sealed record FlowActivityReport(double Seconds, IReadOnlyList<FlowActivity> Flows);

/// <summary>One flow entry.</summary>
/// <param name="Flow">In ovs-ofctl's words: <c>priority=5,in_port=1 actions=output:2</c>.</param>
/// <param name="Packets">In the interval.</param>
/// <param name="Bytes">In the interval.</param>
/// <param name="TotalPackets">Since it was added.</param>
internal sealed record FlowActivity(string Flow, ulong Packets, ulong Bytes, ulong TotalPackets);
