using System.Runtime.InteropServices;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Tables;

/// <summary>What a search for the packets of one batch keeps of each, by its place among those searched for.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SearchState
{
    /// <summary>The subtables that may hold an entry for it, as <see cref="SubtableFilter"/> says.</summary>
    public fixed ulong Candidates[PacketBatch.Capacity];

    /// <summary>What it has found so far: a <see cref="BestEntry"/>.</summary>
    public fixed ulong Best[PacketBatch.Capacity];

    /// <summary>Of the bits that the subtable at hand compares; for this and the next two in order of the packets it is probed for.</summary>
    public fixed ulong Hash[PacketBatch.Capacity];

    /// <summary>Addresses of buckets.</summary>
    public fixed ulong Bucket[PacketBatch.Capacity];

    /// <summary>The slots of the bucket whose signature fits.</summary>
    public fixed uint Fitting[PacketBatch.Capacity];

    /// <summary>Whose probe it is.</summary>
    public fixed byte Place[PacketBatch.Capacity];

    /// <summary>In bit vectors, by its place.</summary>
    public BatchRows Rows;
}
