using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>Entries whose search costs the same whatever they compare: octet by octet, bit vectors say which entries a packet agrees with.</summary>
/// <remarks>
/// <para>
/// Each entry has a position, a bit in every vector (Lakshman, Stiliadis 1998). A row is the vector of the entries that agree with one value: those that compare
/// the field with it and those that leave it open. A packet matches where the rows of all its values have a bit. Prefixes are taken octet by octet, so
/// no two values contain each other; an entry that compares the upper bits of an octet is in the rows of all values that agree. Values of other
/// fields are numbered, and the octets of the number taken. So there are 256 rows a column at most, however many values, and memory is bounded.
/// </para>
/// <para>
/// Vectors are cut into granules of 512 positions, one register. Granules are in order: an entry of one ranks above all of those after it, so the first
/// granule with a match holds the best one. Which granules a row has bits in is one word, and the words of all rows are
/// intersected first (aggregated bit vectors: Baboescu, Varghese 2001). A full granule is split, two that are half empty become one.
/// </para>
/// <para>
/// Threads: one writer, the control side; workers read by <see cref="BitVectorSearch"/>. Bits are set and cleared by single stores, and what they lead to is
/// compared under its own mask: a bit too many does no harm. A bit too few concerns an entry that is just being added or removed, which the
/// <see cref="ChangeJournal"/> knows. An entry that moves to a later granule is there before it leaves the earlier one, and in between the journal is told of a
/// change that concerns all packets. So who has not seen it in the one looks again, and what ranks below the earlier one's
/// <see cref="RankedGranule.Lowest"/>, because it is about to move, is compared with what has moved.
/// </para>
/// </remarks>
internal sealed unsafe partial class BitVectorTable : IDisposable
{
    /// <summary>How many granules there can be.</summary>
    public const int Granules = 64;

    /// <summary>Entries of a granule.</summary>
    public const int PerGranule = 512;

    /// <summary>Bytes of a granule's vector.</summary>
    public const int VectorSize = PerGranule / 8;

    public const int Capacity = Granules * PerGranule;

    private const int Words = VectorSize / sizeof(ulong);
    private const int Values = 256;

    // Two neighbours with so many entries together become one, which is not to be split again soon: a search looks at few that are nearly empty.
    private const int MergeUpTo = PerGranule * 3 / 4;

    // So few move in one flow-mod: each takes a look at many rows.
    private const int MergedAtOnce = 96;

    private readonly BitVectorMemory _memory;
    private readonly FlowStore _store;
    private readonly FlowKey* _maskOf;
    private readonly BitVectorNumbers _numbers;
    private readonly BitVectorRow* _taken;
    private readonly nint[] _open = new nint[BitVectorFields.Columns];
    private readonly NativeArray<nint> _rows = new(BitVectorFields.Columns * Values);
    private readonly List<nint>[] _own = new List<nint>[BitVectorFields.Columns];
    private readonly NativeArray<uint> _entryAt = new(Capacity);
    private readonly NativeArray<ushort> _priorityAt = new(Capacity);
    private readonly NativeArray<ulong> _ageAt = new(Capacity);
    private readonly int[] _counts = new int[Granules];
    private readonly int[] _comparing = new int[BitVectorFields.Columns];
    private ulong _freeGranules = ulong.MaxValue;
    private RankedGranule[] _ordered = [];
    private uint _compared;

    /// <param name="maskOf">The masks of all entries, by index.</param>
    /// <param name="secret">Of the process.</param>
    public BitVectorTable(BitVectorMemory memory, FlowStore store, FlowKey* maskOf, ulong secret)
    {
        _memory = memory;
        _store = store;
        _maskOf = maskOf;
        _numbers = new BitVectorNumbers(memory, secret);
        _taken = memory.RentRow();
        for (int column = 0; column < BitVectorFields.Columns; column++)
        {
            _own[column] = [];
            _open[column] = (nint)memory.RentRow();
            new Span<nint>(_rows.Start + (column * Values), Values).Fill(_open[column]);
        }
    }

    public int Count { get; private set; }

