using System.Text;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Ports;
using Softswitch.OfAgent.Text;

namespace Softswitch.OfAgent.Tests.Text;

public class FlowSyntaxTests
{
    [Fact]
    public void Tcp_stands_for_its_type_and_protocol()
    {
        ParsedFlow flow = Parse("tcp,tp_dst=80,actions=output:2");

        FlowMatch match = flow.Match;
        Assert.Equal((EtherType.Ipv4, IpProtocol.Tcp, (ushort)80), (match.DlType, match.NwProto, match.TpDst));
        FlowWildcards given = FlowWildcards.DlType | FlowWildcards.NwProto | FlowWildcards.TpDst;
        Assert.Equal(FlowWildcards.None, match.Wildcards & given);
        Assert.Equal(given, ~match.Wildcards & given);
        Assert.Equal([FlowAction.Output(2)], flow.Actions);
        Assert.Empty(flow.Warnings);
    }

    [Fact]
    public void Every_property_is_read()
    {
        ParsedFlow flow = Parse("cookie=0xabc,idle_timeout=5,hard_timeout=6,priority=7,buffer_id=9,send_flow_rem,check_overlap,emerg,actions=drop");

        Assert.Equal((0xabcUL, (ushort)5, (ushort)6, (ushort)7, 9u), (flow.Cookie, flow.IdleTimeoutSeconds, flow.HardTimeoutSeconds, flow.Priority, flow.BufferId));
        Assert.Equal(FlowModFlags.SendFlowRemoved | FlowModFlags.CheckOverlap | FlowModFlags.Emergency, flow.Flags);
        Assert.Empty(flow.Actions);
    }

    [Theory]
    [InlineData("dl_vlan=0xffff,tcp,nw_tos=0,nw_src=1.2.3.4,nw_dst=1.2.3.5,tp_src=1,tp_dst=2", true)]
    [InlineData("vlan_tci=0,tcp,nw_tos=0,nw_src=1.2.3.4,nw_dst=1.2.3.5,tp_src=1,tp_dst=2", true)]
    [InlineData("dl_vlan=5,dl_vlan_pcp=0,udp,nw_tos=0,nw_src=1.2.3.4,nw_dst=1.2.3.5,tp_src=1,tp_dst=2", true)]
    [InlineData("dl_vlan=5,udp,nw_tos=0,nw_src=1.2.3.4,nw_dst=1.2.3.5,tp_src=1,tp_dst=2", false)]
    [InlineData("dl_vlan=0xffff,arp,arp_op=1,arp_spa=1.2.3.4,arp_tpa=1.2.3.5", false)]
    [InlineData("dl_vlan=0xffff,arp,arp_op=1,nw_tos=0,nw_src=1.2.3.4,nw_dst=1.2.3.5,tp_src=0,tp_dst=0", true)]
    public void A_match_that_gives_every_field_is_exact(string text, bool isExact)
    {
        ParsedFlow flow = Parse($"in_port=1,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,{text},actions=drop");

        Assert.Equal(isExact, MatchNormalizer.Normalize(flow.Match, out _, out _));
    }

    [Theory]
    [InlineData("dl_vlan=0xffff,actions=2", "vlan_tci=0x0000 actions=output:2")]
    [InlineData("dl_vlan=65535,actions=2", "vlan_tci=0x0000 actions=output:2")]
    [InlineData("vlan_tci=0x0000 actions=2", "vlan_tci=0x0000 actions=output:2")]
    [InlineData("vlan_tci=0x7005 actions=2", "dl_vlan=5,dl_vlan_pcp=3 actions=output:2")]
    [InlineData("nw_src=10.1.2.3/255.255.0.0,ip actions=2", "ip,nw_src=10.1.0.0/16 actions=output:2")]
    [InlineData("ip nw_src=10.1.2.3/0 actions=2", "ip actions=output:2")]
    [InlineData("ip,ip_dscp=3,actions=2", "ip,nw_tos=12 actions=output:2")]
    [InlineData("in_port=lan,actions=wan,output:lan", "in_port=7 actions=output:9,output:7")]
    [InlineData("in_port=LOCAL,actions=flood,All,normal,in_port,TABLE,local", "in_port=LOCAL actions=FLOOD,ALL,NORMAL,IN_PORT,TABLE,LOCAL")]
    [InlineData("actions=controller,CONTROLLER:12,controller(max_len=13),output:controller", "actions=CONTROLLER:65535,CONTROLLER:12,CONTROLLER:13,CONTROLLER:65535")]
    [InlineData("actions=enqueue:1:2,enqueue(lan,3)", "actions=enqueue:1:2,enqueue:7:3")]
    [InlineData("actions=", "actions=drop")]
    [InlineData("actions=none", "actions=drop")]
    [InlineData("icmp,icmp_type=8,icmp_code=1,actions=1", "icmp,icmp_type=8,icmp_code=1 actions=output:1")]
    [InlineData("rarp,arp_op=3,arp_spa=1.2.3.4,arp_tpa=1.0.0.0/8,actions=1", "rarp,arp_spa=1.2.3.4,arp_tpa=1.0.0.0/8,arp_op=3 actions=output:1")]
    public void A_flow_is_understood(string text, string expected)
    {
        StringBuilder written = new();
        FlowText.AppendSyntax(written, Parse(text));
        Assert.Equal(expected, written.ToString());
    }

