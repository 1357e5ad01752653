using System.Collections;
using System.Text.Json;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Queues;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.Tracing;
using Softswitch.Testing;
using Softswitch.Web;

namespace Softswitch.Hosting.Tests.Tracing;

/// <summary>What a trace says to people and programs.</summary>
public sealed class SwitchTraceTests : IDisposable
{
    private static readonly SwitchOptions Small = new() { Datapath = new() { FrameCount = 2048 } };

    private readonly SwitchHost _switch = SwitchHost.Start(Small with { Ports = ["2=null:", "3=null:"], Queues = [new QueueOption(2, new QueueConfig(1, MinRate: 2_000_000), "", "")] });

    public SwitchTraceTests() => _switch.AddProgramPort("left", 1);

    public void Dispose() => _switch.Dispose();

    [Fact]
    public void Packets_that_vanish_towards_a_port_that_is_not_there_are_explained()
    {
        _switch.AddFlow("in_port=1,actions=output:7");
        TraceReport report = Trace("in_port=1");
        Assert.Equal("dropped", report.Verdict);
        Assert.Empty(report.Outputs);
        Assert.Equal(["entry", "send", "dropped"], report.Steps.Select(step => step.Kind));
        Assert.Equal("noSuchPort", report.Steps[^1].Reason);
        Assert.Contains(TraceText.Lines(report), line => line.StartsWith("verdict: dropped: ", StringComparison.Ordinal));
    }