    /// <summary>By falling rank. Any thread.</summary>
    public RankedGranule[] Ordered => Volatile.Read(ref _ordered);

    /// <summary>The columns that tell entries apart, one bit each: of fields that any compares, and upper octets if there are numbers with such. Any thread.</summary>
    public uint Compared => Volatile.Read(ref _compared);

    /// <summary>The positions that entries are at.</summary>
    public BitVectorRow* Taken => _taken;

    /// <summary>The entry at each position; of use where a bit says so.</summary>
    public uint* EntryAt => _entryAt.Start;

    /// <summary>Its priority.</summary>
    public ushort* PriorityAt => _priorityAt.Start;

    /// <summary>Its age: the lower of equal priority is the better.</summary>
    public ulong* AgeAt => _ageAt.Start;

    /// <summary>The number of a value of a field that is compared whole; -1 if no entry compares the field with it. Any thread.</summary>
    public int NumberOf(int field, ulong value) => _numbers.Find(field, value);

    /// <summary>The entries that agree with a value of a column. Any thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public BitVectorRow* RowOf(int column, int value) => (BitVectorRow*)Volatile.Read(ref _rows.Start[(column * Values) + value]);

    /// <summary>Those that leave it open. Any thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public BitVectorRow* OpenOf(int column) => (BitVectorRow*)_open[column];

    /// <summary>Adds an entry whose mask, key, priority and record are in place.</summary>
    /// <param name="changes">Is told if others have to move.</param>
    /// <returns>Its position, or -1 if there is no room for its rank.</returns>
    public int Insert(uint index, ChangeJournal changes)
    {
        Rank rank = RankOf(index);
        int place = PlaceOf(rank);
        if (place < 0 || _counts[_ordered[place].Id] == PerGranule)
        {
            place = MakeRoom(place, rank, changes);
            if (place < 0)
            {
                return -1;
            }
        }
        if (rank.Priority > _ordered[place].PriorityBound)
        {
            Publish(With(place, _ordered[place] with { PriorityBound = rank.Priority }));
        }
        return PutInto(_ordered[place].Id, index);
    }

    /// <summary>Takes an entry out.</summary>
    public void Remove(int position, ChangeJournal changes)
    {
        Take(position);
        int place = PlaceOf(position / PerGranule);
        int count = _counts[position / PerGranule];
        if (count == 0)
        {
            Drop(place);
        }
        else if (place + 1 < _ordered.Length && count <= MergedAtOnce && count + _counts[_ordered[place + 1].Id] <= MergeUpTo)
        {
            Merge(place, changes);
        }
        else if (place > 0 && _counts[_ordered[place - 1].Id] <= MergedAtOnce && count + _counts[_ordered[place - 1].Id] <= MergeUpTo)
        {
            Merge(place - 1, changes);
        }
    }

    /// <summary>Puts an entry into the place of an identical one.</summary>
    public void Replace(int position, uint replacement) => Volatile.Write(ref _entryAt.Start[position], replacement);

    /// <summary>The first position from this one on that is taken; -1 for none.</summary>
    public int NextTaken(int position)
    {
        for (; position < Capacity; position = (position | 63) + 1)
        {
            ulong taken = WordOf(_taken, position) >> (position % 64);
            if (taken != 0)
            {
                return position + BitOperations.TrailingZeroCount(taken);
            }
        }
        return -1;
    }

    /// <summary>Gives the memory back of a table without entries that no worker can be at.</summary>
    public void Dispose()
    {
        _memory.ReturnRow(_taken);
        foreach (nint row in AllRows())
        {
            _memory.ReturnRow((BitVectorRow*)row);
        }
        _rows.Dispose();
        _entryAt.Dispose();
        _priorityAt.Dispose();
        _ageAt.Dispose();
        _numbers.Dispose();
    }

    private static ref ulong WordOf(BitVectorRow* row, int position) =>
        ref BitVectorRow.VectorOf(row, position / PerGranule)[position / 64 % Words];

