using System.Collections.Concurrent;
using System.Text;
using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Captures;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Reports;
using Softswitch.Hosting.TakeOver;
using Softswitch.Ports.Pcap;
using Softswitch.Testing;
using Softswitch.Web;

namespace Softswitch.Hosting.Tests;

/// <summary>Switches that share a process come and go, and fail, without others noticing.</summary>
public sealed class SwitchGroupTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly ManagementRequest TakeOver = ManagementRequest.TakeOver(HandoverChannel.Version);

    private readonly ConcurrentQueue<string> _log = new();
    private readonly SwitchGroup _group;

    public SwitchGroupTests() => _group = Start("lab", One("g1"), One("g2"));

    public void Dispose() => _group.Dispose();

    [Fact]
    public void Switches_are_found_by_name_and_come_and_go_while_others_run()
    {
        int changes = 0;
        _group.SwitchesChanged += () => Interlocked.Increment(ref changes);
        SwitchHost third = _group.Add(One("g3"));
        Assert.Equal(["g1", "g2", "g3"], _group.Switches.Select(host => host.Name));
        Assert.Same(third, _group.Find("g3"));
        _group.Remove("g1");
        Assert.Null(_group.Find("g1"));
        Assert.Equal(["g2", "g3"], _group.Switches.Select(host => host.Name));
        third.Dispose(); // as whoever holds it may
        Assert.Equal(["g2"], _group.Switches.Select(host => host.Name));
        Assert.Equal(3, changes);
        Assert.Contains("'g1': there is no such switch in this process; there are g2", Refused(() => _group.Remove("g1")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_patch_cable_carries_packets_from_a_switch_to_another_until_that_one_goes()
    {
        (SwitchHost one, SwitchHost two) = (_group.Find("g1")!, _group.Find("g2")!);
        ProgramPort left = one.AddProgramPort("left", 1);
        ProgramPort right = two.AddProgramPort("right", 1);
        one.AddPort("2=patch:ab");
        two.AddPort("2=patch:ab");
        one.AddFlow("in_port=1,actions=output:2");
        two.AddFlow("in_port=2,actions=output:1");
        byte[] frame = TestPacket.Udp();
        Assert.True(left.TrySend(frame));
        Assert.Equal(frame, Next(right));
        _group.Remove("g2");
        Eventually.True(() => (one.ReadPorts().Single(port => port.Number == 2).State & PortState.LinkDown) != 0, "the end that is left has its link down");
        SwitchHost again = _group.Add(One("g2") with { Ports = ["2=patch:ab"], Flows = ["in_port=2,actions=output:1"] });
        right = again.AddProgramPort("right", 1);
        Eventually.True(() => (one.ReadPorts().Single(port => port.Number == 2).State & PortState.LinkDown) == 0, "the link is up again");
        Assert.True(left.TrySend(frame));
        Assert.Equal(frame, Next(right));
    }

    [Fact]
    public void What_two_switches_cannot_both_have_is_refused_with_the_names_of_both()
    {
        _group.Add(One("waits") with { Ports = ["absent0"] });
        Assert.Contains("switch g1: name: another", Refused(() => _group.Add(One("g1"))), StringComparison.Ordinal);
        Assert.Contains(
            "switch g3: port '4=xdp:absent0': absent0 belongs to port 'absent0' of switch waits",
            Refused(() => _group.Add(One("g3") with { Ports = ["4=xdp:absent0"] })), StringComparison.Ordinal);
        Assert.Contains(
            $"switch g3: datapath-id: {_group.Find("g2")!.DatapathId:x16} is that of switch g2",
            Refused(() => _group.Add(One("g3") with { DatapathId = _group.Find("g2")!.DatapathId })), StringComparison.Ordinal);
        Assert.Contains("name: is not", Refused(() => _group.Add(new SwitchOptions())), StringComparison.Ordinal);
        Assert.Equal(["g1", "g2", "waits"], _group.Switches.Select(host => host.Name));
        Assert.Contains("switch twin: name: another", Refused(() => Start("other", One("twin"), One("twin"))), StringComparison.Ordinal);
    }

    [Fact]
    public void Switches_without_an_interface_have_datapath_ids_of_their_own_and_the_same_after_a_restart()
    {
        ulong[] ids = [.. _group.Switches.Select(host => host.DatapathId)];
        Assert.Distinct(ids);
        _group.Remove("g2");
        Assert.Equal(ids[1], _group.Add(One("g2")).DatapathId);
    }

    [Fact]
    public void A_switch_that_cannot_start_leaves_nothing_and_is_remembered_with_the_reason_until_one_of_its_name_comes()
    {
        SwitchOptions bad = One("bad") with { Ports = ["null:", "pcap:/nonexistent/folder/file"] };
        using SwitchGroup group = Start("partly", One("good"), bad);
        Assert.Equal(["good"], group.Switches.Select(host => host.Name));
        SwitchSummary failed = Assert.Single(group.ReadReport().Switches, one => one.State == SwitchSummary.Failed);
        Assert.Equal("bad", failed.Name);
        Assert.Contains("/nonexistent/folder/file", failed.Reason, StringComparison.Ordinal);
        Assert.Contains(_log, line => line.StartsWith("bad: the switch cannot start", StringComparison.Ordinal));
        group.Add(One("bad"));
        Assert.DoesNotContain(group.ReadReport().Switches, one => one.State == SwitchSummary.Failed);
        Assert.Throws<Softswitch.Ports.PortException>(() => group.Add(bad with { Name = "worse" }));
        Assert.Equal(["good", "bad"], group.ReadReport().Switches.Select(one => one.Name));
        Assert.Throws<Softswitch.Ports.PortException>(() => Start("none", bad));
    }

    [Fact]
    public void A_worker_that_throws_ends_its_own_switch_and_the_others_forward()
    {
        SwitchHost ill = _group.Find("g1")!;
        using (ill.Control.EnterWithoutTable())
        {
            Assert.Equal(ControlError.None, ill.Control.Ports.Add(2, new FailingPort(static () => throw new IOException("the ring is on fire"))));
        }
        Eventually.True(() => _group.Find("g1") == null, "it is known to have failed");
        Assert.False(_group.Failed.IsCancellationRequested);
        SwitchSummary failed = Assert.Single(_group.ReadReport().Switches, one => one.State == SwitchSummary.Failed);
        Assert.Contains("the ring is on fire", failed.Reason, StringComparison.Ordinal);
        // The switch fails first and is written about then.
        Eventually.True(() => _log.Any(line => line.StartsWith("g1: worker 0 failed: IOException: the ring is on fire", StringComparison.Ordinal)), "it is in the log");
        AssertForwards(_group.Find("g2")!);
        _group.Remove("g1");
        AssertForwards(_group.Add(One("g1")));
    }

    [Fact]
    public void The_failure_of_a_switch_that_has_the_process_for_itself_is_the_processes_own()
    {
        using SwitchGroup alone = SwitchGroup.Start(SwitchGroupOptions.Of(One("alone")), _log.Enqueue);
        SwitchHost host = alone.Switches[0];
        using (host.Control.EnterWithoutTable())
        {
            Assert.Equal(ControlError.None, host.Control.Ports.Add(2, new FailingPort(static () => throw new IOException("the ring is on fire"))));
        }
        Eventually.True(() => alone.Failed.IsCancellationRequested, "the process has failed");
        Assert.Contains("the ring is on fire", Assert.Throws<InvalidOperationException>(alone.ThrowIfFailed).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tools_reach_each_switch_by_its_name_and_the_process_by_its_own()
    {
        Assert.StartsWith("--name: lab: the socket is in use", Refused(() => Start("lab", One("x"))), StringComparison.Ordinal);
        Assert.Equal(["g1", "g2", "lab"], ControlSockets.Running().Intersect(["lab", "g1", "g2"]));
        Assert.Equal("g1", ManagementClient.ReadReport(ControlSockets.Find("g1"), Patience).Name);
        GroupReport all = ManagementClient.ReadAnyReport(ControlSockets.Find("lab"), Patience).Group!;
        Assert.Equal(["g1", "g2"], all.Switches.Select(one => one.Name));
        Assert.Contains("which switch? there are g1, g2", Refused(() => Ask("lab", ManagementRequest.ListPorts)), StringComparison.Ordinal);
        Assert.Contains("there is no such switch in this process; there are g1, g2", Refused(() => Ask("lab", ManagementRequest.ListPorts.ForSwitch("g7"))), StringComparison.Ordinal);
        _group.Remove("g2");
        Assert.DoesNotContain("g2", ControlSockets.Running());
        Assert.Empty(Ask("lab", ManagementRequest.ListPorts)); // no doubt which is meant
    }

    [Fact]
    public void Tools_add_and_remove_switches_also_in_a_process_that_was_started_for_one()
    {
        using SwitchGroup group = Start(SwitchGroupOptions.Of(One("first") with { Ports = ["1=null:"] }));
        Assert.Contains("second: port 1: null1: null: counts and drops", Ask("first", ManagementRequest.AddSwitch("""{"name": "second", "port": ["1=null:", "2=null:"], "stp": true}""")));
        Assert.Equal(["port 1: null1: null: counts and drops", "port 2: null2: null: counts and drops"], Ask("second", ManagementRequest.ListPorts));
        Assert.Single(Ask("first", ManagementRequest.ListPorts));
        Assert.Equal(["first", "second"], List("second").Select(one => one.Name));
        Assert.Equal(["switch first: removed"], Ask("second", ManagementRequest.DeleteSwitch("first")));
        Assert.Equal(["second"], List("first").Select(one => one.Name)); // the process is called that still
        Assert.Contains("switch 'first': there is no such switch", Refused(() => Ask("first", ManagementRequest.DeleteSwitch("first"))), StringComparison.Ordinal);
        Ask("first", ManagementRequest.DeleteSwitch("second"));
        Assert.Empty(List("first"));
        Assert.Contains("there is no switch in this process yet", Refused(() => Ask("first", ManagementRequest.ListPorts)), StringComparison.Ordinal);
        Ask("first", ManagementRequest.AddSwitch("""{"name": "first"}"""));
        Assert.Equal("first", ManagementClient.ReadReport(ControlSockets.Find("first"), Patience).Name);
    }

    [Theory]
    [InlineData("""{"name": "g3", "workers": "2"}""", "--workers: is no option of one switch; there are port,")]
    [InlineData("""{"name": "g3", "no-such": "2"}""", "--no-such: is no option of one switch")]
    [InlineData("""{"name": "g3", "port": ["1=null:", "1=null:"]}""", "--port: '1=null:': the number belongs to '1=null:'")]
    [InlineData("""{"name": "g3", "port": {"a": 1}}""", "--port: is neither a text nor a list of texts")]
    [InlineData("""{"name": "g3", "fail-mode": "never"}""", "--fail-mode: 'never' is neither standalone nor secure")]
    [InlineData("""{"port": "1=null:"}""", "--name: a switch that is not alone in its process needs one")]
    [InlineData("""{"name": "s 3"}""", "--name: 's 3' is not a name")]
    [InlineData("""{"name": null}""", "--name: is neither a text nor a list of texts")]
    [InlineData("""["name"]""", "switch add: ")]
    [InlineData("""{"name": """, "switch add: ")]
    [InlineData("""{"name": "g1"}""", "switch g1: name: another switch of the process is called that, too")]
    public void A_bad_request_is_refused_with_option_and_reason_and_changes_nothing(string request, string reason)
    {
        Assert.Contains(reason, Refused(() => Ask("lab", ManagementRequest.AddSwitch(request))), StringComparison.Ordinal);
        Assert.Equal(["g1", "g2"], List("lab").Select(one => one.Name));
    }

    [Fact]
    public void A_switch_among_others_is_not_handed_over()
    {
        Assert.Contains("only a switch that has a process for itself can be taken over", Refused(() => Ask("g1", TakeOver)), StringComparison.Ordinal);
        Assert.Contains("only a switch that has a process for itself can be taken over", Refused(() => Ask("lab", TakeOver)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_process_of_another_version_is_not_handed_the_switch_and_is_told_both()
    {
        using SwitchGroup group = SwitchGroup.Start(SwitchGroupOptions.Of(One("first")), _log.Enqueue);
        ManagementServer.Serve(group);
        Assert.Contains(
            $"it hands over by version {HandoverChannel.Version} of the protocol, not by '2'", Refused(() => Ask("first", ManagementRequest.TakeOver(2))), StringComparison.Ordinal);
    }

    [Fact]
    public void Top_shows_the_busiest_flows_of_the_switch_it_looks_at()
    {
        SwitchHost host = _group.Find("g1")!;
        ProgramPort left = host.AddProgramPort("left");
        host.AddFlow($"priority=7,in_port={left.Number},actions=output:{host.AddProgramPort("right").Number}");
        using CancellationTokenSource stop = new();
        Thread traffic = new(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                left.TrySend(TestPacket.Udp());
                Thread.Yield();
            }
        });
        traffic.Start();
        TopFeed feed = new("g1", TimeSpan.FromMilliseconds(20), flows: 5);
        try
        {
            Eventually.True(
                () => feed.Next().Lines(0, 0, TopOrder.Number).Any(line => line.Contains($"priority=7,in_port={left.Number} actions=", StringComparison.Ordinal)),
                "the flow is among the busiest");
        }
        finally
        {
            stop.Cancel();
            traffic.Join();
        }
    }

    [Fact]
    public void A_capture_sees_ports_that_come_later_by_their_names()
    {
        SwitchHost host = _group.Find("g1")!;
        using CaptureStream capture = host.BeginCapture(new CaptureRequest { Points = CapturePoints.Sent, Count = 1 });
        AssertForwards(host);
        using MemoryStream captured = new();
        capture.Run(captured, static () => false, TestContext.Current.CancellationToken);
        Assert.Contains("right", Encoding.Latin1.GetString(captured.ToArray()), StringComparison.Ordinal);
        Assert.Equal(1, capture.Packets);
    }

    [Fact]
    public void A_capture_that_is_cut_does_not_end_like_one_that_is_whole()
    {
        using CaptureStream capture = _group.Find("g1")!.BeginCapture(new CaptureRequest());
        using MemoryStream captured = new();
        using CancellationTokenSource cut = new();
        int asked = 0;
        bool End()
        {
            if (asked++ == 0)
            {
                return false; // the names of the ports are written
            }
            cut.Cancel(); // as late as can be
            return true;
        }
        Assert.Throws<OperationCanceledException>(() => capture.Run(captured, End, cut.Token));
        captured.Position = 0;
        PcapNgReader reader = new(captured);
        List<uint> blocks = [];
        while (reader.TryRead())
        {
            blocks.Add(reader.Type);
        }
        Assert.NotEmpty(blocks);
        Assert.DoesNotContain(PcapNgFormat.InterfaceStatistics, blocks);
    }

    [Fact]
    public void A_switch_waits_for_who_reads_its_memory_before_it_ends()
    {
        SwitchHost host = _group.Find("g1")!;
        CaptureStream capture = host.BeginCapture(new CaptureRequest());
        Thread end = new(() => _group.Remove("g1"));
        end.Start();
        Eventually.True(() => capture.Ending.IsCancellationRequested, "who reads is told");
        Assert.Equal(SwitchSummary.Ending, _group.ReadReport().Switches.Single(one => one.Name == "g1").State);
        Assert.Throws<ObjectDisposedException>(host.Hold);
        capture.Dispose();
        Eventually.Ended(end);
    }

    [Fact]
    public void A_link_that_a_killed_process_left_makes_way()
    {
        string folder = ControlSockets.MakeFolder();
        File.CreateSymbolicLink(ControlSockets.PathOf(folder, "orphan"), ControlSockets.PathOf(folder, "killed"));
        File.CreateSymbolicLink(ControlSockets.PathOf(folder, "lost"), ControlSockets.PathOf(folder, "killed"));
        Assert.DoesNotContain("orphan", ControlSockets.Running());
        _group.Add(One("orphan"));
        Assert.Contains("orphan", ControlSockets.Running());
        using SwitchGroup next = Start("killed");
        Assert.DoesNotContain("lost", ControlSockets.Running());
        Assert.Contains("killed", ControlSockets.Running());
    }

    [Fact]
    public void A_switch_cannot_be_called_what_its_process_is_called() =>
        Assert.Contains("switch lab: name: is the process's own", Refused(() => _group.Add(One("lab"))), StringComparison.Ordinal);

    [Fact]
    public void Lines_of_the_log_name_the_switch_from_the_second_on()
    {
        ConcurrentQueue<string> log = new();
        using SwitchGroup group = SwitchGroup.Start(SwitchGroupOptions.Of(One("lonely")), log.Enqueue);
        Assert.Contains(log, line => line.StartsWith("started: lonely,", StringComparison.Ordinal));
        group.Add(One("company"));
        Assert.Contains(log, line => line.StartsWith("company: started: company,", StringComparison.Ordinal));
    }

    private static SwitchOptions One(string name) => new() { Name = name };

    private SwitchGroup Start(string name, params SwitchOptions[] switches) =>
        Start(new SwitchGroupOptions { Name = name, FrameCount = 4096, Switches = switches });

    private SwitchGroup Start(SwitchGroupOptions options)
    {
        SwitchGroup group = SwitchGroup.Start(options, _log.Enqueue);
        ManagementServer.Serve(group);
        return group;
    }

    private static string[] Ask(string target, ManagementRequest request) => ManagementClient.AskLines(ControlSockets.Find(target), request, Patience);

    private static IReadOnlyList<SwitchSummary> List(string target) =>
        ManagementClient.Parse(target, ManagementClient.Ask(ControlSockets.Find(target), ManagementRequest.ListSwitches, Patience), ReportJson.Default.GroupReport).Switches;

    private static string Refused(Action act) => Assert.Throws<OptionException>(act).Message;

    private static void AssertForwards(SwitchHost host)
    {
        ProgramPort left = host.AddProgramPort("left");
        ProgramPort right = host.AddProgramPort("right");
        host.AddFlow($"in_port={left.Number},actions=output:{right.Number}");
        byte[] frame = TestPacket.Udp();
        Assert.True(left.TrySend(frame));
        Assert.Equal(frame, Next(right));
    }

    private static byte[] Next(ProgramPort port)
    {
        byte[] buffer = new byte[2048];
        int length = 0;
        Eventually.True(() => port.TryReceive(buffer, out length), "a packet came");
        return buffer[..length];
    }
}
