using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;

namespace Softswitch.Datapath.Tables;

/// <summary>A hash table from masked keys to flow entries: one writer, many readers that never wait.</summary>
/// <remarks>
/// <para>
/// The naive table is an array of buckets that is copied when it grows. With a million flows that copy stops the control side
/// for tens of milliseconds. So this is an extendible hash (Fagin, Nievergelt, Pippenger, Strong 1979): the upper bits of the
/// hash pick a segment through a directory, the lower bits a bucket in it. A full segment is split into two new ones, filled
/// while readers use the old one, then published by storing directory slots: a flow-mod costs at most one split of a few
/// hundred entries, whatever the size of the table.
/// </para>
/// <para>
/// A bucket is one cache line: eight 16-bit signatures, compared at once, and eight entry indices.
/// <code>
///  0                     16                       48         56      64
/// | signature 0 ... 7   | entry index 0 ... 7    | overflow | spare |
/// </code>
/// A signature of 0 marks a free slot. A bucket that runs over while its segment is not full chains to an overflow bucket, so
/// memory is bounded by the number of entries whatever their keys. Only the controller's entries are in here: packets never
/// change the structure.
/// </para>
/// <para>
/// The writer stores the index, then the signature; readers load the signature, then the index, then compare the entry's key.
/// A slot reused in between fails that compare or holds an entry that is right. Segments, directories and entries that were
/// taken out are reused only when no worker can hold them (<see cref="GracePeriod"/>).
/// </para>
/// </remarks>
internal sealed unsafe class FlowIndex
{
    public const int BucketSize = 64;

    /// <summary>Bytes of a segment: a header line, then its buckets.</summary>
    public const int SegmentSize = HeaderSize + (BucketsPerSegment * BucketSize);

    private const int SlotsPerBucket = 8;
    private const int BucketsPerSegment = 32;
    private const int HeaderSize = 64;

    // A segment with this many entries (5 of 8 slots) is split when a bucket overflows; with fewer, the bucket chains.
    private const int SplitThreshold = BucketsPerSegment * 5;

    // A keyed hash fills segments evenly. A segment this much deeper than the number of entries needs is full of equal hashes: splitting it
    // would not part them, and would double the directory each time.
    private const int SpareDepth = 4;
    private const int MaxDepth = 24;

    private readonly FlowIndexMemory _memory;
    private readonly FlowEntry* _entries;
    private readonly FlowRecord* _records;
    private readonly Func<uint, ulong>? _hashOf;
    private nint _directory;
    private int _count;

    /// <param name="hashOf">The hash an entry was inserted with; null for the one in its record.</param>
    public FlowIndex(FlowIndexMemory memory, FlowStore store, Func<uint, ulong>? hashOf = null)
    {
        _memory = memory;
        _hashOf = hashOf;
        _entries = store.Entries;
        _records = store.Records;
        FlowDirectory* directory = _memory.RentDirectory(depth: 1);
        byte* segment = _memory.RentSegment();
        Slot(directory, 0) = (nint)segment;
        Slot(directory, 1) = (nint)segment;
        _directory = (nint)directory;
    }

    public int Count => _count;

    /// <summary>Whether there are no entries. Any thread: it sees every entry whose insertion has ended.</summary>
    public bool IsEmpty => Volatile.Read(ref _count) == 0;

    /// <summary>Bits of the hash that index the directory.</summary>
    public int Depth => ((FlowDirectory*)_directory)->Depth;

    /// <summary>The bucket where a search for a key of this hash begins. A reader may use it until its pass ends.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public byte* BucketOf(ulong hash)
    {
        FlowDirectory* directory = (FlowDirectory*)Volatile.Read(ref _directory);
        return BucketIn(SegmentAt(directory, hash >> directory->Shift), hash);
    }

    /// <summary>The first entry in the bucket whose signature fits, or 0. It is almost always the right entry, but the caller must compare its key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint FirstCandidate(byte* bucket, ulong hash)
    {
        uint fitting = FittingSlots(bucket, SignatureOf(hash));
        Volatile.ReadBarrier();
        return fitting == 0 ? 0 : IndexAt(bucket, BitOperations.TrailingZeroCount(fitting));
    }

    /// <summary>The slots of a bucket whose signature fits, one bit each. The caller must compare the keys of their entries.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Candidates(byte* bucket, ulong hash)
    {
        uint fitting = FittingSlots(bucket, SignatureOf(hash));
        Volatile.ReadBarrier();
        return fitting;
    }

    /// <summary>The entry in the first of these slots. If no bit is set, the content of slot 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint CandidateAt(byte* bucket, uint fitting) => IndexAt(bucket, BitOperations.TrailingZeroCount(fitting) & (SlotsPerBucket - 1));

    /// <summary>The overflow bucket of this bucket, or null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* NextBucket(byte* bucket) => (byte*)Volatile.Read(ref OverflowOf(bucket));

    /// <summary>The entry with exactly this key, or 0. Any thread.</summary>
    public uint Find(ulong hash, in FlowKey key) => Find(BucketOf(hash), hash, key);