    [Fact]
    public void Each_action_tells_what_it_changed_and_each_output_what_leaves()
    {
        _switch.AddFlow("priority=9,cookie=0x5,tcp,tp_dst=80,actions=mod_nw_dst:10.0.0.9,mod_vlan_vid:5,enqueue:2:1,strip_vlan,enqueue:2:4,mod_dl_src:02:00:00:00:00:07,CONTROLLER:64,output:3");
        _switch.AddFlow("priority=8,tcp,actions=drop");
        _switch.AddFlow("priority=7,tcp,actions=drop");
        TraceReport report = Trace("in_port=left,tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_dst=80");
        TraceStepReport entry = report.Steps[0];
        Assert.Equal((1, 9, "0x5", "tcp,tp_dst=80"), (entry.Entry!.Table, entry.Entry.Priority, entry.Entry.Cookie, entry.Entry.Match));
        Assert.Null(entry.Entry.Hardware);
        Assert.Equal([8, 7], entry.Others!.Select(other => other.Priority));
        Assert.Equal(2, entry.OtherCount);
        TraceStepReport[] rewrites = [.. report.Steps.Where(step => step.Kind == "rewrite")];
        Assert.Equal(["nw_dst", "ip checksum", "tcp checksum"], rewrites[0].Changes!.Select(change => change.Field));
        Assert.Equal(("10.0.0.2", "10.0.0.9"), (rewrites[0].Changes![0].From, rewrites[0].Changes![0].To));
        Assert.Contains(new FieldChange("dl_vlan", "none", "5"), rewrites[1].Changes!);
        Assert.Contains(new FieldChange("dl_vlan", "5", "none"), rewrites[2].Changes!);
        Assert.Equal([2, 2, 0xfffd, 3], report.Outputs.Select(output => output.Port));
        Assert.Equal([64, 60, 60, 60], report.Outputs.Select(output => output.Length));
        Assert.Equal([1u, 4u, null, null], report.Outputs.Select(output => output.Queue));
        Assert.All(report.Outputs.Where(output => output.Queue != 1), output => Assert.Equal("ip right, tcp right", output.Checksums));
        Assert.Equal(64, report.Outputs[2].MaxLength);
        Assert.Equal("forwarded", report.Verdict);
        string[] lines = [.. TraceText.Lines(report)];
        Assert.Contains(lines, line => line.Contains("by queue 1 with 2000000 bit/s at least", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("it has no queue 4", StringComparison.Ordinal));
        Assert.Contains("nw_dst=10.0.0.9", report.Outputs[3].Packet, StringComparison.Ordinal);
    }

    [Fact]
    public void A_packet_has_the_time_to_live_that_its_words_say()
    {
        Assert.Contains("nw_ttl=1,", Trace("in_port=left,tcp,nw_ttl=1").Packet, StringComparison.Ordinal);
        Assert.Contains("nw_ttl=64,", Trace("in_port=left,tcp").Packet, StringComparison.Ordinal);
        Assert.Equal("nw_ttl: '256' is larger than 255", Assert.Throws<OptionException>(() => Trace("in_port=left,ip,nw_ttl=256")).Message);
    }

    [Fact]
    public void Packets_are_traced_in_order_and_stations_are_learned_for_the_trace_alone()
    {
        _switch.AddFlow("actions=NORMAL");
        byte[] there = TestPacket.Tcp(dlSrc: 0x0200_0000_000a, dlDst: 0x0200_0000_000b);
        byte[] back = TestPacket.Tcp(dlSrc: 0x0200_0000_000b, dlDst: 0x0200_0000_000a);
        for (int i = 0; i < 2; i++) // the second time as the first
        {
            IReadOnlyList<TraceReport> reports = _switch.Tracing.Trace(new TraceRequest("1", null, null, [there, back]));
            Assert.Equal([2, 3], reports[0].Outputs.Select(output => output.Port));
            Assert.Contains(reports[0].Steps, step => step.Kind == "skipped" && step.Port == 1);
            Assert.Contains(reports[0].Steps, step => step.Kind == "learned" && step.Port == 1);
            Assert.Equal("dropped", reports[1].Verdict); // both are on port 1 by now
            Assert.Equal("bridge", reports[1].Steps[^1].Reason);
        }
    }

    [Fact]
    public void Without_an_entry_it_tells_what_the_fail_mode_makes_of_it()
    {
        TraceReport report = Trace("in_port=2,arp");
        Assert.Equal("miss", report.Steps[0].Kind);
        Assert.Contains("fail mode", report.Steps[0].Text, StringComparison.Ordinal);
        Assert.Equal("02:00:00:00:00:0a", Trace("in_port=2,arp,dl_src=02:00:00:00:00:0a").Key.DlSrc);
    }

    [Fact]
    public void A_packet_as_long_as_there_are_goes_over_the_control_socket()
    {
        string folder = Directory.CreateTempSubdirectory("softswitch-trace-").FullName;
        try
        {
            using SwitchHost host = SwitchHost.Start(Small with { Ports = ["1=null:"], Control = $"punix:{folder}/s" });
            ManagementServer.Serve(host);
            byte[] packet = TestPacket.Udp(payload: 65_000);
            string request = JsonSerializer.Serialize(new TraceRequest("1", null, null, [packet]), TraceJson.Default.TraceRequest);
            string answer = ManagementClient.Ask($"unix:{folder}/s", ManagementRequest.Trace(request), TimeSpan.FromSeconds(30));
            TraceReport report = Assert.Single(JsonSerializer.Deserialize(answer, TraceJson.Default.IReadOnlyListTraceReport)!);
            Assert.Equal(packet, Convert.FromHexString(report.Bytes));
            foreach (string bad in (string[])["{}", "null", "[", """{"packets":3}""", """{"inPort":"1","packets":[null]}""", """{"inPort":"1","packets":["!"]}"""])
            {
                string reason = Assert.Throws<OptionException>(() => ManagementClient.Ask($"unix:{folder}/s", ManagementRequest.Trace(bad), TimeSpan.FromSeconds(30))).Message;
                Assert.DoesNotContain("unexpected", reason, StringComparison.Ordinal);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("tcp", "in_port: say by which port it comes in; there are 1 (left), 2 (null2), 3 (null3)")]
    [InlineData("in_port=9", "in_port: there is no port 9; there are 1 (left), 2 (null2), 3 (null3)")]
    [InlineData("in_port=nobody", "in_port: 'nobody' is neither a port number nor the name of a port")]
    [InlineData("in_port=1,nw_ttl=3", "nw_ttl is ignored: it can be had with ip only")]
    [InlineData("in_port=1,actions=drop", "actions: is no field of a packet")]
    [InlineData("in_port=1,tp_dst=4", "tp_dst is ignored: it can be matched with tcp, udp or icmp only")]
    [InlineData("in_port=1,nw_src=10.0.0.300,ip", "nw_src: '10.0.0.300' is not an IPv4 address")]
    public void What_is_no_packet_is_refused_with_the_word_and_the_reason(string flow, string reason) =>
        Assert.Equal(reason, Assert.Throws<OptionException>(() => Trace(flow)).Message);

    [Fact]
    public void Ports_and_lengths_that_cannot_be_are_refused()
    {
        Assert.Contains("--in-port says 2", Refusal(new TraceRequest("2", "in_port=1", null, [])), StringComparison.Ordinal);
        Assert.Contains("'x' is neither", Refusal(new TraceRequest("x", "in_port=1", null, [])), StringComparison.Ordinal);
        Assert.Contains("such a packet has 54 to 65535", Refusal(new TraceRequest("1", "tcp", 53, [])), StringComparison.Ordinal);
        Assert.Contains("such a packet has 54 to 65535", Refusal(new TraceRequest("1", "tcp", 65536, [])), StringComparison.Ordinal);
        Assert.Contains("0 bytes; 1 to", Refusal(new TraceRequest("1", null, null, [[]])), StringComparison.Ordinal);
        Assert.Equal(54, Assert.Single(_switch.Tracing.Trace(new TraceRequest("1", "tcp", 54, []))).Length);
        Assert.Equal(65535, Assert.Single(_switch.Tracing.Trace(new TraceRequest("1", "udp", 65535, []))).Length);

        string Refusal(TraceRequest request) => Assert.Throws<OptionException>(() => _switch.Tracing.Trace(request)).Message;
    }

    [Fact]
    public void Others_get_in_between_the_packets_of_a_long_trace()
    {
        _switch.AddFlow("actions=FLOOD");
        MorePackets packets = new();
        Task<IReadOnlyList<TraceReport>> trace = Task.Run(() => _switch.Tracing.Trace(new TraceRequest("1", null, null, packets)));
        try
        {
            Eventually.Ended(packets.Begun.Task);
            for (int i = 0; i < 3; i++)
            {
                Eventually.Ended(Task.Run(_switch.ReadPorts)); // waits its turn for the control lock
            }
        }
        finally
        {
            packets.AreOver = true;
        }
        IReadOnlyList<TraceReport> reports = Eventually.Result(trace); // takes packets until it is over
        Assert.Equal(packets.Taken, reports.Count);
    }

    [Fact]
    public void A_list_of_thousands_of_outputs_is_cut_short_and_says_so()
    {
        FlowAction[] actions = [.. Enumerable.Repeat(FlowAction.Output(2), 4000)];
        _switch.Apply(new FlowMod { Match = FlowMatch.Any, Actions = actions });
        TraceReport report = Assert.Single(_switch.Tracing.Trace(new TraceRequest("1", "udp", 9000, [])));
        Assert.Equal("leftOut", report.Steps[^1].Kind);
        Assert.Equal(8001, report.Steps.Count - 1 + report.Steps[^1].Count);
    }

    private TraceReport Trace(string flow)
    {
        TraceReport report = Assert.Single(_switch.Tracing.Trace(new TraceRequest(null, flow, null, [])));
        string json = JsonSerializer.Serialize([report], TraceJson.Default.IReadOnlyListTraceReport);
        Assert.Equal(json, JsonSerializer.Serialize(JsonSerializer.Deserialize(json, TraceJson.Default.IReadOnlyListTraceReport)!, TraceJson.Default.IReadOnlyListTraceReport));
        return report;
    }

    /// <summary>The same packet again and again by number, until they are over; once by enumeration, which is for checks.</summary>
    private sealed class MorePackets : IReadOnlyList<byte[]>
    {
        private readonly byte[] _packet = TestPacket.Udp();

        public TaskCompletionSource Begun { get; } = new();

        public volatile bool AreOver;

        public int Taken { get; private set; }

        public int Count => AreOver ? Taken : int.MaxValue;

        public byte[] this[int index]
        {
            get
            {
                Begun.TrySetResult();
                Taken = index + 1;
                return _packet;
            }
        }

        public IEnumerator<byte[]> GetEnumerator() => Enumerable.Repeat(_packet, 1).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
