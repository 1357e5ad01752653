using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tables;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Tables;

/// <summary>Table 1 with more masks than it makes subtables for: what it finds in bit vectors against all entries one by one.</summary>
[Trait("HardwarePaths", "BitVectorSearch")]
[Trait("HardwarePaths", "BitVectorTable")]
public sealed unsafe class BitVectorTests : IDisposable
{
    private const int Capacity = 50_000;

    private readonly GracePeriod _grace = new(1);
    private readonly FlowStore _store = new(Capacity, 1);
    private readonly FlowTable _table;
    private readonly BatchClassifier _classifier;
    private readonly List<uint> _entries = [];
    private ulong _sequence;

    public BitVectorTests()
    {
        _table = new FlowTable(_store, _grace, FlowHash.Create(1, 2, 3, 4), mostSubtables: 3);
        _classifier = new BatchClassifier(_table, cacheCapacity: 256);
    }

    public void Dispose()
    {
        _classifier.Dispose();
        _table.Dispose();
        _store.Dispose();
        _grace.Dispose();
    }

    [Theory]
    [InlineData(1, 4)]
    [InlineData(2, 1)]
    [InlineData(3, ushort.MaxValue)]
    public void Whatever_comes_and_goes_each_packet_finds_the_best_entry(int seed, int priorities)
    {
        RandomMatches random = new(seed);
        int most = 0;
        for (int step = 0; step < 9_000; step++)
        {
            bool growing = step / 1500 % 3 != 2;
            if (_entries.Count == 0 || random.Random.Next(8) < (growing ? 7 : 1))
            {
                AddOrReplace(random, (ushort)random.Random.Next(priorities));
            }
            else
            {
                Remove(random.Random.Next(_entries.Count));
            }
            if (step % 250 == 0)
            {
                most = Math.Max(most, _table.Wildcard.GranuleCount);
                Compare(random, $"seed {seed}, step {step}");
            }
        }
        Assert.True(most > 2, $"granules are split: {most}");
        while (_entries.Count > 0)
        {
            Remove(_entries.Count - 1);
            if (_entries.Count % 500 == 0)
            {
                Compare(random, $"seed {seed}, {_entries.Count} left");
            }
        }
        Assert.Equal((0, 0, 0), (_table.Wildcard.SubtableCount, _table.Wildcard.GranuleCount, _table.Wildcard.MaskCount));
    }

    [Fact]
    public void What_came_when_subtables_were_taken_moves_to_them_when_they_are_free()
    {
        RandomMatches random = new(9);
        for (int i = 0; i < 2000; i++)
        {
            AddOrReplace(random, 1);
        }
        int junk = _entries.Count;
        for (uint i = 0; i < 1000; i++)
        {
            Add(new FlowKey { NwDst = Be32.FromHost(i << 8) }, new FlowKey { NwDst = Be32.FromHost(0xffff_ff00) }, 7);
        }
        Assert.NotEqual(0, _table.Wildcard.GranuleCount);
        while (junk > 0)
        {
            Remove(--junk);
        }
        _table.Wildcard.Settle(1000);
        Assert.Equal((1000, 1, 0), (_table.Wildcard.Count, _table.Wildcard.SubtableCount, _table.Wildcard.GranuleCount));
    }

    [Fact]
    public void Entries_of_rising_priorities_fill_granules_as_others_do()
    {
        RandomMatches random = new(11);
        for (ushort priority = 1; priority <= 8; priority++)
        {
            for (int n = 0; n < 1000; n++)
            {
                AddOrReplace(random, priority);
            }
        }
        Assert.InRange(_table.Wildcard.GranuleCount, 1, 1 + (2 * _entries.Count / (BitVectorTable.PerGranule / 2)));
        Compare(random, "rising priorities");
    }

