using System.Buffers.Binary;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>Workers at full speed while the control side changes what they use. Nothing may be lost, torn or old.</summary>
public sealed class ConcurrencyTests
{
    private const int Versions = 50_000;

    public enum Change
    {
        ReplaceExact,
        ModifyExact,
        ReplaceWildcard,
        ModifyWildcard,
        MakeBeforeBreakAcrossMasks,
        MakeBeforeBreakAcrossTables,
        MakeBeforeBreakAcrossPriorities,
    }

    public static TheoryData<Change> Changes => [.. Enum.GetValues<Change>()];

    [Theory]
    [MemberData(nameof(Changes))]
    public void Every_packet_is_treated_by_one_whole_version_not_older_than_when_it_came_in(Change change)
    {
        using TestSwitch sut = Silent();
        TreatWhileChanging(sut, change, Versions);
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public void Nor_is_what_a_worker_remembers_of_earlier_packets_older(Change change)
    {
        using TestSwitch sut = Silent();
        UseCache(sut);
        TreatWhileChanging(sut, change, Versions / 2);
    }

    [Theory]
    [InlineData(Change.ReplaceWildcard)]
    [InlineData(Change.ModifyWildcard)]
    [InlineData(Change.MakeBeforeBreakAcrossMasks)]
    [InlineData(Change.MakeBeforeBreakAcrossTables)]
    [InlineData(Change.MakeBeforeBreakAcrossPriorities)]
    public void Nor_among_entries_of_hundreds_of_masks(Change change)
    {
        using TestSwitch sut = new(ports: 2, new DatapathOptions { FlowCacheCapacity = 8 });
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Drop;
        for (int mask = 0; mask < 400; mask++)
        {
            int source = (mask % 20) + 1;
            FlowMatch match = FlowMatch.Any with { DlType = EtherType.Ipv4, NwSrc = 0x0a00_0001 ^ (1u << (32 - source)), NwDst = 0x0a00_0002 };
            match.Wildcards &= ~FlowWildcards.DlType;
            match.SetNwWildBits(32 - source, 32 - (mask / 20) - 1);
            sut.Add(match, 9, FlowAction.Output(1));
        }
        Assert.Equal(400, sut.Control.Table.Wildcard.MaskCount);
        TreatWhileChanging(sut, change, Versions / 4);
    }

    [Theory]
    [InlineData(8)] // hardly any room to remember
    [InlineData(1024)]
    public void Flows_of_one_batch_each_follow_their_own_changes(int cacheCapacity)
    {
        const int flows = 16;
        const ushort versions = 20_000;
        using TestSwitch sut = new(ports: 2, new DatapathOptions { FlowCacheCapacity = cacheCapacity });
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Drop;
        UseCache(sut);
        for (ushort version = 0; version < flows; version++)
        {
            Follow(version);
        }
        long outstanding = 0;
        using (new RunningWorkers(sut.Control))
        {
            for (ushort version = flows; version < versions; version++)
            {
                Follow(version);
                for (uint flow = 0; flow < flows && outstanding < 300; flow += (uint)(version % 3) + 1)
                {
                    ushort latest = (ushort)(version - ((version - flow) % flows));
                    Assert.True(sut[1].TryInject(Probe.Frame(latest, flow)));
                    outstanding++;
                }
                Check(version);
            }
            Await(() =>
            {
                Check(versions);
                return outstanding == 0;
            });
        }
        Assert.Equal(0, sut.Control.Accounts.ReadDrops(DropReason.Miss));
        sut.AssertNoFrameLost();

        void Follow(ushort version)
        {
            uint flow = (uint)(version % flows);
            FlowMatch address = new() { Wildcards = FlowWildcards.All & ~FlowWildcards.DlType, DlType = EtherType.Ipv4, NwDst = flow };
            address.SetNwWildBits(32, 0);
            FlowMatch protocol = address with { NwProto = IpProtocol.Tcp, Wildcards = address.Wildcards & ~FlowWildcards.NwProto };
            bool even = version / flows % 2 == 0;
            FlowAction[] actions = [FlowAction.SetDlDst(new(version)), FlowAction.SetTpDst(version), FlowAction.Output(2)];
            Do(sut, even ? address : protocol, 5, FlowModCommand.Add, actions);
            Do(sut, even ? protocol : address, 5, FlowModCommand.DeleteStrict, []);
        }

        void Check(ushort newest)
        {
            foreach (byte[] frame in sut.Received(2))
            {
                outstanding--;
                Probe.AssertWhole(frame, newest);
                uint flow = BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(30));
                Assert.Equal(flow, (uint)(new MacAddress(frame).Value % flows));
            }
        }
    }

