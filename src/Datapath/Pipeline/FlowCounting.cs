using System.Runtime.CompilerServices;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Pipeline;

/// <summary>Counts packets for flow entries where this worker counts: in the entry itself, or in an array of its own.</summary>
internal readonly unsafe struct FlowCounting
{
    private readonly byte* _counters;
    private readonly int _stride;

    public FlowCounting(FlowStore store, int worker) => _counters = store.CountersOf(worker, out _stride);

    /// <summary>Counts all entries' packets in one place that is not read: the entries' own counters stay as they are.</summary>
    public FlowCounting(FlowCounters* place)
    {
        _counters = (byte*)place;
        _stride = 0;
    }

    /// <summary>Counts packets of one entry.</summary>
    /// <param name="now">Worker clock in milliseconds.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Count(uint index, uint packets, uint bytes, uint now)
    {
        FlowCounters* counters = (FlowCounters*)(_counters + ((long)index * _stride));
        counters->Packets += packets;
        counters->Bytes += bytes;
        counters->LastUsed = now;
    }
}
