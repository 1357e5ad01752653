using System.Globalization;
using Softswitch.Hosting;
using Softswitch.Hosting.Reports;
using Softswitch.Testing;

namespace Softswitch.Web.Tests;

/// <summary>Metrics as Prometheus reads them.</summary>
public sealed class SwitchMetricsTests : IDisposable
{
    private readonly ServedSwitch _served = new(left: "a \"port\" of \\ours");

    public void Dispose() => _served.Dispose();

    [Fact, Trait("Ring", "all")]
    public async Task Promtool_has_nothing_to_say_against_them()
    {
        Needs.Program("promtool");
        _served.BeginTraffic();
        await CountedAsync("softswitch_dropped_packets_total{reason=\"noSuchPort\"}");
        await CheckAsync(await ReadAsync());
    }

    [Fact, Trait("Ring", "all")]
    public async Task Promtool_has_nothing_to_say_against_those_of_several_switches()
    {
        Needs.Program("promtool");
        using ServedGroup group = new("s1", "s2", "s3");
        await CheckAsync(await group.ReadAsync("/metrics"));
    }

    [Fact]
    public async Task They_count_what_the_report_tells()
    {
        _served.BeginTraffic();
        Dictionary<string, double> samples = await CountedAsync(
            "softswitch_port_transmit_bytes_total{port=\"2\",name=\"right\"}", "softswitch_port_receive_packets_total{port=\"1\",name=\"a \\\"port\\\" of \\\\ours\"}");
        Assert.Equal(2, samples["softswitch_table_entries{table=\"wildcard\"}"]);
        Assert.Equal(Environment.ProcessId, _served.Switch.Reader.ReadReport().Process.Id);
        Assert.True(samples["process_resident_memory_bytes"] > 1 << 20);
    }

    [Fact]
    public async Task Each_family_is_described_once_and_each_sample_is_there_once()
    {
        string[] lines = (await ReadAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (string kind in (string[])["# HELP ", "# TYPE "])
        {
            string[] names = [.. lines.Where(line => line.StartsWith(kind, StringComparison.Ordinal)).Select(line => line.Split(' ')[2])];
            Assert.Equal(names.Distinct(), names);
        }
        string[] samples = [.. lines.Where(line => line[0] != '#').Select(line => line[..line.LastIndexOf(' ')])];
        Assert.Equal(samples.Distinct(), samples);
    }

    [Fact]
    public void Each_queue_has_series_of_its_own()
    {
        SwitchReport report = _served.Switch.Reader.ReadReport();
        PortReport port = report.Ports[1] with { Queues = [new QueueReport(1, 0, 0, 5, 500, 0), new QueueReport(7, 0, 0, 6, 600, 2)] };
        string text = SwitchMetrics.Write([report with { Ports = [port] }], ReadProcess(_served.Switch), areLabelled: false).ToString();
        Assert.Contains("softswitch_queue_transmit_packets_total{port=\"2\",name=\"right\",queue=\"1\"} 5\n", text, StringComparison.Ordinal);
        Assert.Contains("softswitch_queue_transmit_bytes_total{port=\"2\",name=\"right\",queue=\"7\"} 600\n", text, StringComparison.Ordinal);
        Assert.Contains("softswitch_queue_transmit_errs_total{port=\"2\",name=\"right\",queue=\"7\"} 2\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Peers_of_listeners_make_no_series_of_their_own()
    {
        SwitchReport report = _served.Switch.Reader.ReadReport();
        ControllerReport peer = new("ptcp:6653 from 127.0.0.1:50000", IsPeer: true, "connected", 1, "other", null, null, 0.001, 3, 0);
        report = report with { Controllers = [peer, peer with { Name = "tcp:10.0.0.1:6653", IsPeer = false }, peer with { Name = "tcp:10.0.0.1:6653", IsPeer = false }] };
        string text = SwitchMetrics.Write([report], ReadProcess(_served.Switch), areLabelled: false).ToString();
        Assert.DoesNotContain("50000", text, StringComparison.Ordinal);
        Assert.Single(text.Split('\n'), line => line.StartsWith("softswitch_controller_connected{", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Series_of_several_switches_have_the_switch_as_a_label_and_keep_it_when_one_is_left()
    {
        using ServedGroup group = new("s1", "s2");
        group.BeginTraffic("s2");
        string[] samples = Await("softswitch_dropped_packets_total{switch=\"s2\",reason=\"noSuchPort\"} ");
        Assert.Equal(samples.Length, samples.Distinct().Count());
        string[] ofSwitches = [.. samples.Where(one => one.StartsWith("softswitch_", StringComparison.Ordinal) && !one.StartsWith("softswitch_frames", StringComparison.Ordinal))];
        Assert.All(ofSwitches, one => Assert.Matches("^[a-z_]+\\{switch=\"s[12]\"[,}]", one));
        Assert.All(samples.Except(ofSwitches), one => Assert.DoesNotContain("switch=", one, StringComparison.Ordinal));
        Assert.Contains("softswitch_running{switch=\"s1\"} 1", samples);
        string one = await group.ReadAsync("/switch/s2/metrics");
        Assert.Contains("softswitch_uptime_seconds{switch=\"s2\"}", one, StringComparison.Ordinal);
        Assert.DoesNotContain("\"s1\"", one, StringComparison.Ordinal);
        group.Group.Remove("s1");
        samples = Await("softswitch_running{switch=\"s2\"} ", "softswitch_running{switch=\"s1\"}");
        Assert.DoesNotContain(samples, one => one.StartsWith("softswitch_uptime_seconds ", StringComparison.Ordinal));

        string[] Await(string begin, string gone = "none")
        {
            string[] samples = [];
            group.Await("/metrics", text =>
            {
                samples = [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#')];
                return samples.Any(one => one.StartsWith(begin, StringComparison.Ordinal)) && !samples.Any(one => one.StartsWith(gone, StringComparison.Ordinal));
            });
            return samples;
        }
    }

    /// <summary>The samples, as soon as these are above zero: they are not read at one moment.</summary>
    private async Task<Dictionary<string, double>> CountedAsync(params string[] wanted)
    {
        while (true)
        {
            Dictionary<string, double> samples = (await ReadAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#')
                .ToDictionary(line => line[..line.LastIndexOf(' ')], line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
            if (wanted.All(sample => samples.GetValueOrDefault(sample) > 0))
            {
                return samples;
            }
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
        }
    }

    private static async Task CheckAsync(string metrics)
    {
        string path = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(path, metrics, TestContext.Current.CancellationToken);
            CommandResult verdict = RunningCommand.Execute("sh", "-c", "promtool check metrics < \"$0\"", path);
            Assert.True(verdict.ExitCode == 0 && verdict.Output.Length + verdict.Error.Length == 0, verdict.Output + verdict.Error);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private Task<string> ReadAsync() => _served.Client.GetStringAsync("/metrics", TestContext.Current.CancellationToken);

    private static GroupReport ReadProcess(SwitchHost host) => ProcessReading.Take(host.Name, host.Control.Uptime, [host], []);
}
