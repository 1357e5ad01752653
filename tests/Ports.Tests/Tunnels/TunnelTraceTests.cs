using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Tracing;
using Softswitch.Ports.Memory;
using Softswitch.Ports.Tunnels;
using Softswitch.Ports.Tunnels.Settings;
using Softswitch.Testing;
using NeighbourTable = Softswitch.Ports.Tunnels.NextHops.NeighbourTable;

namespace Softswitch.Ports.Tests.Tunnels;

/// <summary>A trace into a tunnel says what leaves by the port below, or why nothing does; and asks and sends nothing.</summary>
public sealed class TunnelTraceTests : IDisposable
{
    private const uint Peer = TunnelHost.PeerAddress;

    private readonly TestSwitch _switch = new(ports: 1);
    private readonly UnderlaySet _set;
    private readonly MemoryPort _wire;

    public TunnelTraceTests()
    {
        _set = new UnderlaySet(_switch.Time);
        _wire = new MemoryPort("wire", _switch.Control.Frames) { HardwareAddress = new(0x0200_0000_00a1), Mtu = 1500 };
        Assert.Equal(ControlError.None, _switch.Control.Ports.Add(2, _set.Wrap(2, _wire, UnderlayOptions.Read(TunnelHost.Spec("u,address=10.0.0.1/24"))!)));
    }

    public void Dispose() => _switch.Dispose();

    [Theory]
    [InlineData("vxlan:local=10.0.0.1,remote=10.0.0.2,key=42")]
    [InlineData("vxlan:local=10.0.0.1,remote=10.0.0.2,key=42,csum=on,df=off")]
    [InlineData("gre:local=10.0.0.1,remote=10.0.0.2,key=flow,csum=on")]
    [InlineData("gre:local=10.0.0.1,remote=flow,key=flow")]
    [InlineData("ipip:local=10.0.0.1,remote=10.0.0.2")]
    [InlineData("capsulator:local=10.0.0.1,remote=10.0.0.2,key=7,mtu=fragment")]
    [InlineData("vxlan:local=10.0.0.1,remote=10.0.0.2,key=42,mtu=drop")]
    public void It_says_byte_for_byte_what_leaves_below(string spec)
    {
        Open(spec);
        // What a tunnel answers comes in there, and ends: the trace of the packet that it answers ends with the answer.
        FlowMatch fromOne = FlowMatch.Any with { InPort = 1, Wildcards = FlowWildcards.All & ~FlowWildcards.InPort };
        _switch.Control.Pipeline.MissBehaviour = MissBehaviour.Drop;
        _switch.Add(fromOne, 1, FlowAction.SetTunnel(77), FlowAction.SetTunnelDestination(Peer), FlowAction.Output(3));
        Learn();
        RandomFrames frames = new(5);
        int cut = 0;
        for (int i = 0; i < 400; i++)
        {
            byte[] frame = frames.Next();
            using PacketTracer tracer = _switch.Control.CreateTracer();
            PacketTrace trace = tracer.Trace(1, frame);
            long[] drops = ReadDrops();
            _switch.Send(1, frame);
            byte[][] sent = [.. _wire.Collect().Select(WithoutIdentification)];
            byte[][] traced = [.. trace.Steps.Where(step => step.Kind == TraceStepKind.Encapsulated).Select(step => WithoutIdentification(step.Bytes))];
            Assert.Equal(sent, traced);
            cut += sent.Length > 1 ? 1 : 0;
            drops[(int)DropReason.Miss] += trace.Steps.Count(step => step.Kind == TraceStepKind.Answered);
            AssertDropped(drops, trace.Steps);
            Assert.All(trace.Steps.Where(step => step.Kind == TraceStepKind.Encapsulated), step =>
                Assert.Equal((2, "next hop 10.0.0.2 at 02:00:00:00:00:b2"), (step.Port, step.Way)));
        }
        Assert.Equal(!spec.Contains("mtu=drop", StringComparison.Ordinal), cut > 0);
    }

    [Fact]
    public void A_next_hop_nobody_has_asked_for_is_not_asked_for()
    {
        Open("vxlan:local=10.0.0.1,remote=10.0.0.2,key=42");
        _switch.Add(FlowMatch.Any, 1, FlowAction.Output(3));
        for (int i = 0; i < 3; i++)
        {
            TraceStep waiting = Assert.Single(Trace(TestPacket.Udp()), step => step.Kind == TraceStepKind.Waiting);
            Assert.Equal((3, "next hop 10.0.0.2, which is asked by ARP first"), (waiting.Port, waiting.Way));
            _switch.Time.Advance(TimeSpan.FromSeconds(2));
            _switch.Settle();
            Assert.Empty(_wire.Collect());
        }
    }

