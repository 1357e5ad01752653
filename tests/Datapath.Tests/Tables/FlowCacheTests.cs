using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Tables;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Tables;

[Trait("HardwarePaths", "FlowCache")]
public sealed unsafe class FlowCacheTests : IDisposable
{
    private static FlowKey Any => default;

    private readonly FlowHash _hash = FlowHash.Create(1, 2, 3, 4);
    private readonly ChangeJournal _journal = new();
    private readonly FlowCache _cache = new(64);

    public void Dispose()
    {
        _journal.Dispose();
        _cache.Dispose();
    }

    [Fact]
    public void What_was_found_is_known_until_a_change_concerns_the_packet()
    {
        FlowKey mine = KeyOf(1);
        Keep(mine, 5);
        Assert.Equal(5u, Find(mine));

        Change(KeyOf(2), FlowKey.AllOnes);
        Assert.Equal(5u, Find(mine));
        Change(mine, FlowKey.AllOnes);
        Assert.Null(Find(mine));

        Keep(mine, 6);
        Change(Any, Any); // a match for every packet
        Assert.Null(Find(mine));
    }

    [Fact]
    public void That_there_is_no_entry_is_known_too()
    {
        Keep(KeyOf(1), 0);
        Assert.Equal(0u, Find(KeyOf(1)));
        Assert.Null(Find(KeyOf(2)));
        Assert.Null(Find(Any));
    }

    [Theory]
    [InlineData(ChangeJournal.Window, true)]
    [InlineData(ChangeJournal.Window + 1, false)]
    [InlineData(1000, false)]
    public void After_more_changes_than_the_journal_holds_nothing_is_known(int changes, bool known)
    {
        Keep(KeyOf(1), 5);
        for (int i = 0; i < changes; i++)
        {
            Change(KeyOf(2), FlowKey.AllOnes);
        }
        Assert.Equal(known ? 5u : null, Find(KeyOf(1)));
    }

    [Fact]
    public void A_packet_that_comes_often_enough_stays_known_through_any_number_of_changes()
    {
        Keep(KeyOf(1), 5);
        for (int i = 0; i < 1000; i++)
        {
            Change(KeyOf(2), FlowKey.AllOnes);
            Assert.Equal(5u, Find(KeyOf(1)));
        }
    }

    [Fact]
    public void A_search_during_a_change_does_not_count_as_after_it()
    {
        FlowKey mine = KeyOf(1);
        _journal.Begin(mine, FlowKey.AllOnes);
        Keep(mine, 5); // found before the change showed
        _journal.Complete();
        Assert.Null(Find(mine));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(ChangeJournal.Window)]
    [InlineData(ChangeJournal.Window + 1)]
    [InlineData(1000)]
    public void A_reader_held_up_while_looking_back_is_not_deceived_by_records_overwritten_meanwhile(int changesMeanwhile)
    {
        FlowKey mine = KeyOf(1);
        long after = _journal.Begun;
        Change(mine, FlowKey.AllOnes);
        for (int i = 1; i < ChangeJournal.Window; i++)
        {
            Change(KeyOf(2), FlowKey.AllOnes);
        }
        long upTo = _journal.Begun;
        for (int i = 0; i < changesMeanwhile; i++)
        {
            Change(KeyOf(2), FlowKey.AllOnes);
        }
        Assert.True(_journal.MayHaveChanged(mine, after, upTo));
    }

    [Fact]
    public void A_change_waits_for_readers_that_hold_it_up()
    {
        long before = _journal.Begun;
        _journal.Hold();
        _journal.Hold();
        Thread control = new(() => Change(KeyOf(1), FlowKey.AllOnes)) { IsBackground = true };
        control.Start();
        Thread.Yield();
        _journal.LetGo();
        Assert.Equal(before, _journal.Begun);
        _journal.LetGo();
        Eventually.Ended(control);
        Assert.Equal(before + 1, _journal.Completed);
    }

