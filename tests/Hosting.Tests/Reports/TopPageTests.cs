using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reports;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.Reports;

/// <summary>What <c>top</c> and <c>status</c> show.</summary>
public sealed class TopPageTests
{
    private static readonly SwitchOptions Small = new() { Datapath = new() { FrameCount = 2048 } };

    [Fact]
    public void Rates_are_differences_of_two_reports_over_the_time_between()
    {
        SwitchReport before = Report(seconds: 10, received: 1000, dropped: 5, busy: 1);
        SwitchReport now = Report(seconds: 12, received: 21_000, dropped: 7, busy: 2);
        IReadOnlyList<string> lines = new TopPage(before, now, new FlowActivityReport(2, [new FlowActivity("actions=normal", 3000, 30_000, 1)])).Lines(0, 0, TopOrder.Number);
        Assert.Contains("    1 left           1.00G       10.0k     4.00M         0         0         1  miss", lines);
        Assert.Contains("     0     50 %      10.0k     32.0", lines);
        Assert.Contains("          1.50k      120k  actions=normal", lines);
    }

    [Fact]
    public void A_port_that_was_away_counts_from_nothing()
    {
        SwitchReport before = Report(seconds: 1, received: 1_000_000, dropped: 9, busy: 0);
        SwitchReport now = Report(seconds: 2, received: 100, dropped: 2, busy: 0);
        Assert.Contains("    1 left           1.00G         100     40.0k         0         0         2  miss", new TopPage(before, now, new FlowActivityReport(1, [])).Lines(0, 0, TopOrder.Number));
    }

    [Fact]
    public void Reasons_for_drops_are_sorted_by_rate_and_those_that_are_quiet_are_one_line()
    {
        SwitchReport before = Report(seconds: 10, received: 0, dropped: 0, busy: 0);
        Dictionary<string, long> earlier = new() { ["runt"] = 90_000, ["miss"] = 40, ["action"] = 7, ["noFrame"] = 500 };
        before = before with { Drops = earlier, Ports = [before.Ports[0] with { Drops = earlier }] };
        Dictionary<string, long> drops = new() { ["runt"] = 90_000, ["miss"] = 60, ["action"] = 7, ["noFrame"] = 700 };
        SwitchReport now = before with { UptimeSeconds = 12, Drops = drops, Ports = [before.Ports[0] with { Drops = drops }] };
        IReadOnlyList<string> lines = Lines(0);
        int at = lines.ToList().IndexOf("DROPS     pkt/s    in all");
        Assert.Equal(
            [
                "            100       700  no free packet memory (noFrame)",
                "             10        60  no flow entry matched, and nobody was there to ask (miss)",
                "              -     90.0k  2 quiet reasons",
                "",
            ],
            lines.Skip(at + 1).Take(4));
        Assert.EndsWith("  noFrame", lines[4], StringComparison.Ordinal);
        Assert.DoesNotContain("noFrame", Lines(80)[4], StringComparison.Ordinal); // there is no room for half a word
        Assert.Contains("DROPS: none", new TopPage(now, now with { UptimeSeconds = 13, Drops = new Dictionary<string, long>() }, new FlowActivityReport(1, [])).Lines(0, 0, TopOrder.Number));

        IReadOnlyList<string> Lines(int width) => new TopPage(before, now, new FlowActivityReport(2, [])).Lines(width, 0, TopOrder.Number);
    }

    [Theory]
    [InlineData(40, 10)]
    [InlineData(79, 24)]
    [InlineData(200, 60)]
    [InlineData(1, 1)]
    public void A_page_keeps_to_the_terminal_it_is_for(int width, int height)
    {
        SwitchReport now = Report(seconds: 1, received: 1, dropped: 0, busy: 0);
        PortReport port = now.Ports[0];
        now = now with
        {
            Ports = [.. Enumerable.Range(1, 100).Select(number => port with { Number = number, Label = $"{number}", Name = "a name of some length" })],
            Controllers = [.. Enumerable.Range(1, 30).Select(number => new ControllerReport($"tcp:10.0.0.{number}:6653", false, "connecting", 1, "other", null, null, null, 0, 0))],
        };
        FlowActivityReport flows = new(1, [.. Enumerable.Range(1, 50).Select(number => new FlowActivity(new string('x', number * 10), 1, 1, 1))]);
        IReadOnlyList<string> lines = new TopPage(now, now, flows).Lines(width, height, TopOrder.Dropped);
        Assert.All(lines, line => Assert.True(line.Length <= width, line));
        Assert.True(lines.Count <= Math.Max(height, 16), $"{lines.Count} lines");
        Assert.Contains(lines, line => height < 24 || line.StartsWith("FLOWS", StringComparison.Ordinal));
    }

    [Fact]
    public void Ports_are_sorted_by_what_is_asked_for()
    {
        SwitchReport before = Report(seconds: 0, received: 0, dropped: 0, busy: 0);
        PortReport port = before.Ports[0];
        SwitchReport now = before with
        {
            UptimeSeconds = 1,
            Ports =
            [
                port with { Number = 1, Label = "1", Traffic = port.Traffic with { ReceivedPackets = 5 } },
                port with { Number = 2, Label = "2", Traffic = port.Traffic with { SentPackets = 5 } },
                port with { Number = 3, Label = "3", Drops = new Dictionary<string, long> { ["miss"] = 7 } },
            ],
        };
        TopPage page = new(before, now, new FlowActivityReport(1, []));
        Assert.Equal("123", Order(TopOrder.Number));
        Assert.Equal("123", Order(TopOrder.Received));
        Assert.Equal("213", Order(TopOrder.Sent));
        Assert.Equal("312", Order(TopOrder.Dropped));

        string Order(TopOrder order) => string.Concat(page.Lines(0, 0, order).Skip(4).Take(3).Select(line => line.Trim()[0]));
    }

