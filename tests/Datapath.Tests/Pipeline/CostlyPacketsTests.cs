using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Pipeline;

/// <summary>Packets that make many others: what they cost is theirs, and their port's.</summary>
public sealed class CostlyPacketsTests : IDisposable
{
    private const int MostOutputs = 8000;

    // What a pass may make of such packets, and one output more.
    private const int MostInPass = PacketCost.Slice + 1;

    private readonly TestSwitch _sut = new() { KeepsFrames = true };

    private Worker Worker => _sut.Control.Workers[0];

    public void Dispose() => _sut.Dispose();

    [Fact]
    public void A_packet_of_many_outputs_leaves_in_order_over_many_passes_of_which_each_serves_the_other_ports()
    {
        const int outputs = MostOutputs / 2;
        AddList(inPort: 1, [.. Enumerable.Range(0, outputs).SelectMany(n => (FlowAction[])[FlowAction.SetTpSrc((ushort)n), FlowAction.Output(3)])]);
        AddList(inPort: 2, FlowAction.Output(4));
        Inject(1, 3);
        List<int> numbers = [];
        while (numbers.Count < 3 * outputs)
        {
            Inject(2, 100);
            Worker.PollOnce();
            Assert.Equal(100, TestSwitch.Discard(_sut[4]));
            List<byte[]> left = _sut.Received(3);
            Assert.InRange(left.Count, 1, MostInPass);
            numbers.AddRange(left.Select(frame => (frame[34] << 8) | frame[35]));
        }
        Assert.Equal(Enumerable.Repeat(Enumerable.Range(0, outputs), 3).SelectMany(number => number), numbers);
        Assert.Equal(3ul, _sut.Flows().Single(flow => flow.Match.InPort == 1).Packets);
        AssertAccounts();
    }

    [Fact]
    public void Ports_with_such_packets_take_turns_and_receive_nothing_else_meanwhile()
    {
        AddList(inPort: 1, Outputs(MostOutputs));
        AddList(inPort: 2, Outputs(MostOutputs));
        Inject(1, 100);
        Inject(2, 100);
        int[] made = new int[3];
        for (int passes = 0; passes < 20 * MostOutputs / PacketCost.Slice; passes++)
        {
            Worker.PollOnce();
            _sut.Received(3).ForEach(frame => made[frame[11]]++);
        }
        Assert.InRange(made[1] - made[2], -MostOutputs, MostOutputs);
        Assert.Equal(200 - (2 * PacketBatch.Capacity), _sut[1].PendingReceive + _sut[2].PendingReceive);
        Finish();
    }

    [Fact]
    public void What_comes_behind_a_packet_under_way_leaves_behind_it_however_little_it_costs()
    {
        AddList(inPort: 1, Outputs(50));
        Assert.True(_sut[1].TryInject(TestPacket.Udp(srcPort: 1, payload: 60_000)));
        Worker.PollOnce();
        Assert.Equal(1, Worker.HeldCount);
        Assert.True(_sut[1].TryInject(TestPacket.Udp(srcPort: 2)));
        List<int> left = [];
        do
        {
            left.AddRange(_sut.Received(3).Select(frame => (frame[34] << 8) | frame[35]));
        }
        while (Worker.PollOnce() > 0);
        Assert.Equal(Enumerable.Repeat(1, 50).Concat(Enumerable.Repeat(2, 50)), left);
        AssertAccounts();
    }

    [Fact]
    public void A_barrier_waits_for_what_a_packet_out_under_way_sends_through_the_table_in_the_end()
    {
        AddList(inPort: 1, Outputs(MostOutputs));
        Assert.Equal(ControlError.None, _sut.Control.PacketOut(FlowMod.NoBuffer, 1, [.. Outputs(MostInPass + 1), FlowAction.Output(PortNumber.Table)], Frame(1)));
        Worker.PollOnce();
        int left = TestSwitch.Discard(_sut[3]);
        BarrierProgress progress = default;
        while (!_sut.Control.Barriers.TryFinish(ref progress, _sut.Control.Flows.Removed.EndOfReports))
        {
            Worker.PollOnce();
            left += TestSwitch.Discard(_sut[3]);
        }
        Assert.Equal(MostInPass + 1 + MostOutputs, left);
        AssertAccounts();
    }

