using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Latency;

/// <summary>So many packets offered to a switch for so long, and when they came back.</summary>
/// <param name="Elapsed">Without the time the guest stood still.</param>
/// <param name="Offered">Packets that were due, those among them that the ring had no room for.</param>
/// <param name="Received">Packets that came back.</param>
/// <param name="Latencies">From the packet in the ring of one card to the packet seen in the ring of the other, but for those that are unsure.</param>
/// <param name="Unsure">Packets that were under way while the guest stood still: the time of their return is not known.</param>
/// <param name="StoodStill">How long the guest itself did not run.</param>
/// <param name="SwitchWaited">How long that thread of the switch that had to wait longest could have run but another thread ran.</param>
internal sealed record LatencyTrial(
    TimeSpan Elapsed, long Offered, long Received, Histogram Latencies, long Unsure, TimeSpan StoodStill, TimeSpan SwitchWaited) : IRateTrial
{
    public double OfferedPerSecond => Offered / Elapsed.TotalSeconds;

    public double LossShare => Offered == 0 ? 1 : Math.Max(0, Offered - Received) / (double)Offered;
}