    [Fact]
    public void Status_is_about_ten_lines_and_says_why_a_controller_is_not_connected()
    {
        SwitchReport report = Report(seconds: 11_520, received: 7, dropped: 17, busy: 1) with
        {
            Controllers = [new ControllerReport("tcp:192.0.2.1:6653", false, "waiting", 3, "other", "cannot connect: Connection refused", 4.2, null, 0, 0)],
        };
        string[] lines = [.. StatusText.Lines(report)];
        Assert.InRange(lines.Length, 9, 12);
        Assert.Contains("up 3 h 12 min", lines[0], StringComparison.Ordinal);
        Assert.Contains("drops       17: miss 17 (softswitch drops tells more)", lines);
        Assert.Contains("            tcp:192.0.2.1:6653: cannot connect: Connection refused; next attempt in 4.2 s", lines);
    }

    [Fact]
    public void The_busiest_flows_of_an_interval_are_found_among_many()
    {
        using SwitchHost host = SwitchHost.Start(Small);
        ProgramPort left = host.AddProgramPort("left", 1);
        for (int i = 0; i < 5000; i++)
        {
            host.Apply(new FlowMod { Match = FlowMatch.Any with { Wildcards = FlowWildcards.All & ~FlowWildcards.TpDst, TpDst = (ushort)(i + 10_000) }, Priority = 1, Actions = [] });
        }
        host.AddFlow("priority=9,in_port=1,udp,tp_dst=77,actions=");
        host.AddFlow("priority=9,in_port=1,udp,tp_dst=78,actions=");
        Send(77, 3); // before the watch: it does not count
        AwaitCounted(3);
        TestTime time = new();
        TimeSpan interval = TimeSpan.FromMilliseconds(10);
        Task<FlowActivityReport> watch = Task.Run(() => host.Reader.ReadBusiestFlows(2, interval, time));
        time.WaitForTimer(interval);
        Send(78, 2);
        Send(77, 1);
        AwaitCounted(6);
        time.Advance(interval);
        FlowActivityReport report = Eventually.Result(watch);
        FlowActivity[] busiest = [.. report.Flows];
        Assert.Equal(interval.TotalSeconds, report.Seconds);
        Assert.Equal(["priority=9,udp,in_port=1,tp_dst=78 actions=drop", "priority=9,udp,in_port=1,tp_dst=77 actions=drop"], busiest.Select(flow => flow.Flow));
        Assert.Equal((2UL, 1UL, 4UL), (busiest[0].Packets, busiest[1].Packets, busiest[1].TotalPackets));

        // By the entries: a table counts its matches at another moment.
        void AwaitCounted(ulong packets) => Eventually.True(
            () =>
            {
                using (host.Control.Enter())
                {
                    return host.Control.Flows.Aggregate(new FlowFilter(FlowMatch.Any)).PacketCount == packets;
                }
            },
            $"{packets} packets are counted");

        void Send(ushort port, int count)
        {
            for (int i = 0; i < count; i++)
            {
                Eventually.True(() => left.TrySend(TestPacket.Udp(dstPort: port)), "the worker makes room");
            }
        }
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(7, "7")]
    [InlineData(0.25, "0.25")]
    [InlineData(99.96, "100")]
    [InlineData(999.6, "1.00k")]
    [InlineData(1480, "1.48k")]
    [InlineData(14_800_000, "14.8M")]
    public void Numbers_have_three_digits_and_a_prefix(double value, string text) => Assert.Equal(text, Quantity.Short(value));

    private static SwitchReport Report(double seconds, ulong received, long dropped, double busy)
    {
        Dictionary<string, long> drops = new() { ["miss"] = dropped };
        PortReport port = new(
            1, "1", "left", "1=left", "memory", "up", null, [], "02:00:00:00:00:01", 1500, 1_000_000_000,
            new TrafficReport(received, received * 50, 0, 0, 0, 0, 0, 0), null, drops);
        long packets = (long)received;
        AccountReport account = new(packets, 0, 0, 0, 0, 0, 0, packets);
        return new SwitchReport(
            "s1", "0000000000000001", "0.1.0", DateTimeOffset.UnixEpoch, seconds, "secure", false, [port],
            [new WorkerReport(0, false, null, 10, 5, busy, 1, packets / 32, packets / 32 * 32, drops, account)],
            [new TableReport("exact", 0, 10, packets, 0), new TableReport("wildcard", 1, 10, packets, packets), new TableReport("emergency", 0, 10, 0, 0)],
            [], [], new FlowModReport(new Dictionary<string, long> { ["add"] = 1 }, new Dictionary<string, long>()), new PacketInReport(0, 0, 0, 0),
            new ConnectionReport(0, 0, 0), new MemoryReport(10, 10, 2048, 10, 0, 0, 10), new ProcessReport(1, 0, 0, 0, 0, 1, 1), drops, new AccountsReport([], account, true));
    }
}
