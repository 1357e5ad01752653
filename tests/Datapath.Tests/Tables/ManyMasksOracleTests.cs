using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tables;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Tables;

/// <summary>Tables of hundreds of masks, made to be slow to search, against the list.</summary>
[Trait("HardwarePaths", "WildcardSearch")]
public sealed class ManyMasksOracleTests : IDisposable
{
    private const int Entries = 700;

    private readonly TestSwitch _sut = new(ports: 0);
    private readonly TableOracle _oracle;
    private readonly BatchClassifier _uncached;

    public ManyMasksOracleTests()
    {
        _oracle = new TableOracle(_sut);
        _uncached = new BatchClassifier(_sut.Control.Table, cacheCapacity: 0);
    }

    public void Dispose()
    {
        _uncached.Dispose();
        _sut.Dispose();
    }

    public static TheoryData<string, int> Cases
    {
        get
        {
            TheoryData<string, int> cases = [];
            for (int seed = 1; seed <= 2; seed++)
            {
                foreach (NearMissStyle style in NearMissStyle.All)
                {
                    cases.Add(style.Name, seed);
                }
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_packet_finds_its_entry_while_the_table_grows_changes_and_shrinks(string style, int seed)
    {
        NearMisses misses = new(NearMissStyle.All.Single(known => known.Name == style), seed);
        using BatchClassifier cached = new(_sut.Control.Table, cacheCapacity: 128);
        (byte[] Frame, ushort InPort)[] known = [.. Enumerable.Range(0, 300).Select(_ => misses.NextFrame())];
        Random random = misses.Random;

        for (int step = 0; _oracle.Reference.Count < Entries; step++)
        {
            _oracle.Add(misses.NextMatch(), misses.NextPriority());
            Compare(step, every: 25, $"{style} {seed}, growing, {step}");
        }
        int masks = _oracle.Wildcard.MaskCount;
        for (int step = 0; step < 500; step++)
        {
            switch (random.Next(4))
            {
                case 0:
                    _oracle.ReplaceAny(random);
                    break;
                case 1:
                    _oracle.Add(misses.NextMatch(), misses.NextPriority());
                    break;
                default:
                    _oracle.DeleteAny(random);
                    _oracle.Add(misses.NextMatch(), misses.NextPriority());
                    break;
            }
            Compare(step, every: 25, $"{style} {seed}, changing, {step}");
        }
        for (int step = 0; _oracle.Reference.Count > 0; step++)
        {
            _oracle.DeleteAny(random);
            Compare(step, every: _oracle.Reference.Count > 40 ? 40 : 4, $"{style} {seed}, shrinking, {step}");
        }
        Assert.True(masks > 150, $"{masks} masks are not many");
        Assert.Equal((0, 0, 0), (_oracle.Wildcard.Count, _oracle.Wildcard.MaskCount, _oracle.Wildcard.SubtableCount));

        void Compare(int step, int every, string where)
        {
            if (step % every != 0)
            {
                return;
            }
            random.Shuffle(known);
            ushort inPort = known[0].InPort;
            byte[][] frames = [.. known.Select(packet => packet.Frame)];
            _oracle.CompareBatch(_uncached, frames[..random.Next(1, PacketBatch.Capacity + 1)], inPort, where);
            _oracle.CompareBatch(cached, frames, inPort, where);
            _oracle.CompareAll(frames[0], inPort, random.Next(1, 20), where);
            if (step % (8 * every) == 0)
            {
                _oracle.CompareEntries(where);
            }
        }
    }

    [Fact]
    public void Entries_of_one_priority_are_found_by_age_also_when_they_are_replaced_and_come_back()
    {
        NearMisses misses = new(NearMissStyle.All.Single(style => style.Name == "matching"), 3);
        (byte[] Frame, ushort InPort)[] known = [.. Enumerable.Range(0, 60).Select(_ => misses.NextFrame())];
        for (int step = 0; step < 1200; step++)
        {
            if (step < 400 || misses.Random.Next(3) == 0)
            {
                _oracle.Add(misses.NextMatch(), 7);
            }
            else if (misses.Random.Next(2) == 0)
            {
                _oracle.ReplaceAny(misses.Random);
            }
            else
            {
                // Deleted and added again: now it is the youngest.
                ReferenceTable.Entry entry = _oracle.Reference.Entries[misses.Random.Next(_oracle.Reference.Count)];
                _oracle.Delete(entry.Match, strict: true, 7);
                _oracle.Add(entry.Match, 7);
            }
            if (step % 20 == 0)
            {
                misses.Random.Shuffle(known);
                _oracle.CompareBatch(_uncached, known.Select(packet => packet.Frame), known[0].InPort, $"step {step}");
            }
        }
        Assert.True(_oracle.Wildcard.MaskCount > 150);
    }

    [Fact]
    public void Thousands_of_masks_and_several_priorities_of_one_match_come_and_go()
    {
        NearMisses misses = new(NearMissStyle.All.Single(style => style.Name == "subsets"), 5);
        (byte[] Frame, ushort InPort)[] known = [.. Enumerable.Range(0, 200).Select(_ => misses.NextFrame())];
        for (int step = 0; _oracle.Reference.Count < 2500; step++)
        {
            FlowMatch match = misses.NextMatch();
            // Some several times, so that entries of the same mask and key move together.
            for (int priority = misses.Random.Next(8) == 0 ? 3 : 1; priority > 0; priority--)
            {
                _oracle.Add(match, misses.NextPriority());
            }
            Compare(step, $"growing, {step}");
        }
        Assert.True(_oracle.Wildcard.GranuleCount > 0, "bit vectors are in use");
        for (int step = 0; _oracle.Reference.Count > 0; step++)
        {
            _oracle.DeleteAny(misses.Random);
            Compare(step, $"shrinking, {step}");
        }
        Assert.Equal((0, 0, 0, 0), (_oracle.Wildcard.Count, _oracle.Wildcard.MaskCount, _oracle.Wildcard.SubtableCount, _oracle.Wildcard.GranuleCount));

        void Compare(int step, string where)
        {
            if (step % 100 == 0)
            {
                misses.Random.Shuffle(known);
                _oracle.CompareBatch(_uncached, known.Select(packet => packet.Frame), known[0].InPort, where);
                _oracle.CompareAll(known[0].Frame, known[0].InPort, most: 10, where);
            }
        }
    }

    [Fact]
    public void Deleting_what_one_match_covers_leaves_the_others_to_be_found()
    {
        NearMisses misses = new(NearMissStyle.All.Single(style => style.Name == "subsets"), 4);
        (byte[] Frame, ushort InPort)[] known = [.. Enumerable.Range(0, 120).Select(_ => misses.NextFrame())];
        FlowMatch byPort = FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort };
        for (int round = 0; round < 8; round++)
        {
            while (_oracle.Reference.Count < 600)
            {
                _oracle.Add(misses.NextMatch(), misses.NextPriority());
            }
            _oracle.Delete(byPort with { InPort = (ushort)((round % 3) + 1) }, strict: false);
            for (ushort inPort = 1; inPort <= 3; inPort++)
            {
                misses.Random.Shuffle(known);
                _oracle.CompareBatch(_uncached, known.Select(packet => packet.Frame), inPort, $"round {round}");
            }
            _oracle.CompareEntries($"round {round}");
        }
    }
}
