using System.Text;
using System.Text.RegularExpressions;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Client;
using Softswitch.OfAgent.Tests.Agent;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Client;

/// <summary>Our client and ovs-ofctl asking the same Open vSwitch.</summary>
[Trait("Ring", "peers")]
public partial class OvsComparisonTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public void Flows_that_our_client_adds_are_those_that_ovs_ofctl_adds()
    {
        using OvsSwitch ovs = OvsSwitch.Start();
        using OfClient client = OfClient.Connect(ovs.Target, Patience);
        string[] flows =
        [
            "tcp,in_port=1,tp_dst=80,idle_timeout=600,actions=output:2",
            "cookie=0x12,priority=0,hard_timeout=1000,send_flow_rem,actions=controller",
            "priority=12,in_port=LOCAL,dl_vlan=0xffff,actions=enqueue:1:2,mod_vlan_vid:3,flood",
            "dl_vlan=5,dl_vlan_pcp=3,dl_src=1:2:3:4:5:6,dl_dst=ff:ff:ff:ff:ff:ff,actions=strip_vlan,2",
            "dl_vlan_pcp=3,priority=4,actions=mod_vlan_pcp:2,all",
            "arp,arp_op=1,arp_spa=10.0.0.0/8,arp_tpa=1.2.3.4,actions=local,in_port",
            "ip,nw_src=10.0.0.0/9,nw_dst=1.2.3.4,nw_tos=32,nw_proto=47,actions=mod_nw_src:1.1.1.1,mod_nw_tos:4,1",
            "icmp,icmp_type=8,icmp_code=0,actions=normal",
            "udp,tp_src=53,actions=mod_tp_dst:5,mod_dl_src:a:b:c:d:e:f,1",
            "dl_type=0x88cc,actions=drop",
        ];
        foreach (string flow in flows)
        {
            ovs.Ofctl("add-flow", ovs.Target, flow);
        }
        string[] theirs = Lines(ovs.Ofctl("dump-flows", ovs.Target));
        ovs.Ofctl("del-flows", ovs.Target);
        foreach (string flow in flows)
        {
            Assert.True(FlowSyntax.TryParseFlow(flow, FlowSyntaxMode.Add, null, out ParsedFlow parsed, out string error), error);
            client.Send(parsed.ToFlowMod());
        }
        Assert.Equal(0, client.Barrier());
        Assert.Equal(theirs.Order(), Lines(ovs.Ofctl("dump-flows", ovs.Target)).Order());
    }

    [Fact]
    public void Reports_read_as_those_of_ovs_ofctl()
    {
        using OvsSwitch ovs = OvsSwitch.Start();
        using OfClient client = OfClient.Connect(ovs.Target, Patience);
        ovs.Ofctl("add-flow", ovs.Target, "tcp,in_port=1,tp_dst=80,actions=output:2");
        ovs.Ofctl("add-flow", ovs.Target, "priority=7,dl_vlan=0xffff,actions=drop");
        FlowFilter all = new ParsedFlow().ToFilter();

        AssertAlike(ovs.Ofctl("show", ovs.Target),
            Ask(client, FeaturesMessage.WriteRequest, OfType.FeaturesReply) + Ask(client, ConfigMessage.WriteGetRequest, OfType.GetConfigReply));
        AssertAlike(ovs.Ofctl("dump-flows", ovs.Target), Ask(client, (b, x) => FlowStatsMessage.WriteRequest(b, x, all)));
        AssertAlike(ovs.Ofctl("dump-aggregate", ovs.Target), Ask(client, (b, x) => AggregateStatsMessage.WriteRequest(b, x, all)));
        AssertAlike(ovs.Ofctl("dump-ports", ovs.Target), Ask(client, (b, x) => PortStatsMessage.WriteRequest(b, x, 0xffff)));
        AssertAlike(ovs.Ofctl("dump-tables", ovs.Target), Ask(client, (b, x) => StatsMessage.WriteRequest(b, x, OfStatsType.Table)));
        AssertAlike(ovs.Ofctl("dump-desc", ovs.Target), Ask(client, (b, x) => StatsMessage.WriteRequest(b, x, OfStatsType.Description)));
        AssertAlike(ovs.Ofctl("queue-stats", ovs.Target), Ask(client, (b, x) => QueueStatsMessage.WriteRequest(b, x, 0xfffc, QueueStatsMessage.AllQueues)));
    }

    [Fact]
    public void Matches_are_reported_as_Open_vSwitch_reports_them()
    {
        const int count = 3_000;
        RandomMatches random = new(12);
        List<FlowMatch> sent = [];
        while (sent.Count < count)
        {
            FlowMatch match = random.NextMatchOfAnyType();
            // Without wildcards an entry of ours stays exact.
            if ((MatchNormalizer.Report(match).Wildcards & ~FlowWildcards.DlVlanPcp) != 0)
            {
                sent.Add(match);
            }
        }
        using OvsSwitch ovs = OvsSwitch.Start();
        using AgentHarness ours = new();
        FlowMatch[] theirs = AddAndRead(ovs.Target, sent);
        Assert.Equal(theirs, AddAndRead($"tcp:127.0.0.1:{ours.Agent.ListenPorts[0]}", sent));
    }

    /// <summary>What a switch reports of entries that differ in priority.</summary>
    private static FlowMatch[] AddAndRead(string target, List<FlowMatch> sent)
    {
        using OfClient client = OfClient.Connect(target, Patience);
        for (int i = 0; i < sent.Count; i++)
        {
            client.Send(new FlowMod { Match = sent[i], Priority = (ushort)i, Cookie = (ulong)i });
        }
        Assert.Equal(0, client.Barrier());
        FlowMatch?[] reported = new FlowMatch?[sent.Count];
        Assert.True(client.TryReadFlows(new ParsedFlow().ToFilter(), (in FlowStatistics flow) => reported[(int)flow.Cookie] = flow.Match));
        return [.. reported.Select(match => match!.Value)];
    }

    [Fact]
    public void A_dump_of_thousands_of_flows_comes_in_parts_and_is_complete()
    {
        const int count = 5_000;
        using OvsSwitch ovs = OvsSwitch.Start();
        using OfClient client = OfClient.Connect(ovs.Target, Patience);
        for (int i = 0; i < count; i++)
        {
            Assert.True(FlowSyntax.TryParseFlow($"cookie={i},ip,nw_src=10.1.{i / 256}.{i % 256},actions=2", FlowSyntaxMode.Add, null, out ParsedFlow flow, out _));
            client.Send(flow.ToFlowMod());
        }
        Assert.Equal(0, client.Barrier());
        HashSet<ulong> cookies = [];
        Assert.True(client.TryReadFlows(new ParsedFlow().ToFilter(), (in FlowStatistics flow) => cookies.Add(flow.Cookie)));
        Assert.Equal(count, cookies.Count);
    }

    [Fact]
    public void An_error_of_the_switch_is_named()
    {
        using OvsSwitch ovs = OvsSwitch.Start();
        using OfClient client = OfClient.Connect(ovs.Target, Patience);
        foreach (string text in (string[])["check_overlap,priority=5,in_port=1,actions=2", "check_overlap,priority=5,tcp,actions=2"])
        {
            Assert.True(FlowSyntax.TryParseFlow(text, FlowSyntaxMode.Add, null, out ParsedFlow flow, out _));
            client.Send(flow.ToFlowMod());
        }
        Assert.Equal(1, client.Barrier());
        Assert.Equal(OfError.FlowModOverlap, client.Errors[0].Error);
    }

    private static string Ask(OfClient client, RequestWriter write, OfType type = OfType.StatsReply)
    {
        StringBuilder text = new();
        Assert.True(client.TryRequest(write, type, message => MessageText.Append(text, message)));
        return text.ToString();
    }

    private static void AssertAlike(string theirs, string ours) => Assert.Equal(Lines(theirs), Lines(ours));

    /// <summary>What differs from moment to moment is left out.</summary>
    private static string[] Lines(string text) => Changing().Replace(text, "").Split('\n');

    [GeneratedRegex(@"xid=0x[0-9a-f]+|duration=[0-9.]+s|lookup=[0-9]+")]
    private static partial Regex Changing();
}
