using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>Start of a directory; <c>1 &lt;&lt; depth</c> segment addresses follow.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal struct FlowDirectory
{
    public const int Size = 16;

    /// <summary>64 - depth: how far a hash is shifted to give a slot.</summary>
    public int Shift;

    public int Depth;
}

/// <summary>Segments, overflow buckets and directories of all <see cref="FlowIndex"/>es of one table.</summary>
/// <remarks>Threads: the control side.</remarks>
internal sealed unsafe class FlowIndexMemory : IReclaimer, IDisposable
{
    private readonly NativeBlocks _segments;
    private readonly NativeBlocks _buckets = new(FlowIndex.BucketSize);
    private readonly HashSet<nint> _directories = [];
    private readonly GracePeriod _grace;

    /// <param name="advise">As of <see cref="NativeBlocks"/>.</param>
    public FlowIndexMemory(GracePeriod grace, Action<nint, nuint>? advise = null)
    {
        _grace = grace;
        Advise = advise;
        _segments = new NativeBlocks(FlowIndex.SegmentSize, advise);
    }

    /// <summary>Asks for huge pages for large memory; null for none.</summary>
    public Action<nint, nuint>? Advise { get; }

    /// <summary>When what is retired may be used again.</summary>
    public GracePeriod Grace => _grace;

    /// <summary>Segments, buckets and directories that are in use or wait for workers.</summary>
    public int RentedCount => _segments.RentedCount + _buckets.RentedCount + _directories.Count;

    public byte* RentSegment() => Clear(_segments.Rent(), FlowIndex.SegmentSize);

    public byte* RentBucket() => Clear(_buckets.Rent(), FlowIndex.BucketSize);

    public void RetireSegment(byte* segment) => _grace.Retire(_segments, (nint)segment);

    public void RetireBucket(byte* bucket) => _grace.Retire(_buckets, (nint)bucket);

    public FlowDirectory* RentDirectory(int depth)
    {
        FlowDirectory* directory = (FlowDirectory*)NativeMemory.AlignedAlloc((nuint)(FlowDirectory.Size + (sizeof(nint) << depth)), 64);
        directory->Shift = 64 - depth;
        directory->Depth = depth;
        _directories.Add((nint)directory);
        return directory;
    }

    public void RetireDirectory(FlowDirectory* directory) => _grace.Retire(this, (nint)directory);

    void IReclaimer.Reclaim(nint item)
    {
        _directories.Remove(item);
        NativeMemory.AlignedFree((void*)item);
    }

    public void Dispose()
    {
        foreach (nint directory in _directories)
        {
            NativeMemory.AlignedFree((void*)directory);
        }
        _directories.Clear();
        _segments.Dispose();
        _buckets.Dispose();
    }

    private static byte* Clear(byte* block, int size)
    {
        Unsafe.InitBlock(block, 0, (uint)size);
        return block;
    }
}
