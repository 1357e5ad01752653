using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Tables;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Tables;

/// <summary>The flow table against a list searched from end to end, through random additions, changes and deletions.</summary>
[Trait("HardwarePaths", "WildcardSearch")]
[Trait("HardwarePaths", "Prefetch")]
public sealed class FlowTableOracleTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 8)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Table_treats_every_packet_as_the_list_does(int seed)
    {
        using TestSwitch sut = new(ports: 0);
        TableOracle oracle = new(sut);
        RandomMatches random = new(seed);
        using BatchClassifier cached = new(sut.Control.Table, cacheCapacity: 128);
        using BatchClassifier uncached = new(sut.Control.Table, cacheCapacity: 0);
        byte[][] known = [.. Enumerable.Range(0, 200).Select(_ => random.NextFrame())];
        for (int round = 0; round < 60; round++)
        {
            string where = $"seed {seed}, round {round}";
            // Few changes between lookups: what a cache remembers from the last round is to be checked, not forgotten.
            for (int i = random.Random.Next(2) == 0 ? random.Random.Next(4) : 40; i > 0; i--)
            {
                Change(oracle, random);
            }
            oracle.CompareEntries(where);
            Assert.All(sut.Flows(), flow => Assert.Equal(TableOracle.PortOf(flow.Cookie), Assert.Single(flow.Actions).Port));
            for (int i = 0; i < 4; i++)
            {
                CompareSome(oracle, cached, random.Random, known, where);
            }
            for (int i = 0; i < 60; i++)
            {
                oracle.CompareBatch(uncached, [random.NextFrame()], (ushort)random.Random.Next(1, 4), where);
                oracle.CompareAll(random.NextFrame(), (ushort)random.Random.Next(1, 4), most: 5, where);
            }
        }
    }

    [Fact]
    public void A_hundred_thousand_entries_are_all_found_and_all_gone_after_their_deletion()
    {
        const int count = 100_000;
        using TestSwitch sut = new(ports: 0);
        for (uint i = 0; i < count; i++)
        {
            Assert.Equal(ControlError.None, sut.Control.Apply(TestSwitch.Flow(ExactMatch(i), cookie: i + 1)));
        }
        Assert.Equal((uint)count, sut.Control.ReadTable(0).ActiveCount);
        for (uint i = 0; i < count; i += 7)
        {
            Assert.Equal(i + 1, FindCookie(sut, TestPacket.Tcp(src: i, srcPort: 5, dstPort: 6, payload: 0), 1));
        }
        for (uint i = 0; i < count; i++)
        {
            sut.Control.Apply(TestSwitch.Flow(ExactMatch(i), command: FlowModCommand.DeleteStrict));
        }
        Assert.Equal(0u, sut.Control.ReadTable(0).ActiveCount);
        Assert.Null(FindCookie(sut, TestPacket.Tcp(src: 77, srcPort: 5, dstPort: 6, payload: 0), 1));
        Assert.Empty(sut.Flows());
    }

    [Fact]
    public void Sixty_thousand_priorities_of_one_match_come_and_go_at_once_and_the_highest_treats_the_packet()
    {
        const int count = 60_000;
        using TestSwitch sut = new(ports: 0);
        byte[] frame = TestPacket.Tcp(src: 1, srcPort: 5, dstPort: 6, payload: 0);
        FlowMatch match = FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = 1 };
        TimeSpan together = ChangeMany(sut, _ => match);
        using TestSwitch other = new(ports: 0);
        TimeSpan apart = ChangeMany(other, i => FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.DlSrc, DlSrc = new((ulong)i) });
        Assert.True(together < 20 * apart, $"{together}, and {apart} for as many of other matches"); // a list took a hundred times as long
        Assert.Equal((ulong)count, FindCookie(sut, frame, 1));
        for (int priority = count; priority > count - 10; priority--)
        {
            sut.Control.Apply(TestSwitch.Flow(match, (ushort)priority, FlowModCommand.DeleteStrict)); // the first, or gone already
        }
        Assert.Equal((ulong)count - 11, FindCookie(sut, frame, 1));
        sut.Control.Apply(TestSwitch.Flow(match, command: FlowModCommand.Delete));
        Assert.Null(FindCookie(sut, frame, 1));
        Assert.Empty(sut.Flows());

        static TimeSpan ChangeMany(TestSwitch sut, Func<int, FlowMatch> match)
        {
            TimeSpan start = ProcessorTime.OfThisThread();
            for (int priority = count; priority > 0; priority--)
            {
                Assert.Equal(ControlError.None, sut.Control.Apply(TestSwitch.Flow(match(priority), (ushort)priority, cookie: (ulong)priority)));
            }
            for (int priority = 2; priority < count; priority += 2)
            {
                sut.Control.Apply(TestSwitch.Flow(match(priority), (ushort)priority, FlowModCommand.DeleteStrict)); // not the first
            }
            return ProcessorTime.OfThisThread() - start;
        }
    }

    [Fact]
    public void Thousands_of_masks_share_few_subtables_and_every_packet_finds_its_entry()
    {
        const int sets = 40;
        using TestSwitch sut = new(ports: 0);
        TableOracle oracle = new(sut);
        Random random = new(77);
        for (int source = 1; source <= 32; source++)
        {
            for (int destination = 1; destination <= 32; destination++)
            {
                FlowMatch match = FlowMatch.Any with { DlType = EtherType.Ipv4, NwProto = IpProtocol.Tcp, TpSrc = 1, TpDst = (ushort)source };
                match.NwSrc = 0x0a000000u ^ (1u << (32 - source)); // the last bit compared is not that of the packets, as such attacks have it
                match.NwDst = 0x0a000000u ^ (1u << (32 - destination));
                match.Wildcards &= ~(FlowWildcards.DlType | FlowWildcards.NwProto);
                match.Wildcards &= (source % 2 == 0 ? ~FlowWildcards.TpSrc : ~FlowWildcards.None) & (destination % 2 == 0 ? ~FlowWildcards.TpDst : ~FlowWildcards.None);
                match.SetNwWildBits(32 - source, 32 - destination);
                oracle.Add(match, 7);
            }
        }
        Assert.True(sut.Control.Table.Wildcard.MaskCount > 1000);
        Assert.InRange(sut.Control.Table.Wildcard.SubtableCount, 0, SubtableSet.DefaultMost);
        Assert.InRange(sut.Control.Table.Wildcard.GranuleCount, 1, 4);
        using BatchClassifier classifier = new(sut.Control.Table, cacheCapacity: 128);
        byte[][] frames = [.. Enumerable.Range(0, 400).Select(_ => TestPacket.Tcp(NextAddress(), NextAddress(), 1, (ushort)random.Next(1, 33), 20))];
        for (int i = 0; i < sets; i++)
        {
            CompareSome(oracle, classifier, random, frames, $"set {i}");
        }

        uint NextAddress() => 0x0a000000u ^ (1u << random.Next(32)) ^ (uint)random.Next(1 << random.Next(24));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Chains_bounds_and_subtables_that_come_and_go_agree_with_the_list(int seed)
    {
        const int rounds = 60;
        using TestSwitch sut = new(ports: 0);
        TableOracle oracle = new(sut);
        RandomMatches random = new(seed);
        using BatchClassifier classifier = new(sut.Control.Table, cacheCapacity: 8);
        FlowMatch[] matches = [.. Enumerable.Range(0, 40).Select(_ => random.NextMatch() with { DlSrc = new(0x0200_0000_0001) })];
        byte[][] frames = [.. Enumerable.Range(0, 100).Select(_ => random.NextFrame())];
        int most = 0;
        for (int round = 0; round < rounds; round++)
        {
            // Full of high priorities, then of low ones, then nearly empty: bounds have to rise and fall, subtables to go.
            int phase = round % 3;
            for (int i = 0; i < 200; i++)
            {
                FlowMatch match = matches[random.Random.Next(matches.Length)];
                ushort priority = (ushort)random.Random.Next(phase == 0 ? 20 : 0, phase == 0 ? 40 : 20);
                if (phase < 2 && random.Random.Next(3) > 0)
                {
                    oracle.Add(match, priority);
                }
                else if (oracle.Reference.Count > 3)
                {
                    oracle.DeleteAny(random.Random);
                }
                if (i % 20 == 0)
                {
                    CompareSome(oracle, classifier, random.Random, frames, $"seed {seed}, round {round}, change {i}");
                }
            }
            most = Math.Max(most, sut.Control.Table.Wildcard.SubtableCount);
            oracle.CompareEntries($"seed {seed}, round {round}");
        }
        Assert.True(most > 3, "several subtables");
        sut.Control.Apply(TestSwitch.Flow(FlowMatch.Any, command: FlowModCommand.Delete));
        sut.Control.Barriers.Finish();
        Assert.Equal((0, 0), (sut.Control.Table.Wildcard.SubtableCount, sut.Control.Table.Wildcard.MaskCount));
    }

    [Fact]
    public void One_subtable_finds_what_the_list_does_whatever_it_hashes()
    {
        RandomMatches random = new(5);
        byte[][] frames = [.. Enumerable.Range(0, 100).Select(_ => random.NextFrame())];
        FlowMatch byPort = FlowMatch.Any with { InPort = 1, Wildcards = FlowWildcards.All & ~FlowWildcards.InPort };
        FlowMatch byPortAndType = byPort with { DlType = EtherType.Ipv4, Wildcards = byPort.Wildcards & ~FlowWildcards.DlType };
        FlowMatch byType = byPortAndType with { Wildcards = FlowWildcards.All & ~FlowWildcards.DlType };
        FlowMatch byAddress = byType with { NwDst = 0x0a000001 };
        byAddress.SetNwWildBits(32, 0);
        FlowMatch[][] tables = [[byPort], [byPort, byPort with { InPort = 2 }], [byPort, byPortAndType], [byPortAndType], [byType], [byAddress], [FlowMatch.Any], [byAddress, byAddress with { NwDst = 0x0a010002 }]];
        foreach (FlowMatch[] table in tables)
        {
            using TestSwitch sut = new(ports: 0);
            TableOracle oracle = new(sut);
            for (int i = 0; i < table.Length; i++)
            {
                oracle.Add(table[i], (ushort)(i + 1));
            }
            using BatchClassifier classifier = new(sut.Control.Table, cacheCapacity: 128);
            Assert.Equal(1, sut.Control.Table.Wildcard.SubtableCount);
            for (int i = 0; i < 10; i++)
            {
                CompareSome(oracle, classifier, random.Random, frames, $"{table.Length} entries, first {table[0].Wildcards:x}");
            }
        }
    }

    /// <summary>Looks as many packets up as a batch holds, all at once.</summary>
    private static void CompareSome(TableOracle oracle, BatchClassifier classifier, Random random, byte[][] frames, string where)
    {
        byte[][] used = [.. Enumerable.Range(0, PacketBatch.Capacity).Select(_ => frames[random.Next(frames.Length)])];
        oracle.CompareBatch(classifier, used, (ushort)random.Next(1, 4), where); // a batch comes from one port
    }

    private static FlowMatch ExactMatch(uint i) => ReferenceParser.Parse(TestPacket.Tcp(src: i, srcPort: 5, dstPort: 6, payload: 0), 1);

    private static void Change(TableOracle oracle, RandomMatches random)
    {
        FlowMatch match = random.NextMatch();
        ushort priority = random.Random.Next(5) is < 4 and int low ? (ushort)low : ushort.MaxValue;
        // Sometimes aim at an entry that exists.
        if (oracle.Reference.Count > 0 && random.Random.Next(3) == 0)
        {
            ReferenceTable.Entry known = oracle.Reference.Entries[random.Random.Next(oracle.Reference.Count)];
            (match, priority) = (known.Match, known.Priority);
        }
        FlowModCommand command = random.Random.Next(12) switch
        {
            < 6 => FlowModCommand.Add,
            < 7 => FlowModCommand.Modify,
            < 9 => FlowModCommand.ModifyStrict,
            < 10 => FlowModCommand.Delete,
            _ => FlowModCommand.DeleteStrict,
        };
        oracle.Change(match, priority, command, checksOverlap: command == FlowModCommand.Add && random.Random.Next(3) == 0);
    }

    private static unsafe ulong? FindCookie(TestSwitch sut, byte[] frame, ushort inPort)
    {
        FlowKeyParser.Parse(frame, inPort, out FlowKey key, out _);
        using BatchClassifier classifier = new(sut.Control.Table, cacheCapacity: 0);
        uint index = classifier.Find(key);
        return index == 0 ? null : sut.Control.Table.Store.Records[index].Cookie;
    }
}
