using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>Entries that one switch describes and another restores, and who is told of changes.</summary>
public sealed class RestoreTests
{
    private static readonly FlowFilter Everything = new(FlowMatch.Any);
    private static readonly FlowFilter Emergency = new(FlowMatch.Any, FlowFilter.EmergencyTable);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(4, 2)]
    public void A_restored_table_treats_and_counts_packets_as_the_one_it_was_taken_from(int seed, int workers)
    {
        RandomMatches random = new(seed);
        DatapathOptions options = new() { Workers = workers };
        using TestSwitch original = new(options: options);
        using TestSwitch restored = new(options: options);
        restored.Time.Advance(1234 * TimeSpan.FromMilliseconds(TimerWheel.TickMilliseconds));
        for (int i = 0; i < 400; i++)
        {
            FlowMod mod = TestSwitch.Flow(random.NextMatch(), (ushort)random.Random.Next(3), (FlowModCommand)random.Random.Next(5), cookie: (ulong)i);
            mod.IdleTimeoutSeconds = (ushort)random.Random.Next(0, 3);
            mod.HardTimeoutSeconds = (ushort)random.Random.Next(0, 6);
            mod.Actions = new[] { FlowAction.SetNwTos((byte)(4 * random.Random.Next(64))), FlowAction.Output((ushort)random.Random.Next(1, 5)) };
            original.Control.Apply(mod);
            original.Send((ushort)random.Random.Next(1, 4), random.NextFrame());
            TimeSpan step = TimeSpan.FromMilliseconds(random.Random.Next(40));
            original.Time.Advance(step);
            restored.Time.Advance(step); // both notice timeouts at the same ticks
            original.Settle();
        }
        CopyShuffled(original, restored, Everything, random.Random);
        Assert.NotEmpty(original.Flows());
        Assert.Equal(Describe(original), Describe(restored));
        for (int i = 0; i < 400; i++)
        {
            byte[] frame = random.NextFrame();
            ushort port = (ushort)random.Random.Next(1, 4);
            TimeSpan step = TimeSpan.FromMilliseconds(random.Random.Next(40));
            foreach (TestSwitch each in new[] { original, restored })
            {
                each.Send(port, frame);
                each.Time.Advance(step);
                each.Settle();
            }
        }
        Assert.Equal(Describe(original), Describe(restored));
        Assert.Equal(original.Control.ReadTable(1).ActiveCount, restored.Control.ReadTable(1).ActiveCount);
    }

    [Theory]
    [InlineData(10, 0, 4, 4, 10)] // used just before: the whole idle timeout is left
    [InlineData(10, 0, 4, 0, 10)]
    [InlineData(10, 0, 4, 3, 10)]
    [InlineData(0, 10, 4, 0, 6)]
    [InlineData(8, 10, 4, 0, 6)]
    [InlineData(3, 10, 4, 0, 3)]
    public void Timeouts_go_on_from_the_age_and_the_use_that_are_given(int idle, int hard, int lived, int unused, int left)
    {
        foreach (ulong packets in new ulong[] { 0, 7 })
        {
            using TestSwitch sut = new();
            FlowStatistics entry = new()
            {
                Match = FlowMatch.Any,
                IdleTimeoutSeconds = (ushort)idle,
                HardTimeoutSeconds = (ushort)hard,
                Duration = TimeSpan.FromSeconds(lived),
                Idle = TimeSpan.FromSeconds(unused),
                PacketCount = packets,
                Flags = FlowModFlags.SendFlowRemoved,
            };
            left = idle != 0 ? Math.Min(idle - unused, hard == 0 ? int.MaxValue : hard - lived) : left;
            Assert.Equal(ControlError.None, sut.Control.Flows.Restore(entry));
            sut.Time.Advance(TimeSpan.FromSeconds(left) - TimeSpan.FromMilliseconds(1));
            sut.Settle();
            Assert.Single(sut.Flows());
            sut.Time.Advance(TimeSpan.FromMilliseconds(2 + TimerWheel.TickMilliseconds));
            sut.Settle();
            Assert.Empty(sut.Flows());
            FlowRemoved removed = Assert.Single(sut.Removed);
            Assert.Equal(packets, removed.PacketCount);
            Assert.Equal(lived + left, (int)removed.Duration.TotalSeconds);
        }
    }

    [Fact]
    public void What_an_add_would_be_refused_for_is_refused()
    {
        using TestSwitch sut = new(options: new DatapathOptions { MaxWildcardEntries = 1, MaxEmergencyEntries = 1 });
        FlowStatistics entry = new() { Match = FlowMatch.Any, Actions = new[] { FlowAction.Output(PortNumber.None) } };
        Assert.Equal(ControlError.BadOutPort, sut.Control.Flows.Restore(entry));
        entry.Actions = [];
        Assert.Equal(ControlError.None, sut.Control.Flows.Restore(entry));
        Assert.Equal(ControlError.None, sut.Control.Flows.Restore(entry)); // the same again takes its place
        entry.Priority++;
        Assert.Equal(ControlError.AllTablesFull, sut.Control.Flows.Restore(entry));
        entry.TableId = FlowFilter.EmergencyTable;
        Assert.Equal(ControlError.None, sut.Control.Flows.Restore(entry));
        entry.Priority++;
        Assert.Equal(ControlError.AllTablesFull, sut.Control.Flows.Restore(entry));
        entry.HardTimeoutSeconds = 1;
        Assert.Equal(ControlError.BadEmergencyTimeout, sut.Control.Flows.Restore(entry));
        Assert.Single(sut.Flows());
        Assert.Equal(0, sut.Control.Flows.Done[0]);
    }

    [Fact]
    public void Numbers_and_times_that_no_switch_gave_do_no_harm()
    {
        using TestSwitch sut = new();
        foreach (long extreme in new[] { long.MinValue, -1, 0, long.MaxValue })
        {
            FlowStatistics entry = new()
            {
                Match = FlowMatch.Any,
                Priority = (ushort)extreme,
                Sequence = (ulong)extreme,
                Duration = TimeSpan.FromTicks(extreme),
                Idle = TimeSpan.FromTicks(extreme),
                IdleTimeoutSeconds = 60,
                HardTimeoutSeconds = 60,
            };
            Assert.Equal(ControlError.None, sut.Control.Flows.Restore(entry));
            sut.Control.Flows.Restore(entry with { TableId = FlowFilter.EmergencyTable, IdleTimeoutSeconds = 0, HardTimeoutSeconds = 0 });
        }
        sut.Add(FlowMatch.Any, 77);
        sut.Settle();
        Assert.Equal(sut.Control.Flows.Emergency.Count, Names(sut, Emergency).Distinct().Count());
        Assert.DoesNotContain(0UL, Names(sut, Everything));
    }

    [Fact]
    public void Emergency_entries_keep_their_order_and_come_into_force_as_any()
    {
        using TestSwitch original = new();
        using TestSwitch restored = new();
        for (ushort port = 1; port <= 3; port++)
        {
            original.Control.Apply(TestSwitch.Flow(FlowMatch.Any, port, cookie: port) with { Flags = FlowModFlags.Emergency, Actions = new[] { FlowAction.Output(port) } });
        }
        CopyShuffled(original, restored, Emergency, new Random(5));
        Assert.Equal(Names(original, Emergency), Names(restored, Emergency));
        Assert.True(restored.Control.Flows.Emergency.Enter());
        restored.Send(1, TestPacket.Tcp());
        Assert.Single(restored.Received(3));
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    public void Who_is_told_of_each_change_knows_the_tables(int seed)
    {
        RandomMatches random = new(seed);
        using TestSwitch sut = new(options: new DatapathOptions { MaxWildcardEntries = 60 });
        CopyOfTables copy = new();
        sut.Control.Flows.Observer = copy;
        for (int i = 0; i < 1000; i++)
        {
            FlowMod mod = TestSwitch.Flow(random.NextMatch(), (ushort)random.Random.Next(3), (FlowModCommand)random.Random.Next(5), cookie: (ulong)i);
            mod.Flags = random.Random.Next(3) == 0 ? FlowModFlags.Emergency : FlowModFlags.None;
            mod.HardTimeoutSeconds = mod.Flags == FlowModFlags.None ? (ushort)random.Random.Next(3) : (ushort)0;
            mod.Actions = new[] { FlowAction.Output((ushort)random.Random.Next(1, 5)) };
            sut.Control.Apply(mod);
            sut.Time.Advance(TimeSpan.FromMilliseconds(random.Random.Next(20)));
            sut.Settle();
            if (i % 250 == 100)
            {
                sut.Control.Flows.Emergency.Enter();
            }
            else if (i % 250 == 200)
            {
                sut.Control.Flows.Emergency.Leave();
            }
            if (i % 50 == 0)
            {
                Assert.Equal(CopyOfTables.Take(sut.Control).Entries, copy.Entries);
            }
        }
        Assert.NotEmpty(copy.Entries);
    }

    /// <summary>In another order than they came: what decides between equals must not be the order they are restored in.</summary>
    private static void CopyShuffled(TestSwitch from, TestSwitch to, FlowFilter filter, Random random)
    {
        List<uint> before = [];
        for (uint last = 0, cursor = 0; from.Control.Flows.Next(ref cursor, filter, out _); last = cursor)
        {
            before.Add(last);
        }
        random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(before));
        foreach (uint each in before)
        {
            uint cursor = each;
            Assert.True(from.Control.Flows.Next(ref cursor, filter, out FlowStatistics entry));
            Assert.Equal(ControlError.None, to.Control.Flows.Restore(entry));
        }
    }

    private static List<ulong> Names(TestSwitch sut, FlowFilter filter)
    {
        List<ulong> names = [];
        for (uint cursor = 0; sut.Control.Flows.Next(ref cursor, filter, out FlowStatistics entry);)
        {
            names.Add(entry.Sequence);
        }
        return names;
    }

    /// <summary>All that is told of entries, by sequence. Time to the millisecond: more is not kept of the last packet.</summary>
    private static SortedDictionary<ulong, string> Describe(TestSwitch sut)
    {
        SortedDictionary<ulong, string> all = [];
        for (uint cursor = 0; sut.Control.Flows.Next(ref cursor, Everything, out FlowStatistics entry);)
        {
            all.Add(entry.Sequence, $"{CopyOfTables.Describe(entry)} {entry.Duration} {(long)entry.Idle.TotalMilliseconds} {entry.PacketCount} {entry.ByteCount}");
        }
        return all;
    }

    private sealed class CopyOfTables : ITableObserver
    {
        public SortedDictionary<(byte Table, ulong Sequence), string> Entries { get; } = [];

        public static CopyOfTables Take(DatapathControl control)
        {
            CopyOfTables copy = new();
            foreach (FlowFilter filter in new[] { Everything, Emergency })
            {
                for (uint cursor = 0; control.Flows.Next(ref cursor, filter, out FlowStatistics entry);)
                {
                    copy.Put(entry);
                }
            }
            return copy;
        }

        public static string Describe(in FlowStatistics entry) =>
            $"{entry.Match} {entry.Priority} {entry.Cookie} {entry.Flags} {entry.IdleTimeoutSeconds} {entry.HardTimeoutSeconds} {string.Join(',', entry.Actions.ToArray())}";

        public void Put(in FlowStatistics entry) => Entries[(entry.TableId, entry.Sequence)] = Describe(entry);

        public void Remove(byte tableId, ulong sequence) => Assert.True(Entries.Remove((tableId, sequence)));
    }
}
