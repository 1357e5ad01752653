using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>The bits of a <see cref="BitVectorTable"/>: for each column of <see cref="BitVectorFields"/> a row for each value in use.</summary>
/// <remarks>
/// <para>
/// A row is the vector of the entries that agree with one value: entries that compare the field with it, and entries that wildcard it. Prefixes are
/// taken octet by octet, so no two values contain each other; an entry that compares the upper bits of an octet is in the rows of all values that agree.
/// Values of other fields get numbers, and the columns are the octets of the number. So a column has at most 256 rows for any number of values, and memory
/// is bounded. A value without a row uses the row of the entries that wildcard the column.
/// </para>
/// <para>
/// Threads: one writer, the control side; workers read. Bits are set and cleared by single stores.
/// </para>
/// </remarks>
internal sealed unsafe class BitVectorColumns : IDisposable
{
    private const int Words = BitVectorTable.VectorSize / sizeof(ulong);
    private const int Values = 256;

    private readonly BitVectorMemory _memory;
    private readonly BitVectorNumbers _numbers;
    private readonly BitVectorRow* _taken;
    private readonly nint[] _open = new nint[BitVectorFields.Columns];
    private readonly NativeArray<nint> _rows = new(BitVectorFields.Columns * Values);

    // All rows by column; the first of each column serves values without a row. The last list holds the row of positions taken.
    private readonly List<nint>[] _rowsOf = new List<nint>[BitVectorFields.Columns + 1];
    private readonly int[] _comparing = new int[BitVectorFields.Columns];
    private uint _compared;

    /// <param name="secret">Of the process.</param>
    public BitVectorColumns(BitVectorMemory memory, ulong secret)
    {
        _memory = memory;
        _numbers = new BitVectorNumbers(memory, secret);
        _taken = memory.RentRow();
        for (int column = 0; column < BitVectorFields.Columns; column++)
        {
            _open[column] = (nint)memory.RentRow();
            _rowsOf[column] = [_open[column]];
            new Span<nint>(_rows.Start + (column * Values), Values).Fill(_open[column]);
        }
        _rowsOf[^1] = [(nint)_taken];
    }

    /// <summary>The columns that a search needs, one bit each: fields that any entry compares, and upper octets if numbers use them. Any thread.</summary>
    public uint Compared => Volatile.Read(ref _compared);

    /// <summary>The positions that entries are at.</summary>
    public BitVectorRow* Taken => _taken;

    /// <summary>The number of a value of a field that is compared whole; -1 if no entry compares the field with it. Any thread.</summary>
    public int NumberOf(int field, ulong value) => _numbers.Find(field, value);

    /// <summary>The entries that agree with a value of a column. Any thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public BitVectorRow* RowOf(int column, int value) => (BitVectorRow*)Volatile.Read(ref _rows.Start[(column * Values) + value]);

    /// <summary>The entries that wildcard the column. Any thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public BitVectorRow* OpenOf(int column) => (BitVectorRow*)_open[column];

    /// <summary>The first free position of a granule that has one.</summary>
    public int FirstFree(int granule)
    {
        int position = granule * BitVectorTable.PerGranule;
        while (WordOf(_taken, position) == ulong.MaxValue)
        {
            position += 64;
        }
        return position + BitOperations.TrailingZeroCount(~WordOf(_taken, position));
    }

    /// <summary>The first position from this one on whose bit is set as taken; -1 for none.</summary>
    public int NextTaken(int position)
    {
        for (; position < BitVectorTable.Capacity; position = (position | 63) + 1)
        {
            ulong taken = WordOf(_taken, position) >> (position % 64);
            if (taken != 0)
            {
                return position + BitOperations.TrailingZeroCount(taken);
            }
        }
        return -1;
    }

    /// <summary>Sets the bits of an entry.</summary>
    public void Add(in FlowKey key, in FlowKey mask, int position)
    {
        ForRowsOf(key, mask, position, isAdded: true);
        Change(_taken, position, isSet: true);
    }

    /// <summary>Clears the bits of an entry.</summary>
    public void Remove(in FlowKey key, in FlowKey mask, int position)
    {
        Change(_taken, position, isSet: false);
        ForRowsOf(key, mask, position, isAdded: false);
    }

    /// <summary>Copies chosen bits of a granule to another granule, which no search reads yet, and clears its other bits.</summary>
    /// <param name="chosen">The vector of the chosen bits.</param>
    public void Copy(int from, int to, ulong* chosen)
    {
        foreach (List<nint> rows in _rowsOf)
        {
            foreach (nint row in rows)
            {
                Vector512<ulong> bits = Vector512.Load(BitVectorRow.VectorOf((BitVectorRow*)row, from)) & Vector512.Load(chosen);
                bits.Store(BitVectorRow.VectorOf((BitVectorRow*)row, to));
                NoteUse((BitVectorRow*)row, to, isUsed: !Vector512.EqualsAll(bits, Vector512<ulong>.Zero));
            }
        }
    }

