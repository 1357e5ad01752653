using System.Text.Json;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reports;
using Softswitch.Testing;

namespace Softswitch.Hosting.Tests.Reports;

/// <summary>Several switches of a process, as <c>status</c>, <c>top</c>, <c>drops</c> and the overview show them.</summary>
public sealed class GroupReportTests
{
    private static readonly SwitchOptions Small = new() { Datapath = new() { FrameCount = 2048 } };
    private static readonly Dictionary<string, long> None = [];

    [Fact]
    public void A_summary_tells_what_the_whole_report_tells()
    {
        using SwitchHost host = SwitchHost.Start(Small with
        {
            DatapathId = 0x2a,
            Ports = ["3=null:", "4=absent0"],
            Agent = new() { Controllers = ["tcp:127.0.0.1:1"] },
        });
        ProgramPort left = host.AddProgramPort("left", 1);
        host.AddFlow("in_port=1,udp,actions=output:3");
        byte[] frame = TestPacket.Udp();
        Assert.True(left.TrySend(frame));
        Assert.True(left.TrySend(TestPacket.Tcp()));
        Eventually.True(() => Read(host) is { SentPackets: 1, ReceivedPackets: 2, Drops.Count: 1, BusySeconds: > 0 }, "the packets were not counted");
        SwitchSummary summary = Read(host);
        SwitchReport report = host.Reader.ReadReport();
        Assert.Equal((report.Name, report.DatapathId, "running"), (summary.Name, summary.DatapathId, summary.State));
        Assert.Equal((3, 2), (summary.Ports, summary.PortsUp));
        Assert.Equal((1, 0), (summary.Controllers, summary.ControllersConnected));
        Assert.Equal(1, summary.Flows);
        Assert.Equal((frame.Length + TestPacket.Tcp().Length, frame.Length), (summary.ReceivedBytes, summary.SentBytes));
        Assert.Equal(report.Drops, summary.Drops);
        host.Ports.Remove("1");
        Assert.Equal(2, Read(host).ReceivedPackets); // ports that went are counted on
    }

    [Fact]
    public void A_switch_that_does_not_answer_is_told_as_it_was_and_keeps_nobody_waiting()
    {
        using SwitchHost host = SwitchHost.Start(Small with { Ports = ["1=null:"] });
        host.AddFlow("actions=");
        Assert.Equal(("running", 1), (Read(host).State, Read(host).Flows));
        GroupReport? report = null;
        var reader = new Thread(() => report = ProcessReading.Take("lab", TimeSpan.Zero, [host, host], []));
        using (host.Control.EnterWithoutTable())
        {
            reader.Start();
            reader.Join();
        }
        Assert.All(report!.Switches, one => Assert.Equal(("busy", 1, 1), (one.State, one.Flows, one.Ports)));
        Assert.Equal("running", Read(host).State);
    }

    [Fact]
    public void One_that_ended_is_left_out_and_one_that_failed_is_told_with_its_reason()
    {
        using SwitchHost stays = SwitchHost.Start(Small with { DatapathId = 1, Name = null });
        SwitchHost went = SwitchHost.Start(Small with { DatapathId = 2 });
        went.Dispose();
        GroupReport report = ProcessReading.Take("lab", TimeSpan.FromMinutes(1), [stays, went], [SwitchSummary.OfFailed("s3", "0000000000000003", "worker 0 failed: out of luck")]);
        GroupReport again = JsonSerializer.Deserialize(JsonSerializer.Serialize(report, ReportJson.Default.GroupReport), ReportJson.Default.GroupReport)!;
        Assert.Equal([(stays.Name, "running"), ("s3", "failed")], again.Switches.Select(one => (one.Name, one.State)));
        Assert.Equal(Environment.ProcessId, again.Process.Id);
        Assert.Equal(0, Assert.Single(again.Workers).Id);
        string[] lines = [.. StatusText.Lines(again)];
        Assert.Contains("lab: softswitch", lines[0], StringComparison.Ordinal);
        Assert.Contains("2 switches (1 running, 1 failed)", lines[0], StringComparison.Ordinal);
        Assert.Equal("s3: worker 0 failed: out of luck", lines[^1]);
    }

    [Fact]
    public void Status_has_a_row_for_each_switch_and_one_for_all()
    {
        string[] lines = [.. StatusText.Lines(Report(10, One("s1", received: 70, sent: 60, drops: 5), One("s10", received: 7)))];
        Assert.Equal(
            [
                "switch  datapath id       state    ports up  controllers  flows  received  sent  dropped",
                "s1      0000000000000001  running    2 of 3       0 of 1     12        70    60        5",
                "s10     0000000000000001  running    2 of 3       0 of 1     12         7     0        0",
                "all                                  4 of 6       0 of 2     24        77    60        5",
            ],
            lines[4..]);
    }

