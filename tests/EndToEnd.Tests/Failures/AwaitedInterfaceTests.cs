using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.EndToEnd.Tests.Tunnels;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Failures;

/// <summary>Interfaces that are not there when the switch starts.</summary>
public sealed class AwaitedInterfaceTests : WithControlSocket
{
    [Theory]
    [InlineData("s3")]
    [InlineData("packet:s3")]
    [InlineData("xdp:s3")]
    public void The_switch_is_ready_without_one_and_takes_it_when_it_comes(string port)
    {
        if (port.StartsWith("xdp:", StringComparison.Ordinal))
        {
            Needs.Xdp("ovs-ofctl", "ping");
        }
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts(hosts: 3);
        Hide(lab.Inside, "s3");
        string before = InterfacePicture.Of(lab.Inside);
        using HostedSwitch running = lab.StartRun("--port", "1=s1", "--port", "2=s2", "--port", $"3={port}", "--listen", CabledHosts.Listen, "--control", Control);
        running.WaitForText(" warning port 3: "); // the log is not behind standard output, and not before it
        Assert.Equal(" warning port 3: s3: there is no such interface; waiting for it", Warnings(running));
        Assert.Contains("3 s3: the interface is away\n", Status(), StringComparison.Ordinal);
        lab.Ofctl("add-flow", "actions=normal");
        Assert.Equal(3, lab.Ping(1, 2));
        Assert.DoesNotContain("3(s3)", lab.Ofctl("show"), StringComparison.Ordinal);

        using RunningCommand monitor = lab.StartPortMonitor();
        Show(lab.Inside, "s3");
        monitor.WaitForText("OFPT_PORT_STATUS (xid=0x0): ADD: 3(s3)", SwitchProgram.Patience);
        Eventually.True(() => lab.Ping(1, 3) == 3, () => running.Error + Status());
        Assert.Contains("3: 3 up", Status(), StringComparison.Ordinal);

        running.Dispose();
        Hide(lab.Inside, "s3");
        Assert.Equal(before, InterfacePicture.Of(lab.Inside));
    }

    [Fact]
    public void What_keeps_one_that_came_from_being_used_is_said_once_and_the_port_goes_on_waiting()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts(hosts: 3);
        Hide(lab.Inside, "s3");
        using HostedSwitch running = lab.StartRun("--port", "1=s1", "--port", "2=s2", "--port", "3=s3", "--listen", CabledHosts.Listen, "--control", Control);
        using RunningCommand other = lab.StartProcess("--port", "9=hidden-s3");
        Show(lab.Inside, "s3");
        running.WaitForText($"port '3=s3': interface s3 is in use by another softswitch (pid {other.ProcessId})");
        Eventually.True(() => Status().Contains($"3 s3: port '3=s3': interface s3 is in use by another softswitch (pid {other.ProcessId})", StringComparison.Ordinal), Status);
        SwitchProgram.Terminate(other);
        other.WaitForEnd(SwitchProgram.Patience);
        Eventually.True(() => Status().Contains("3: 3 up", StringComparison.Ordinal), Status);
        Assert.Equal(2, Warnings(running).Split('\n').Length); // that it was not there, and that another has it
    }

    [Fact]
    public void A_tunnel_waits_for_the_interface_it_travels_by()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new RoutedLab();
        Hide(lab.Inside, "u0");
        using HostedSwitch running = lab.Start(
            $"u0,address=10.1.0.1/24,gateway=10.1.0.254", "", "--control", Control);
        running.WaitForText("port 2: u0: there is no such interface; waiting for it\n");
        running.WaitForText("port 3: vxlan:local=10.1.0.1");
        running.WaitForText(": it travels by port 2, which is away; waiting for it\n");
        Assert.Contains(": the port it travels by is away\n", Status(), StringComparison.Ordinal);
        Show(lab.Inside, "u0");
        Eventually.True(() => Status().Contains("3: 3 up", StringComparison.Ordinal), Status);
        Eventually.True(() => lab.Ping() == 3, () => running.Error);
    }

    [Fact]
    public void Without_the_interface_that_names_the_switch_its_datapath_id_is_the_same_at_each_start_and_that_is_said()
    {
        Needs.Namespaces();
        using var lab = new CabledHosts();
        Hide(lab.Inside, "s1");
        string first = FirstLine();
        Assert.Equal(first, FirstLine());
        Hide(lab.Inside, "s2"); // what else there is makes no difference
        Assert.Equal(first, FirstLine());
        Show(lab.Inside, "s1");
        Assert.NotEqual(first, FirstLine());

        string FirstLine()
        {
            using RunningCommand running = lab.StartSwitchProcess();
            SwitchProgram.Terminate(running);
            CommandResult result = running.WaitForEnd(SwitchProgram.Patience);
            string missing = "datapath id: made from the host's name and the ports, as s1 is not there";
            Assert.Equal(result.Error.Contains("port 1: s1: there is no such", StringComparison.Ordinal), result.Error.Contains(missing, StringComparison.Ordinal));
            return result.Output.Split('\n')[0];
        }
    }

    private static string Warnings(HostedSwitch running) => string.Join('\n', running.Error.Split('\n')
        .Where(line => line.Contains(" warning ", StringComparison.Ordinal)).Select(line => line[line.IndexOf(" warning ", StringComparison.Ordinal)..]));

    /// <summary>The cable stays; only the name is not there.</summary>
    private static void Hide(LabNode inside, string name) => inside.Execute("ip", "link", "set", name, "name", $"hidden-{name}").Checked();

    private static void Show(LabNode inside, string name) => inside.Execute("ip", "link", "set", $"hidden-{name}", "name", name).Checked();
}