    [Fact]
    public void A_packet_out_has_its_turn_while_ports_never_stop()
    {
        AddList(inPort: 1, Outputs(2 * PacketCost.Slice));
        AddList(inPort: 2, Outputs(2 * PacketCost.Slice));
        AddList(inPort: 4, Outputs(PacketCost.Plain + 1)); // so that no packet ends with a pass
        Inject(4, 1);
        Worker.PollOnce();
        for (int passes = 0; passes < 20; passes++)
        {
            Inject(1, 1);
            Inject(2, 1);
            Worker.PollOnce();
            TestSwitch.Discard(_sut[3]);
            if (passes == 5)
            {
                SendOut([.. Enumerable.Repeat(FlowAction.Output(4), PacketCost.Plain + 1)]);
                SendOut(FlowAction.Output(4));
            }
        }
        Assert.Equal(PacketCost.Plain + 2, TestSwitch.Discard(_sut[4]));
        Finish(3);
        AssertAccounts();
    }

    [Fact]
    public void What_a_list_does_after_its_last_output_costs_nothing()
    {
        FlowAction[] rewrites = [.. Enumerable.Range(0, MostOutputs).Select(n => FlowAction.SetTpSrc((ushort)n))];
        AddList(inPort: 1, rewrites);
        AddList(inPort: 2, [FlowAction.Output(3), .. rewrites]);
        Inject(1, 10);
        Inject(2, 10);
        Worker.PollOnce();
        Assert.Equal(0, Worker.HeldCount);
        Assert.Equal(10, TestSwitch.Discard(_sut[3]));
        AssertAccounts();
    }