    [Fact]
    public void A_process_without_a_switch_has_no_table()
    {
        string[] lines = [.. StatusText.Lines(Report(10))];
        Assert.Contains("0 switches, up 10 s", lines[0], StringComparison.Ordinal);
        Assert.Equal(3, lines.Length);
        Assert.Equal("all            0     0        0", DropsText.Write(Report(10)).Last());
        Assert.Equal(5, new GroupTopPage(Report(10), Report(11)).Lines(80, 24, TopOrder.Sent).Count);
    }

    [Fact]
    public void Drops_are_told_by_reason_with_the_switches_that_have_most_of_them()
    {
        SwitchSummary[] switches = [.. Enumerable.Range(1, 7).Select(i => One($"s{i}", received: i, drops: i))];
        string[] lines = [.. DropsText.Write(Report(1, switches))];
        Assert.Equal("switch  received  sent  dropped", lines[0]);
        Assert.Equal("all           28     0       28", lines[8]);
        Assert.Contains("        28 no flow entry matched, and nobody was there to ask (miss)", lines[10], StringComparison.Ordinal);
        Assert.Equal("             in s7 7, s6 6, s5 5, s4 4, s3 3 and 2 others", lines[^1]);
    }

    [Fact]
    public void Rates_of_switches_are_differences_of_two_reports_over_the_time_between()
    {
        GroupReport before = Report(10, One("s1", received: 1000, sent: 500), One("s2", received: 10));
        GroupReport now = Report(12, One("s1", received: 21_000, sent: 500, drops: 8, seconds: 12), One("s2", received: 10, seconds: 1), One("s3", seconds: 1));
        IReadOnlyList<string> lines = new GroupTopPage(before, now).Lines(0, 0, TopOrder.Number);
        Assert.Equal("lab  up 12 s  3 switches  6 of 9 ports up  36 flows", lines[0]);
        Assert.Equal(["s1", "running", "2", "of", "3", "0", "of", "1", "12", "50", "%", "10.0k", "4.00M", "0", "0", "4", "miss"], Words(lines[5]));
        Assert.EndsWith("4 dropped/s (miss, most in s1)", lines[1], StringComparison.Ordinal);
        Assert.Equal(["s1", "running", "2", "of", "3", "0", "of", "1", "12", "50", "%", "10.0k", "0", "4"], Words(new GroupTopPage(before, now).Lines(80, 0, TopOrder.Number)[5]));
        // One of that name which began anew counts from nothing.
        Assert.Equal(["s2", "running", "2", "of", "3", "0", "of", "1", "12", "25", "%", "5", "2.00k", "0", "0", "0"], Words(lines[6]));
    }

    [Theory]
    [InlineData(40, 10)]
    [InlineData(200, 60)]
    [InlineData(1, 1)]
    public void An_overview_keeps_to_the_terminal_it_is_for_and_shows_what_is_marked(int width, int height)
    {
        GroupReport now = Report(10, [.. Enumerable.Range(1, 200).Select(i => One($"s{i}", received: i))]);
        var page = new GroupTopPage(Report(9), now);
        Assert.Equal(["s200", "s199"], page.Choices(TopOrder.Received).Take(2));
        foreach (string marked in (string[])["s200", "s1", "s77"])
        {
            IReadOnlyList<string> lines = page.Lines(width, height, TopOrder.Received, marked: marked);
            Assert.All(lines, line => Assert.True(line.Length <= width, line));
            Assert.True(lines.Count <= Math.Max(height, 6), $"{lines.Count} lines");
            Assert.True(width == 1 || lines.Count(line => line.StartsWith($"> {marked} ", StringComparison.Ordinal)) == 1, string.Join('\n', lines));
        }
    }

    private static SwitchSummary Read(SwitchHost host) => host.Reader.ReadSummary(TimeSpan.FromMinutes(1));

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static SwitchSummary One(string name, long received = 0, long sent = 0, long drops = 0, double seconds = 10) => new(
        name, "0000000000000001", "running", null, seconds, 3, 2, 1, 0, 12, received, received * 50, sent, sent * 50, seconds / 2,
        drops == 0 ? None : new Dictionary<string, long> { ["miss"] = drops });

    private static GroupReport Report(double seconds, params IReadOnlyList<SwitchSummary> switches) => new(
        "lab", "0.1.0", DateTimeOffset.UnixEpoch, seconds, switches, [new WorkerLoadReport(0, seconds / 4, 100)], 4096, 4000, 2048,
        new ProcessReport(1, 0, 0, 0, 0, 1, 1));
}
