using System.Text.RegularExpressions;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>Flows to begin with, and flows that outlast the process.</summary>
public sealed partial class StateTests : WithControlSocket
{
    private string State => PathOf("state");

    private string[] Options => ["--listen", CabledHosts.Listen, "--control", Control, "--state", State];

    [Fact]
    public void After_a_kill_the_next_start_forwards_by_all_of_100000_flows()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        const int flows = 100_000;
        string file = PathOf("flows");
        File.WriteAllLines(file, Enumerable.Range(0, flows).Select(i =>
            $"priority={i % 9},cookie={i},tcp,nw_src=10.{i >> 16}.{(i >> 8) & 255}.{i & 255},tp_dst={i % 1000},actions=mod_nw_tos:{4 * (i % 60)},output:{1 + (i % 2)}"));
        using var lab = new CabledHosts();
        string before;
        using (RunningCommand killed = lab.StartSwitchProcess([.. Options, "--flows", file, "--flows", "in_port=1,arp,actions=2", "--flows", "in_port=1,icmp,actions=2"]))
        {
            lab.Ofctl("add-flow", "in_port=2,icmp,actions=output:1"); // beside those of the start
            lab.Ofctl("add-flow", "in_port=2,arp,actions=output:1");
            Assert.Equal(3, lab.Ping(1, 2));
            before = Dump(lab);
            Eventually.True(() => Status().Contains("in step", StringComparison.Ordinal) && !Status().Contains("on their way", StringComparison.Ordinal), Status);
            SwitchProgram.Terminate(killed, "KILL");
            killed.WaitForEnd(SwitchProgram.Patience);
        }
        Assert.Equal(flows + 4, before.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        using HostedSwitch next = lab.StartSwitch(Options);
        Assert.Contains($"state: {State}: {flows + 4} flows restored\n", next.Output, StringComparison.Ordinal);
        Assert.Equal(3, lab.Ping(1, 2));
        Assert.Equal(before, Dump(lab));
    }

    [Fact]
    public void A_port_keeps_its_number_and_the_switch_its_id_when_they_are_asked_for_by_name()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts(hosts: 3);
        string id;
        using (RunningCommand first = lab.StartProcess(["--port", "s1", .. Options]))
        {
            SwitchProgram.Execute("port", "add", Target, "s2").Checked();
            SwitchProgram.Execute("port", "add", Target, "s3").Checked();
            id = first.Output.Split('\n').First(line => line.StartsWith("datapath id", StringComparison.Ordinal));
            Assert.Contains("3(s3)", lab.Ofctl("show"), StringComparison.Ordinal);
            SwitchProgram.Terminate(first, "KILL");
            first.WaitForEnd(SwitchProgram.Patience);
        }
        lab.Inside.Execute("ip", "link", "set", "s1", "address", "02:00:00:00:77:77").Checked();
        using HostedSwitch next = lab.StartRun(["--port", "s3", "--port", "s1", .. Options]);
        Assert.StartsWith(id, next.Output, StringComparison.Ordinal);
        Assert.Contains("3(s3)", lab.Ofctl("show"), StringComparison.Ordinal);
        Assert.Contains("1(s1)", lab.Ofctl("show"), StringComparison.Ordinal);
        SwitchProgram.Execute("port", "add", Target, "null:").Checked(); // not the number of s2
        SwitchProgram.Execute("port", "add", Target, "s2").Checked();
        Assert.Contains("2(s2)", lab.Ofctl("show"), StringComparison.Ordinal);
    }

    /// <summary>Without what time changes, and counts of pings.</summary>
    private static string Dump(CabledHosts lab)
    {
        string output = lab.Inside.Execute(SwitchProgram.Patience, SwitchProgram.Dotnet, SwitchProgram.Library, "ofctl", "dump-flows", CabledHosts.Target).Checked().Output;
        return string.Join('\n', output.Split('\n').Select(line => Changing().Replace(line, "")).Where(line => line.Contains("actions=", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [GeneratedRegex("duration=[^,]*, |n_packets=[^,]*, |n_bytes=[^,]*, |idle_age=[^,]*, ")]
    private static partial Regex Changing();
}