    /// <summary>Makes a granule with room for a rank: an empty one if it belongs before or behind all of a full one's, else half of the full one.</summary>
    private int MakeRoom(int place, Rank rank, ChangeJournal changes)
    {
        if (_freeGranules == 0)
        {
            return -1;
        }
        int id = BitOperations.TrailingZeroCount(_freeGranules);
        _freeGranules &= _freeGranules - 1;
        if (place < 0)
        {
            Publish([new RankedGranule(id, rank.Priority, Rank.Least)]);
            return 0;
        }
        RankedGranule full = _ordered[place];
        int[] sorted = Sorted(full.Id);
        Rank lowest = RankOf(_entryAt.Start[sorted[0]]);
        Rank highest = RankOf(_entryAt.Start[sorted[^1]]);
        if (rank.CompareTo(highest) > 0)
        {
            // From the next rank above the full one's best: what comes between the two belongs here, too.
            RankedGranule before = new(id, rank.Priority, highest with { Sequence = highest.Sequence - 1 });
            Publish([.. _ordered[..place], before, .. _ordered[place..]]);
            return place;
        }
        if (rank.CompareTo(lowest) < 0)
        {
            Publish([.. _ordered[..place], full with { Lowest = lowest }, new RankedGranule(id, rank.Priority, full.Lowest), .. _ordered[(place + 1)..]]);
            return place + 1;
        }
        Rank median = RankOf(_entryAt.Start[sorted[PerGranule / 2]]);
        Publish([.. _ordered[..place], full with { Lowest = median }, full with { Id = id, PriorityBound = median.Priority }, .. _ordered[(place + 1)..]]);
        Split(full.Id, id, sorted.AsSpan(0, PerGranule / 2), changes);
        return rank.CompareTo(median) >= 0 ? place : place + 1;
    }

    /// <summary>Positions of a granule by rising rank.</summary>
    private int[] Sorted(int granule)
    {
        var positions = new int[_counts[granule]];
        int position = (granule * PerGranule) - 1;
        for (int n = 0; n < positions.Length; n++)
        {
            positions[n] = position = NextTaken(position + 1);
        }
        Array.Sort(positions, (a, b) => RankOf(_entryAt.Start[a]).CompareTo(RankOf(_entryAt.Start[b])));
        return positions;
    }

    /// <summary>Moves entries to the same bits of an empty granule: a vector at a time.</summary>
    private void Split(int from, int to, ReadOnlySpan<int> positions, ChangeJournal changes)
    {
        ulong* moved = stackalloc ulong[Words];
        new Span<ulong>(moved, Words).Clear();
        foreach (int position in positions)
        {
            moved[position / 64 % Words] |= BitOf(position);
            int target = position + ((to - from) * PerGranule);
            uint index = _entryAt.Start[position];
            _entryAt.Start[target] = index;
            _priorityAt.Start[target] = _priorityAt.Start[position];
            _ageAt.Start[target] = _ageAt.Start[position];
            ref FlowRecord record = ref _store.Records[index];
            record.Subtable = BitVectorSet.Relocate(record.Subtable, target);
        }
        foreach (nint row in AllRows())
        {
            Copy((BitVectorRow*)row, from, to, moved);
        }
        Copy(_taken, from, to, moved);
        changes.Begin(default, default); // the flow-mod that makes room completes it: its own entry is not there yet
        Subtract(_taken, from, moved);
        foreach (nint row in AllRows())
        {
            Subtract((BitVectorRow*)row, from, moved);
        }
        _counts[to] = positions.Length;
        _counts[from] -= positions.Length;
    }

    /// <summary>Moves what is left of a granule into the one after it.</summary>
    private void Merge(int place, ChangeJournal changes)
    {
        RankedGranule emptied = _ordered[place];
        int target = _ordered[place + 1].Id;
        RankedGranule[] ordered = With(place, emptied with { Lowest = Rank.Greatest });
        ordered[place + 1] = ordered[place + 1] with { PriorityBound = emptied.PriorityBound };
        Publish(ordered);
        int[] positions = Sorted(emptied.Id);
        foreach (int position in positions)
        {
            uint index = _entryAt.Start[position];
            ref FlowRecord record = ref _store.Records[index];
            record.Subtable = BitVectorSet.Relocate(record.Subtable, PutInto(target, index));
        }
        changes.Begin(default, default);
        Array.ForEach(positions, Take);
        Drop(place);
    }

