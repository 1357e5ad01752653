using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Control;

/// <summary>Takes an entry that packets matched of late.</summary>
/// <param name="flow">Valid during the call.</param>
/// <param name="packets">Since the watch began.</param>
/// <param name="bytes">Of these packets.</param>
internal delegate void ActiveFlowHandler(in FlowStatistics flow, ulong packets, ulong bytes);

/// <summary>Finds the flow entries that matched the most packets between two moments.</summary>
/// <remarks>
/// At both moments it walks over all entries, a slice at a time, and holds neither the control lock nor the table between two slices. It keeps
/// the first counts in native memory, 24 bytes an entry. It does not poll cards: an entry in hardware has the counts of the card's last
/// poll.
/// Threads: one, without the control lock.
/// </remarks>
internal sealed class BusiestFlows : IDisposable
{
    // About a tenth of a millisecond.
    private const uint SliceLength = 2048;

    private readonly FlowEntries _entries;
    private readonly Func<ControlScope> _enter;
    private readonly NativeArray<Mark> _marks;

    /// <summary>The first walk.</summary>
    /// <param name="enter">Takes the control lock with the table.</param>
    public BusiestFlows(FlowEntries entries, Func<ControlScope> enter)
    {
        (_entries, _enter) = (entries, enter);
        int length;
        using (enter())
        {
            length = (int)entries.Store.HighWater + 1;
        }
        _marks = new NativeArray<Mark>(length);
        Walk(index =>
        {
            if (index < _marks.Length)
            {
                _marks[(int)index] = MarkOf(index);
            }
        });
    }

    /// <summary>The second walk.</summary>
    /// <param name="count">How many entries are wanted.</param>
    /// <param name="take">Called with each, the busiest first, under the control lock. Entries without a packet are not among them.</param>
    public void Report(int count, ActiveFlowHandler take)
    {
        PriorityQueue<(uint Index, Mark Since), ulong> busiest = new();
        Walk(index =>
        {
            Mark since = Since(index);
            if (since.Packets == 0 || (busiest.Count == count && busiest.TryPeek(out _, out ulong least) && since.Packets <= least))
            {
                return;
            }
            busiest.Enqueue((index, since), since.Packets);
            if (busiest.Count > count)
            {
                busiest.Dequeue();
            }
        });
        (uint Index, Mark Since)[] found = new (uint, Mark)[busiest.Count];
        for (int i = found.Length - 1; i >= 0; i--)
        {
            found[i] = busiest.Dequeue();
        }
        using (_enter())
        {
            foreach ((uint index, Mark since) in found)
            {
                if (_entries.IsInForce(index) && _entries.Store.Record(index).InstalledAt == since.InstalledAt)
                {
                    _entries.Describe(index, out FlowStatistics flow);
                    take(flow, since.Packets, since.Bytes);
                }
            }
        }
    }

    public void Dispose() => _marks.Dispose();

    private Mark MarkOf(uint index)
    {
        FlowCounters counters = _entries.ReadCounters(index);
        return new Mark { InstalledAt = _entries.Store.Record(index).InstalledAt, Packets = counters.Packets, Bytes = counters.Bytes };
    }

    private Mark Since(uint index)
    {
        Mark since = MarkOf(index);
        if (index < _marks.Length && _marks[(int)index] is var before
            && before.InstalledAt == since.InstalledAt && before.Packets <= since.Packets)
        {
            since.Packets -= before.Packets;
            since.Bytes -= before.Bytes;
        }
        return since;
    }

    private void Walk(Action<uint> look)
    {
        for (uint start = 1, high = 1; start <= high; start += SliceLength)
        {
            using (_enter())
            {
                high = _entries.Store.HighWater;
                uint end = Math.Min(high, start + SliceLength - 1);
                for (uint index = start; index <= end; index++)
                {
                    if (_entries.IsInForce(index))
                    {
                        look(index);
                    }
                }
            }
        }
    }

    /// <summary>An entry, and what it has counted.</summary>
    private struct Mark
    {
        /// <summary>Tells it from another at the same index.</summary>
        public long InstalledAt;
        public ulong Packets;
        public ulong Bytes;
    }
}
