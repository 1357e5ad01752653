using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Control;

/// <summary>What an entry has been through before it is linked: one that is restored much, a new one nothing, or the packet that its flow-mod releases.</summary>
/// <param name="Sequence">Its own; 0 for the next.</param>
/// <param name="Lived">Since it was added, in ticks of 100 ns.</param>
/// <param name="Counters">What it has counted.</param>
internal readonly record struct RestoredFlowState(ulong Sequence, long Lived, FlowCounters Counters)
{
    /// <summary>The packet that the entry's own flow-mod releases from a buffer counts for it, as in the reference switch.</summary>
    /// <param name="now">Control clock in milliseconds.</param>
    public static RestoredFlowState OfReleased(in Packet packet, long now) => new(0, 0, new FlowCounters
    {
        Packets = 1,
        Bytes = (uint)packet.Length,
        LastUsed = (uint)now,
    });

    /// <param name="entry">As described.</param>
    /// <param name="now">Control clock in ticks of 100 ns.</param>
    public static RestoredFlowState Of(in FlowStatistics entry, long now)
    {
        // Beyond 24 days a stamp would look like one of the future; no timeout is as long.
        long used = now - Math.Clamp(entry.Idle.Ticks, 0, int.MaxValue * TimeSpan.TicksPerMillisecond);
        // A stamp stands for the end of its millisecond (FlowTimeouts.LastUsed): here the one in which it was used.
        uint lastUsed = (uint)(FlowTimeouts.RoundUp(used) - 1);
        return new RestoredFlowState(entry.Sequence <= long.MaxValue ? entry.Sequence : 0, Math.Clamp(entry.Duration.Ticks, 0, now + (long.MaxValue / 2)), new FlowCounters
        {
            Packets = entry.PacketCount,
            Bytes = entry.ByteCount,
            LastUsed = lastUsed == 0 ? uint.MaxValue : lastUsed, // 0 is that of a new entry
        });
    }
}
