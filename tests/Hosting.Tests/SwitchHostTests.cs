using System.Collections.Concurrent;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Ports;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests;

/// <summary>A switch in a program of one's own, by nothing but what is public.</summary>
public sealed class SwitchHostTests : IDisposable
{
    private static readonly SwitchOptions Small = new() { Datapath = new() { FrameCount = 2048 } };

    private readonly ConcurrentQueue<string> _log = new();
    private readonly SwitchHost _switch;
    private readonly ProgramPort _left;
    private readonly ProgramPort _right;

    public SwitchHostTests()
    {
        _switch = SwitchHost.Start(Small, _log.Enqueue);
        _left = _switch.AddProgramPort("left");
        _right = _switch.AddProgramPort("right", 7);
    }

    public void Dispose() => _switch.Dispose();

    [Fact]
    public void Flows_in_words_and_as_values_forward_and_count()
    {
        byte[] frame = TestPacket.Udp();
        _switch.AddFlow("in_port=1,priority=5,actions=output:7");
        _switch.Apply(new FlowMod
        {
            Match = FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.InPort, InPort = 7 },
            Actions = [FlowAction.Output(1)],
            Cookie = 3,
        });
        Assert.True(_left.TrySend(frame));
        Assert.Equal(frame, Next(_right));
        Assert.True(_right.TrySend(frame));
        Assert.Equal(frame, Next(_left));
        Eventually.True(() => _switch.ReadFlows().All(flow => flow.Packets == 1), "an entry did not count");
        FlowReport back = Assert.Single(_switch.ReadFlows(), flow => flow.Cookie == 3);
        Assert.Equal((ulong)frame.Length, back.Bytes);
        Assert.Contains("in_port=7 actions=output:1", back.ToString(), StringComparison.Ordinal);
        _switch.DeleteFlows("in_port=7");
        Assert.Equal(5, Assert.Single(_switch.ReadFlows()).Priority);
        _switch.DeleteFlows();
        Assert.Empty(_switch.ReadFlows());
    }

    [Fact]
    public void Ports_come_and_go_while_it_runs()
    {
        BlockingCollection<(PortStatusReason Reason, ushort Number)> changes = [];
        _switch.PortChanged += (reason, port) => changes.Add((reason, port.Number));
        ushort number = _switch.AddPort("null:");
        Assert.Equal(2, number);
        Assert.Equal([1, 2, 7], _switch.ReadPorts().Select(port => (int)port.Number));
        _switch.RemovePort(7);
        Assert.Equal([1, 2], _switch.ReadPorts().Select(port => (int)port.Number));
        Assert.Equal((PortStatusReason.Add, number), changes.Take(TestContext.Current.CancellationToken));
        Assert.Equal((PortStatusReason.Delete, (ushort)7), changes.Take(TestContext.Current.CancellationToken));
        Assert.False(_right.TrySend(TestPacket.Udp()));
        Assert.False(_right.TryReceive([], out _));
    }

    [Fact]
    public void A_packet_without_a_flow_is_an_event_whose_handler_answers_and_adds_a_flow()
    {
        byte[] frame = TestPacket.Udp();
        _switch.PacketIn += (in PacketIn packetIn) =>
        {
            Assert.Equal(PacketInReason.NoMatch, packetIn.Reason);
            _switch.AddFlow($"in_port={packetIn.InPort},actions=output:7");
            _switch.PacketOut(packetIn.Data, packetIn.InPort, FlowAction.SetTpDst(4789), FlowAction.Output(7));
        };
        Assert.True(_left.TrySend(frame));
        Assert.NotEqual(frame, Next(_right));
        Assert.True(_left.TrySend(frame));
        Assert.Equal(frame, Next(_right));
    }

    [Fact]
    public void Without_a_handler_packets_without_a_flow_are_dropped_and_counted_by_reason()
    {
        static void Ignore(in PacketIn packetIn)
        {
        }

        _switch.PacketIn += Ignore;
        _switch.PacketIn -= Ignore;
        byte[] frame = TestPacket.Udp();
        Assert.True(_left.TrySend(frame));
        Assert.True(_left.TrySend(frame));
        Eventually.True(() => _switch.ReadDrops().TryGetValue(DropReason.Miss, out long drops) && drops == 2, "the drops were not counted");
        Assert.Single(_switch.ReadDrops());
        PortStatistics left = _switch.ReadPort(1);
        Assert.Equal((2UL, 2UL * (ulong)frame.Length), (left.ReceivedPackets, left.ReceivedBytes));
    }

    [Fact]
    public void The_end_of_an_entry_is_an_event()
    {
        BlockingCollection<FlowRemoved> removed = [];
        _switch.FlowRemoved += removed.Add;
        _switch.AddFlow("in_port=1,cookie=9,send_flow_rem,actions=output:7");
        _switch.DeleteFlows("in_port=1");
        FlowRemoved end = removed.Take(TestContext.Current.CancellationToken);
        Assert.Equal((9UL, FlowRemovedReason.Delete), (end.Cookie, end.Reason));
    }

    [Fact]
    public void A_handler_that_throws_is_logged_and_the_switch_goes_on()
    {
        int calls = 0;
        _switch.PacketIn += (in PacketIn packetIn) => throw new FormatException($"call {Interlocked.Increment(ref calls)}");
        Assert.True(_left.TrySend(TestPacket.Udp()));
        Assert.True(_left.TrySend(TestPacket.Udp()));
        Eventually.True(() => Volatile.Read(ref calls) == 2, "the handler was not called again");
        Eventually.True(() => _log.Any(line => line.Contains("FormatException: call", StringComparison.Ordinal)), "the exception was not logged");
        _switch.AddFlow("actions=output:7");
        Assert.True(_left.TrySend(TestPacket.Udp()));
        Next(_right);
        Assert.False(_switch.Failed.IsCancellationRequested);
    }

    [Fact]
    public void What_cannot_be_done_is_said_with_the_name_of_what_was_meant()
    {
        Assert.StartsWith("port '9': there is no such port; there are 1 (left), 7 (right)", Refused(() => _switch.RemovePort(9)), StringComparison.Ordinal);
        Assert.StartsWith("port '9': ", Refused(() => _switch.ReadPort(9)), StringComparison.Ordinal);
        Assert.StartsWith("port '7=null:': the number belongs to", Refused(() => _switch.AddPort("7=null:")), StringComparison.Ordinal);
        Assert.StartsWith("port 'left': the number belongs to", Refused(() => _switch.AddProgramPort("left", 1)), StringComparison.Ordinal);
        Assert.StartsWith("flow 'in_port=1,actions=outptu:2': ", Refused(() => _switch.AddFlow("in_port=1,actions=outptu:2")), StringComparison.Ordinal);
        Assert.Equal("flow 'in_port=1,check_overlap,actions=': OFPFMFC_OVERLAP", Refused(() =>
        {
            _switch.AddFlow("actions=");
            _switch.AddFlow("in_port=1,check_overlap,actions=");
        }));
        Assert.Contains("softswitch-none", Assert.Throws<PortException>(() => _switch.AddPort("softswitch-none")).Message, StringComparison.Ordinal);
        Assert.Equal([1, 7], _switch.ReadPorts().Select(port => (int)port.Number));
    }

    [Fact]
    public void Options_that_contradict_each_other_are_said_in_a_line_each()
    {
        string[] lines = Refused(() => SwitchHost.Start(Small with
        {
            Ports = ["1=null:", "1=pcap:x"],
            Agent = new() { Controllers = ["ptcp:0"] },
            Processors = [0, 0],
        })).Split('\n');
        Assert.Equal(["port '1=pcap:x': the number belongs to '1=null:'", "controller 'ptcp:0' is not tcp:HOST[:PORT], ssl:HOST[:PORT] or unix:PATH", "cpus: there are 2 for 1 workers"], lines);
        Assert.StartsWith("--prot: there is no such option; there are port, ", Refused(() => SwitchOptions.Parse(("prot", "1=null:"))), StringComparison.Ordinal);
        Assert.StartsWith("--workers: '0' is not", Refused(() => SwitchOptions.Parse(("port", "1=null:"), ("workers", "0"))), StringComparison.Ordinal);
    }

    [Fact]
    public void Ports_without_a_number_get_the_lowest_free_one()
    {
        using SwitchHost other = SwitchHost.Start(Small with { Ports = ["null:", "1=null:", "null:"] });
        Assert.Equal([1, 2, 3], other.ReadPorts().Select(port => (int)port.Number));
    }

    [Fact]
    public async Task Ended_twice_it_has_ended_and_says_so()
    {
        await _switch.DisposeAsync();
        _switch.Dispose();
        Assert.Throws<ObjectDisposedException>(() => _switch.AddFlow("actions=output:7"));
        Assert.Throws<ObjectDisposedException>(() => _switch.ReadDrops());
        Assert.Throws<ObjectDisposedException>(() => _switch.AddPort("null:"));
        Assert.Throws<ObjectDisposedException>(() => _switch.AddProgramPort("late"));
        Assert.False(_left.TrySend(TestPacket.Udp()));
    }

    [Fact]
    public async Task A_handler_can_begin_the_end()
    {
        TaskCompletionSource<Task> ending = new();
        _switch.PacketIn += (in PacketIn _) => ending.SetResult(_switch.DisposeAsync().AsTask());
        Assert.True(_left.TrySend(TestPacket.Udp()));
        await await ending.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.False(_switch.Failed.IsCancellationRequested);
    }

    [Fact]
    public void Two_switches_in_one_process_keep_to_themselves()
    {
        using SwitchHost other = SwitchHost.Start(Small with { DatapathId = 42 });
        ProgramPort first = other.AddProgramPort("first");
        ProgramPort second = other.AddProgramPort("second");
        other.AddFlow("in_port=1,actions=output:2");
        _switch.AddFlow("in_port=1,actions=output:7");
        byte[] frame = TestPacket.Udp();
        Assert.True(first.TrySend(frame));
        Assert.Equal(frame, Next(second));
        _switch.Dispose();
        Assert.True(first.TrySend(frame));
        Assert.Equal(frame, Next(second));
        Assert.NotEqual(_switch.DatapathId, other.DatapathId);
    }

    [Fact, Trait("Ring", "peers")]
    public void Its_interfaces_are_as_they_were_found_when_it_has_ended()
    {
        Needs.Namespaces();
        using LabNode inside = new("d");
        VethCable.Lay(inside.Network, "s1", inside.Network, "p1");
        string Interfaces() => inside.Execute("ip", "-d", "-o", "link", "show").Checked().Output;
        string before = Interfaces();
        using (SwitchHost host = inside.Run(() => SwitchHost.Start(Small with { Ports = ["1=packet:s1"] })))
        {
            Assert.NotEqual(before, Interfaces());
        }
        // A program that another test starts just then has the switch's sockets until its exec.
        Eventually.True(() => Interfaces() == before, Interfaces);
    }

    private static string Refused(Action action) => Assert.Throws<OptionException>(action).Message;

    private static byte[] Next(ProgramPort port)
    {
        byte[] buffer = new byte[2048];
        int length = 0;
        Eventually.True(() => port.TryReceive(buffer, out length), $"nothing came out of {port.Name}");
        return buffer[..length];
    }
}