    /// <summary>The same from a bucket that was looked up before.</summary>
    public uint Find(byte* bucket, ulong hash, in FlowKey key)
    {
        ushort signature = SignatureOf(hash);
        do
        {
            uint fitting = FittingSlots(bucket, signature);
            Volatile.ReadBarrier();
            while (fitting != 0)
            {
                uint index = IndexAt(bucket, BitOperations.TrailingZeroCount(fitting));
                if (FlowKey.Equals(_entries[index].Key, key))
                {
                    return index;
                }
                fitting &= fitting - 1;
            }
            bucket = (byte*)Volatile.Read(ref OverflowOf(bucket));
        }
        while (bucket != null);
        return 0;
    }

    /// <summary>How many entries were inserted with this hash.</summary>
    public int CountSharing(ulong hash)
    {
        int count = 0;
        for (byte* bucket = BucketOf(hash); bucket != null; bucket = NextBucket(bucket))
        {
            for (uint fitting = Candidates(bucket, hash); fitting != 0; fitting &= fitting - 1)
            {
                count += HashOf(CandidateAt(bucket, fitting)) == hash ? 1 : 0;
            }
        }
        return count;
    }

    /// <summary>All entries, in no order.</summary>
    public List<uint> ReadAll()
    {
        var all = new List<uint>(Count);
        FlowDirectory* directory = (FlowDirectory*)_directory;
        byte* previous = null;
        for (ulong i = 0; i < 1UL << directory->Depth; i++)
        {
            byte* segment = SegmentAt(directory, i);
            if (segment != previous)
            {
                AddAll(segment, all);
                previous = segment;
            }
        }
        return all;
    }

    /// <summary>Adds an entry whose key, hash and actions are in place. An index that is searched by key alone holds each key once.</summary>
    public void Insert(ulong hash, uint index)
    {
        while (true)
        {
            byte* segment = SegmentOf(hash, out FlowDirectory* directory);
            byte* bucket = BucketIn(segment, hash);
            if (TryPut(bucket, hash, index))
            {
                CountOf(segment)++;
                break;
            }
            if (CountOf(segment) >= SplitThreshold && DepthOf(segment) < Math.Min(MaxDepth, BitOperations.Log2((uint)Count) + SpareDepth))
            {
                Split(directory, segment, hash);
                continue;
            }
            Chain(bucket, hash, index);
            CountOf(segment)++;
            break;
        }
        Volatile.Write(ref _count, _count + 1);
    }

    /// <summary>Takes an entry out. The caller retires it.</summary>
    public void Remove(ulong hash, uint index)
    {
        byte* segment = SegmentOf(hash, out _);
        byte* bucket = BucketIn(segment, hash);
        int slot = SlotOf(ref bucket, hash, index);
        Volatile.Write(ref SignatureAt(bucket, slot), 0);
        CountOf(segment)--;
        Volatile.Write(ref _count, _count - 1);
    }

    /// <summary>Puts one entry in another's place in a single store. Both have the same key.</summary>
    public void Replace(ulong hash, uint index, uint replacement)
    {
        byte* bucket = BucketIn(SegmentOf(hash, out _), hash);
        int slot = SlotOf(ref bucket, hash, index);
        Volatile.Write(ref IndexAt(bucket, slot), replacement);
    }