    [Theory]
    [InlineData("ip,nw_src=10.0.0.0/33,actions=1", "nw_src: '10.0.0.0/33' has a prefix longer than 32")]
    [InlineData("ip,nw_dst=10.0.0.0/255.0.255.0,actions=1", "nw_dst: '10.0.0.0/255.0.255.0' has a netmask with holes; OpenFlow 1.0 matches prefixes only")]
    [InlineData("ip,ip_src=10.0.0,actions=1", "ip_src: '10.0.0' is not an IPv4 address")]
    [InlineData("arp,arp_spa=1.2.3.4/x,actions=1", "arp_spa: '1.2.3.4/x' has neither a prefix length nor a netmask behind the slash")]
    [InlineData("dl_vlan=4096,actions=1", "dl_vlan: '4096' is not a VLAN id (0 to 4095, or 0xffff for frames without a tag)")]
    [InlineData("dl_vlan_pcp=8,actions=1", "dl_vlan_pcp: '8' is larger than 7")]
    [InlineData("vlan_tci=0x0123,actions=1", "vlan_tci: '0x0123' cannot be matched in OpenFlow 1.0")]
    [InlineData("dl_src=zz,actions=1", "dl_src: 'zz' is not an Ethernet address")]
    [InlineData("dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=1", "dl_dst: '01:00:00:00:00:00/01:00:00:00:00:00' cannot be matched with a mask in OpenFlow 1.0")]
    [InlineData("dl_type=0x10000,actions=1", "dl_type: '0x10000' is larger than 65535")]
    [InlineData("dl_type=ip,actions=1", "dl_type: 'ip' is not a number")]
    [InlineData("tcp,tp_dst=080,actions=1", "tp_dst: '080' starts with a zero")]
    [InlineData("tcp,tp_dst=0x50/0xff,actions=1", "tp_dst: '0x50/0xff' cannot be matched with a mask in OpenFlow 1.0")]
    [InlineData("in_port=nobody,actions=1", "in_port: 'nobody' is neither a port number nor the name of a port")]
    [InlineData("in_port=65281,actions=1", "in_port: '65281' is neither a port number nor the name of a port")]
    [InlineData("priority=65536,actions=1", "priority: '65536' is larger than 65535")]
    [InlineData("priority=,actions=1", "priority: '' is not a number")]
    [InlineData("cookie=1/-1,actions=1", "cookie: OpenFlow 1.0 cannot select flows by cookie")]
    [InlineData("out_port=1,actions=1", "out_port: restricts deletes and filters only")]
    [InlineData("foo=1,actions=1", "foo: unknown word")]
    [InlineData("tun_id=1,actions=1", "tun_id: cannot be said in OpenFlow 1.0")]
    [InlineData("tcp6,actions=1", "tcp6: cannot be said in OpenFlow 1.0")]
    [InlineData("tcp=6,actions=1", "tcp: takes no value, but '6' is given")]
    [InlineData("in_port=1", "actions: missing (actions=drop for none)")]
    [InlineData("in_port=1,actions", "actions: '=' and the actions are missing (actions=drop for none)")]
    [InlineData("actions=1,drop", "actions: 'drop' stands alone, no other action can go with it")]
    [InlineData("actions=frob", "actions: unknown action or port 'frob'")]
    [InlineData("actions=resubmit(,1)", "actions: 'resubmit' is not an action of OpenFlow 1.0")]
    [InlineData("actions=mod_vlan_vid:4096", "mod_vlan_vid: '4096' is larger than 4095")]
    [InlineData("actions=mod_vlan_pcp", "mod_vlan_pcp: '' is not a number")]
    [InlineData("actions=mod_nw_tos:255", "mod_nw_tos: '255' has one of the two low bits set, which belong to ECN")]
    [InlineData("actions=mod_dl_src:zz", "mod_dl_src: 'zz' is not an Ethernet address")]
    [InlineData("actions=mod_nw_dst:1.2.3", "mod_nw_dst: '1.2.3' is not an IPv4 address")]
    [InlineData("actions=output", "output: no port is given")]
    [InlineData("actions=output:70000", "output: '70000' is neither a port number nor the name of a port")]
    [InlineData("actions=output:none", "output: NONE is no port to send to (write drop)")]
    [InlineData("actions=5:6", "5: takes no argument, but ':6' is given")]
    [InlineData("actions=controller:x", "controller: max_len 'x' is not a number")]
    [InlineData("actions=controller(reason=no_match)", "controller: 'reason=no_match' cannot be said in OpenFlow 1.0")]
    [InlineData("actions=enqueue:1", "enqueue: '1' is not PORT:QUEUE")]
    [InlineData("actions=enqueue:1:q", "enqueue: queue 'q' is not a number")]
    public void A_wrong_word_is_named_with_the_reason(string text, string expected)
    {
        Assert.False(FlowSyntax.TryParseFlow(text, FlowSyntaxMode.Add, Ports, out _, out string error));
        Assert.StartsWith(expected, error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error);
    }

