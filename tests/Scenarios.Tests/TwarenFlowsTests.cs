using System.Text;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Text;
using Softswitch.Scenarios.Twaren;

namespace Softswitch.Scenarios.Tests;

/// <summary>The flows of the paper's Table 2 and Figures 5 and 6, and of Tables 3 and 4 for many machines.</summary>
public sealed class TwarenFlowsTests
{
    [Theory]
    [InlineData(TwarenFlows.Table2, "flow1", "ip,dl_dst=00:15:fa:fe:34:42,nw_src=10.27.82.0/24,nw_dst=192.168.1.101 actions=mod_dl_dst:00:15:17:8f:ca:37,output:3")]
    [InlineData(TwarenFlows.Table2, "flow2", "priority=30000,ip,dl_src=00:15:17:8f:ca:37,dl_dst=00:15:fa:fe:34:41,nw_src=192.168.1.101,nw_dst=10.27.82.0/24 actions=CONTROLLER:65535")]
    [InlineData(TwarenFlows.Table2, "flow3", "priority=32767,arp,dl_dst=ff:ff:ff:ff:ff:ff,arp_tpa=192.168.1.254 actions=output:1")]
    [InlineData(TwarenFlows.Table2, "flow4", "ip,dl_src=00:15:17:8f:ca:37,dl_dst=00:15:fa:fe:34:41,nw_src=192.168.1.101,nw_dst=10.27.82.101 actions=mod_dl_dst:08:00:27:9b:b3:12,output:2")]
    [InlineData(TwarenFlows.Figure5AsPrinted, "2012", "priority=32767,arp,dl_src=00:15:fa:fe:34:41,arp_spa=192.168.1.254 actions=output:1,output:4")]
    [InlineData(TwarenFlows.Figure5AsPrinted, "2013", "priority=32767,ip,dl_dst=00:15:fa:fe:34:41,nw_src=192.168.1.0/24 actions=output:2")]
    [InlineData(TwarenFlows.Figure5AsPrinted, "2024", "priority=32767,arp,dl_src=00:15:fa:fe:34:41,arp_spa=192.168.1.254 actions=output:4")]
    [InlineData(TwarenFlows.Figure5, "2024", "priority=32767,arp,dl_src=00:15:fa:fe:34:41,arp_spa=192.168.1.254 actions=output:1")]
    [InlineData(TwarenFlows.Figure6, "212", "priority=32767,ip,dl_src=00:15:17:8f:ca:37,nw_dst=192.168.1.0/24 actions=output:2")]
    [InlineData(TwarenFlows.Figure6, "222", "priority=32767,ip,dl_src=00:15:17:8f:ca:37 actions=output:1")]
    public void A_flow_is_the_papers(string file, string name, string expected) => Assert.Equal(expected, Describe(TwarenFlows.Find(file, name)));

    [Fact]
    public void Figure_5_is_five_flows_on_one_switch_and_eight_on_the_other_and_only_2024_is_corrected()
    {
        IReadOnlyList<StaticFlow> printed = TwarenFlows.Read(TwarenFlows.Figure5AsPrinted);
        IReadOnlyList<StaticFlow> corrected = TwarenFlows.Read(TwarenFlows.Figure5);
        Assert.Equal(5, printed.Count(flow => flow.Switch == TwarenLab.FirstAggregationId));
        Assert.Equal(8, printed.Count(flow => flow.Switch == TwarenLab.SecondAggregationId));
        Assert.Equal(printed.Select(flow => (flow.Switch, flow.Name)), corrected.Select(flow => (flow.Switch, flow.Name)));
        Assert.Equal("2024", Assert.Single(printed.Zip(corrected), pair => Describe(pair.First) != Describe(pair.Second)).First.Name);
    }

