using Softswitch.OfAgent.Agent;
using Softswitch.OfAgent.Tests.Client;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>Peers nobody here wrote: ovs-ofctl through the listener, ovs-testcontroller as controller.</summary>
[Trait("Ring", "peers")]
public sealed class OpenVSwitchPeerTests
{
    [Fact]
    public void Ovs_testcontroller_makes_it_a_learning_switch()
    {
        OvsTools.Require("ovs-testcontroller");
        int port = OvsTools.FreePort();
        using RunningCommand controller = RunningCommand.Start(
            "ovs-testcontroller", ["--unixctl=none", $"ptcp:{port}:127.0.0.1"]);
        using AgentHarness harness = new(new AgentOptions { Controllers = [AgentHarness.Target($"tcp:127.0.0.1:{port}")] });
        harness.WaitForLog("connected");
        byte[] there = TestPacket.Tcp(dlSrc: 0x0200_0000_0001, dlDst: 0x0200_0000_0002, payload: 1000);
        byte[] back = TestPacket.Tcp(dlSrc: 0x0200_0000_0002, dlDst: 0x0200_0000_0001, payload: 1000);

        Assert.Equal(there, OvsTools.SendUntilReceived(harness, there, from: 1, to: 2));
        Assert.Equal(back, OvsTools.SendUntilReceived(harness, back, from: 2, to: 1));
        // It knew where to send the answer, so it added an entry; with only the beginning of the packet it would add one that no packet meets.
        Eventually.Polled(
            () =>
            {
                harness.Ports[2].TryInject(back);
                return harness.Control.ReadTable(0).MatchedCount + harness.Control.ReadTable(1).MatchedCount > 0;
            },
            () => "packets meet the entry that the controller added");
    }

    [Fact]
    public void Ovs_testcontroller_of_another_version_is_refused_with_both_versions_in_the_log()
    {
        OvsTools.Require("ovs-testcontroller");
        int port = OvsTools.FreePort();
        using RunningCommand controller = RunningCommand.Start(
            "ovs-testcontroller", ["--unixctl=none", "-O", "OpenFlow13,OpenFlow14", $"ptcp:{port}:127.0.0.1"]);
        using AgentHarness harness = new(new AgentOptions { Controllers = [AgentHarness.Target($"tcp:127.0.0.1:{port}")] });
        Assert.Contains("it speaks OpenFlow 1.3, OpenFlow 1.4 only; this switch 1.0", harness.WaitForLog("closed"), StringComparison.Ordinal);
    }

    [Fact]
    public void Ovs_ofctl_replaces_compares_dumps_and_loads_flows_as_on_Open_vSwitch()
    {
        string[] first =
        [
            "priority=7,tcp,in_port=1,nw_src=10.1.2.0/24,tp_dst=80,actions=mod_nw_tos:184,output:2", "priority=40000,arp,actions=NORMAL",
            "cookie=0x5,idle_timeout=600,dl_vlan=0xffff,actions=drop", "priority=0,actions=controller:128",
            "in_port=1,udp,dl_vlan=3,dl_vlan_pcp=2,dl_src=2:0:0:0:0:1,dl_dst=2:0:0:0:0:2,nw_src=1.1.1.1,nw_dst=2.2.2.2,nw_tos=4,tp_src=5,tp_dst=6,priority=65535,actions=2",
        ];
        string[] second = [.. first[1..], "priority=9,icmp,icmp_type=8,actions=enqueue:2:1"];
        using OvsSwitch ovs = OvsSwitch.Start();
        using AgentHarness harness = new();
        string file = ovs.PathOf("flows");
        string[][] expected = Replace(ovs.Target);
        Assert.Equal(expected, Replace(Target(harness)));
        Assert.Equal(first.Length, expected[0].Length);

        // What is the same stays as it is: what it counted tells.
        File.WriteAllLines(file, first);
        Ofctl(harness, "replace-flows", file);
        harness.Ports[1].TryInject(TestPacket.Arp());
        Eventually.True(() => Ofctl(harness, "dump-flows", "arp").Contains("n_packets=1,", StringComparison.Ordinal), "the flow counts");
        File.WriteAllLines(file, second);
        Ofctl(harness, "replace-flows", file);
        Ofctl(harness, "replace-flows", file);
        Assert.Contains("n_packets=1,", Ofctl(harness, "dump-flows", "arp"), StringComparison.Ordinal);
        Assert.Equal(expected[1], Dump(Target(harness)));

        string[][] Replace(string target)
        {
            List<string[]> dumps = [];
            foreach (string[] flows in (string[][])[first, second])
            {
                for (int round = 0; round < 2; round++)
                {
                    File.WriteAllLines(file, flows);
                    OvsTools.Ofctl("replace-flows", target, file);
                    Assert.Equal("", OvsTools.Ofctl("diff-flows", target, file));
                    dumps.Add(Dump(target));
                }
            }
            // With everything that a dump says, counters and the table among it, and without.
            foreach (string[] options in (string[][])[[], ["--no-stats"]])
            {
                File.WriteAllLines(file, OvsTools.Ofctl([.. options, "dump-flows", target]).Split('\n').Where(line => line.Contains("actions", StringComparison.Ordinal)));
                OvsTools.Ofctl("del-flows", target);
                OvsTools.Ofctl("add-flows", target, file);
                dumps.Add(Dump(target));
            }
            Assert.Equal(dumps[0], dumps[1]);
            Assert.All(dumps[3..], dump => Assert.Equal(dumps[2], dump));
            return [dumps[0], dumps[2]];
        }

        static string[] Dump(string target) => [.. OvsTools.Ofctl("--no-stats", "dump-flows", target).Split('\n').Where(line => line.Contains("actions", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
    }

    private static string Target(AgentHarness harness) => $"tcp:127.0.0.1:{harness.Agent.ListenPorts[0]}";

    private static string Ofctl(AgentHarness harness, string command, params string[] arguments)
    {
        OvsTools.Require("ovs-ofctl");
        return OvsTools.Ofctl([command, Target(harness), .. arguments]);
    }
}