    [Fact]
    public void A_change_that_has_to_make_room_is_not_complete_before_its_entry_is_there()
    {
        using BitVectorMemory memory = new(_grace);
        using ChangeJournal changes = new();
        FlowKey* masks = stackalloc FlowKey[BitVectorTable.PerGranule + 3];
        BitVectorTable table = new(memory, _store, masks, 1);
        for (int n = 0; n <= BitVectorTable.PerGranule; n++)
        {
            // The last one belongs into the middle of a full granule.
            ushort priority = (ushort)(n < BitVectorTable.PerGranule ? 1 + (2 * n) : BitVectorTable.PerGranule);
            uint index = Allocate(new FlowKey { InPort = (ushort)n }, priority);
            masks[index] = new FlowKey { InPort = ushort.MaxValue };
            changes.Begin(default, default);
            Assert.True(table.Insert(index, changes) >= 0);
            Assert.True(changes.Completed < changes.Begun, "who begins to look now does not see all");
            changes.Complete();
        }
        Assert.Equal(2, table.Ordered.Length);
        table.Dispose();
    }

    private void AddOrReplace(RandomMatches random, ushort priority)
    {
        FlowMatch match = random.NextMatch();
        match.Wildcards |= FlowWildcards.InPort; // never exact, and half as many masks
        MatchNormalizer.Normalize(match, out FlowKey key, out FlowKey mask);
        uint known = _table.Wildcard.FindStrict(key, mask, priority);
        uint expected = _entries.Find(e => _store.Records[e].Priority == priority && FlowKey.Equals(_store.Entries[e].Key, key) && FlowKey.Equals(_table.Wildcard.MaskOf(e), mask));
        Assert.Equal(expected, known);
        if (known == 0)
        {
            Add(key, mask, priority);
            return;
        }
        uint index = Allocate(key, priority);
        _store.Records[index].Sequence = _store.Records[known].Sequence;
        _table.Wildcard.Replace(known, index);
        _entries[_entries.IndexOf(known)] = index;
        Free(known);
    }

    private void Add(in FlowKey key, in FlowKey mask, ushort priority)
    {
        uint index = Allocate(key, priority);
        _table.Wildcard.Insert(index, mask);
        _entries.Add(index);
    }

    private uint Allocate(in FlowKey key, ushort priority)
    {
        Assert.True(_store.TryAllocate(out uint index));
        _store.Entries[index].Key = key;
        _store.Entries[index].Priority = priority;
        _store.Records[index].Priority = priority;
        _store.Records[index].Sequence = ++_sequence;
        return index;
    }

    private void Remove(int at)
    {
        uint index = _entries[at];
        _entries[at] = _entries[^1];
        _entries.RemoveAt(_entries.Count - 1);
        _table.Wildcard.Remove(index);
        Free(index);
    }

    private void Free(uint index)
    {
        _store.Free(index); // no worker is at work
        _grace.Poll();
    }

    private void Compare(RandomMatches random, string where)
    {
        FlowKey* keys = stackalloc FlowKey[PacketBatch.Capacity];
        uint* found = stackalloc uint[PacketBatch.Capacity];
        ushort inPort = (ushort)random.Random.Next(1, 4);
        for (int i = 0; i < PacketBatch.Capacity; i++)
        {
            FlowKeyParser.Parse(random.NextFrame(), inPort, out keys[i], out _);
        }
        int count = random.Random.Next(1, PacketBatch.Capacity + 1);
        _classifier.Classify(keys, found, count);
        for (int i = 0; i < count; i++)
        {
            FlowKey key = keys[i];
            List<uint> matching = _entries.FindAll(e => FlowKey.Matches(key, _store.Entries[e].Key, _table.Wildcard.MaskOf(e)));
            matching.Sort((a, b) => (_store.Records[b].Priority, _store.Records[a].Sequence).CompareTo((_store.Records[a].Priority, _store.Records[b].Sequence)));
            Assert.True((matching.Count == 0 ? 0 : matching[0]) == found[i], $"{where}: {key}");
            if (i == 0)
            {
                Assert.Equal(matching.Take(5), _table.Wildcard.FindAll(key, 5, out int all));
                Assert.Equal(matching.Count, all);
            }
        }
    }
}
