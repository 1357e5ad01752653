using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Tables;

namespace Softswitch.Hosting.State;

/// <summary>One walk over the entries of the flow table and the emergency table, by which the journal keeps them and a hand-over sends them.</summary>
/// <remarks>
/// Entries are bytes by <see cref="FlowEntryCodec"/>. Threads: under the control lock, which may be left between two calls: entries that stay all the while are
/// told exactly once.
/// </remarks>
internal sealed class TableSnapshot(DatapathControl control)
{
    private readonly List<(uint Cursor, ulong Packets)> _written = [];
    private FlowFilter _filter = new(FlowMatch.Any, FlowFilter.FlowTable);
    private uint _cursor;

    /// <summary>The next entry; those of the flow table come first.</summary>
    public bool Next(out FlowStatistics entry)
    {
        if (control.Flows.Next(ref _cursor, _filter, out entry))
        {
            return true;
        }
        if (_filter.TableId == FlowFilter.EmergencyTable)
        {
            return false;
        }
        (_filter, _cursor) = (new FlowFilter(FlowMatch.Any, FlowFilter.EmergencyTable), 0);
        return Next(out entry);
    }

    /// <summary>Writes the next entries, as many as there surely is room for.</summary>
    /// <param name="to">At least <see cref="FlowEntryCodec.MaxSize"/>.</param>
    /// <returns>Bytes written; 0 at the end.</returns>
    public int Write(Span<byte> to)
    {
        int used = 0;
        while (to.Length - used >= FlowEntryCodec.MaxSize && Next(out FlowStatistics entry))
        {
            used += FlowEntryCodec.Write(entry, to[used..]);
            if (entry.TableId == FlowFilter.FlowTable)
            {
                _written.Add((_cursor, entry.PacketCount));
            }
        }
        return used;
    }

    /// <summary>Writes what entries of the flow table have counted, where it is not what <see cref="Write"/> wrote. None came or went since.</summary>
    public void WriteCounts(BinaryWriter to)
    {
        Span<byte> counts = stackalloc byte[FlowEntryCodec.CountsSize];
        foreach ((uint cursor, ulong packets) in _written)
        {
            if (control.Flows.Entries.ReadCounters(cursor).Packets != packets)
            {
                FlowEntryCodec.WriteCounts(control.Flows.Entries.DescribeCounts(cursor), counts);
                to.Write(counts);
            }
        }
        counts.Clear();
        to.Write(counts);
    }

    /// <summary>Puts entries into force that <see cref="Write"/> wrote.</summary>
    /// <param name="restored">How many are in force from before.</param>
    /// <returns>How many are now.</returns>
    /// <exception cref="InvalidDataException">One makes no sense, or is refused.</exception>
    public static int Restore(DatapathControl control, ReadOnlySpan<byte> from, int restored)
    {
        for (FlowAction[] actions = new FlowAction[ActionListMemory.MaxActions]; !from.IsEmpty; restored++)
        {
            if (!FlowEntryCodec.TryRead(from, actions, out FlowStatistics entry, out int size))
            {
                throw new InvalidDataException("an entry that makes no sense");
            }
            if (control.Flows.Restore(entry) is not ControlError.None and ControlError error)
            {
                throw new InvalidDataException($"its entry {restored + 1} is refused here: {error}");
            }
            from = from[size..];
        }
        return restored;
    }

    /// <summary>Where the entries of the flow table are, by sequence, for <see cref="RestoreCounts"/>.</summary>
    public static Dictionary<ulong, uint> Index(DatapathControl control)
    {
        Dictionary<ulong, uint> bySequence = [];
        for (uint cursor = 0; control.Flows.Next(ref cursor, new FlowFilter(FlowMatch.Any), out FlowStatistics entry);)
        {
            bySequence[entry.Sequence] = cursor;
        }
        return bySequence;
    }

    /// <summary>Sets what <see cref="WriteCounts"/> wrote, before workers run.</summary>
    public static void RestoreCounts(DatapathControl control, BinaryReader from, Dictionary<ulong, uint> bySequence)
    {
        Span<byte> bytes = stackalloc byte[FlowEntryCodec.CountsSize];
        while (true)
        {
            from.BaseStream.ReadExactly(bytes);
            FlowStatistics counts = FlowEntryCodec.ReadCounts(bytes);
            if (counts.Sequence == 0)
            {
                return;
            }
            if (bySequence.TryGetValue(counts.Sequence, out uint cursor))
            {
                control.Flows.Entries.RestoreCounts(cursor, counts);
            }
        }
    }
}