    [Fact]
    public void A_next_hop_that_never_answers_is_foretold_also_while_it_is_asked_again()
    {
        Open("vxlan:local=10.0.0.1,remote=10.0.0.2,key=42");
        _switch.Add(FlowMatch.Any, 1, FlowAction.Output(3));
        _switch.Send(1, TestPacket.Udp());
        Assert.Single(Trace(TestPacket.Udp()), step => step.Kind == TraceStepKind.Waiting); // it may still answer
        Wait(NeighbourTable.ProbeInterval * (NeighbourTable.MaxProbes + 1));
        Assert.Equal(1, _switch.Control.Accounts.ReadDrops(DropReason.TunnelUnreachable));
        for (int i = 0; i < 2; i++)
        {
            TraceStep last = Trace(TestPacket.Udp())[^1];
            Assert.Equal((TraceStepKind.Dropped, DropReason.TunnelUnreachable, 3), (last.Kind, last.Reason, last.Port));
            Wait(NeighbourTable.FailedFor); // then it is asked again
        }
        Learn();
        Assert.Single(Trace(TestPacket.Udp()), step => step.Kind == TraceStepKind.Encapsulated);

        void Wait(int milliseconds)
        {
            for (; milliseconds > 0; milliseconds -= 100)
            {
                _switch.Time.Advance(TimeSpan.FromMilliseconds(100));
                _switch.Settle();
            }
        }
    }

    [Fact]
    public void An_underlay_without_a_link_is_foretold()
    {
        Open("vxlan:local=10.0.0.1,remote=10.0.0.2,key=42");
        _switch.Add(FlowMatch.Any, 1, FlowAction.Output(3));
        Learn();
        _wire.SetLink(false);
        _switch.Control.Ports.AnnounceLinkChange();
        _switch.Settle();
        IReadOnlyList<TraceStep> steps = Trace(TestPacket.Udp());
        Assert.Equal((TraceStepKind.Dropped, DropReason.LinkDown, 2), (steps[^1].Kind, steps[^1].Reason, steps[^1].Port));
        long[] drops = ReadDrops();
        _switch.Send(1, TestPacket.Udp());
        AssertDropped(drops, steps);
    }

    [Fact]
    public void Why_nothing_leaves_is_said()
    {
        Open("vxlan:local=10.0.0.1,remote=10.9.9.9,key=42");
        Open("gre:local=10.0.0.1,remote=flow");
        _switch.Add(FlowMatch.Any, 1, FlowAction.Output(3), FlowAction.Output(4));
        TraceStep[] drops = [.. Trace(TestPacket.Udp()).Where(step => step.Kind == TraceStepKind.Dropped)];
        Assert.Equal([(3, DropReason.TunnelUnreachable), (4, DropReason.TunnelNoDestination)], drops.Select(step => (step.Port, step.Reason)));
        _switch.Control.Ports.Remove(2);
        drops = [.. Trace(TestPacket.Udp()).Where(step => step.Kind == TraceStepKind.Dropped)];
        Assert.Equal([(3, DropReason.TunnelDown), (4, DropReason.TunnelDown)], drops.Select(step => (step.Port, step.Reason)));
    }

    [Fact]
    public void An_answer_to_the_sender_is_shown_and_not_given()
    {
        Open("vxlan:local=10.0.0.1,remote=10.0.0.2,key=42,mtu=icmp");
        _switch.Add(FlowMatch.Any, 1, FlowAction.Output(3));
        Learn();
        byte[] frame = TestPacket.Udp(payload: 1470, fragment: 0x4000);
        IReadOnlyList<TraceStep> steps = Trace(frame);
        TraceStep answer = Assert.Single(steps, step => step.Kind == TraceStepKind.Answered);
        Assert.Equal(3, answer.Bytes[14 + 20]); // destination unreachable
        Assert.Equal(DropReason.TooLong, Assert.Single(steps, step => step.Kind == TraceStepKind.Dropped).Reason);
        _switch.Settle();
        Assert.Empty(_switch.PacketIns);
    }

