using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Offload;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Control;

/// <summary>The flow entries as the control side sees them: found, walked over, described.</summary>
/// <remarks>A walk looks at every entry, in slices between which others can take the control lock. Threads: under the control lock.</remarks>
internal sealed class FlowEntries(FlowTable table, FlowOffloads offloads, ControlClock clock, ControlLock controlLock) : IDisposable
{
    // Entries looked at before it is looked whether others wait for the control lock.
    private const int SliceLength = 64;

    private readonly BatchClassifier _lookup = new(table, cacheCapacity: 0);
    private readonly FlowAction[] _oneAction = new FlowAction[1];

    /// <summary>Where the entries are.</summary>
    public FlowStore Store => table.Store;

    public bool Next(ref uint cursor, in FlowFilter filter, out FlowStatistics statistics)
    {
        bool found = MoveNext(ref cursor, filter);
        statistics = default;
        if (found)
        {
            Describe(cursor, out statistics);
        }
        return found;
    }

    /// <summary>What workers and hardware counted.</summary>
    /// <param name="poll">Whether hardware is asked now; else what it said last.</param>
    public FlowCounters ReadCounters(uint index, bool poll = false)
    {
        FlowCounters total = Store.ReadCounters(index);
        offloads.AddCounters(index, poll, ref total);
        return total;
    }

    /// <summary>Goes on to the next entry that the filter covers, and lets others in on the way.</summary>
    public bool MoveNext(ref uint index, in FlowFilter filter)
    {
        while (MoveNext(ref index))
        {
            if (IsCovered(index, filter))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>
    /// Goes on to the next index that was ever used, and lets others in on the way. What is at an index is to be looked at afterwards:
    /// time may have passed.
    /// </summary>
    public bool MoveNext(ref uint index)
    {
        if (index % SliceLength == 0)
        {
            controlLock.Breathe();
        }
        return ++index <= Store.HighWater;
    }

    /// <summary>
    /// The one entry that an ADD replaces and that a strict command, or any command without wildcards, can mean; 0 for none.
    /// </summary>
    /// <remarks>An exact entry's priority decides nothing (§3.4), so it does not tell two of them apart.</remarks>
    public uint FindIdentical(in FlowKey key, in FlowKey mask, ushort priority, bool exact) =>
        exact ? table.Exact.Find(table.Hash.Compute(key), key) : table.Wildcard.FindStrict(key, mask, priority);

    /// <summary>Whether one packet could match both an entry of the same priority and this one (§4.6, OFPFF_CHECK_OVERLAP).</summary>
    public bool Overlaps(in FlowKey key, in FlowKey mask, ushort priority, bool exact)
    {
        if (exact)
        {
            // Only one packet matches it: what that packet finds, if it has the highest priority, overlaps.
            uint found = _lookup.Find(key);
            return found != 0 && RankOf(found) == ushort.MaxValue;
        }
        for (uint index = 0; MoveNext(ref index);)
        {
            if (!IsInForce(index) || RankOf(index) != priority)
            {
                continue;
            }
            FlowKey common = FlowKey.And(mask, MaskOf(index));
            if (FlowKey.Equals(FlowKey.And(key, common), FlowKey.And(Store.Entry(index).Key, common)))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>The priority that an entry in force competes with: an exact one has the highest, whatever it was given (§3.4).</summary>
    private ushort RankOf(uint index) =>
        IsExact(index) ? ushort.MaxValue : Store.Record(index).Priority;

    private FlowKey MaskOf(uint index) =>
        IsExact(index) ? FlowKey.AllOnes : table.Wildcard.MaskOf(index);

    /// <summary>The entries that match a packet, best first; an exact one comes before all others. Indices hold until the control lock is left.</summary>
    /// <param name="most">How many are wanted.</param>
    /// <param name="count">How many there are.</param>
    public IReadOnlyList<uint> FindMatches(in FlowKey packet, int most, out int count)
    {
        IReadOnlyList<uint> wildcard = table.Wildcard.FindAll(packet, most, out count);
        uint exact = table.Exact.Find(table.Hash.Compute(packet), packet);
        count += exact == 0 ? 0 : 1;
        return exact == 0 ? wildcard : [exact, .. wildcard.Take(most - 1)];
    }

    public bool IsExact(uint index) => Store.Record(index).State == FlowRecordState.Exact;

    public bool IsInForce(uint index) => Store.Record(index).State is FlowRecordState.Exact or FlowRecordState.Wildcard;

    public bool HasFlag(uint index, FlowModFlags flag) => (Store.Record(index).Flags & flag) != 0;

    private bool IsCovered(uint index, in FlowFilter filter) =>
        IsInForce(index) && FlowFilter.IsFlowTable(filter.TableId)
        && filter.Covers(Store.Entry(index).Key, MaskOf(index)) && OutputsTo(index, filter.OutPort);

    public bool OutputsTo(uint index, ushort port) => ActionListMemory.SendsTo(Store.Entry(index).Actions, port, _oneAction);

    public void Dispose() => _lookup.Dispose();

    /// <param name="poll">As <see cref="ReadCounters"/>'s.</param>
    public void Describe(uint index, out FlowStatistics statistics, bool poll = true)
    {
        ref FlowRecord record = ref Store.Record(index);
        statistics = DescribeCounts(index, poll);
        statistics.TableId = FlowFilter.FlowTable;
        statistics.Match = MatchNormalizer.Report(record.Match);
        statistics.Flags = record.Flags;
        statistics.Priority = record.Priority;
        statistics.IdleTimeoutSeconds = record.IdleTimeoutSeconds;
        statistics.HardTimeoutSeconds = record.HardTimeoutSeconds;
        statistics.Cookie = record.Cookie;
        statistics.Actions = ActionListMemory.Decompile(Store.Entry(index).Actions, _oneAction);
    }

    /// <summary>The part of a description that packets and time change, with the sequence; the other members are 0.</summary>
    public FlowStatistics DescribeCounts(uint index, bool poll = false)
    {
        ref FlowRecord record = ref Store.Record(index);
        FlowCounters counters = ReadCounters(index, poll);
        long now = clock.Ticks;
        long lastUsed = FlowTimeouts.LastUsed(record, counters, now / TimeSpan.TicksPerMillisecond) * TimeSpan.TicksPerMillisecond;
        return new FlowStatistics
        {
            Sequence = record.Sequence,
            Duration = TimeSpan.FromTicks(now - record.InstalledAt),
            Idle = TimeSpan.FromTicks(Math.Max(0, now - lastUsed)),
            PacketCount = counters.Packets,
            ByteCount = counters.Bytes,
        };
    }

    /// <summary>Sets what <see cref="DescribeCounts"/> told of an entry; no worker runs.</summary>
    public void RestoreCounts(uint index, in FlowStatistics counts) => Store.Entry(index).Counters = RestoredFlowState.Of(counts, clock.Ticks).Counters;
}