    [Theory]
    [InlineData(FlowSyntaxMode.Delete, "priority=5,in_port=1", "priority: has no place in flows to delete (only with --strict)")]
    [InlineData(FlowSyntaxMode.Delete, "in_port=1,actions=2", "actions: have no place in a flow to delete")]
    [InlineData(FlowSyntaxMode.DeleteStrict, "idle_timeout=5", "idle_timeout: has no place in a flow to delete")]
    [InlineData(FlowSyntaxMode.Delete, "send_flow_rem", "send_flow_rem: has no place in a flow to delete")]
    [InlineData(FlowSyntaxMode.Filter, "priority=5", "priority: has no place in a filter")]
    [InlineData(FlowSyntaxMode.Filter, "table=256", "table: '256' is larger than 255")]
    [InlineData(FlowSyntaxMode.Filter, "cookie=5", "cookie: OpenFlow 1.0 cannot select flows by cookie")]
    public void A_word_out_of_place_is_named(FlowSyntaxMode mode, string text, string expected)
    {
        Assert.False(FlowSyntax.TryParseFlow(text, mode, null, out _, out string error));
        Assert.Equal(expected, error);
    }

    [Fact]
    public void Deletes_and_filters_take_out_port_and_table()
    {
        Assert.True(FlowSyntax.TryParseFlow("in_port=1,out_port=3", FlowSyntaxMode.Delete, null, out ParsedFlow delete, out _));
        Assert.Equal((FlowModCommand.Delete, (ushort)3), (delete.Command, delete.OutPort));

        Assert.True(FlowSyntax.TryParseFlow("table=1,out_port=LOCAL", FlowSyntaxMode.Filter, null, out ParsedFlow filter, out _));
        Assert.Equal((byte)1, filter.ToFilter().TableId);
        Assert.Equal(PortNumber.Local, filter.ToFilter().OutPort);
    }

    [Theory]
    [InlineData("tp_dst=80,actions=1", "tp_dst is ignored: it can be matched with tcp, udp or icmp only")]
    [InlineData("ip,tp_src=80,actions=1", "tp_src is ignored: it can be matched with tcp, udp or icmp only")]
    [InlineData("nw_proto=6,actions=1", "nw_proto is ignored: it can be matched with ip or arp only")]
    [InlineData("nw_src=1.2.3.4,actions=1", "nw_src is ignored: it can be matched with ip or arp only")]
    [InlineData("arp,nw_tos=4,actions=1", "nw_tos is ignored: it can be matched with ip only")]
    [InlineData("table=1,actions=1", "table is ignored: in OpenFlow 1.0 the switch chooses a flow's table")]
    public void A_field_without_its_prerequisite_is_dropped_with_a_warning(string text, string expected)
    {
        ParsedFlow flow = Parse(text);
        Assert.Equal([expected], flow.Warnings);
        FlowMatch match = flow.Match;
        FlowMatch any = Parse("actions=1").Match with { DlType = match.DlType };
        any.Wildcards = (any.Wildcards & ~FlowWildcards.DlType) | (match.Wildcards & FlowWildcards.DlType);
        Assert.Equal(any, match);
    }

