using System.Numerics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>A table whose search costs the same for any masks: for each octet of a packet, a bit vector says which entries agree with it.</summary>
/// <remarks>
/// <para>
/// Each entry has a position, a bit in every vector (Lakshman, Stiliadis 1998). A packet matches where the rows of all its values have a bit
/// (<see cref="BitVectorColumns"/>).
/// </para>
/// <para>
/// Vectors are cut into granules of 512 positions, one register. Granules are in order: each entry of a granule ranks above all entries of later ones, so the
/// first granule with a match holds the best entry. One word of each row says in which granules the row has bits; a search intersects these words
/// first (aggregated bit vectors: Baboescu, Varghese 2001). A full granule is split, two that are half empty become one.
/// </para>
/// <para>
/// Threads: one writer, the control side; workers read by <see cref="BitVectorSearch"/>. A search compares each entry it finds under the entry's own mask, so a
/// surplus bit does no harm. A missing bit belongs to an entry that is just being added or removed, and the <see cref="ChangeJournal"/> records that. A
/// granule is split or merged as a whole (<see cref="SearchPlan"/>): the writer copies its entries to granules that no search reads yet, then publishes an
/// order with these in its place. The old granule stays unchanged until no worker can read it.
/// </para>
/// </remarks>
internal sealed unsafe class BitVectorTable : IReclaimer, IDisposable
{
    /// <summary>How many granules there can be.</summary>
    public const int Granules = 64;

    /// <summary>Entries of a granule.</summary>
    public const int PerGranule = 512;

    /// <summary>Bytes of a granule's vector.</summary>
    public const int VectorSize = PerGranule / 8;

    public const int Capacity = Granules * PerGranule;

    // Two neighbouring granules with at most so many entries are merged, so that few granules are nearly empty. The limit leaves room before the next split.
    private const int MergeUpTo = PerGranule * 3 / 4;

    // Entries of the smaller granule of a merge, at most: for each entry the writer looks at all rows.
    private const int MergedAtOnce = 96;

    // The item to reclaim: the number of a granule, or this for the whole table.
    private const int WholeTable = Granules;

    private readonly BitVectorMemory _memory;
    private readonly FlowStore _store;
    private readonly FlowKey* _maskOf;
    private readonly int* _placeOf;
    private readonly int _firstPlace;
    private readonly NativeArray<uint> _entryAt = new(Capacity);
    private readonly NativeArray<ushort> _priorityAt = new(Capacity);
    private readonly NativeArray<ulong> _ageAt = new(Capacity);
    private readonly int[] _counts = new int[Granules];
    private ulong _freeGranules = ulong.MaxValue;
    private RankedGranule[] _ordered = [];

    /// <param name="maskOf">The masks of all entries, by index.</param>
    /// <param name="placeOf">Takes the place of each entry: its position plus <paramref name="firstPlace"/>; 0 for an entry that is not here.</param>
    /// <param name="secret">The process's secret.</param>
    public BitVectorTable(BitVectorMemory memory, FlowStore store, FlowKey* maskOf, int* placeOf, int firstPlace, ulong secret)
    {
        _memory = memory;
        _store = store;
        _maskOf = maskOf;
        _placeOf = placeOf;
        _firstPlace = firstPlace;
        Columns = new BitVectorColumns(memory, secret);
        memory.Add(this);
    }

    public int Count { get; private set; }

    /// <summary>The granules by falling rank. Any thread.</summary>
    public RankedGranule[] Ordered => Volatile.Read(ref _ordered);

    /// <summary>The bits. Any thread.</summary>
    public BitVectorColumns Columns { get; }

    /// <summary>The entry at each position; valid where a bit is set.</summary>
    public uint* EntryAt => _entryAt.Start;

    /// <summary>The priority of the entry at each position.</summary>
    public ushort* PriorityAt => _priorityAt.Start;

    /// <summary>The age of the entry at each position: of two entries of equal priority the lower number wins.</summary>
    public ulong* AgeAt => _ageAt.Start;

