using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Tests.Tables;

/// <summary>The filter in front of the subtables may let through too much, never too little.</summary>
public sealed unsafe class SubtableFilterTests : IDisposable
{
    private const int Capacity = 20_000;
    private const int Subtables = 70; // more than there are bits

    private readonly GracePeriod _grace = new(1);
    private readonly FlowStore _store = new(Capacity, 1);
    private readonly NativeArray<FlowKey> _masks = new(Capacity + 1);
    private readonly FlowHash _hash = FlowHash.Create(0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89);
    private readonly FlowIndexMemory _memory;
    private readonly SubtableFilter _filter;
    private readonly List<Subtable?> _subtables = [];
    private readonly List<(uint Entry, int Subtable)> _entries = [];

    public SubtableFilterTests()
    {
        _memory = new FlowIndexMemory(_grace);
        _filter = new SubtableFilter(_store, _hash, _masks.Start);
        for (int id = 0; id < Subtables; id++)
        {
            _subtables.Add(new Subtable(FlowKey.AllOnes, id, _memory, _store, _hash));
        }
    }

    public void Dispose()
    {
        _filter.Dispose();
        _masks.Dispose();
        _memory.Dispose();
        _store.Dispose();
        _grace.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Whatever_comes_and_goes_each_entry_is_let_through_for_its_packets(int seed)
    {
        Random random = new(seed);
        for (int step = 0; step < 20_000; step++)
        {
            bool growing = step / 2500 % 2 == 0;
            if (_entries.Count == 0 || random.Next(5) < (growing ? 4 : 1))
            {
                Add(random, random.Next(Subtables));
            }
            else
            {
                Remove(random.Next(_entries.Count));
            }
            if (step % 500 == 0)
            {
                AssertNoneIsHidden(random);
            }
        }
        AssertNoneIsHidden(random);
    }

    [Fact]
    public void Other_networks_and_services_are_kept_out()
    {
        FlowKey mask = new() { NwSrc = Be32.FromHost(0xffff0000), NwDst = Be32.FromHost(0xffffff00), NwProto = 0xff, TpDst = Be16.FromHost(ushort.MaxValue) };
        FlowKey key = new() { NwSrc = Be32.FromHost(0x0a010000), NwDst = Be32.FromHost(0x0a020300), NwProto = 6, TpDst = Be16.FromHost(80) };
        Add(key, mask, 3);
        Assert.Equal(1u << 3, _filter.Candidates(key with { NwSrc = Be32.FromHost(0x0a01ffff), NwDst = Be32.FromHost(0x0a020304), TpSrc = Be16.FromHost(9) }));
        Assert.Equal(0u, _filter.Candidates(key with { NwSrc = Be32.FromHost(0x0a090000) }));
        Assert.Equal(0u, _filter.Candidates(key with { NwDst = Be32.FromHost(0x0b020300) }));
        Assert.Equal(0u, _filter.Candidates(key with { NwDst = Be32.FromHost(0x0a020400) }));
        Assert.Equal(0u, _filter.Candidates(key with { TpDst = Be16.FromHost(81) }));
        Assert.Equal(0u, _filter.Candidates(key with { NwProto = 17 }));
        Add(key with { TpSrc = Be16.FromHost(7) }, mask with { NwSrc = Be32.FromHost(0xffffff00), TpSrc = Be16.FromHost(ushort.MaxValue) }, 4);
        Assert.Equal((1u << 3) | (1u << 4), _filter.Candidates(key with { TpSrc = Be16.FromHost(7) }));
        Assert.Equal(1u << 3, _filter.Candidates(key with { TpSrc = Be16.FromHost(8) }));
        Assert.Equal(1u << 3, _filter.Candidates(key with { NwSrc = Be32.FromHost(0x0a010900), TpSrc = Be16.FromHost(7) }));
    }

    [Fact]
    public void A_network_that_is_there_with_another_one_only_is_kept_out()
    {
        FlowKey mask = new() { NwSrc = Be32.FromHost(0xffffff00), NwDst = Be32.FromHost(0xffffff00) };
        FlowKey key = new() { NwSrc = Be32.FromHost(0x0a010100), NwDst = Be32.FromHost(0x0a020200) };
        FlowKey another = new() { NwSrc = Be32.FromHost(0x0a030300), NwDst = Be32.FromHost(0x0a040400) };
        Add(key, mask, 3);
        Add(another, mask, 3);
        Assert.Equal(1u << 3, _filter.Candidates(another));
        Assert.Equal(0u, _filter.Candidates(key with { NwDst = another.NwDst }));
    }

    [Fact]
    public void What_left_lets_packets_through_for_a_bounded_number_of_removals()
    {
        Random random = new(3);
        Add(random, 6);
        FlowKey[] keys = [.. Enumerable.Range(0, 1000).Select(_ => Add(random, 5))];
        while (_entries.Count > 1)
        {
            Remove(1);
        }
        for (int i = 0; i < 256; i++)
        {
            Add(default, FlowKey.AllOnes, 5);
            Remove(1);
        }
        Assert.All(keys, key => Assert.Equal(0u, _filter.Candidates(key) & SubtableFilter.BitOf(5)));
        AssertNoneIsHidden(random);
    }

    [Fact]
    public void What_a_subtable_lets_through_stays_while_it_may_be_searched_by_an_older_plan()
    {
        Random random = new(4);
        FlowKey mask = new() { NwSrc = Be32.FromHost(uint.MaxValue) };
        FlowKey key = new() { NwSrc = Be32.FromHost(0x0a000001) };
        Add(key, mask, 5);
        for (int i = 0; i < 300; i++)
        {
            Add(random, 5);
        }
        _grace.EnterPass(0);
        _subtables[5] = new Subtable(FlowKey.AllOnes, 5, _memory, _store, _hash);
        _filter.Retire(5, _entries.Count, _grace);
        _entries.Clear();
        ComeAndGo();
        Assert.NotEqual(0u, _filter.Candidates(key) & SubtableFilter.BitOf(5));
        _grace.LeavePass(0);
        _grace.Poll();
        ComeAndGo();
        Assert.Equal(0u, _filter.Candidates(key) & SubtableFilter.BitOf(5));

        void ComeAndGo()
        {
            Add(key with { NwSrc = Be32.FromHost(0x0b000001) }, mask, 5);
            Remove(0);
        }
    }

    private FlowKey Add(Random random, int subtable)
    {
        FlowKey mask = new()
        {
            NwSrc = Be32.FromHost(uint.MaxValue << random.Next(32)),
            NwDst = Be32.FromHost(uint.MaxValue << random.Next(32)),
            NwProto = (byte)(random.Next(2) == 0 ? 0 : 0xff),
            TpSrc = Be16.FromHost((ushort)(random.Next(3) > 0 ? 0 : ushort.MaxValue)),
            TpDst = Be16.FromHost((ushort)(random.Next(3) == 0 ? 0 : random.Next(4) == 0 ? 0xfff0 : ushort.MaxValue)),
        };
        FlowKey key = FlowKey.And(RandomKey(random), mask);
        Add(key, mask, subtable);
        return key;
    }

    private void Add(in FlowKey key, in FlowKey mask, int subtable)
    {
        Assert.True(_store.TryAllocate(out uint entry));
        _store.Entries[entry].Key = key;
        _masks.Start[entry] = mask;
        _store.Records[entry].Hash = _hash.Compute(key);
        _filter.Add(key, mask, subtable);
        _subtables[subtable]!.Index.Insert(_hash.Compute(key), entry);
        _entries.Add((entry, subtable));
    }

    private void Remove(int position)
    {
        (uint entry, int subtable) = _entries[position];
        _entries[position] = _entries[^1];
        _entries.RemoveAt(_entries.Count - 1);
        _subtables[subtable]!.Index.Remove(_store.Records[entry].Hash, entry);
        _filter.NoteRemoval(subtable, _subtables);
        _store.Free(entry);
    }

    private void AssertNoneIsHidden(Random random)
    {
        foreach ((uint entry, int subtable) in _entries)
        {
            FlowKey packet = RandomKey(random);
            FlowKey mask = _masks.Start[entry];
            packet.AsVector() = (packet.AsVector() & ~mask.AsVector()) | _store.Entries[entry].Key.AsVector();
            Assert.NotEqual(0u, _filter.Candidates(packet) & SubtableFilter.BitOf(subtable));
        }
    }

    private static FlowKey RandomKey(Random random) => new()
    {
        NwSrc = Be32.FromHost((uint)random.NextInt64()),
        NwDst = Be32.FromHost((uint)random.NextInt64()),
        NwProto = (byte)random.Next(3),
        TpSrc = Be16.FromHost((ushort)random.Next(65536)),
        TpDst = Be16.FromHost((ushort)random.Next(65536)),
    };
}
