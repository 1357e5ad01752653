using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;

namespace Softswitch.Datapath.Tables;

/// <summary>How packets are looked up in bit vector tables: two granules at a time for all packets of a batch, so that what they share is at hand.</summary>
/// <remarks>Threads: any; it changes nothing.</remarks>
internal sealed unsafe class BitVectorSearch(BitVectorSet set, FlowStore store, FlowKey* maskOf)
{
    private const int Words = BitVectorTable.VectorSize / sizeof(ulong);

    // Rows are streamed from a far cache. Whether anything is left is worth a look now and then, not after each.
    private const int RowsBetweenLooks = 8;

    private readonly FlowKey* _maskOf = maskOf;
    private readonly FlowEntry* _entries = store.Entries;
    private readonly FlowRecord* _records = store.Records;

    /// <summary>Betters what packets have found so far.</summary>
    /// <param name="keys">Of all packets of the batch.</param>
    /// <param name="wanted">Positions of the packets to look up.</param>
    /// <param name="state">By position: what a packet has found so far.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Improve(FlowKey* keys, ReadOnlySpan<byte> wanted, SearchState* state)
    {
        foreach (BitVectorTable table in set.Tables)
        {
            RankedGranule[] ordered = table.Ordered;
            int count = Prepare(table, ordered, keys, wanted, state);
            for (int n = 0; n < ordered.Length && count > 0; n += 2)
            {
                count = Improve(table, ordered, n, keys, state, count);
            }
        }
    }

    /// <summary>The entries that match a packet, in no order.</summary>
    public void FindAll(in FlowKey key, List<uint> found)
    {
        SearchState state;
        Unsafe.SkipInit(out state);
        foreach (BitVectorTable table in set.Tables)
        {
            Begin(table.Columns, key, state.Bucket, ref state.Rows[0]);
            foreach (RankedGranule granule in table.Ordered)
            {
                Intersect(ref state.Rows[0], granule.Id, granule.Id, out _).Store(state.Hash);
                for (int word = 0; word < Words; word++)
                {
                    for (ulong bits = state.Hash[word]; bits != 0; bits &= bits - 1)
                    {
                        uint index = table.EntryAt[(granule.Id * BitVectorTable.PerGranule) + (word * 64) + BitOperations.TrailingZeroCount(bits)];
                        if (FlowKey.Matches(key, _entries[index].Key, _maskOf[index]))
                        {
                            found.Add(index);
                        }
                    }
                }
            }
        }
    }

    /// <summary>Finds the rows of each packet that may find something better here.</summary>
    /// <returns>How many.</returns>
    private static int Prepare(BitVectorTable table, RankedGranule[] ordered, FlowKey* keys, ReadOnlySpan<byte> wanted, SearchState* state)
    {
        int count = 0;
        int bound = BestEntry.Above(ordered.Length == 0 ? -2 : ordered[0].PriorityBound);
        foreach (byte i in wanted)
        {
            if (BestEntry.PriorityOf(state->Best[i]) < bound)
            {
                Begin(table.Columns, keys[i], state->Bucket, ref state->Rows[i]);
                state->Open[count++] = i;
            }
        }
        return count;
    }