    [Fact]
    public void A_file_s_lines_may_be_empty_comments_or_commands()
    {
        Assert.True(FlowSyntax.TryParseLine("   # nothing", null, out ParsedFlow? none, out _));
        Assert.Null(none);
        Assert.True(FlowSyntax.TryParseLine("delete_strict priority=3,in_port=4 # comment", null, out ParsedFlow? delete, out _));
        Assert.Equal((FlowModCommand.DeleteStrict, (ushort)3), (delete!.Command, delete.Priority));
        Assert.True(FlowSyntax.TryParseLine("in_port=4,actions=5", null, out ParsedFlow? add, out _));
        Assert.Equal(FlowModCommand.Add, add!.Command);
        Assert.False(FlowSyntax.TryParseLine("modify in_port=4", null, out _, out string error));
        Assert.Equal("actions: missing (actions=drop for none)", error);
    }

    [Fact]
    public void A_line_of_dump_flows_can_be_read_back()
    {
        ParsedFlow flow = Parse(" cookie=0x5, duration=1.234s, table=0, n_packets=3, n_bytes=180, idle_timeout=10, idle_age=1, priority=7,tcp,in_port=1 actions=output:2");
        Assert.Equal((5UL, (ushort)10, (ushort)7), (flow.Cookie, flow.IdleTimeoutSeconds, flow.Priority));
        Assert.Equal([FlowAction.Output(2)], flow.Actions);
    }

    [Theory]
    [InlineData(20_250_101)]
    [InlineData(20_250_102)]
    public void What_is_written_is_read_back_the_same(int seed)
    {
        RandomFlows random = new(seed);
        StringBuilder text = new();
        for (int i = 0; i < 20_000; i++)
        {
            ParsedFlow flow = random.Next();
            text.Clear();
            FlowText.AppendSyntax(text, flow);
            Assert.True(FlowSyntax.TryParseFlow(text.ToString(), FlowSyntaxMode.Add, null, out ParsedFlow read, out string error), $"seed {seed}, flow {i}: {text}: {error}");
            Assert.True(flow.Match == read.Match && flow.Actions.AsSpan().SequenceEqual(read.Actions)
                && (flow.Cookie, flow.Priority, flow.IdleTimeoutSeconds, flow.HardTimeoutSeconds, flow.Flags)
                    == (read.Cookie, read.Priority, read.IdleTimeoutSeconds, read.HardTimeoutSeconds, read.Flags)
                && read.Warnings.Count == 0, $"seed {seed}, flow {i}: {text}");
        }
    }

    [Fact]
    public void No_text_makes_it_throw()
    {
        const int seed = 4711;
        const string alphabet = "=:(), /-*.#\"0x1f9atcpinwdlsrmokevu_";
        string[] words = ["in_port", "tcp", "actions=", "output:", "nw_src=", "dl_src=", "enqueue", "controller", "vlan_tci=", "priority=", "drop"];
        Random random = new(seed);
        StringBuilder text = new();
        for (int i = 0; i < 100_000; i++)
        {
            text.Clear();
            for (int j = random.Next(12); j >= 0; j--)
            {
                if (random.Next(2) == 0)
                {
                    text.Append(words[random.Next(words.Length)]);
                }
                else
                {
                    text.Append(alphabet[random.Next(alphabet.Length)]);
                }
            }
            bool good = FlowSyntax.TryParseFlow(text.ToString(), (FlowSyntaxMode)random.Next(6), Ports, out _, out string error);
            Assert.True(good == (error.Length == 0), $"seed {seed}: {text}");
        }
    }

    private static readonly PortNames Ports = new(
    [
        new PortDescription(7, default, "lan", PortConfig.None, PortState.None, 0, 0, 0, 0),
        new PortDescription(9, default, "wan", PortConfig.None, PortState.None, 0, 0, 0, 0),
    ]);

    private static ParsedFlow Parse(string text)
    {
        Assert.True(FlowSyntax.TryParseFlow(text, FlowSyntaxMode.Add, Ports, out ParsedFlow flow, out string error), error);
        return flow;
    }
}
