using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>Which entries of a <see cref="BitVectorTable"/> agree with one value of one column: a vector for each granule behind this header.</summary>
/// <remarks>The header is a cache line and not only for itself: vectors of one granule in different rows do not fall on one set of a processor's cache.</remarks>
[StructLayout(LayoutKind.Sequential, Size = HeaderSize)]
internal unsafe struct BitVectorRow
{
    /// <summary>Bytes of a row.</summary>
    public const int Size = HeaderSize + (BitVectorTable.Granules * BitVectorTable.VectorSize);

    private const int HeaderSize = 64;

    /// <summary>The granules of which a bit is set, one bit each.</summary>
    public ulong Used;

    /// <summary>Entries that compare the column with this value.</summary>
    public int Entries;

    public int Value;

    /// <summary>Its place in the table's list of the column's rows.</summary>
    public int Place;

    public static ulong* VectorOf(BitVectorRow* row, int granule) => (ulong*)((byte*)row + HeaderSize + (granule * BitVectorTable.VectorSize));
}

/// <summary>The number of one value of one field.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
internal struct BitVectorValue
{
    public const int Size = 32;

    /// <summary>The next whose field and value hash alike.</summary>
    public nint Next;

    public ulong Value;
    public int Field;
    public int Number;

    /// <summary>Entries that compare the field with it.</summary>
    public int Entries;
}

/// <summary>Rows and values of all <see cref="BitVectorTable"/>s of one flow table.</summary>
/// <remarks>What is retired waits until no worker can be at it. Threads: the control side.</remarks>
/// <param name="advise">As of <see cref="NativeBlocks"/>.</param>
internal sealed unsafe class BitVectorMemory(GracePeriod grace, Action<nint, nuint>? advise = null) : IDisposable
{
    private readonly NativeBlocks _rows = new(BitVectorRow.Size, advise);
    private readonly NativeBlocks _values = new(BitVectorValue.Size);
    private readonly HashSet<IDisposable> _users = [];

    /// <summary>Disposed at the latest with this memory.</summary>
    public void Add(IDisposable user) => _users.Add(user);

    public void Remove(IDisposable user) => _users.Remove(user);

    /// <summary>A row without bits.</summary>
    public BitVectorRow* RentRow()
    {
        byte* row = _rows.Rent();
        Unsafe.InitBlock(row, 0, BitVectorRow.Size);
        return (BitVectorRow*)row;
    }

    public void ReturnRow(BitVectorRow* row) => _rows.Return((byte*)row);

    public void RetireRow(BitVectorRow* row) => grace.Retire(_rows, (nint)row);

    /// <summary>With undefined content.</summary>
    public BitVectorValue* RentValue() => (BitVectorValue*)_values.Rent();

    public void RetireValue(BitVectorValue* value) => grace.Retire(_values, (nint)value);

    public void Retire(IReclaimer owner, nint item) => grace.Retire(owner, item);

    public void Dispose()
    {
        foreach (IDisposable user in _users.ToArray())
        {
            user.Dispose();
        }
        _rows.Dispose();
        _values.Dispose();
    }
}
