using System.Globalization;
using Softswitch.Hosting.Reports;
using Softswitch.Testing;

namespace Softswitch.Web.Tests;

/// <summary>Metrics as Prometheus reads them.</summary>
public sealed class SwitchMetricsTests : IDisposable
{
    private readonly ServedSwitch _served = new(left: "a \"port\" of \\ours");

    public void Dispose() => _served.Dispose();

    [Fact]
    public async Task Promtool_has_nothing_to_say_against_them()
    {
        Needs.Program("promtool");
        _served.BeginTraffic();
        await CountedAsync("softswitch_dropped_packets_total{reason=\"noSuchPort\"}");
        string path = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(path, await ReadAsync(), TestContext.Current.CancellationToken);
            CommandResult verdict = RunningCommand.Execute("sh", "-c", "promtool check metrics < \"$0\"", path);
            Assert.True(verdict.ExitCode == 0 && verdict.Output.Length + verdict.Error.Length == 0, verdict.Output + verdict.Error);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task They_count_what_the_report_tells()
    {
        _served.BeginTraffic();
        Dictionary<string, double> samples = await CountedAsync("softswitch_port_transmit_bytes_total{port=\"2\",name=\"right\"}");
        string labels = "port=\"1\",name=\"a \\\"port\\\" of \\\\ours\"";
        Assert.True(samples[$"softswitch_port_receive_packets_total{{{labels}}}"] > 0);
        Assert.Equal(2, samples["softswitch_table_entries{table=\"wildcard\"}"]);
        Assert.Equal(Environment.ProcessId, _served.Switch.ReadReport().Process.Id);
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
    public void Peers_of_listeners_make_no_series_of_their_own()
    {
        SwitchReport report = _served.Switch.ReadReport();
        ControllerReport peer = new("ptcp:6653 from 127.0.0.1:50000", IsPeer: true, "connected", 1, "other", null, null, 0.001, 3, 0);
        report = report with { Controllers = [peer, peer with { Name = "tcp:10.0.0.1:6653", IsPeer = false }, peer with { Name = "tcp:10.0.0.1:6653", IsPeer = false }] };
        string text = SwitchMetrics.Write([report], ServedSwitches.ReadReport(_served.Switch), areLabelled: false).ToString();
        Assert.DoesNotContain("50000", text, StringComparison.Ordinal);
        Assert.Single(text.Split('\n'), line => line.StartsWith("softswitch_controller_connected{", StringComparison.Ordinal));
    }

    /// <summary>The samples, as soon as this one is above zero.</summary>
    private async Task<Dictionary<string, double>> CountedAsync(string sample)
    {
        while (true)
        {
            Dictionary<string, double> samples = (await ReadAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#')
                .ToDictionary(line => line[..line.LastIndexOf(' ')], line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
            if (samples.GetValueOrDefault(sample) > 0)
            {
                return samples;
            }
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
        }
    }

    private Task<string> ReadAsync() => _served.Client.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
}
