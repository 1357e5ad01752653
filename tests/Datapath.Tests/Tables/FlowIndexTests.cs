using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Tests.Tables;

/// <summary>The extendible hash against a dictionary, with hashes good and bad.</summary>
[Trait("HardwarePaths", "FlowIndex")]
public sealed unsafe class FlowIndexTests : IDisposable
{
    private const int Capacity = 20_000;

    private readonly GracePeriod _grace = new(1);
    private readonly FlowStore _store = new(Capacity, 1);
    private readonly FlowIndexMemory _memory;
    private readonly FlowHash _hash = FlowHash.Create(0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89);

    public FlowIndexTests() => _memory = new FlowIndexMemory(_grace);

    public void Dispose()
    {
        _memory.Dispose();
        _store.Dispose();
        _grace.Dispose();
    }

    [Theory]
    [InlineData(ulong.MaxValue, 6001)]
    [InlineData(0xffff_ffff_ffff_ffe0, 6002)] // all in the first bucket of their segments
    [InlineData(0xffff_ffff_ff00_00ff, 6003)] // equal signatures
    [InlineData(0x0000_0000_00ff_ffff, 6004)] // equal upper bits: nothing to split by
    [InlineData(0x0000_0000_0000_0003, 6005)] // four hashes in all
    [InlineData(0, 6006)] // one
    public void Random_changes_agree_with_a_dictionary(ulong hashBits, int seed)
    {
        int keys = hashBits == ulong.MaxValue ? 8000 : 1500;
        Random random = new(seed);
        FlowIndex index = new(_memory, _store);
        Dictionary<uint, uint> expected = [];
        for (int step = 0; step < keys * 8; step++)
        {
            // Grows, then shrinks.
            bool growing = step < keys * 4;
            uint number = (uint)random.Next(keys);
            FlowKey key = Key(number);
            ulong hash = _hash.Compute(key) & hashBits;
            if (!expected.TryGetValue(number, out uint entry))
            {
                if (growing || random.Next(4) == 0)
                {
                    expected[number] = Allocate(key, hash);
                    index.Insert(hash, expected[number]);
                }
            }
            else if (random.Next(3) == 0)
            {
                expected[number] = Allocate(key, hash);
                index.Replace(hash, entry, expected[number]);
                _store.Free(entry);
            }
            else if (!growing || random.Next(4) == 0)
            {
                index.Remove(hash, entry);
                expected.Remove(number);
                _store.Free(entry);
            }
            uint probe = (uint)random.Next(keys);
            FlowKey probed = Key(probe);
            Assert.True(
                index.Find(_hash.Compute(probed) & hashBits, probed) == expected.GetValueOrDefault(probe), $"seed {seed}, step {step}, key {probe}");
            if (step % 500 == 0)
            {
                _grace.Poll();
            }
        }
        Assert.Equal(expected.Count, index.Count);
        foreach ((uint number, uint entry) in expected)
        {
            Assert.Equal(entry, index.Find(_hash.Compute(Key(number)) & hashBits, Key(number)));
        }
        index.Retire();
        _grace.Poll();
        Assert.Equal(0, _memory.RentedCount);
    }

    [Fact]
    public void Equal_hashes_cost_memory_by_their_number_and_no_more()
    {
        FlowIndex index = new(_memory, _store);
        for (uint i = 0; i < 2000; i++)
        {
            index.Insert(0x1234_5678_9abc_def0, Allocate(Key(i), 0x1234_5678_9abc_def0));
        }
        Assert.InRange(index.Depth, 1, 16);
        _grace.Poll();
        Assert.InRange(_memory.RentedCount, 1, 600);
        for (uint i = 0; i < 2000; i++)
        {
            Assert.NotEqual(0u, index.Find(0x1234_5678_9abc_def0, Key(i)));
        }
    }

    [Fact]
    public void Even_hashes_fill_segments_well()
    {
        FlowIndex index = new(_memory, _store);
        for (uint i = 0; i < 16_000; i++)
        {
            ulong hash = _hash.Compute(Key(i));
            index.Insert(hash, Allocate(Key(i), hash));
        }
        _grace.Poll();
        // 32 buckets of 8 slots, split when full by five eighths: at least a quarter used on average, and few overflow buckets.
        Assert.InRange(_memory.RentedCount, 16_000 / 256, 4 * 16_000 / 256);
    }

    [Fact]
    public void What_is_split_away_stays_readable_until_the_pass_ends()
    {
        FlowIndex index = new(_memory, _store);
        ulong first = _hash.Compute(Key(0));
        index.Insert(first, Allocate(Key(0), first));
        _grace.EnterPass(0);
        byte* bucket = index.BucketOf(first);
        for (uint i = 1; i < 10_000; i++)
        {
            ulong hash = _hash.Compute(Key(i));
            index.Insert(hash, Allocate(Key(i), hash));
            _grace.Poll();
        }
        Assert.NotEqual((nint)bucket, (nint)index.BucketOf(first));
        Assert.Equal(1u, index.Find(bucket, first, Key(0)));
        int before = _memory.RentedCount;
        _grace.LeavePass(0);
        _grace.Poll();
        Assert.InRange(_memory.RentedCount, 1, before - 1);
    }

    private static FlowKey Key(uint number)
    {
        FlowKey key = default;
        key.NwSrc = new(number);
        key.InPort = (ushort)(number % 3);
        return key;
    }

    private uint Allocate(in FlowKey key, ulong hash)
    {
        Assert.True(_store.TryAllocate(out uint index));
        _store.Entries[index].Key = key;
        _store.Records[index].Hash = hash;
        return index;
    }
}
