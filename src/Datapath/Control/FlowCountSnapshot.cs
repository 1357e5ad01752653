using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Control;

/// <summary>What entries had counted when another process was told of them: at the end only those are told again that have counted since.</summary>
/// <remarks>Threads: under the control lock; no entry comes or goes between the snapshot and its use.</remarks>
internal sealed class FlowCountSnapshot(FlowEntries entries)
{
    private readonly List<(uint Index, ulong Packets)> _told = [];

    /// <summary>An entry is told of.</summary>
    /// <param name="cursor">Of <see cref="FlowModProcessor.Next"/>, over the flow table.</param>
    /// <param name="packets">As it was told.</param>
    public void Note(uint cursor, ulong packets) => _told.Add((cursor, packets));

    /// <param name="to">Takes entries' sequence numbers with what they have counted by now.</param>
    /// <param name="now">Control clock, in milliseconds.</param>
    public void SaveChanges(BinaryWriter to, long now)
    {
        foreach ((uint index, ulong packets) in _told)
        {
            FlowCounters counters = entries.ReadCounters(index);
            if (counters.Packets == packets)
            {
                continue;
            }
            to.Write(entries.Store.Record(index).Sequence);
            to.Write(counters.Packets);
            to.Write(counters.Bytes);
            to.Write((int)Math.Clamp(now - ControlClock.Widen(counters.LastUsed, now), 0, int.MaxValue));
        }
        to.Write(0UL);
    }

    /// <summary>Where the entries of restored sequence numbers are.</summary>
    public static Dictionary<ulong, uint> Index(FlowStore store)
    {
        Dictionary<ulong, uint> bySequence = [];
        for (uint index = 1; index <= store.HighWater; index++)
        {
            if (store.Record(index).State is FlowRecordState.Exact or FlowRecordState.Wildcard)
            {
                bySequence[store.Record(index).Sequence] = index;
            }
        }
        return bySequence;
    }

    /// <summary>Sets what <see cref="SaveChanges"/> wrote; no worker runs.</summary>
    /// <param name="bySequence">As <see cref="Index"/>.</param>
    /// <param name="now">Control clock, in milliseconds.</param>
    public static void Restore(BinaryReader from, FlowStore store, Dictionary<ulong, uint> bySequence, long now)
    {
        while (from.ReadUInt64() is > 0 and ulong sequence)
        {
            FlowCounters counters = new() { Packets = from.ReadUInt64(), Bytes = from.ReadUInt64() };
            counters.LastUsed = Math.Max(1, (uint)(now - from.ReadInt32())); // 0 is that of a new entry
            if (bySequence.TryGetValue(sequence, out uint index))
            {
                store.Entry(index).Counters = counters;
            }
        }
    }
}