    /// <param name="values">Overwritten.</param>
    private static void Begin(BitVectorColumns columns, in FlowKey key, ulong* values, ref PacketRows rows)
    {
        BitVectorFields.Read(key, values);
        uint compared = columns.Compared;
        ulong granules = ulong.MaxValue;
        int count = 0;
        for (uint whole = compared & ((1U << BitVectorFields.Whole) - 1); whole != 0; whole &= whole - 1)
        {
            int field = BitOperations.TrailingZeroCount(whole);
            int upper = BitVectorFields.Count + field;
            int number = columns.NumberOf(field, values[field]);
            Add(number < 0 ? columns.OpenOf(field) : columns.RowOf(field, (byte)number), ref rows, ref count, ref granules);
            if ((compared >> upper & 1) != 0 && number >= 0)
            {
                Add(columns.RowOf(upper, (byte)(number >> 8)), ref rows, ref count, ref granules);
            }
        }
        for (uint octets = compared & (((1U << BitVectorFields.Count) - 1) & ~((1U << BitVectorFields.Whole) - 1)); octets != 0; octets &= octets - 1)
        {
            int field = BitOperations.TrailingZeroCount(octets);
            Add(columns.RowOf(field, BitVectorFields.OctetOf(key, field)), ref rows, ref count, ref granules);
        }
        Add(columns.Taken, ref rows, ref count, ref granules);
        rows.Count = count;
        rows.Granules = granules;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(BitVectorRow* row, ref PacketRows rows, ref int count, ref ulong granules)
    {
        granules &= Volatile.Read(ref row->Used);
        rows.Vectors[count++] = (ulong)BitVectorRow.VectorOf(row, 0);
    }

    /// <summary>Two granules for all packets that can still find something better.</summary>
    /// <returns>How many still can.</returns>
    private int Improve(
        BitVectorTable table, RankedGranule[] ordered, int n, FlowKey* keys, SearchState* state, int count)
    {
        ref RankedGranule first = ref ordered[n];
        ref RankedGranule second = ref ordered[Math.Min(n + 1, ordered.Length - 1)];
        ulong either = (1UL << first.Id) | (1UL << second.Id);
        int bound = BestEntry.Above(first.PriorityBound);
        int left = 0;
        for (int p = 0; p < count; p++)
        {
            byte position = state->Open[p];
            ref ulong best = ref state->Best[position];
            ref PacketRows rows = ref state->Rows[position];
            bool goesOn = BestEntry.PriorityOf(best) < bound;
            if (goesOn && (rows.Granules & either) != 0)
            {
                Vector512<ulong> inFirst = Intersect(ref rows, first.Id, second.Id, out Vector512<ulong> inSecond);
                if (!Vector512.EqualsAll(inFirst | inSecond, Vector512<ulong>.Zero))
                {
                    ref FlowKey key = ref keys[position];
                    goesOn = !Improve(table, first, inFirst, key, state->Hash, ref best) && !Improve(table, second, inSecond, key, state->Hash, ref best);
                }
            }
            state->Open[left] = position;
            left += goesOn ? 1 : 0;
        }
        return left;
    }

    /// <summary>The positions of two granules that all rows of a packet have.</summary>
    /// <returns>Those of the first.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Intersect(ref PacketRows rows, int first, int second, out Vector512<ulong> inSecond)
    {
        nuint firstOffset = (nuint)first * BitVectorTable.VectorSize;
        nuint secondOffset = (nuint)second * BitVectorTable.VectorSize;
        byte* row = (byte*)rows.Vectors[0];
        Vector512<ulong> inFirst = Vector512.Load((ulong*)(row + firstOffset));
        inSecond = Vector512.Load((ulong*)(row + secondOffset));
        for (int n = 1; n < rows.Count; n++)
        {
            row = (byte*)rows.Vectors[n];
            inFirst &= Vector512.Load((ulong*)(row + firstOffset));
            inSecond &= Vector512.Load((ulong*)(row + secondOffset));
            if (n % RowsBetweenLooks == 0 && Vector512.EqualsAll(inFirst | inSecond, Vector512<ulong>.Zero))
            {
                break;
            }
        }
        return inFirst;
    }

    /// <summary>The best of the entries at these positions, if it is better and matches.</summary>
    /// <param name="words">Overwritten.</param>
    /// <returns>Whether any matches: all later granules rank below.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Improve(BitVectorTable table, in RankedGranule granule, Vector512<ulong> matching, in FlowKey key, ulong* words, ref ulong best)
    {
        matching.Store(words);
        int start = granule.Id * BitVectorTable.PerGranule;
        while (true)
        {
            int priority = -1;
            ulong age = 0;
            int at = -1;
            for (int word = 0; word < Words; word++)
            {
                for (ulong bits = words[word]; bits != 0; bits &= bits - 1)
                {
                    int bit = (word * 64) + BitOperations.TrailingZeroCount(bits);
                    int itsPriority = table.PriorityAt[start + bit];
                    ulong itsAge = table.AgeAt[start + bit];
                    if (itsPriority > priority || (itsPriority == priority && itsAge < age))
                    {
                        (priority, age, at) = (itsPriority, itsAge, bit);
                    }
                }
            }
            if (at < 0)
            {
                return false;
            }
            uint index = Volatile.Read(ref table.EntryAt[start + at]);
            if (FlowKey.Matches(key, _entries[index].Key, _maskOf[index]))
            {
                ulong found = BestEntry.Of(true, index, _entries[index].Priority);
                best = BestEntry.AreOfOnePriority(found, best) ? Older(found, best) : ulong.Max(found, best);
                return true;
            }
            words[at / 64] &= ~(1UL << (at % 64)); // it has just come or gone
        }
    }

    private ulong Older(ulong a, ulong b) => _records[BestEntry.IndexOf(a)].Sequence < _records[BestEntry.IndexOf(b)].Sequence ? a : b;
}

/// <summary>Where a packet's values lead to in a bit vector table.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PacketRows
{
    /// <summary>The granules that may hold an entry for it, one bit each.</summary>
    public ulong Granules;

    public int Count;

    /// <summary>Addresses of the first vectors of its rows, and of that of the positions taken.</summary>
    public fixed ulong Vectors[BitVectorFields.Columns + 1];
}

/// <summary>Those of the packets of a batch.</summary>
[InlineArray(PacketBatch.Capacity)]
internal struct BatchRows
{
    private PacketRows _first;
}