    /// <summary>Adds an entry at a free position of a granule.</summary>
    private int PutInto(int granule, uint index)
    {
        int position = granule * PerGranule;
        while (WordOf(_taken, position) == ulong.MaxValue)
        {
            position += 64;
        }
        position += BitOperations.TrailingZeroCount(~WordOf(_taken, position));
        _entryAt.Start[position] = index;
        _priorityAt.Start[position] = _store.Records[index].Priority;
        _ageAt.Start[position] = _store.Records[index].Sequence;
        ForRowsOf(index, position, isAdded: true);
        Change(_taken, position, isSet: true);
        _counts[granule]++;
        Count++;
        return position;
    }

    private void Take(int position)
    {
        Change(_taken, position, isSet: false);
        ForRowsOf(_entryAt.Start[position], position, isAdded: false);
        _counts[position / PerGranule]--;
        Count--;
    }

    /// <summary>Sets or clears the bit of a position in all rows of values that an entry agrees with.</summary>
    private void ForRowsOf(uint index, int position, bool isAdded)
    {
        FlowKey key = _store.Entries[index].Key;
        FlowKey mask = _maskOf[index];
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
    /// <param name="count">How many; 0 for all.</param>
    private void Change(int column, int first, int count, int position, bool isAdded)
    {
        if (count == 0)
        {
            Change((BitVectorRow*)_open[column], position, isAdded);
            foreach (nint row in _own[column])
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
        row->Place = _own[column].Count;
        _own[column].Add((nint)row);
        Volatile.Write(ref _rows.Start[(column * Values) + value], (nint)row);
        return row;
    }

    private void RemoveRow(int column, BitVectorRow* row)
    {
        Volatile.Write(ref _rows.Start[(column * Values) + row->Value], _open[column]);
        List<nint> own = _own[column];
        own[row->Place] = own[^1];
        ((BitVectorRow*)own[^1])->Place = row->Place;
        own.RemoveAt(own.Count - 1);
        _memory.RetireRow(row);
    }

    private IEnumerable<nint> AllRows() => _open.Concat(_own.SelectMany(rows => rows));

    private static void Change(BitVectorRow* row, int position, bool isSet)
    {
        ref ulong word = ref WordOf(row, position);
        if (isSet)
        {
            Volatile.Write(ref word, word | BitOf(position));
            Use(row, position / PerGranule);
        }
        else
        {
            Volatile.Write(ref word, word & ~BitOf(position));
            DisuseIfZero(row, position / PerGranule);
        }
    }

    private static void Copy(BitVectorRow* row, int from, int to, ulong* chosen)
    {
        ulong* source = BitVectorRow.VectorOf(row, from);
        ulong* target = BitVectorRow.VectorOf(row, to);
        for (int word = 0; word < Words; word++)
        {
            Volatile.Write(ref target[word], source[word] & chosen[word]);
        }
        Use(row, to);
        DisuseIfZero(row, to);
    }

    private static void Subtract(BitVectorRow* row, int from, ulong* chosen)
    {
        ulong* source = BitVectorRow.VectorOf(row, from);
        for (int word = 0; word < Words; word++)
        {
            Volatile.Write(ref source[word], source[word] & ~chosen[word]);
        }
        DisuseIfZero(row, from);
    }

    private static void Use(BitVectorRow* row, int granule)
    {
        if ((row->Used >> granule & 1) == 0) // workers have the line: not written without need
        {
            Volatile.Write(ref row->Used, row->Used | (1UL << granule));
        }
    }

    private static void DisuseIfZero(BitVectorRow* row, int granule)
    {
        if (Vector512.EqualsAll(Vector512.Load(BitVectorRow.VectorOf(row, granule)), Vector512<ulong>.Zero))
        {
            Volatile.Write(ref row->Used, row->Used & ~(1UL << granule));
        }
    }

    private static ulong BitOf(int position) => 1UL << (position % 64);
}