    [Theory]
    [InlineData(1, 32)]
    [InlineData(90, 32)]
    [InlineData(8000, 1)]
    public void Packet_outs_through_the_table_are_few_in_a_pass(int outputs, int count)
    {
        AddList(inPort: 1, Outputs(PacketCost.Plain - 1));
        FlowAction[] actions = [.. Enumerable.Repeat(FlowAction.Output(PortNumber.Table), outputs)];
        for (int n = 0; n < count; n++)
        {
            Assert.Equal(ControlError.None, _sut.Control.PacketOut(FlowMod.NoBuffer, 1, actions, Frame(1)));
        }
        ulong before = 0;
        while (Worker.PollOnce() > 0)
        {
            ulong made = _sut.Control.Ports.Find(3)!.ReadAccount().Egress.Entered;
            Assert.InRange(made - before, 0ul, (ulong)(PacketBatch.Capacity * PacketCost.Plain));
            before = made;
            TestSwitch.Discard(_sut[3]);
        }
        Assert.NotEqual(0ul, before);
        AssertAccounts();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_bridge_of_many_ports_forwards_to_stations_it_knows_in_full_batches(bool byMiss)
    {
        const int batch = Worker.BatchesPerQueue * PacketBatch.Capacity;
        using TestSwitch sut = new(PacketCost.Plain + 20);
        sut.Control.Pipeline.MissBehaviour = MissBehaviour.Normal;
        if (!byMiss)
        {
            Assert.Equal(ControlError.None, sut.Add(FlowMatch.Any, 1, FlowAction.Output(PortNumber.Normal)));
        }
        sut.Send(2, TestPacket.Udp(dlSrc: 2, dlDst: 1));
        sut.Send(1, TestPacket.Udp(dlSrc: 1, dlDst: 2));
        TestSwitch.Discard(sut[2]);
        for (int n = 0; n < 3 * batch; n++)
        {
            Assert.True(sut[1].TryInject(TestPacket.Udp(dlSrc: 1, dlDst: 2)));
        }
        for (int passes = 0; passes < 3; passes++)
        {
            sut.Control.Workers[0].PollOnce();
            Assert.Equal(batch, TestSwitch.Discard(sut[2]));
        }
    }

    [Theory]
    [InlineData(40, true)]
    [InlineData(40, false)]
    [InlineData(100, true)]
    public void A_storm_of_broadcasts_makes_no_long_pass(int ports, bool byTable)
    {
        using TestSwitch sut = new(ports);
        MacAddress own = new(0x0200_0000_1234);
        Assert.Equal(ControlError.None, sut.Add(FlowMatch.Any, 1, byTable ? [FlowAction.Output(PortNumber.Flood)] : []));
        sut.Control.Pipeline.InBand = byTable ? null : new InBandTraffic(own, [], [], []);
        byte[] frame = byTable ? Frame(1) : TestPacket.Arp(dlSrc: own.Value);
        for (ushort port = 1; port <= 20; port++)
        {
            for (int n = 0; n < 100; n++)
            {
                Assert.True(sut[port].TryInject(frame));
            }
        }
        ulong before = 0;
        while (sut.Control.Workers[0].PollOnce() > 0)
        {
            ulong made = 0;
            for (ushort port = 1; port <= ports; port++)
            {
                made += sut.Control.Ports.Find(port)!.ReadAccount().Egress.Entered;
                TestSwitch.Discard(sut[port]);
            }
            Assert.InRange(made - before, 0ul, (ulong)(((PacketBatch.Capacity + 1) * ports) + PacketCost.Slice));
            before = made;
        }
        Assert.Equal(20ul * 100 * ((ulong)ports - 1), before);
    }

    [Fact]
    public void A_segment_is_cut_into_1024_frames_at_the_most_and_one_that_no_sender_makes_is_dropped()
    {
        AddList(inPort: 1, FlowAction.Output(3));
        InjectSegment(1, payload: 60_000, segmentSize: 76);
        Finish();
        Assert.Equal(790, _sut.Received(3).Count);
        InjectSegment(1, payload: 60_000, segmentSize: 1);
        InjectSegment(1, payload: 60 * 1025, segmentSize: 60);
        InjectSegment(1, payload: 70, segmentSize: 7);
        Finish();
        Assert.Empty(_sut.Received(3));
        Assert.Equal(3, _sut.Control.Accounts.ReadDrops(DropReason.TinySegments));
        InjectSegment(1, payload: 60 * 1000, segmentSize: 60);
        InjectSegment(1, payload: 80, segmentSize: 8);
        Finish();
        Assert.Equal(1010, _sut.Received(3).Count);
        AssertAccounts();
    }

    [Fact]
    public void Segments_that_are_cut_small_are_few_in_a_pass_and_what_came_after_leaves_after_them()
    {
        AddList(inPort: 1, FlowAction.Output(3));
        for (int n = 0; n < 20; n++)
        {
            InjectSegment(1, payload: 7600, segmentSize: 76);
        }
        Inject(1, 1);
        int left = 0;
        for (int passes = 0; left < 2000; passes++)
        {
            Worker.PollOnce();
            int now = TestSwitch.Discard(_sut[3]);
            Assert.InRange(now, 1, PacketCost.Slice + 101 + 1);
            left += now;
        }
        Finish();
        Assert.Equal(2001, left + TestSwitch.Discard(_sut[3]));
    }

    [Fact]
    public void A_packet_that_would_make_more_than_one_may_stops_there_and_is_counted()
    {
        AddList(inPort: 1, Outputs(MostOutputs));
        byte[] large = TestPacket.Udp(payload: 60_000);
        Assert.True(_sut[1].TryInject(large));
        int left = Finish(3);
        Assert.InRange(left, PacketCost.Most / 17, MostOutputs / 2);
        Assert.Equal(1, _sut.Control.Accounts.ReadDrops(DropReason.TooManyOutputs));
        AssertAccounts();
    }

    [Fact]
    public void A_packet_out_of_8000_outputs_lets_others_pass_and_a_barrier_waits_for_it()
    {
        SendOut(Outputs(MostOutputs));
        SendOut(FlowAction.Output(4));
        Worker.PollOnce();
        Assert.Single(_sut.Received(4));
        int left = TestSwitch.Discard(_sut[3]);
        Assert.InRange(left, 1, MostInPass);
        BarrierProgress progress = default;
        while (!_sut.Control.Barriers.TryFinish(ref progress, _sut.Control.Flows.Removed.EndOfReports))
        {
            Assert.True(progress.IsHeldUp);
            Worker.PollOnce();
            left += TestSwitch.Discard(_sut[3]);
        }
        Assert.Equal(MostOutputs, left);
        AssertAccounts();
    }

    [Fact]
    public void Packet_outs_of_many_outputs_wait_only_while_they_cost_little_together()
    {
        for (int n = 0; n < 10; n++)
        {
            SendOut(Outputs(MostOutputs));
        }
        for (int n = 0; n < 100; n++)
        {
            SendOut(FlowAction.Output(4));
        }
        Assert.Equal(8, _sut.Control.Accounts.ReadDrops(DropReason.PacketOutQueueFull));
        int left = Finish(3);
        Assert.Equal(2 * MostOutputs, left);
        Assert.Equal(100, TestSwitch.Discard(_sut[4]));
    }

    [Fact]
    public void A_packet_out_through_the_table_to_such_an_entry_is_part_of_the_barrier_too()
    {
        AddList(inPort: 1, Outputs(MostOutputs));
        FlowAction[] many = [.. Enumerable.Repeat(FlowAction.Output(PortNumber.Table), 3)];
        Assert.Equal(ControlError.None, _sut.Control.PacketOut(FlowMod.NoBuffer, 1, many, Frame(1)));
        int left = 0;
        BarrierProgress progress = default;
        Worker.PollOnce();
        while (!_sut.Control.Barriers.TryFinish(ref progress, _sut.Control.Flows.Removed.EndOfReports))
        {
            left += TestSwitch.Discard(_sut[3]);
            Worker.PollOnce();
        }
        Assert.Equal(3 * MostOutputs, left + TestSwitch.Discard(_sut[3]));
        AssertAccounts();
    }

    [Fact]
    public void What_waits_is_treated_by_the_table_of_its_turn_and_what_has_begun_by_the_one_it_began_with()
    {
        AddList(inPort: 1, Outputs(MostOutputs));
        Inject(1, 5);
        Worker.PollOnce();
        int left = TestSwitch.Discard(_sut[3]);
        AddList(inPort: 1, FlowAction.Output(4));
        left += Finish(3);
        Assert.Equal(MostOutputs, left);
        Assert.Equal(4, TestSwitch.Discard(_sut[4]));
        AssertAccounts();
    }

    [Fact]
    public void What_waits_of_a_port_that_goes_is_dropped_and_counted()
    {
        AddList(inPort: 1, Outputs(MostOutputs));
        Inject(1, 5);
        Worker.PollOnce();
        int left = TestSwitch.Discard(_sut[3]);
        Assert.Equal(5, Worker.HeldCount);
        Assert.Equal(ControlError.None, _sut.Control.Ports.Remove(1));
        left += Finish(3);
        Assert.InRange(left, 1, MostInPass);
        Assert.Equal(5, _sut.Control.Accounts.ReadDrops(DropReason.NoSuchPort));
        Assert.Equal(0, Worker.HeldCount);
    }

    private static FlowAction[] Outputs(int count) => [.. Enumerable.Repeat(FlowAction.Output(3), count)];

    private static byte[] Frame(ushort inPort) => TestPacket.Udp(dlSrc: inPort);

    private void AddList(ushort inPort, params FlowAction[] actions) =>
        Assert.Equal(ControlError.None, _sut.Add(FlowMatch.Any with { Wildcards = FlowMatch.Any.Wildcards & ~FlowWildcards.InPort, InPort = inPort }, 1, actions));

    private void Inject(ushort port, int count)
    {
        for (int n = 0; n < count; n++)
        {
            Assert.True(_sut[port].TryInject(Frame(port)));
        }
    }

    private void InjectSegment(ushort port, int payload, int segmentSize) =>
        Assert.True(_sut[port].TryInject(new SegmentBuilder { Payload = new byte[payload] }.Rent(_sut[port].FarFrames, segmentSize)));

    private void SendOut(params FlowAction[] actions) =>
        Assert.Equal(ControlError.None, _sut.Control.PacketOut(FlowMod.NoBuffer, PortNumber.None, actions, Frame(9)));

    private void Finish() => Finish(2);

    /// <summary>Runs the worker until nothing waits; returns what left by a port meanwhile.</summary>
    private int Finish(ushort port)
    {
        int left = 0;
        while (Worker.PollOnce() > 0)
        {
            left += TestSwitch.Discard(_sut[port]);
        }
        return left;
    }

    private void AssertAccounts()
    {
        Finish(3);
        Assert.Equal(0, Worker.HeldCount);
        AccountSnapshot reading;
        using (_sut.Control.EnterWithoutTable())
        {
            reading = _sut.Control.Accounts.Read();
        }
        Assert.All(reading.Rows, row => Assert.Equal(0, row.Unaccounted + row.Held));
    }
}