    /// <summary>Copies the bits of a position to a free position of a granule that no search reads yet.</summary>
    public void Copy(int from, int to)
    {
        foreach (List<nint> rows in _rowsOf)
        {
            foreach (nint row in rows)
            {
                if ((WordOf((BitVectorRow*)row, from) & BitOf(from)) != 0)
                {
                    Change((BitVectorRow*)row, to, isSet: true);
                }
            }
        }
    }

    /// <summary>Gives the rows back. No worker reads them any more.</summary>
    public void Dispose()
    {
        foreach (nint row in _rowsOf.SelectMany(rows => rows))
        {
            _memory.ReturnRow((BitVectorRow*)row);
        }
        _rows.Dispose();
        _numbers.Dispose();
    }

    private static ref ulong WordOf(BitVectorRow* row, int position) =>
        ref BitVectorRow.VectorOf(row, position / BitVectorTable.PerGranule)[position / 64 % Words];

    /// <summary>Sets or clears the bit of a position in all rows of values that an entry agrees with.</summary>
    private void ForRowsOf(in FlowKey key, in FlowKey mask, int position, bool isAdded)
    {
        ulong* values = stackalloc ulong[BitVectorFields.Whole];
        BitVectorFields.Read(key, values);
        uint compared = BitVectorFields.Compared(mask);
        for (int field = 0; field < BitVectorFields.Count; field++)
        {
            bool isCompared = (compared >> field & 1) != 0;
            if (isCompared)
            {
                CountComparing(field, isAdded);
            }
            if (field >= BitVectorFields.Whole)
            {
                int first = BitVectorFields.OctetOf(key, field);
                Change(field, first, isCompared ? BitVectorFields.ValuesUnder(BitVectorFields.OctetOf(mask, field)) : 0, position, isAdded);
                continue;
            }
            int number = !isCompared ? 0 : isAdded ? _numbers.Add(field, values[field]) : _numbers.Remove(field, values[field]);
            if (number >= Values)
            {
                CountComparing(BitVectorFields.Count + field, isAdded);
            }
            Change(field, number % Values, isCompared ? 1 : 0, position, isAdded);
            Change(BitVectorFields.Count + field, number / Values, isCompared ? 1 : 0, position, isAdded);
        }
    }

    private void CountComparing(int column, bool isAdded)
    {
        _comparing[column] += isAdded ? 1 : -1;
        if (_comparing[column] == (isAdded ? 1 : 0))
        {
            Volatile.Write(ref _compared, _compared ^ (1U << column));
        }
    }

    /// <summary>Sets or clears the bit of a position in one column.</summary>
    /// <param name="first">The first of the values that the entry agrees with.</param>
    /// <param name="count">Number of values; 0 for all.</param>
    private void Change(int column, int first, int count, int position, bool isAdded)
    {
        if (count == 0)
        {
            foreach (nint row in _rowsOf[column])
            {
                Change((BitVectorRow*)row, position, isAdded);
            }
            return;
        }
        for (int value = first; value < first + count; value++)
        {
            BitVectorRow* row = RowOf(column, value);
            if (row == OpenOf(column))
            {
                row = AddRow(column, value);
            }
            Change(row, position, isAdded);
            row->Entries += isAdded ? 1 : -1;
            if (row->Entries == 0)
            {
                RemoveRow(column, row);
            }
        }
    }

    private BitVectorRow* AddRow(int column, int value)
    {
        BitVectorRow* row = _memory.RentRow();
        Unsafe.CopyBlock(row, (void*)_open[column], BitVectorRow.Size);
        row->Entries = 0;
        row->Value = value;
        row->Place = _rowsOf[column].Count;
        _rowsOf[column].Add((nint)row);
        Volatile.Write(ref _rows.Start[(column * Values) + value], (nint)row);
        return row;
    }

    private void RemoveRow(int column, BitVectorRow* row)
    {
        Volatile.Write(ref _rows.Start[(column * Values) + row->Value], _open[column]);
        List<nint> rows = _rowsOf[column];
        rows[row->Place] = rows[^1];
        ((BitVectorRow*)rows[^1])->Place = row->Place;
        rows.RemoveAt(rows.Count - 1);
        _memory.RetireRow(row);
    }

    private static void Change(BitVectorRow* row, int position, bool isSet)
    {
        ref ulong word = ref WordOf(row, position);
        if (isSet)
        {
            Volatile.Write(ref word, word | BitOf(position));
            NoteUse(row, position / BitVectorTable.PerGranule, isUsed: true);
        }
        else
        {
            Volatile.Write(ref word, word & ~BitOf(position));
            NoteUse(row, position / BitVectorTable.PerGranule, HasAny(row, position / BitVectorTable.PerGranule));
        }
    }

    private static void NoteUse(BitVectorRow* row, int granule, bool isUsed)
    {
        if ((row->Used >> granule & 1) != (isUsed ? 1UL : 0)) // workers cache this line: it is written only when it changes
        {
            Volatile.Write(ref row->Used, row->Used ^ (1UL << granule));
        }
    }

    private static bool HasAny(BitVectorRow* row, int granule) =>
        !Vector512.EqualsAll(Vector512.Load(BitVectorRow.VectorOf(row, granule)), Vector512<ulong>.Zero);

    private static ulong BitOf(int position) => 1UL << (position % 64);
}
