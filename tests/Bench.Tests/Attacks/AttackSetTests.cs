using Softswitch.Bench.Attacks;
using Softswitch.Bench.Flows;
using Softswitch.Datapath.Flows;
using Softswitch.Lab.Measures;
using Softswitch.Testing;

namespace Softswitch.Bench.Tests.Attacks;

public sealed class AttackSetTests
{
    private const int Entries = 600;
    private const int Traffic = 400;

    public static TheoryData<string> Kinds => [.. AttackSpec.Kinds.Select(kind => kind.Kind)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void There_are_as_many_different_entries_as_asked_for_and_all_have_wildcards(string kind)
    {
        AttackSet set = Make(kind);
        BenchEntry[] entries = [.. set.Entries];
        Assert.Equal(Entries, entries.Length);
        List<(FlowKey, FlowKey)> compared = [];
        foreach (BenchEntry entry in entries)
        {
            Assert.False(MatchNormalizer.Normalize(entry.Match, out FlowKey key, out FlowKey mask), "an entry with wildcards");
            compared.Add((key, mask));
        }
        Assert.Equal(Entries, compared.Distinct().Count());
        Assert.True(compared.Select(match => match.Item2).Distinct().Count() > Entries / 8, "many masks");
        Assert.Equal(new BenchEntry(FlowMatch.Any, 0), entries[0]);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Its_changes_make_its_entries(string kind)
    {
        AttackSet set = Make(kind);
        HashSet<BenchEntry> there = [];
        Assert.All(set.Changes, change => Assert.True(change.IsDelete ? there.Remove(change.Entry) : there.Add(change.Entry)));
        Assert.Equal(there.OrderBy(entry => $"{entry}"), set.Entries.OrderBy(entry => $"{entry}"));
        Assert.Equal(kind == "churned", set.Changes.Any(change => change.IsDelete));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Flows_differ_and_their_frames_have_their_fields(string kind)
    {
        AttackSet set = Make(kind);
        Assert.True(set.DistinctFlows > Traffic * 9 / 10, $"{set.DistinctFlows} different flows");
        int flow = 0;
        foreach (ReadOnlyMemory<byte> frame in set.FramesOf(Enumerable.Range(0, Traffic), FlowHeaders.MinFrame))
        {
            Assert.Equal(set.MatchOf(flow), ReferenceParser.Parse(frame.ToArray(), FlowSet.InPortOf(flow++, 1)));
        }
    }

    [Fact]
    public void Entries_that_shall_match_match_every_packet_and_others_miss_in_one_field()
    {
        Assert.All(MatchCounts("matching"), count => Assert.Equal(Entries, count));
        Assert.All(MatchCounts("subsets"), count => Assert.InRange(count, 1, 12)); // the last, and prefixes wrong in a bit that varies
    }

    [Fact]
    public void It_is_said_when_there_are_not_as_many()
    {
        AttackSpec narrow = AttackSpec.Parse("tuples:fields=none,src=1..4,dst=1..4");
        Assert.Null(AttackSet.TryMake(narrow, Entries, Traffic, 1));
        Assert.NotNull(AttackSet.TryMake(narrow, 12, Traffic, 1));
    }

    private static AttackSet Make(string kind) => AttackSet.TryMake(AttackSpec.Parse(kind), Entries, Traffic, 1)!;

    private static IEnumerable<int> MatchCounts(string kind)
    {
        AttackSet set = Make(kind);
        for (int flow = 0; flow < Traffic; flow += 20)
        {
            MatchNormalizer.Normalize(set.MatchOf(flow), out FlowKey packet, out _);
            yield return set.Entries.Count(entry =>
            {
                MatchNormalizer.Normalize(entry.Match, out FlowKey key, out FlowKey mask);
                return FlowKey.Matches(packet, key, mask);
            });
        }
    }
}
