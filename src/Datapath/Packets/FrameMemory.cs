using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Packets;

/// <summary>The memory a <see cref="FramePool"/> cuts its ordinary frames from. The pool that it is given to disposes of it.</summary>
internal abstract unsafe class FrameMemory : IDisposable
{
    /// <summary>What the start is a multiple of: a page, and the longest frame.</summary>
    protected const nuint Alignment = 4096;

    /// <param name="start">A multiple of <see cref="Alignment"/>.</param>
    /// <param name="bytes">As many as were asked for.</param>
    protected FrameMemory(byte* start, nuint bytes)
    {
        Start = start;
        Bytes = bytes;
    }

    public byte* Start { get; }

    public nuint Bytes { get; }

    /// <summary>A file descriptor by which another process maps the same memory; -1 if none can.</summary>
    public virtual int Descriptor => -1;

    /// <summary>From the heap, page-aligned.</summary>
    public static FrameMemory FromHeap(nuint bytes) => new Heap(bytes);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives the memory back to the system; once.</summary>
    protected abstract void Dispose(bool disposing);

    private sealed class Heap(nuint bytes) : FrameMemory((byte*)NativeMemory.AlignedAlloc(bytes, Alignment), bytes)
    {
        protected override void Dispose(bool disposing) => NativeMemory.AlignedFree(Start);
    }
}
