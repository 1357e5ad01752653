using System.Globalization;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Fragments;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Queues;
using Softswitch.Datapath.SpanningTree;
using Softswitch.Datapath.Tracing;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Tracing;

/// <summary>What a trace says of a packet, and then what the switch does with it: random tables, settings and packets.</summary>
public sealed class TraceOracleTests
{
    private const int Ports = 6;
    private const int PacketsPerTable = 25;
    private const ushort Scheduled = 2;

    private static readonly ushort[] Destinations =
        [1, 2, 3, 4, 5, 6, 7, PortNumber.InPort, PortNumber.Normal, PortNumber.Flood, PortNumber.All, PortNumber.Controller, PortNumber.Local];

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 4)];

    /// <summary>Pairs of table and packet over all seeds; a long run sets more.</summary>
    private static int Pairs =>
        int.TryParse(Environment.GetEnvironmentVariable("SOFTSWITCH_TEST_TRACES"), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : 12_000;

    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_trace_says_byte_for_byte_what_forwarding_does(int seed)
    {
        RandomMatches random = new(seed);
        HashSet<TraceStepKind> seen = [];
        for (int pairs = Pairs / 4, switches = 0; pairs > 0; switches++)
        {
            // A switch for some tables, so that stations and entries of before are there, too.
            bool hasTree = switches % 3 == 2;
            using TestSwitch sut = Create(random.Random, hasTree);
            for (int round = 0; round < 20 && pairs > 0; round++)
            {
                Change(sut, random);
                using PacketTracer tracer = sut.Control.CreateTracer();
                for (int i = 0; i < PacketsPerTable; i++, pairs--)
                {
                    ushort inPort = (ushort)random.Random.Next(1, Ports + 1);
                    byte[] frame = NextFrame(random, hasTree);
                    PacketTrace trace = tracer.Trace(inPort, frame);
                    seen.UnionWith(trace.Steps.Select(step => step.Kind));
                    if (trace.Steps.FirstOrDefault(step => step.Kind is TraceStepKind.Entry or TraceStepKind.Miss) is { } looked
                        && trace.Steps.All(step => step.Kind != TraceStepKind.Reassembled)) // else another packet came to the table
                    {
                        Assert.Equal(sut.Control.Flows.Entries.FindMatches(trace.Key, 1, out _) is [uint best] ? best : 0, looked.Entry);
                    }
                    Outcome traced = Outcome.Of(trace);
                    Outcome forwarded = Forward(sut, inPort, frame);
                    Assert.True(traced.Text == forwarded.Text,
                        $"seed {seed}, round {round}, packet {i}: {Convert.ToHexString(frame)} in {inPort}\ntraced:\n{traced.Text}forwarded:\n{forwarded.Text}");
                }
            }
        }
        // Some are tunnels' (Ports.Tests), and nothing is so long that it is cut short.
        Assert.Equal(Enum.GetValues<TraceStepKind>().Except([TraceStepKind.Claimed, TraceStepKind.Decapsulated, TraceStepKind.Encapsulated, TraceStepKind.Waiting, TraceStepKind.Answered, TraceStepKind.LeftOut]), seen.Order());
    }

    [Fact]
    public void A_trace_leaves_no_trace()
    {
        RandomMatches random = new(99);
        using TestSwitch sut = Create(random.Random, hasTree: true);
        for (int round = 0; round < 40; round++)
        {
            Change(sut, random);
            sut.Send(1, random.NextFrame());
            string before = Everything(sut, random);
            using (PacketTracer tracer = sut.Control.CreateTracer())
            {
                for (ushort port = 1; port <= Ports; port++)
                {
                    tracer.Trace(port, NextFrame(random, hasTree: true));
                }
            }
            Assert.Equal(before, Everything(sut, random));
            sut.AssertNoFrameLost();
            Assert.Equal(before, Everything(sut, random)); // nothing came after
        }
    }

    private static TestSwitch Create(Random random, bool hasTree)
    {
        TestSwitch sut = new(Ports - 2, new DatapathOptions
        {
            PacketInRate = 0,
            BufferCount = 1,
            MaxWildcardEntries = 4096,
            SpanningTree = hasTree ? new SpanningTreeOptions() : null,
        });
        sut.AddPort(5, mtu: 600);
        sut.AddPort(6, mtu: 60);
        sut.Control.Queues.Configure(Scheduled, new QueueConfig(1));
        if (hasTree)
        {
            for (int i = random.Next(40); i > 0; i--)
            {
                sut.Time.Advance(TimeSpan.FromSeconds(1));
                sut.Settle();
            }
        }
        return sut;
    }

    /// <summary>Some entries more or fewer, other settings.</summary>
    private static void Change(TestSwitch sut, RandomMatches random)
    {
        Random r = random.Random;
        sut.Control.Pipeline.FragmentHandling = FragmentHandling.Normal;
        sut.Settle(); // datagrams in the making are the forwarding worker's own
        if (r.Next(3) == 0)
        {
            sut.Control.Apply(TestSwitch.Flow(FlowMatch.Any, command: FlowModCommand.Delete));
        }
        for (int i = r.Next(10); i > 0; i--)
        {
            FlowMatch match = random.NextMatch();
            if (r.Next(3) == 0)
            {
                match.Wildcards |= FlowWildcards.All & ~(FlowWildcards)(1 << r.Next(22)); // wide, so that packets meet it
            }
            sut.Add(match, (ushort)r.Next(4), NextActions(r));
        }
        ushort configured = (ushort)r.Next(1, Ports + 1);
        PortConfig config = r.Next(3) == 0 ? (PortConfig)r.Next(1 << 7) : PortConfig.None;
        sut.Control.Ports.Configure(configured, sut[configured].HardwareAddress, config, PortConfig.All);
        sut.Control.Pipeline.FragmentHandling = (FragmentHandling)r.Next(3);
        sut.Control.Pipeline.MissBehaviour = (MissBehaviour)r.Next(3);
        sut.Control.Pipeline.InBand = r.Next(4) == 0
            ? new InBandTraffic(new MacAddress(0x0200_0000_0001), [new InBandController(Be32.FromHost(0x0a000001), Be16.FromHost(2))], [1], [])
            : null;
        sut.Settle();
        for (ushort port = 1; port <= Ports; port++)
        {
            sut.Received(port); // what spanning tree had to say
        }
    }

    private static FlowAction[] NextActions(Random random)
    {
        FlowAction[] actions = new FlowAction[random.Next(6)];
        for (int i = 0; i < actions.Length; i++)
        {
            ushort port = Destinations[random.Next(Destinations.Length)];
            actions[i] = random.Next(14) switch
            {
                0 => FlowAction.SetVlanVid((ushort)random.Next(4096)),
                1 => FlowAction.SetVlanPcp((byte)random.Next(8)),
                2 => FlowAction.StripVlan(),
                3 => FlowAction.SetDlSrc(new MacAddress(0x0200_0000_0000UL | (uint)random.Next(1, 4))),
                4 => FlowAction.SetDlDst(new MacAddress(0x0200_0000_0000UL | (uint)random.Next(1, 4))),
                5 => FlowAction.SetNwSrc((uint)random.Next()),
                6 => FlowAction.SetNwDst((uint)random.Next()),
                7 => FlowAction.SetNwTos((byte)(random.Next(64) << 2)),
                8 => FlowAction.SetTpSrc((ushort)random.Next(4)),
                9 => FlowAction.SetTpDst((ushort)random.Next(4)),
                10 => FlowAction.Enqueue((ushort)random.Next(1, Ports + 2), (uint)random.Next(3)),
                11 => FlowAction.SetTunnel((uint)random.Next()),
                _ => FlowAction.Output(port, (ushort)random.Next(200)),
            };
        }
        return actions;
    }

    private static byte[] NextFrame(RandomMatches random, bool hasTree)
    {
        Random r = random.Random;
        switch (r.Next(30))
        {
            case 0:
                return new byte[r.Next(1, 14)];
            case 1 when hasTree:
                byte[] bpdu = TestPacket.Ethernet(38, new byte[46]);
                new MacAddress(0x0180_c200_0000).CopyTo(bpdu);
                return bpdu;
            case 2:
                byte[] group = random.NextFrame();
                new MacAddress(r.Next(2) == 0 ? 0xffff_ffff_ffffUL : 0x0180_c200_0000UL + (uint)r.Next(16)).CopyTo(group);
                return group;
            case 3:
                return TestPacket.Udp(payload: r.Next(500, 1400), dstPort: (ushort)r.Next(1, 4));
            case 4 or 5: // halves of one datagram, whichever comes first
                byte[] whole = TestPacket.Udp(payload: 1192);
                bool isFirst = r.Next(2) == 0;
                byte[] half = isFirst ? whole[..(34 + 600)] : [.. whole[..34], .. whole[(34 + 600)..]];
                Ipv4Of(half, isFirst ? (ushort)0x2000 : (ushort)(600 / 8));
                return half;
            default:
                return random.NextFrame();
        }
    }

    /// <summary>Makes length, fragment field and checksum those of what there is.</summary>
    private static void Ipv4Of(byte[] frame, ushort fragment)
    {
        Span<byte> ip = frame.AsSpan(14);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(ip[6..], fragment);
        ip[10] = ip[11] = 0;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(ip[10..], TestPacket.TextbookChecksum(ip[..20]));
    }

    private static Outcome Forward(TestSwitch sut, ushort inPort, byte[] frame)
    {
        long[] drops = ReadDrops(sut);
        sut.PacketIns.Clear();
        sut.Send(inPort, frame);
        Outcome outcome = new();
        for (ushort port = 1; port <= Ports; port++)
        {
            sut.Received(port).ForEach(bytes => outcome.Leaves(port, bytes));
        }
        sut.PacketIns.ForEach(packetIn => outcome.PacketIn(packetIn.Reason, packetIn.MaxLength, packetIn.Data));
        long[] after = ReadDrops(sut);
        for (DropReason reason = 0; reason < DropReason.Count; reason++)
        {
            outcome.Dropped(reason, after[(int)reason] - drops[(int)reason]);
        }
        return outcome;
    }

    private static long[] ReadDrops(TestSwitch sut) =>
        [.. Enumerable.Range(0, (int)DropReason.Count).Select(reason => sut.Control.Accounts.ReadDrops((DropReason)reason))];

    /// <summary>All that can be read of a switch.</summary>
    private static string Everything(TestSwitch sut, RandomMatches random)
    {
        IEnumerable<string> lines = sut.Control.Ports.Numbers.ToArray().Select(port => $"{Read(port)}; {string.Join(' ', sut.Control.Queues.ReadStatistics(port))}; {sut.Control.Queues.ReadMisses(port)}");
        lines = lines.Concat(sut.Flows().Select(flow => $"{flow.Match} {flow.Packets} {flow.Bytes}"));
        lines = lines.Append(string.Join(' ', ReadDrops(sut)));
        lines = lines.Append($"{sut.Control.ReadTable(0)} {sut.Control.RestingFrameCount} {sut.PacketIns.Count} {sut.PortEvents.Count}");
        lines = lines.Concat(sut.Control.Workers.Select(worker => $"{worker.Counters.Lookups} {worker.HeldCount} {worker.Bpdus.HasIncoming}"));
        for (uint station = 1; station < 4; station++)
        {
            FlowKey key = new() { DlDst = new MacAddress(0x0200_0000_0000UL | station) };
            lines = lines.Append($"station {station} at {sut.Control.Stations.Find(key, 0)}");
        }
        for (ushort port = 1; port <= Ports; port++)
        {
            lines = lines.Append($"{sut[port].PendingCollect} {sut[port].PendingReceive}");
        }
        return string.Join('\n', lines);

        PortStatistics Read(ushort port) => sut.Control.Ports.TryRead(port, out PortStatistics statistics) ? statistics : default;
    }

    /// <summary>Where a packet went, in a form that two can be compared in.</summary>
    private sealed class Outcome
    {
        private readonly SortedDictionary<string, List<string>> _places = [];

        // A scheduler has its own order.
        public string Text => string.Concat(_places.Select(place => $"{place.Key}: {string.Join(' ', place.Key == $"port {Scheduled}" ? place.Value.Order() : place.Value)}\n"));

        public static Outcome Of(PacketTrace trace)
        {
            Outcome outcome = new();
            foreach (IGrouping<DropReason, TraceStep> drops in trace.Steps.Where(step => step.Kind == TraceStepKind.Dropped).GroupBy(step => step.Reason))
            {
                outcome.Dropped(drops.Key, drops.Sum(step => step.Count));
            }
            foreach (TraceStep step in trace.Steps)
            {
                if (step.Kind == TraceStepKind.Output)
                {
                    outcome.Leaves(step.Port, step.Bytes);
                }
                else if (step.Kind == TraceStepKind.PacketIn)
                {
                    outcome.PacketIn(step.PacketInReason, step.MaxLength, step.Bytes);
                }
            }
            return outcome;
        }

        public void Leaves(ushort port, byte[] bytes) => Add($"port {port}", Convert.ToHexString(bytes));

        public void PacketIn(PacketInReason reason, ushort maxLength, byte[] bytes) => Add("controller", $"{reason} {maxLength} {Convert.ToHexString(bytes)}");

        public void Dropped(DropReason reason, long count)
        {
            if (count != 0)
            {
                Add($"dropped {reason}", $"{count}");
            }
        }

        private void Add(string place, string what)
        {
            if (!_places.TryGetValue(place, out List<string>? list))
            {
                _places.Add(place, list = []);
            }
            list.Add(what);
        }
    }
}