    [Fact]
    public void What_arrives_by_the_port_below_goes_on_or_ends_as_it_does_in_the_switch()
    {
        Open("vxlan:local=10.0.0.1,remote=10.0.0.2,key=42");
        Open("gre:local=10.0.0.1,remote=10.0.0.2,key=7,csum=on");
        _switch.Control.Pipeline.MissBehaviour = MissBehaviour.Drop;
        foreach (ushort tunnel in (ushort[])[2, 3, 4])
        {
            _switch.Add(FlowMatch.Any with { InPort = tunnel, Wildcards = FlowWildcards.All & ~FlowWildcards.InPort }, 1, FlowAction.SetNwTos((byte)(tunnel << 2)), FlowAction.Output(1));
        }
        Random random = new(8);
        RandomFrames frames = new(9);
        HashSet<TraceStepKind> seen = [];
        for (int i = 0; i < 600; i++)
        {
            byte[] outer = NextOuter(random, frames.Next());
            using PacketTracer tracer = _switch.Control.CreateTracer();
            IReadOnlyList<TraceStep> steps = tracer.Trace(2, outer).Steps;
            seen.UnionWith(steps.Select(step => step.Kind));
            long[] drops = ReadDrops();
            Assert.True(_wire.TryInject(outer));
            _switch.Settle();
            Assert.Equal(_switch.Received(1), steps.Where(step => step.Kind == TraceStepKind.Output && step.Port == 1).Select(step => step.Bytes));
            AssertDropped(drops, steps);
        }
        Assert.Superset(new HashSet<TraceStepKind> { TraceStepKind.Claimed, TraceStepKind.Decapsulated, TraceStepKind.Dropped, TraceStepKind.Output }, seen);
        _switch.Control.Ports.Remove(3);
        using PacketTracer last = _switch.Control.CreateTracer();
        Assert.DoesNotContain(last.Trace(2, ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(42, frames.Next()))).Steps, step => step.Kind == TraceStepKind.Decapsulated);
    }

    private static byte[] NextOuter(Random random, byte[] inner)
    {
        byte[] outer = random.Next(9) switch
        {
            0 or 1 => ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(42, inner)),
            2 => ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(43, inner)), // nobody's key
            3 => ReferenceTunnel.Outer(ReferenceTunnel.Gre, ReferenceTunnel.GreHeader(inner, key: 7, checksum: true)),
            4 => ReferenceTunnel.Outer(ReferenceTunnel.Gre, ReferenceTunnel.GreHeader(inner, key: 7, checksum: true), from: 0x0a000003), // no peer
            5 => TestPacket.Arp(target: random.Next(2) == 0 ? TunnelHost.LocalAddress : Peer),
            6 => TestPacket.Icmp(src: Peer, dst: TunnelHost.LocalAddress),
            7 => ReferenceTunnel.Outer(ReferenceTunnel.Udp, ReferenceTunnel.Vxlan(42, inner), dlDst: 0x0200_0000_0099), // for another host
            _ => inner,
        };
        int flipped = random.Next(14, Math.Min(outer.Length, 60));
        if (random.Next(4) == 0 && flipped is not (20 or 21)) // a trace does not say whether a fragment of an outer packet fits
        {
            outer[flipped] ^= (byte)(1 << random.Next(8));
        }
        return outer;
    }

    private void Open(string spec)
    {
        ushort number = (ushort)(3 + (_switch.Control.Ports.Numbers.Length - 2));
        IPortDevice device = _set.Open(number, TunnelHost.Spec(spec), _switch.Control.Frames, out ushort? beside);
        Assert.Equal(ControlError.None, _switch.Control.Ports.Add(number, device, beside: beside));
    }

    /// <summary>The peer answers when it is asked.</summary>
    private void Learn()
    {
        _switch.Send(1, TestPacket.Udp());
        _switch.Settle();
        Assert.True(_wire.TryInject(TunnelHost.ArpReply(Peer, 0x0200_0000_00b2, _wire.HardwareAddress)));
        _switch.Settle();
        _switch.Time.Advance(TimeSpan.FromMilliseconds(200));
        _switch.Settle();
        Assert.NotEmpty(_wire.Collect());
    }

    private IReadOnlyList<TraceStep> Trace(byte[] frame)
    {
        using PacketTracer tracer = _switch.Control.CreateTracer();
        return tracer.Trace(1, frame).Steps;
    }

    private long[] ReadDrops() => [.. Enumerable.Range(0, (int)DropReason.Count).Select(reason => _switch.Control.Accounts.ReadDrops((DropReason)reason))];

    /// <summary>The switch has dropped since what a trace says.</summary>
    private void AssertDropped(long[] before, IReadOnlyList<TraceStep> steps)
    {
        long[] traced = new long[before.Length];
        foreach (TraceStep step in steps.Where(step => step.Kind == TraceStepKind.Dropped))
        {
            traced[(int)step.Reason] += step.Count;
        }
        Assert.Equal(traced, ReadDrops().Select((after, reason) => after - before[reason]));
    }

    /// <summary>A tunnel counts its packets in the outer header, which a trace does not go on with.</summary>
    private static byte[] WithoutIdentification(byte[] outer)
    {
        byte[] bytes = [.. outer];
        bytes.AsSpan(18, 2).Clear();
        bytes.AsSpan(24, 2).Clear();
        return bytes;
    }

    private sealed class RandomFrames(int seed)
    {
        private readonly Random _random = new(seed);

        public byte[] Next() => _random.Next(5) switch
        {
            0 => TestPacket.Arp(),
            1 => TestPacket.Udp(payload: _random.Next(1300, 1470), fragment: (ushort)(_random.Next(2) * 0x4000)),
            2 => TestPacket.Tcp(payload: _random.Next(1300, 1459), vlan: 5),
            3 => TestPacket.Udp(src: TunnelHost.LocalAddress, dst: Peer, dstPort: 4789),
            _ => TestPacket.Tcp(src: (uint)_random.Next(), tos: (byte)_random.Next(256), payload: _random.Next(100)),
        };
    }
}
