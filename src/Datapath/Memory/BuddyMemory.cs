using System.Numerics;
using System.Runtime.InteropServices;

namespace Softswitch.Datapath.Memory;

/// <summary>Native memory of a fixed size in blocks of powers of two: returned blocks serve any size again, because free neighbours are merged.</summary>
/// <remarks>
/// The buddy system (Knowlton 1965). The process's heap is not suitable: each thread may get an arena of its own there, whose free memory other threads
/// cannot use. Reserved whole; the system backs a page when it is first touched. Threads: one at a time (the control side).
/// </remarks>
internal sealed unsafe class BuddyMemory : IDisposable
{
    private const int SmallestShift = 6; // a cache line
    private const int Orders = 13;
    private const int LinesOfLargest = 1 << (Orders - 1);

    private readonly NativeArray<Line> _lines;

    // Where a free block begins, its order and one more; elsewhere 0.
    private readonly NativeArray<byte> _freeOrders;
    private readonly int[] _free = new int[Orders];
    private int _fresh; // from here on nothing was used ever

    /// <param name="bytes">Rounded up to a multiple of <see cref="LargestBlock"/>.</param>
    public BuddyMemory(long bytes)
    {
        int lines = checked((int)((bytes + LargestBlock - 1) / LargestBlock * LinesOfLargest));
        _lines = new NativeArray<Line>(lines);
        _freeOrders = new NativeArray<byte>(lines);
        _free.AsSpan().Fill(-1);
    }

    /// <summary>Bytes of the largest block there is.</summary>
    public static int LargestBlock => LinesOfLargest << SmallestShift;

    /// <summary>Bytes of the block that so many take.</summary>
    public static int BlockFor(int bytes) => 1 << (OrderFor(bytes) + SmallestShift);

    /// <summary>A block with undefined content, at a cache line's start; null if there is none.</summary>
    public byte* TryRent(int bytes)
    {
        int wanted = OrderFor(bytes);
        int order = wanted;
        while (order < Orders && _free[order] < 0)
        {
            order++;
        }
        int line;
        if (order < Orders)
        {
            line = _free[order];
            Unlink(line, order);
        }
        else if (_fresh < _lines.Length)
        {
            line = _fresh;
            _fresh += LinesOfLargest;
            order = Orders - 1;
        }
        else
        {
            return null;
        }
        while (order > wanted)
        {
            order--;
            Link(line + (1 << order), order);
        }
        return (byte*)(_lines.Start + line);
    }

    /// <param name="bytes">As it was rented.</param>
    public void Return(byte* block, int bytes)
    {
        int line = (int)((Line*)block - _lines.Start);
        int order = OrderFor(bytes);
        for (; order < Orders - 1; order++)
        {
            int buddy = line ^ (1 << order);
            if (_freeOrders.Start[buddy] != order + 1)
            {
                break;
            }
            Unlink(buddy, order);
            line &= ~(1 << order);
        }
        Link(line, order);
    }

    public void Dispose()
    {
        _lines.Dispose();
        _freeOrders.Dispose();
    }

    private static int OrderFor(int bytes) => Math.Max(0, 32 - BitOperations.LeadingZeroCount((uint)(bytes - 1)) - SmallestShift);

    private void Link(int line, int order)
    {
        int next = _free[order];
        _lines.Start[line] = new Line { Next = next, Previous = -1 };
        if (next >= 0)
        {
            _lines.Start[next].Previous = line;
        }
        _free[order] = line;
        _freeOrders.Start[line] = (byte)(order + 1);
    }

    private void Unlink(int line, int order)
    {
        Line links = _lines.Start[line];
        if (links.Next >= 0)
        {
            _lines.Start[links.Next].Previous = links.Previous;
        }
        if (links.Previous >= 0)
        {
            _lines.Start[links.Previous].Next = links.Next;
        }
        else
        {
            _free[order] = links.Next;
        }
        _freeOrders.Start[line] = 0;
    }

    /// <summary>The first line of a free block.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 1 << SmallestShift)]
    private struct Line
    {
        public int Next;
        public int Previous;
    }
}