    [Fact]
    public void New_flows_push_old_ones_out_and_none_is_mistaken_for_another()
    {
        for (uint i = 1; i <= 10_000; i++)
        {
            Keep(KeyOf(i), i);
            Assert.Equal(i, Find(KeyOf(i)));
        }
        int left = 0;
        for (uint i = 1; i <= 10_000; i++)
        {
            uint? found = Find(KeyOf(i));
            left += found == null ? 0 : 1;
            Assert.True(found is null || found == i);
        }
        Assert.InRange(left, 32, 64);
    }

    [Fact]
    public void A_train_of_packets_of_one_new_flow_takes_one_place()
    {
        using FlowCache set = new(8);
        for (uint i = 1; i <= 8; i++)
        {
            ulong hash = _hash.Compute(KeyOf(i));
            // As in one batch: all are looked for before any is kept.
            Assert.False(FlowCache.TryFind(set.CandidateFor(hash), KeyOf(i), _journal, _journal.Begun, out _));
            Assert.False(FlowCache.TryFind(set.CandidateFor(hash), KeyOf(i), _journal, _journal.Begun, out _));
            set.Keep(hash, KeyOf(i), i, _journal.Completed);
            set.Keep(hash, KeyOf(i), i, _journal.Completed);
        }
        for (uint i = 1; i <= 8; i++)
        {
            Assert.True(FlowCache.TryFind(set.CandidateFor(_hash.Compute(KeyOf(i))), KeyOf(i), _journal, _journal.Begun, out uint index), $"flow {i} is known");
            Assert.Equal(i, index);
        }
    }

    [Fact]
    public void Traffic_of_ever_new_flows_goes_without_and_what_comes_again_is_looked_for_again()
    {
        for (uint i = 0; i < 100; i++)
        {
            _cache.NoteUse(32, 0);
            Keep(KeyOf(i), i);
        }
        Assert.Equal(25, Enumerable.Range(0, 800).Count(_ => _cache.IsWorthwhile()));

        for (int i = 0; i < 100; i++)
        {
            _cache.NoteUse(32, 16);
        }
        Assert.Equal(800, Enumerable.Range(0, 800).Count(_ => _cache.IsWorthwhile()));
    }

    [Fact]
    public void It_begins_small_and_grows_as_far_as_flows_push_each_other_out()
    {
        using FlowCache cache = new(1 << 14);
        int first = cache.Capacity;
        Assert.InRange(first, 1, 1 << 12);
        for (uint i = 0; i < 100_000; i++)
        {
            Use(i % 100);
        }
        Assert.Equal(first, cache.Capacity);
        for (uint i = 0; i < 100_000; i++)
        {
            Use(i % 5000);
        }
        Assert.Equal(1 << 14, cache.Capacity);
        Assert.True(Enumerable.Range(0, 5000).Count(i => IsKnown((uint)i)) > 4900);

        void Use(uint flow)
        {
            bool isKnown = IsKnown(flow);
            cache.NoteUse(1, isKnown ? 1 : 0);
            if (!isKnown)
            {
                cache.Keep(_hash.Compute(KeyOf(flow)), KeyOf(flow), flow, _journal.Completed);
            }
        }

        bool IsKnown(uint flow)
        {
            bool isKnown = FlowCache.TryFind(cache.CandidateFor(_hash.Compute(KeyOf(flow))), KeyOf(flow), _journal, _journal.Begun, out uint index);
            Assert.True(!isKnown || index == flow);
            return isKnown;
        }
    }

    private static FlowKey KeyOf(uint address) => new() { InPort = 1, NwDst = new(address) };

    private void Change(in FlowKey key, in FlowKey mask)
    {
        _journal.Begin(key, mask);
        _journal.Complete();
    }

    private void Keep(in FlowKey key, uint index)
    {
        ulong hash = _hash.Compute(key);
        _cache.Keep(hash, key, index, _journal.Completed);
    }

    private uint? Find(in FlowKey key) =>
        FlowCache.TryFind(_cache.CandidateFor(_hash.Compute(key)), key, _journal, _journal.Begun, out uint index) ? index : null;
}