    [Fact]
    public void After_a_barrier_what_was_deleted_is_gone()
    {
        using TestSwitch sut = Silent();
        Probe probe = new(sut);
        using RunningWorkers workers = new(sut.Control);
        for (ushort version = 1; version < 300; version++)
        {
            Apply(sut, Change.ReplaceWildcard, version);
            probe.Inject(version, 3);
            probe.CollectAll(version);
            sut.Control.Apply(TestSwitch.Flow(FlowMatch.Any, command: FlowModCommand.Delete));
            sut.Control.Barriers.Finish();
            long misses = sut.Control.Accounts.ReadDrops(DropReason.Miss);
            Assert.True(sut[1].TryInject(Probe.Frame(version)));
            Await(() => sut.Control.Accounts.ReadDrops(DropReason.Miss) == misses + 1);
            Assert.Equal(0, sut[2].PendingCollect);
        }
    }

    [Fact]
    public void Segments_split_and_directories_double_under_readers_that_miss_nothing()
    {
        const int stable = 256;
        using TestSwitch sut = Silent();
        byte[][] frames = [.. Enumerable.Range(0, stable).Select(i => TestPacket.Tcp(src: (uint)i, payload: 0))];
        foreach (byte[] frame in frames)
        {
            sut.Add(ReferenceParser.Parse(frame, 1), 1, FlowAction.Output(2));
        }
        long sent = 0;
        long received = 0;
        using (new RunningWorkers(sut.Control))
        {
            for (uint i = 0; i < 2 * 60_000; i++)
            {
                FlowModCommand command = i < 60_000 ? FlowModCommand.Add : FlowModCommand.DeleteStrict;
                Assert.Equal(ControlError.None, sut.Control.Apply(TestSwitch.Flow(Filler(i % 60_000), command: command)));
                if (sent - received < 512)
                {
                    Assert.True(sut[1].TryInject(frames[sent++ % stable]));
                }
                received += sut.Discard(2);
            }
            Await(() => (received += sut.Discard(2)) == sent);
        }
        Assert.Equal(0, sut.Control.Accounts.ReadDrops(DropReason.Miss));
        Assert.Equal((ulong)sent, sut.Control.Flows.Aggregate(new FlowFilter(FlowMatch.Any)).PacketCount);
        Assert.Equal((uint)stable, sut.Control.ReadTable(0).ActiveCount);
        sut.AssertNoFrameLost();
    }

    [Fact]
    public void Two_workers_hand_packets_over_and_count_exactly()
    {
        const int perPort = 5_000;
        using TestSwitch sut = Silent(ports: 4, workers: 2);
        for (ushort port = 1; port <= 4; port++)
        {
            // To the next port, which the other worker serves, and from every port to port 4 as well.
            FlowMatch match = new() { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = port };
            sut.Add(match, 1, FlowAction.Output((ushort)((port % 4) + 1)), FlowAction.SetTpDst(9), FlowAction.Output(4));
        }
        byte[] frame = TestPacket.Tcp(payload: 0);
        long[] received = new long[5];
        using (new RunningWorkers(sut.Control))
        {
            long sent = 0;
            while (sent < perPort * 4)
            {
                for (ushort port = 1; port <= 4; port++)
                {
                    Assert.True(sut[port].TryInject(frame));
                    sent++;
                }
                while (sent - (received.Sum() * 4 / 7) > 400)
                {
                    DrainAll(sut, received);
                }
            }
            // Port 4's own packets do not come back to it; those of port 3 reach it twice.
            Await(() => DrainAll(sut, received) == perPort * 7);
        }
        Assert.Equal([0, perPort, perPort, perPort, 4 * perPort], received);
        Assert.All(sut.Flows(), flow => Assert.Equal(((ulong)perPort, (ulong)(perPort * frame.Length)), (flow.Packets, flow.Bytes)));
        for (ushort port = 1; port <= 4; port++)
        {
            sut.Control.Ports.TryRead(port, out PortStatistics s);
            Assert.Equal(((ulong)perPort, (ulong)received[port]), (s.ReceivedPackets, s.TransmittedPackets));
            Assert.Equal((ulong)(received[port] * frame.Length), s.TransmittedBytes);
        }
        Assert.Equal((ulong)(4 * perPort), sut.Control.ReadTable(1).MatchedCount);
        sut.AssertNoFrameLost();
    }

