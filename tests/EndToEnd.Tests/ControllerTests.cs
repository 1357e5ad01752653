using System.Globalization;
using System.Text.Json;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>The switch under controllers: Open vSwitch's, our own, and ones that misbehave or die.</summary>
public sealed class ControllerTests
{
    private const string Controller = "tcp:127.0.0.1:6653";

    [Fact]
    public void The_test_controller_of_Open_vSwitch_drives_it()
    {
        Needs.Namespaces("ovs-testcontroller", "ovs-ofctl", "ping");
        using var lab = new CabledHosts(hosts: 3);
        using RunningCommand controller = StartTestController(lab, "--max-idle=2");
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen, "--controller", Controller);
        WaitForController(running);
        foreach ((int from, int to) in (ReadOnlySpan<(int, int)>)[(1, 2), (2, 3), (3, 1)])
        {
            Assert.Equal(3, lab.Ping(from, to));
        }
        using (RunningCommand steady = lab.Host(1).Start("ping", "-n", "-i", "0.1", "10.0.0.2"))
        {
            Eventually.True(() => lab.Ofctl("dump-flows").Contains("idle_timeout=2", StringComparison.Ordinal), () => lab.Ofctl("dump-flows"));
        }
        Eventually.True(
            () => !lab.Ofctl("dump-flows").Contains("n_packets", StringComparison.Ordinal), () => $"flows expire: {lab.Ofctl("dump-flows")}");
        Assert.Equal(3, lab.Ping(1, 2)); // and are made anew
    }

    [Fact]
    public void Iperf3_runs_both_ways_under_the_test_controller()
    {
        Needs.Namespaces("ovs-testcontroller", "iperf3", "ping");
        using var lab = new CabledHosts();
        using RunningCommand controller = StartTestController(lab);
        using HostedSwitch running = lab.StartSwitch("--controller", Controller);
        WaitForController(running);
        Assert.Equal(3, lab.Ping(1, 2));
        foreach (string[] direction in (string[][])[[], ["-R"]])
        {
            // What waits in the sockets when the sender ends is not counted: half a megabyte at most.
            Assert.True(Iperf(lab, ["-n", "4M", "-w", "256K", .. direction], "sum_received", "bytes") > 1_000_000);
            // So slowly that a receiver's socket has room for the packets of a whole second in which it gets no processor.
            double lost = Iperf(lab, ["-t", "1", "-u", "-b", "1M", "-l", "1200", .. direction], "sum", "lost_percent");
            Assert.True(lost < 5, $"{lost} % of 1 Mbit/s lost");
        }
    }

    [Fact]
    public void Secure_it_keeps_forwarding_by_its_flows_when_the_controller_dies_and_drops_the_rest()
    {
        Needs.Namespaces("ovs-testcontroller", "ovs-ofctl", "ping");
        using var lab = new CabledHosts(hosts: 3);
        // Else host 2 asks host 1 whether it is there still, some seconds later, and there is no flow for that.
        lab.SilenceHosts1And2();
        using RunningCommand controller = StartTestController(lab, "--max-idle=permanent");
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen, "--controller", Controller, "--fail-mode", "secure");
        WaitForController(running);
        Assert.Equal(3, lab.Ping(1, 2));

        SwitchProgram.Terminate(controller, "KILL");
        WaitForLoss(running);
        Assert.Equal(3, lab.Ping(1, 2));
        Assert.Equal(0, lab.Ping(1, 3, count: 2));

        using RunningCommand successor = StartTestController(lab);
        WaitForConnections(running, 2);
        Assert.Equal(3, lab.Ping(1, 3));
    }

    [Fact]
    public void Standalone_it_becomes_a_bridge_when_the_controller_dies()
    {
        Needs.Namespaces("ovs-testcontroller", "ovs-ofctl", "ping");
        using var lab = new CabledHosts(hosts: 3);
        using RunningCommand controller = StartTestController(lab, "--max-idle=1");
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen, "--controller", Controller, "--fail-mode", "standalone");
        WaitForController(running);
        Assert.Equal(3, lab.Ping(1, 2));
        SwitchProgram.Terminate(controller, "KILL");
        WaitForLoss(running);
        Assert.Equal(3, lab.Ping(1, 3));
    }

    private static string[] ControllerLines(HostedSwitch running) =>
        [.. running.Error.Split('\n').Where(line => line.Contains($" {Controller}: ", StringComparison.Ordinal))];

    private static RunningCommand StartTestController(CabledHosts lab, params string[] options)
    {
        RunningCommand controller = lab.Inside.Start("ovs-testcontroller", ["--unixctl=none", "-v", .. options, "ptcp:6653:127.0.0.1"]);
        Eventually.True(() => lab.Inside.Execute("ss", "-tln").Output.Contains(":6653", StringComparison.Ordinal), () => controller.Error);
        return controller;
    }

    private static void WaitForController(HostedSwitch running) => WaitForConnections(running, 1);

    /// <summary>How the kernel tells of a killed controller depends on whether it had read everything.</summary>
    private static void WaitForLoss(HostedSwitch running) => Eventually.True(
        () => ControllerLines(running) is [.., var last] && !last.EndsWith(": connected", StringComparison.Ordinal), () => $"a line about it: {running.Error}");

    private static void WaitForConnections(HostedSwitch running, int count) => Eventually.True(
        () => ControllerLines(running).Count(line => line.EndsWith(": connected", StringComparison.Ordinal)) >= count,
        () => $"connection {count}: {running.Error}");

    /// <summary>With a server of its own: one that is not done with the client before refuses the next.</summary>
    private static double Iperf(CabledHosts lab, string[] arguments, string section, string field)
    {
        using RunningCommand server = lab.Host(2).Start("iperf3", "-s", "-1", "--forceflush");
        server.WaitForText("Server listening", SwitchProgram.Patience);
        CommandResult result = lab.Host(1).Execute("iperf3", ["-J", "-c", "10.0.0.2", "--connect-timeout", "30000", .. arguments]);
        server.WaitForEnd(SwitchProgram.Patience);
        using JsonDocument report = JsonDocument.Parse(result.Checked().Output);
        return double.Parse(report.RootElement.GetProperty("end").GetProperty(section).GetProperty(field).GetRawText(), CultureInfo.InvariantCulture);
    }
}