    /// <summary>Retires all memory of the index; no reader can find it any more.</summary>
    public void Retire()
    {
        FlowDirectory* directory = (FlowDirectory*)_directory;
        byte* previous = null;
        for (ulong i = 0; i < 1UL << directory->Depth; i++)
        {
            // The slots of one segment are neighbours.
            byte* segment = SegmentAt(directory, i);
            if (segment != previous)
            {
                RetireSegment(segment);
                previous = segment;
            }
        }
        _memory.RetireDirectory(directory);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* SegmentAt(FlowDirectory* directory, ulong slot) => (byte*)Slot(directory, slot);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref nint Slot(FlowDirectory* directory, ulong slot) =>
        ref ((nint*)((byte*)directory + FlowDirectory.Size))[slot];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* BucketIn(byte* segment, ulong hash) =>
        segment + HeaderSize + ((hash & (BucketsPerSegment - 1)) * BucketSize);

    // Bits 9 to 23: the bucket number uses the lowest five bits, the directory the upper ones (up to 2^40 segments). Never 0.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort SignatureOf(ulong hash) => (ushort)((hash >> 8) | 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint FittingSlots(byte* bucket, ushort signature) =>
        Vector128.Equals(Vector128.Load((ushort*)bucket), Vector128.Create(signature)).ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref uint IndexAt(byte* bucket, int slot) => ref ((uint*)(bucket + 16))[slot];

    private static ref ushort SignatureAt(byte* bucket, int slot) => ref ((ushort*)bucket)[slot];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref nint OverflowOf(byte* bucket) => ref *(nint*)(bucket + 48);

    // The header line holds the segment's depth and how many entries it has.
    private static ref int DepthOf(byte* segment) => ref ((int*)segment)[0];

    private static ref int CountOf(byte* segment) => ref ((int*)segment)[1];

    private ulong HashOf(uint index) => _hashOf == null ? _records[index].Hash : _hashOf(index);

    private byte* SegmentOf(ulong hash, out FlowDirectory* directory)
    {
        directory = (FlowDirectory*)_directory;
        return SegmentAt(directory, hash >> directory->Shift);
    }

    private static bool TryPut(byte* bucket, ulong hash, uint index)
    {
        for (; bucket != null; bucket = (byte*)OverflowOf(bucket))
        {
            uint free = FittingSlots(bucket, 0);
            if (free != 0)
            {
                int slot = BitOperations.TrailingZeroCount(free);
                Volatile.Write(ref IndexAt(bucket, slot), index);
                Volatile.Write(ref SignatureAt(bucket, slot), SignatureOf(hash));
                return true;
            }
        }
        return false;
    }

    private void Chain(byte* bucket, ulong hash, uint index)
    {
        while (OverflowOf(bucket) != 0)
        {
            bucket = (byte*)OverflowOf(bucket);
        }
        byte* overflow = _memory.RentBucket();
        bool put = TryPut(overflow, hash, index);
        Debug.Assert(put, "a fresh bucket has room");
        Volatile.Write(ref OverflowOf(bucket), (nint)overflow);
    }

    /// <summary>Finds the slot of an entry that is in the table; moves <paramref name="bucket"/> along its chain.</summary>
    private static int SlotOf(ref byte* bucket, ulong hash, uint index)
    {
        ushort signature = SignatureOf(hash);
        while (true)
        {
            for (uint fitting = FittingSlots(bucket, signature); fitting != 0; fitting &= fitting - 1)
            {
                int slot = BitOperations.TrailingZeroCount(fitting);
                if (IndexAt(bucket, slot) == index)
                {
                    return slot;
                }
            }
            Debug.Assert(OverflowOf(bucket) != 0, "the entry is in the table");
            bucket = (byte*)OverflowOf(bucket);
        }
    }

    private void Split(FlowDirectory* directory, byte* segment, ulong hash)
    {
        int depth = DepthOf(segment) + 1;
        if (depth > directory->Depth)
        {
            directory = Double(directory);
        }
        byte* low = _memory.RentSegment();
        byte* high = _memory.RentSegment();
        DepthOf(low) = depth;
        DepthOf(high) = depth;
        for (int b = 0; b < BucketsPerSegment; b++)
        {
            for (byte* bucket = segment + HeaderSize + (b * BucketSize); bucket != null; bucket = (byte*)OverflowOf(bucket))
            {
                for (uint used = ~FittingSlots(bucket, 0) & 0xff; used != 0; used &= used - 1)
                {
                    uint index = IndexAt(bucket, BitOperations.TrailingZeroCount(used));
                    ulong entryHash = HashOf(index);
                    byte* half = (entryHash >> (64 - depth) & 1) == 0 ? low : high;
                    byte* target = BucketIn(half, entryHash);
                    if (!TryPut(target, entryHash, index))
                    {
                        Chain(target, entryHash, index);
                    }
                    CountOf(half)++;
                }
            }
        }
        Publish(directory, depth, hash, low, high);
        RetireSegment(segment);
    }

    /// <summary>Points the directory slots of the old segment to its two halves. Before and after its store each slot leads readers to the entry.</summary>
    private static void Publish(FlowDirectory* directory, int depth, ulong hash, byte* low, byte* high)
    {
        int slotBits = directory->Depth - depth;
        ulong prefix = (hash >> (64 - depth)) & ~1UL;
        ulong first = prefix << slotBits;
        ulong half = 1UL << slotBits;
        for (ulong i = 0; i < half; i++)
        {
            Volatile.Write(ref Slot(directory, first + i), (nint)low);
            Volatile.Write(ref Slot(directory, first + half + i), (nint)high);
        }
    }

    private FlowDirectory* Double(FlowDirectory* directory)
    {
        FlowDirectory* doubled = _memory.RentDirectory(directory->Depth + 1);
        for (ulong i = 0; i < 1UL << doubled->Depth; i++)
        {
            Slot(doubled, i) = Slot(directory, i >> 1);
        }
        Volatile.Write(ref _directory, (nint)doubled);
        _memory.RetireDirectory(directory);
        return doubled;
    }

    private static void AddAll(byte* segment, List<uint> all)
    {
        for (int b = 0; b < BucketsPerSegment; b++)
        {
            for (byte* bucket = segment + HeaderSize + (b * BucketSize); bucket != null; bucket = (byte*)OverflowOf(bucket))
            {
                for (uint used = ~FittingSlots(bucket, 0) & 0xff; used != 0; used &= used - 1)
                {
                    all.Add(CandidateAt(bucket, used));
                }
            }
        }
    }

    private void RetireSegment(byte* segment)
    {
        for (int b = 0; b < BucketsPerSegment; b++)
        {
            byte* overflow = (byte*)OverflowOf(segment + HeaderSize + (b * BucketSize));
            while (overflow != null)
            {
                byte* next = (byte*)OverflowOf(overflow);
                _memory.RetireBucket(overflow);
                overflow = next;
            }
        }
        _memory.RetireSegment(segment);
    }
}
