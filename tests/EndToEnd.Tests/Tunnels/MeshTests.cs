using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Tunnels;

/// <summary>Three switches, each with a host, over one IP network: every host reaches every other through tunnels.</summary>
public sealed class MeshTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Hosts_of_three_switches_reach_each_other(bool byFlow)
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        List<LabNode> made = [];
        List<HostedSwitch> switches = [];
        try
        {
            LabNode Make(string label)
            {
                var space = new LabNode(label);
                made.Add(space);
                return space;
            }
            LabNode middle = Make("net");
            CommandResult bridge = middle.Execute("ip", "link", "add", "lan", "type", "bridge");
            Assert.SkipWhen(bridge.Error.Contains("Unknown device type", StringComparison.Ordinal), "this kernel has no bridges");
            bridge.Checked();
            middle.BringUp("lan");
            List<LabNode> hosts = [];
            for (int site = 1; site <= 3; site++)
            {
                LabNode inside = Make($"s{site}");
                LabNode host = Make($"h{site}");
                hosts.Add(host);
                VethCable.Lay(middle.Network, $"p{site}", inside.Network, "net0");
                middle.Execute("ip", "link", "set", $"p{site}", "master", "lan").Checked();
                VethCable.Lay(inside.Network, "host0", host.Network, "eth0");
                host.Execute("ip", "addr", "add", $"192.168.9.{site}/24", "dev", "eth0").Checked();
                host.Execute("ip", "link", "set", "eth0", "address", $"02:00:00:00:00:0{site}").Checked();
                middle.AwaitUp($"p{site}"); // what is sent before is lost
                inside.AwaitUp("net0");
                inside.AwaitUp("host0");
                host.AwaitUp("eth0");
                switches.Add(StartSwitch(inside, site, byFlow));
            }
            foreach ((int from, int to) in (ReadOnlySpan<(int, int)>)[(1, 2), (1, 3), (2, 3), (3, 1)])
            {
                Assert.Equal(3, CabledHosts.Ping(hosts[from - 1], $"192.168.9.{to}", 3));
            }
        }
        finally
        {
            switches.ForEach(one => one.Dispose());
            made.ForEach(space => space.Dispose());
        }
    }

    private static HostedSwitch StartSwitch(LabNode inside, int site, bool byFlow)
    {
        int[] others = [.. Enumerable.Range(1, 3).Where(other => other != site)];
        string[] tunnels = byFlow
            ? ["--port", $"3=vxlan:local=10.0.0.{site},remote=flow,via=2"]
            : [.. others.SelectMany(other => new[] { "--port", $"{2 + other}=vxlan:local=10.0.0.{site},remote=10.0.0.{other},via=2" })];
        HostedSwitch running = HostedSwitch.Start(
            inside, ["--port", "1=host0", "--port", $"2=net0,address=10.0.0.{site}/24", .. tunnels, "--listen", CabledHosts.Listen]);
        // What a host sends goes to both others, what comes from them to the host alone: a mesh has no loops that way.
        string actions = byFlow
            ? string.Join(",", others.Select(other => $"set_tunnel:9,load:0x0a00000{other}->NXM_NX_TUN_IPV4_DST[],output:3"))
            : string.Join(",", others.Select(other => $"output:{2 + other}"));
        Add($"in_port=1,actions={actions}");
        foreach (int tunnel in byFlow ? [3] : others.Select(other => 2 + other))
        {
            Add($"in_port={tunnel},actions=output:1");
        }
        return running;

        void Add(string flow) => CabledHosts.Ofctl(inside, "add-flow", flow);
    }
}
