using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tables;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Tables;

/// <summary>Table 1 with more masks than it makes subtables for: what it finds in bit vectors against all entries one by one.</summary>
[Trait("HardwarePaths", "BitVectorSearch")]
[Trait("HardwarePaths", "BitVectorColumns")]
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
        _table.Wildcard.Rearrange(1000);
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
    public void A_look_up_by_an_older_plan_finds_every_entry_while_subtables_go_and_come()
    {
        Random random = new(13);
        _grace.EnterPass(0);
        for (uint n = 0; n < 300; n++)
        {
            Add(new FlowKey { NwDst = Be32.FromHost(n << 8) }, new FlowKey { NwDst = Be32.FromHost(0xffff_ff00) }, (ushort)(1 + (n % 7)));
        }
        for (ushort n = 0; n < 20; n++)
        {
            Add(new FlowKey { TpDst = Be16.FromHost(n) }, new FlowKey { TpDst = Be16.FromHost(ushort.MaxValue) }, (ushort)(1 + (n % 7)));
        }
        List<SearchPlan> plans = [_table.Wildcard.Search.Plan];
        Assert.Equal((2, null), (plans[0].Subtables.Length, plans[0].Vectors));

        // None of the packets matches these. With them there are more masks than subtables.
        int stay = _entries.Count;
        for (int n = 0; n < 5; n++)
        {
            Add(new FlowKey { DlSrc = new(0x0600_0000_0000) }, new FlowKey { DlSrc = new(0xff00_0000_0000 | (1UL << n)) }, 9);
            Rearrange();
        }
        Assert.Empty(plans[^1].Subtables);
        while (_entries.Count > stay)
        {
            Remove(stay, frees: false);
        }
        Rearrange();
        Assert.Equal((2, null), (plans[^1].Subtables.Length, plans[^1].Vectors));
        Assert.True(plans.Count >= 6, $"{plans.Count} plans");

        foreach (SearchPlan plan in plans)
        {
            _table.Wildcard.Search.Plan = plan;
            Compare([.. _entries.Take(stay).Select(PacketOf)], $"{plan.Subtables.Length} subtables, bit vectors: {plan.Vectors != null}");
        }
        _table.Wildcard.Search.Plan = plans[^1];
        _grace.LeavePass(0);

        void Rearrange()
        {
            bool goesOn;
            do
            {
                goesOn = _table.Wildcard.Rearrange(1);
                plans.AddRange(plans[^1] == _table.Wildcard.Search.Plan ? [] : [_table.Wildcard.Search.Plan]);
                _grace.Poll();
            }
            while (goesOn);
        }

        FlowKey PacketOf(uint index)
        {
            FlowKey any = new() { NwDst = Be32.FromHost((uint)random.Next(300 << 8)), TpDst = Be16.FromHost((ushort)random.Next(30)) };
            FlowKey mask = _table.Wildcard.MaskOf(index);
            any.AsVector() = (any.AsVector() & ~mask.AsVector()) | _store.Entries[index].Key.AsVector();
            return any;
        }
    }

    [Fact]
    public void A_granule_that_is_split_or_merged_stays_as_it_was_until_no_worker_can_be_at_it()
    {
        using BitVectorMemory memory = new(_grace);
        using NativeArray<FlowKey> masks = new(Capacity + 1);
        using NativeArray<int> places = new(Capacity + 1);
        BitVectorTable table = new(memory, _store, masks.Start, places.Start, firstPlace: 1, secret: 1);
        Dictionary<int, uint[]> gone = [];
        _grace.EnterPass(0);
        int most = 0;
        for (int n = 0; n < 3 * BitVectorTable.PerGranule; n++)
        {
            // Each in the middle of those before it.
            uint index = Allocate(new FlowKey { InPort = (ushort)n }, (ushort)(n % 2 == 0 ? 10_000 + n : 60_000 - n));
            masks.Start[index] = new FlowKey { InPort = ushort.MaxValue };
            _entries.Add(index);
            Change(() => Assert.True(table.TryInsert(index)));
            most = Math.Max(most, table.Ordered.Length);
        }
        Assert.True(most > 3, $"{most} granules");
        while (_entries.Count > 100)
        {
            uint index = _entries[^1];
            _entries.RemoveAt(_entries.Count - 1);
            Change(() => table.Remove(index));
        }
        Assert.Single(table.Ordered);
        Assert.Equal(_entries.Order(), EntriesOf(table.Ordered[0].Id).Order());
        Assert.All(gone, granule => Assert.Equal(granule.Value, EntriesOf(granule.Key)));

        _grace.LeavePass(0);
        _grace.Poll();
        Assert.Equal(0, _grace.PendingCount);

        void Change(Action change)
        {
            RankedGranule[] before = table.Ordered;
            uint[][] entries = [.. before.Select(granule => EntriesOf(granule.Id))];
            change();
            for (int n = 0; n < before.Length; n++)
            {
                if (!table.Ordered.Any(granule => granule.Id == before[n].Id))
                {
                    gone.Add(before[n].Id, [.. entries[n].Where(index => places.Start[index] != 0)]); // without the one that was removed
                }
            }
            Assert.DoesNotContain(table.Ordered, granule => gone.ContainsKey(granule.Id));
            _grace.Poll();
        }

        uint[] EntriesOf(int granule)
        {
            List<uint> found = [];
            for (int position = granule * BitVectorTable.PerGranule; position < (granule + 1) * BitVectorTable.PerGranule; position++)
            {
                if (table.Columns.NextTaken(position) == position)
                {
                    found.Add(table.EntryAt[position]);
                }
            }
            return [.. found];
        }
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

    private void Remove(int at, bool frees = true)
    {
        uint index = _entries[at];
        _entries[at] = _entries[^1];
        _entries.RemoveAt(_entries.Count - 1);
        _table.Wildcard.Remove(index);
        if (frees)
        {
            Free(index);
        }
    }

    private void Free(uint index)
    {
        _store.Free(index); // no worker is at work
        _grace.Poll();
    }

    private void Compare(RandomMatches random, string where)
    {
        FlowKey[] keys = new FlowKey[random.Random.Next(1, PacketBatch.Capacity + 1)];
        ushort inPort = (ushort)random.Random.Next(1, 4);
        for (int i = 0; i < keys.Length; i++)
        {
            FlowKeyParser.Parse(random.NextFrame(), inPort, out keys[i], out _);
        }
        Compare(keys, where);
        List<uint> matching = MatchingOf(keys[0]);
        Assert.Equal(matching.Take(5), _table.Wildcard.FindAll(keys[0], 5, out int all));
        Assert.Equal(matching.Count, all);
    }

    private void Compare(FlowKey[] keys, string where)
    {
        foreach (FlowKey[] batch in keys.Chunk(PacketBatch.Capacity))
        {
            uint[] found = new uint[batch.Length];
            fixed (FlowKey* key = batch)
            {
                fixed (uint* entry = found)
                {
                    _classifier.Classify(key, entry, batch.Length);
                }
            }
            for (int i = 0; i < batch.Length; i++)
            {
                Assert.True(MatchingOf(batch[i]).FirstOrDefault() == found[i], $"{where}: {batch[i]}");
            }
        }
    }

    /// <summary>The entries that match a packet, best first.</summary>
    private List<uint> MatchingOf(FlowKey key)
    {
        List<uint> matching = _entries.FindAll(e => FlowKey.Matches(key, _store.Entries[e].Key, _table.Wildcard.MaskOf(e)));
        matching.Sort((a, b) => (_store.Records[b].Priority, _store.Records[a].Sequence).CompareTo((_store.Records[a].Priority, _store.Records[b].Sequence)));
        return matching;
    }
}
