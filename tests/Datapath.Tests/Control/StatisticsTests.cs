using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Control;

/// <summary>Statistics (OpenFlow 1.0.0 §5.3.5) against what was sent.</summary>
public sealed class StatisticsTests
{
    [Fact]
    public void Flows_tables_and_ports_agree_with_what_was_sent()
    {
        const int seed = 5001;
        Random random = new(seed);
        using TestSwitch sut = new();
        byte[][] frames = [TestPacket.Tcp(), TestPacket.Udp(), TestPacket.Icmp(), TestPacket.Arp()];
        sut.Add(ReferenceParser.Parse(frames[0], 1), 1, FlowAction.Output(2));
        sut.Add(OfType(0x800), 2, FlowAction.Output(3));
        int[] sent = new int[4];
        ulong[] bytes = new ulong[4];
        for (int round = 0; round < 50; round++)
        {
            List<byte[]> burst = [];
            for (int i = random.Next(100); i > 0; i--)
            {
                int kind = random.Next(4);
                burst.Add(frames[kind]);
                sent[kind]++;
                bytes[kind] += (ulong)frames[kind].Length;
            }
            sut.Send(1, [.. burst]);
            Assert.Equal(burst.Count(f => f == frames[0]), sut.Received(2).Count);
            sut.Received(3);
        }
        ulong total = (ulong)sent.Sum();
        var exact = sut.Flows().Single(f => f.IsExact);
        var wild = sut.Flows().Single(f => !f.IsExact);
        Assert.Equal(((ulong)sent[0], bytes[0]), (exact.Packets, exact.Bytes));
        Assert.Equal(((ulong)(sent[1] + sent[2]), bytes[1] + bytes[2]), (wild.Packets, wild.Bytes));
        TableStatistics zero = sut.Control.ReadTable(0);
        TableStatistics one = sut.Control.ReadTable(1);
        Assert.Equal((total, (ulong)sent[0], 1u), (zero.LookupCount, zero.MatchedCount, zero.ActiveCount));
        Assert.Equal((total - (ulong)sent[0], wild.Packets, 1u), (one.LookupCount, one.MatchedCount, one.ActiveCount));
        Assert.Equal(sent[3], sut.PacketIns.Count);
        Assert.Equal(new AggregateStatistics(exact.Packets + wild.Packets, exact.Bytes + wild.Bytes, 2), sut.Control.Flows.Aggregate(new FlowFilter(FlowMatch.Any)));
        AggregateStatistics both = new(exact.Packets + wild.Packets, exact.Bytes + wild.Bytes, 2);
        Assert.Equal(both, sut.Control.Flows.Aggregate(new FlowFilter(FlowMatch.Any, tableId: 0)));
        Assert.Equal(default, sut.Control.Flows.Aggregate(new FlowFilter(FlowMatch.Any, tableId: 1)));
        TableStatistics table = sut.Control.ReadTable();
        Assert.Equal((total, both.PacketCount, 2u), (table.LookupCount, table.MatchedCount, table.ActiveCount));
        Assert.Equal((0, FlowWildcards.All, zero.MaxEntries + one.MaxEntries), (table.TableId, table.Wildcards, table.MaxEntries));
        Assert.Equal(new AggregateStatistics(wild.Packets, wild.Bytes, 1), sut.Control.Flows.Aggregate(new FlowFilter(FlowMatch.Any, outPort: 3)));
        Assert.Equal(default, sut.Control.Flows.Aggregate(new FlowFilter(FlowMatch.Any, tableId: 0xfe)));
        sut.AssertNoFrameLost();
    }

    [Fact]
    public void Packet_outs_through_the_table_are_lookups_and_matches_too()
    {
        using TestSwitch sut = new();
        sut.Add(OfType(0x800), 2, FlowAction.Output(3));
        sut.Add(ReferenceParser.Parse(TestPacket.Udp(), 1), 2, FlowAction.Output(4));
        FlowAction[] table = [FlowAction.Output(PortNumber.Table)];
        sut.Control.PacketOut(FlowMod.NoBuffer, 1, table, TestPacket.Tcp());
        sut.Control.PacketOut(FlowMod.NoBuffer, 1, table, TestPacket.Udp());
        sut.Control.PacketOut(FlowMod.NoBuffer, 1, table, TestPacket.Arp());
        sut.Settle();
        Assert.Equal((1, 1, 1), (sut.Received(3).Count, sut.Received(4).Count, sut.PacketIns.Count));
        Assert.Equal((3UL, 1UL), (sut.Control.ReadTable(0).LookupCount, sut.Control.ReadTable(0).MatchedCount));
        Assert.Equal((2UL, 1UL), (sut.Control.ReadTable(1).LookupCount, sut.Control.ReadTable(1).MatchedCount));
        Assert.All(sut.Flows(), flow => Assert.Equal(1UL, flow.Packets));
        sut.AssertNoFrameLost();
    }

    [Fact]
    public void Entries_that_stay_are_reported_once_while_others_come_and_go()
    {
        const int seed = 5002;
        Random random = new(seed);
        using TestSwitch sut = new(ports: 0);
        for (uint i = 0; i < 200; i++)
        {
            sut.Control.Apply(TestSwitch.Flow(Source(i), cookie: i));
        }
        for (int round = 0; round < 20; round++)
        {
            Dictionary<ulong, int> seen = [];
            uint cursor = 0;
            while (sut.Control.Flows.Next(ref cursor, new FlowFilter(FlowMatch.Any), out FlowStatistics s))
            {
                seen[s.Cookie] = seen.GetValueOrDefault(s.Cookie) + 1;
                uint other = (uint)random.Next(1000, 1100);
                sut.Control.Apply(TestSwitch.Flow(Source(other), cookie: other));
                sut.Control.Apply(TestSwitch.Flow(Source((uint)random.Next(1000, 1100)), command: FlowModCommand.DeleteStrict));
                Assert.True(seen.Count < 10_000, "the walk ends");
            }
            for (ulong i = 0; i < 200; i++)
            {
                Assert.Equal((i, 1), (i, seen.GetValueOrDefault(i)));
            }
            Assert.False(sut.Control.Flows.Next(ref cursor, new FlowFilter(FlowMatch.Any), out _));
        }
    }

    [Fact]
    public void Table_1_never_seems_to_have_looked_up_more_than_was_sent()
    {
        using TestSwitch sut = new(ports: 1);
        byte[] frame = TestPacket.Tcp();
        sut.Add(ReferenceParser.Parse(frame, 1), 1);
        using CancellationTokenSource stop = new();
        Thread worker = new(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                for (int i = 0; i < 32; i++)
                {
                    sut[1].TryInject(frame);
                }
                sut.Control.Workers[0].PollOnce();
            }
        });
        worker.Start();
        ulong most = 0;
        for (int i = 0; i < 200_000; i++)
        {
            most = Math.Max(most, sut.Control.ReadTable(1).LookupCount);
        }
        stop.Cancel();
        worker.Join();
        // Every packet matches in table 0; a batch may be counted as looked up and not yet as matched.
        Assert.InRange(most, 0UL, sut.Control.ReadTable(0).LookupCount);
        Assert.Equal(0UL, sut.Control.ReadTable(1).LookupCount);
    }

    private static FlowMatch OfType(ushort type) => new() { Wildcards = FlowWildcards.All & ~FlowWildcards.DlType, DlType = type };

    private static FlowMatch Source(uint i) => new() { Wildcards = FlowWildcards.All & ~FlowWildcards.DlSrc, DlSrc = new(i) };
}
