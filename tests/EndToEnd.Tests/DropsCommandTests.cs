using System.Text.Json;
using System.Text.RegularExpressions;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary><c>softswitch drops</c> against a running switch.</summary>
public sealed partial class DropsCommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("softswitch-drops-");

    private string SocketPath => Path.Combine(_folder.FullName, "control");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Packets_that_vanish_because_an_entry_names_a_port_that_is_not_there_are_found()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts(hosts: 2);
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen, "--control", $"punix:{SocketPath}");
        lab.Ofctl("add-flow", "in_port=1,icmp,actions=output:7");
        lab.Host(1).Execute("ip", "neigh", "replace", "10.0.0.2", "lladdr", "02:00:00:00:00:02", "dev", "eth0").Checked();
        Assert.Equal(0, lab.Ping(1, 2, count: 10));

        string text = Drops();
        Assert.Contains("dropped coming in, port 1 s1:\n", text, StringComparison.Ordinal);
        Assert.Matches(@"\n +10 to a port that does not exist \(noSuchPort\)\n +> ofctl dump-flows ", text);
        Match ports = PortStatistics().Match(lab.Ofctl("dump-ports", "1"));
        Assert.Equal("10", ports.Groups["dropped"].Value);

        using JsonDocument report = JsonDocument.Parse(Drops("--json"));
        JsonElement accounts = report.RootElement.GetProperty("accounts");
        Assert.True(accounts.GetProperty("isExact").GetBoolean());
        JsonElement first = accounts.GetProperty("rows")[0];
        Assert.Equal(10, first.GetProperty("receiveDrops").GetProperty("noSuchPort").GetInt64());
        Assert.All(accounts.GetProperty("rows").EnumerateArray().Select(row => row.GetProperty("account")).Append(accounts.GetProperty("total")), AssertAddsUp);
    }

    private static void AssertAddsUp(JsonElement account)
    {
        long Of(string name) => account.GetProperty(name).GetInt64();
        Assert.Equal(
            Of("received") + Of("made") + Of("output"), Of("forwarded") + Of("sent") + Of("used") + Of("held") + Of("dropped"));
    }

    private string Drops(params string[] options) => SwitchProgram.Execute(["drops", $"unix:{SocketPath}", .. options]).Checked().Output;

    [GeneratedRegex(@"rx pkts=\d+, bytes=\d+, drop=(?<dropped>\d+)")]
    private static partial Regex PortStatistics();
}