    [Fact]
    public void Entry_222_keeps_packets_from_flow2_so_one_table_cannot_have_both()
    {
        StaticFlow flow2 = TwarenFlows.Find(TwarenFlows.Table2, "flow2");
        StaticFlow flow222 = TwarenFlows.Find(TwarenFlows.Figure6, "222");
        MatchNormalizer.Normalize(flow2.Flow.Match, out FlowKey packets, out FlowKey packetMask);
        MatchNormalizer.Normalize(flow222.Flow.Match, out FlowKey key, out FlowKey mask);
        Assert.True(FlowKey.Matches(packets, key, mask) && FlowKey.And(mask, packetMask) == mask); // whatever flow2 matches, 222 does
        Assert.True(flow222.Flow.Priority > flow2.Flow.Priority);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(1000)]
    [InlineData(10_000)]
    public void Flows_in_advance_are_as_many_as_Tables_3_and_4_count(int machines)
    {
        IReadOnlyList<TwarenMachine> all = TwarenFlows.MakeMachines(machines);
        Assert.Equal(machines, all.Select(machine => machine.Address).Distinct().Count());
        Assert.Equal((3 * machines) + 1, CountDifferent(TwarenFlows.AggregationInAdvance(all)));
        Assert.Equal(9, CountDifferent(TwarenFlows.AggregationOnPackets(all)));
        Assert.Equal(2 * machines, CountDifferent(TwarenFlows.AccessInAdvance(all)));
        Assert.Equal(2 * machines, CountDifferent(TwarenFlows.AccessOnPackets(all)));
        Assert.Equal(machines + 1, CountDifferent(TwarenFlows.ShortcutInAdvance(all)));
    }

    [Fact]
    public void For_VM_S_alone_they_are_the_printed_ones_but_for_the_two_that_serve_all()
    {
        IReadOnlyList<TwarenMachine> alone = TwarenFlows.MakeMachines(1);
        IEnumerable<StaticFlow> made = [.. TwarenFlows.AggregationInAdvance(alone), .. TwarenFlows.AggregationOnPackets(alone), .. TwarenFlows.ShortcutInAdvance(alone)];
        IEnumerable<StaticFlow> printed = [.. TwarenFlows.Read(TwarenFlows.Figure5), .. TwarenFlows.Read(TwarenFlows.Table2)];
        HashSet<string> known = [.. printed.Select(Describe)];
        Assert.Equal(["2015", "flow2"], made.Where(flow => !known.Contains(Describe(flow))).Select(flow => flow.Name));
    }

    [Fact]
    public void The_address_of_each_machine_is_in_all_of_its_flows()
    {
        TwarenMachine other = TwarenFlows.MakeMachines(2)[1];
        StaticFlow flow = TwarenFlows.For(other, TwarenFlows.Find(TwarenFlows.Table2, "flow1"));
        Assert.Equal(
            $"ip,dl_dst=00:15:fa:fe:34:42,nw_src=10.27.82.0/24,nw_dst={Datapath.Headers.Ipv4Text.Format(other.Address)} actions=mod_dl_dst:{other.HardwareAddress},output:3", Describe(flow));
    }

    [Fact]
    public void A_comma_that_is_missing_is_named_with_its_line()
    {
        string text = FlowFile.ReadText($"twaren/{TwarenFlows.Figure6}");
        int comma = text.IndexOf("\"211\",", StringComparison.Ordinal) + "\"211\"".Length;
        int line = text[..comma].Count(c => c == '\n') + 1;
        Assert.False(StaticFlowSyntax.TryParse(Encoding.UTF8.GetBytes(text.Remove(comma, 1)), null, out _, out int where, out string error));
        Assert.Equal(line, where);
        Assert.Contains("Expected", error, StringComparison.Ordinal);
    }

    private static int CountDifferent(IEnumerable<StaticFlow> flows) => flows.Select(flow => (flow.Switch, flow.Flow.Match, flow.Flow.Priority)).Distinct().Count();

    private static string Describe(StaticFlow flow)
    {
        var text = new StringBuilder();
        MatchText.Append(text, flow.Flow.Match, flow.Flow.Priority);
        text.Append(" actions=");
        ActionText.Append(text, flow.Flow.Actions);
        return text.ToString();
    }
}