    /// <summary>Adds an entry whose mask, key, priority and record are in place.</summary>
    /// <returns>Whether there is room for its rank.</returns>
    public bool TryInsert(uint index)
    {
        Rank rank = new(_store.Records[index].Priority, _store.Records[index].Sequence);
        int place = PlaceOf(rank);
        if (place < 0 || _counts[_ordered[place].Id] == PerGranule)
        {
            place = MakeRoom(place, rank);
            if (place < 0)
            {
                return false;
            }
        }
        RankedGranule granule = _ordered[place];
        if (rank.Priority > granule.PriorityBound)
        {
            Publish(place, 1, granule with { PriorityBound = rank.Priority });
        }
        int position = Columns.FirstFree(granule.Id);
        Put(index, position);
        Columns.Add(_store.Entries[index].Key, _maskOf[index], position);
        _counts[granule.Id]++;
        Count++;
        return true;
    }

    /// <summary>Takes an entry out.</summary>
    public void Remove(uint index)
    {
        int position = _placeOf[index] - _firstPlace;
        Columns.Remove(_store.Entries[index].Key, _maskOf[index], position);
        _placeOf[index] = 0;
        Count--;
        int count = --_counts[position / PerGranule];
        int place = Array.FindIndex(_ordered, granule => granule.Id == position / PerGranule);
        if (count == 0)
        {
            Drop(place);
        }
        else if (place + 1 < _ordered.Length && count <= MergedAtOnce && count + _counts[_ordered[place + 1].Id] <= MergeUpTo)
        {
            Merge(place);
        }
        else if (place > 0 && _counts[_ordered[place - 1].Id] <= MergedAtOnce && count + _counts[_ordered[place - 1].Id] <= MergeUpTo)
        {
            Merge(place - 1);
        }
    }

    /// <summary>Puts an entry into the place of an identical one, in a single store.</summary>
    public void Replace(uint index, uint replacement)
    {
        _placeOf[replacement] = _placeOf[index];
        _placeOf[index] = 0;
        Volatile.Write(ref _entryAt.Start[_placeOf[replacement] - _firstPlace], replacement);
    }

    /// <summary>The first entry from this position on.</summary>
    /// <returns>Its position; -1 for none.</returns>
    public int Next(int position)
    {
        position = Columns.NextTaken(position);
        while (position >= 0 && _placeOf[_entryAt.Start[position]] != _firstPlace + position) // the position belongs to a granule that was replaced
        {
            position = Columns.NextTaken(position + 1);
        }
        return position;
    }

    /// <summary>Retires the table: no new search finds it.</summary>
    public void Retire() => _memory.Retire(this, WholeTable);

    void IReclaimer.Reclaim(nint item)
    {
        if (item == WholeTable)
        {
            Dispose();
        }
        else
        {
            _freeGranules |= 1UL << (int)item;
        }
    }

    /// <summary>Gives the memory back. No worker reads it any more.</summary>
    public void Dispose()
    {
        _memory.Remove(this);
        Columns.Dispose();
        _entryAt.Dispose();
        _priorityAt.Dispose();
        _ageAt.Dispose();
    }