    [Fact]
    public void A_sleeping_worker_is_woken_by_packets_handed_to_it()
    {
        using TestSwitch sut = Silent(ports: 2, workers: 2);
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        using (RunningWorkers workers = new(sut.Control, ids: 1))
        {
            workers.AwaitSleep();
            Assert.True(sut[1].TryInject(TestPacket.Tcp()));
            Assert.Equal(1, sut.Control.Workers[0].PollOnce());
            Await(() => sut[2].PendingCollect == 1);
        }
        sut.AssertNoFrameLost();
    }

    [Fact]
    public void A_sleeping_worker_is_woken_by_packet_outs_and_new_ports()
    {
        using TestSwitch sut = Silent(ports: 2);
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2));
        using (RunningWorkers workers = new(sut.Control))
        {
            for (int i = 1; i < 50; i++)
            {
                workers.AwaitSleep();
                sut.Control.PacketOut(FlowMod.NoBuffer, 1, [FlowAction.Output(2)], TestPacket.Tcp());
                Await(() => sut[2].PendingCollect == i);
            }
            workers.AwaitSleep();
            sut.AddPort(3);
            Assert.True(sut[3].TryInject(TestPacket.Tcp()));
            sut.Control.PacketOut(FlowMod.NoBuffer, 1, [], TestPacket.Tcp());
            Await(() => sut[2].PendingCollect == 50);
        }
        sut.AssertNoFrameLost();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Ports_come_and_go_and_the_others_lose_nothing(int workers)
    {
        using TestSwitch sut = Silent(ports: 2, workers: workers);
        sut.Add(FlowMatch.Any, 1, FlowAction.Output(2), FlowAction.Output(9));
        byte[] frame = TestPacket.Tcp(payload: 0);
        long sent = 0;
        long received = 0;
        using (new RunningWorkers(sut.Control))
        {
            for (int i = 0; i < 1000; i++)
            {
                Softswitch.Ports.Memory.MemoryPort guest = new("guest", sut.Control.Frames, capacity: 64);
                Assert.Equal(ControlError.None, sut.Control.Ports.Add(9, guest));
                for (int j = 0; j < 100 && sent - received < 300; j++)
                {
                    Assert.True(sut[1].TryInject(frame));
                    sent++;
                    received += sut.Discard(2);
                }
                Assert.Equal(ControlError.None, sut.Control.Ports.Remove(9));
            }
            Await(() => (received += sut.Discard(2)) == sent);
            sut.Control.Barriers.Finish();
        }
        Assert.Equal((ulong)sent, sut.Control.Flows.Aggregate(new FlowFilter(FlowMatch.Any)).PacketCount);
        sut.AssertNoFrameLost();
    }

    private static void TreatWhileChanging(TestSwitch sut, Change change, ushort versions)
    {
        Probe probe = new(sut);
        Apply(sut, change, 1);
        using (new RunningWorkers(sut.Control))
        {
            for (ushort version = 2; version < versions; version++)
            {
                Apply(sut, change, version);
                probe.Inject(version, version % 5);
                probe.Collect(version);
            }
            probe.CollectAll(versions);
            sut.Control.Barriers.Finish();
        }
        Assert.Equal(0, sut.Control.Accounts.ReadDrops(DropReason.Miss) + sut.Control.Accounts.ReadDrops(DropReason.Action));
        sut.AssertNoFrameLost();
        sut.Control.Apply(TestSwitch.Flow(FlowMatch.Any, command: FlowModCommand.Delete));
        sut.Control.Barriers.Finish();
        Assert.Equal(0, sut.Control.ActionLists.ListCount);
    }

    /// <summary>Entries that concern no packet here, of so many masks that workers remember what they find.</summary>
    private static void UseCache(TestSwitch sut)
    {
        FlowMatch[] elsewhere =
        [
            new() { Wildcards = FlowWildcards.All & ~FlowWildcards.DlDst, DlDst = new(1) },
            new() { Wildcards = FlowWildcards.All & ~FlowWildcards.DlSrc, DlSrc = new(1) },
            new() { Wildcards = FlowWildcards.All & ~FlowWildcards.DlVlan, DlVlan = 1 },
        ];
        foreach (FlowMatch match in elsewhere)
        {
            sut.Add(match, 9, FlowAction.Output(2));
        }
        Assert.True(sut.Control.Table.Wildcard.SubtableCount > 2, "enough for workers to remember");
    }

    private static TestSwitch Silent(int ports = 2, int workers = 1)
    {
        TestSwitch sut = new(ports, new DatapathOptions { Workers = workers });
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Drop;
        return sut;
    }

    private static FlowMatch Filler(uint i) => ReferenceParser.Parse(TestPacket.Tcp(src: 0x0b000000 + i, payload: 0), 1);

    /// <summary>Writes one version's number into two places of the packet, so that a mixture of two would show.</summary>
    private static void Apply(TestSwitch sut, Change change, ushort version)
    {
        FlowAction[] actions = [FlowAction.SetDlDst(new(version)), FlowAction.SetTpDst(version), FlowAction.Output(2)];
        FlowMatch exact = ReferenceParser.Parse(Probe.Frame(0), 1) with { DlSrc = new(TestPacket.DefaultSource) };
        FlowMatch type = new() { Wildcards = FlowWildcards.All & ~FlowWildcards.DlType, DlType = EtherType.Ipv4 };
        FlowMatch port = new() { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = 1 };
        bool even = version % 2 == 0;
        switch (change)
        {
            case Change.ReplaceExact:
            case Change.ReplaceWildcard:
                Do(sut, change == Change.ReplaceExact ? exact : type, 5, FlowModCommand.Add, actions);
                break;
            case Change.ModifyExact:
            case Change.ModifyWildcard:
                Do(sut, change == Change.ModifyExact ? exact : type, 5, even ? FlowModCommand.Modify : FlowModCommand.ModifyStrict, actions);
                break;
            case Change.MakeBeforeBreakAcrossMasks:
                Do(sut, even ? type : port, even ? (ushort)5 : (ushort)6, FlowModCommand.Add, actions);
                Do(sut, even ? port : type, even ? (ushort)6 : (ushort)5, FlowModCommand.DeleteStrict, []);
                break;
            case Change.MakeBeforeBreakAcrossTables:
                Do(sut, even ? exact : type, 5, FlowModCommand.Add, actions);
                Do(sut, even ? type : exact, 5, FlowModCommand.DeleteStrict, []);
                break;
            default:
                Do(sut, type, (ushort)(5 + (version % 3)), FlowModCommand.Add, actions);
                Do(sut, type, (ushort)(5 + ((version + 2) % 3)), FlowModCommand.DeleteStrict, []);
                break;
        }
    }

    private static void Do(TestSwitch sut, FlowMatch match, ushort priority, FlowModCommand command, FlowAction[] actions)
    {
        Assert.Equal(ControlError.None, sut.Control.Apply(TestSwitch.Flow(match, priority, command) with { Actions = actions }));
    }

    private static long DrainAll(TestSwitch sut, long[] received)
    {
        for (ushort port = 1; port <= 4; port++)
        {
            received[port] += sut.Discard(port);
        }
        return received.Sum();
    }

    private static void Await(Func<bool> condition) => Eventually.Polled(condition, () => "what should happen has not happened");

    /// <summary>Packets whose IP identification tells which version was in force when they were injected.</summary>
    private sealed class Probe(TestSwitch sut)
    {
        private long _outstanding;

        public static byte[] Frame(ushort version, uint destination = 0x0a000002)
        {
            byte[] frame = TestPacket.Tcp(dst: destination, payload: 0);
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(18), version);
            return frame;
        }

        public void Inject(ushort version, int count)
        {
            byte[] frame = Frame(version);
            for (int i = 0; i < count && _outstanding < 500; i++)
            {
                Assert.True(sut[1].TryInject(frame));
                _outstanding++;
            }
        }

        public void Collect(ushort newest)
        {
            foreach (byte[] frame in sut.Received(2))
            {
                _outstanding--;
                AssertWhole(frame, newest);
            }
        }

        /// <summary>One version's actions, and none older than when the packet came in.</summary>
        public static void AssertWhole(byte[] frame, ushort newest)
        {
            ushort cameIn = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(18));
            ulong inMac = new MacAddress(frame).Value;
            ushort inPort = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(36));
            Assert.True(inMac == inPort, $"half of version {inMac}, half of {inPort}");
            Assert.True(inPort >= cameIn && inPort <= newest, $"version {inPort} for a packet that came in under {cameIn}; the newest is {newest}");
        }

        public void CollectAll(ushort newest) => Await(() =>
        {
            Collect(newest);
            return _outstanding == 0;
        });
    }
}