    /// <summary>The place of the granule whose range holds a rank; -1 if there are no granules.</summary>
    private int PlaceOf(Rank rank)
    {
        int low = 0;
        int high = _ordered.Length - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (rank.CompareTo(_ordered[middle].Lowest) >= 0)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }
        return high;
    }

    private Rank RankAt(int position) => new(_priorityAt.Start[position], _ageAt.Start[position]);

    /// <summary>Makes a granule with room for a rank: two in place of a full one, one of which is empty if the rank is above or below all there.</summary>
    /// <param name="place">The full granule's place in the order; negative if the table has no granule.</param>
    /// <returns>The place of the granule with room; -1 if no granules are free.</returns>
    private int MakeRoom(int place, Rank rank)
    {
        if (BitOperations.PopCount(_freeGranules) < 2)
        {
            return -1;
        }
        if (place < 0)
        {
            Publish(0, 0, new RankedGranule(Copy(0, []), rank.Priority, Rank.Least));
            return 0;
        }
        RankedGranule full = _ordered[place];
        int[] sorted = Positions(full.Id);
        Array.Sort(sorted, (a, b) => RankAt(a).CompareTo(RankAt(b)));
        Rank highest = RankAt(sorted[^1]);
        int below = rank.CompareTo(highest) > 0 ? PerGranule : rank.CompareTo(RankAt(sorted[0])) < 0 ? 0 : PerGranule / 2;
        Rank least = below < PerGranule ? RankAt(sorted[below]) : highest with { Sequence = highest.Sequence - 1 }; // the next one above
        int upper = Copy(full.Id, sorted.AsSpan(below));
        int lower = Copy(full.Id, sorted.AsSpan(0, below));
        Publish(place, 1, full with { Id = upper, Lowest = least }, full with { Id = lower, PriorityBound = least.Priority });
        Retire(full.Id);
        return rank.CompareTo(least) >= 0 ? place : place + 1;
    }

    /// <summary>Puts one granule in place of two neighbours, the first of which has few entries.</summary>
    private void Merge(int place)
    {
        if (_freeGranules == 0)
        {
            return;
        }
        RankedGranule few = _ordered[place];
        RankedGranule many = _ordered[place + 1];
        int merged = Copy(many.Id, Positions(many.Id));
        foreach (int from in Positions(few.Id))
        {
            int to = Columns.FirstFree(merged);
            Put(_entryAt.Start[from], to);
            Columns.Copy(from, to);
            _counts[merged]++;
        }
        Publish(place, 2, many with { Id = merged, PriorityBound = few.PriorityBound });
        Retire(few.Id);
        Retire(many.Id);
    }

    /// <summary>Takes an empty granule out of the order. The last granule takes all lower ranks.</summary>
    private void Drop(int place)
    {
        int id = _ordered[place].Id;
        if (place > 0 && place == _ordered.Length - 1)
        {
            Publish(place - 1, 2, _ordered[place - 1] with { Lowest = Rank.Least });
        }
        else
        {
            Publish(place, 1);
        }
        Retire(id);
    }

    /// <summary>Publishes an order that has other granules in place of some.</summary>
    private void Publish(int place, int count, params ReadOnlySpan<RankedGranule> others) =>
        Volatile.Write(ref _ordered, [.. _ordered[..place], .. others, .. _ordered[(place + count)..]]);

    /// <summary>Copies entries to the same bits of a free granule.</summary>
    /// <param name="positions">Positions of the entries in the old granule.</param>
    /// <returns>The new granule.</returns>
    private int Copy(int granule, ReadOnlySpan<int> positions)
    {
        int copy = BitOperations.TrailingZeroCount(_freeGranules);
        _freeGranules &= _freeGranules - 1;
        ulong* chosen = stackalloc ulong[VectorSize / sizeof(ulong)];
        new Span<byte>(chosen, VectorSize).Clear();
        foreach (int position in positions)
        {
            int bit = position % PerGranule;
            chosen[bit / 64] |= 1UL << (bit % 64);
            Put(_entryAt.Start[position], (copy * PerGranule) + bit);
        }
        Columns.Copy(granule, copy, chosen);
        _counts[copy] = positions.Length;
        return copy;
    }

    /// <summary>Records an entry's position, and its index, priority and age at that position.</summary>
    private void Put(uint index, int position)
    {
        _entryAt.Start[position] = index;
        _priorityAt.Start[position] = _store.Records[index].Priority;
        _ageAt.Start[position] = _store.Records[index].Sequence;
        _placeOf[index] = _firstPlace + position;
    }

    private int[] Positions(int granule)
    {
        var positions = new int[_counts[granule]];
        int position = (granule * PerGranule) - 1;
        for (int n = 0; n < positions.Length; n++)
        {
            positions[n] = position = Columns.NextTaken(position + 1);
        }
        return positions;
    }

    private void Retire(int granule) => _memory.Retire(this, granule);
}

/// <summary>A granule of a <see cref="BitVectorTable"/>, as it was when the order was published.</summary>
/// <param name="Id">From 0.</param>
/// <param name="PriorityBound">No entry here or in a later granule has a higher one.</param>
/// <param name="Lowest">The granule takes entries of this rank and above, up to the range of the granule before it.</param>
internal readonly record struct RankedGranule(int Id, int PriorityBound, Rank Lowest);

/// <summary>The order of entries that match: by priority, then by age.</summary>
internal readonly record struct Rank(int Priority, ulong Sequence) : IComparable<Rank>
{
    public static Rank Least => new(0, ulong.MaxValue);

    public int CompareTo(Rank other) => Priority != other.Priority ? Priority.CompareTo(other.Priority) : other.Sequence.CompareTo(Sequence);
}
