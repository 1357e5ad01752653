using System.Text;
using Softswitch.OfAgent.Text;

namespace Softswitch.OfAgent.Tests.Text;

/// <summary>Flows as the Floodlight controller's Static Flow Pusher takes them.</summary>
public sealed class StaticFlowSyntaxTests
{
    private const string Switch = "\"switch\": \"00:00:00:00:00:00:00:01\", \"name\": \"f\"";

    [Theory]
    [InlineData("", "priority=32767 actions=drop")]
    [InlineData("""
        "priority": "32768", "ether-type": "0x0800", "src-ip": "10.27.82.0/24", "dst-mac": "00:15:fa:fe:34:42", "dst-ip": "192.168.1.101",
        "active": "true", "actions": "set-dst-mac=00:15:17:8f:ca:37,output=3"
        """, "ip,dl_dst=00:15:fa:fe:34:42,nw_src=10.27.82.0/24,nw_dst=192.168.1.101 actions=mod_dl_dst:00:15:17:8f:ca:37,output:3")]
    [InlineData("""
        "priority": 5, "ether-type": 2054, "src-ip": "10.0.0.1", "dst-ip": "10.0.0.2", "protocol": "1", "actions": "output=1, output=4"
        """, "priority=5,arp,arp_spa=10.0.0.1,arp_tpa=10.0.0.2,arp_op=1 actions=output:1,output:4")]
    [InlineData("""
        "ingress-port": "2", "vlan-id": "5", "vlan-priority": "3", "src-mac": "00:00:00:00:00:01", "ether-type": "0x800", "protocol": "6", "tos-bits": "32",
        "src-port": "1", "dst-port": "0x50", "cookie": "7", "idle-timeout": "8", "hard_timeout": "9",
        "actions": "strip-vlan,set-vlan-id=1,set-vlan-priority=2,set-src-mac=00:00:00:00:00:02,set-tos-bits=4,set-src-ip=1.2.3.4,set-dst-ip=5.6.7.8,set-src-port=9,set-dst-port=10,enqueue=1:2"
        """, "cookie=0x7,idle_timeout=8,hard_timeout=9,priority=32767,tcp,in_port=2,dl_vlan=5,dl_vlan_pcp=3,dl_src=00:00:00:00:00:01,nw_tos=32,tp_src=1,tp_dst=80 "
        + "actions=strip_vlan,mod_vlan_vid:1,mod_vlan_pcp:2,mod_dl_src:00:00:00:00:00:02,mod_nw_tos:4,mod_nw_src:1.2.3.4,mod_nw_dst:5.6.7.8,mod_tp_src:9,mod_tp_dst:10,enqueue:1:2")]
    [InlineData("\"vlan-id\": \"-1\", \"actions\": \"output=all,output=controller,output=local,output=ingress-port,output=normal,output=flood\"",
        "priority=32767,vlan_tci=0x0000 actions=ALL,CONTROLLER:65535,LOCAL,IN_PORT,NORMAL,FLOOD")]
    [InlineData("\"eth_type\": \"0x0800\", \"ipv4_dst\": \"10.0.0.1\", \"actions\": \"set_eth_dst=00:00:00:00:00:02,output=controller2\"",
        "priority=32767,ip,nw_dst=10.0.0.1 actions=mod_dl_dst:00:00:00:00:00:02,CONTROLLER:65535")]
    [InlineData("\"ether-type\": \"0x0806\", \"actions\": \"output=1,4,set-dst-mac=00:00:00:00:00:02,output=2, 3\"",
        "priority=32767,arp actions=output:1,output:4,mod_dl_dst:00:00:00:00:00:02,output:2,output:3")]
    public void A_flow_is_understood(string words, string expected)
    {
        StringBuilder written = new();
        FlowText.AppendSyntax(written, Assert.Single(Parse($"{{{Switch}{(words.Length == 0 ? "" : ", ")}{words}}}")).Flow);
        Assert.Equal(expected, written.ToString());
    }

    [Theory]
    [InlineData("{{0}}{{1}}")]
    [InlineData("[{0}, {1}]")]
    [InlineData("[\n{0},\n{1}\n]\n// end")]
    public void Flows_come_alone_one_after_another_or_in_an_array(string form)
    {
        string text = form.Replace("{{", "{", StringComparison.Ordinal).Replace("}}", "}", StringComparison.Ordinal)
            .Replace("{0}", "{\"switch\": \"01:02:03:04:05:06\", \"name\": \"a\"}", StringComparison.Ordinal)
            .Replace("{1}", "{\"switch\": \"00:00:01:02:03:04:05:06\", \"name\": \"b\", \"active\": false}", StringComparison.Ordinal);
        List<StaticFlow> flows = Parse(text);
        Assert.Equal(["a", "b"], flows.Select(flow => flow.Name));
        Assert.All(flows, flow => Assert.Equal(0x0102_0304_0506UL, flow.Switch));
        Assert.Equal([true, false], flows.Select(flow => flow.IsActive));
    }

    [Theory]
    [InlineData("[\n{\"switch\": \"1\"\n\"name\": \"x\"}]", 2, "switch: '1' is not a datapath id (eight hexadecimal bytes with colons)")]
    [InlineData("[\n{" + Switch + "\n \"priority\": \"1\"}]", 3, "'\"' is invalid after a value. Expected either ',', '}', or ']'.")]
    [InlineData("{" + Switch + "}\n{" + Switch + "}", 2, "name: 'f' is the name of the flow in line 1 too")]
    [InlineData("{\n\"name\": \"f\"}", 1, "switch: is missing")]
    [InlineData("{\n\"switch\": \"00:00:00:00:00:00:00:01\"}", 1, "name: is missing")]
    [InlineData("{" + Switch + ",\n\"colour\": \"red\"}", 2, "colour: unknown word")]
    [InlineData("{" + Switch + ",\n\"priority\": \"70000\"}", 2, "priority: '70000' is larger than 65535")]
    [InlineData("{" + Switch + ",\n\"src-ip\": \"10.0.0\"}", 2, "src-ip: ")]
    [InlineData("{" + Switch + ",\n\"actions\": \"output=seven\"}", 2, "actions: output: 'seven' is neither a port number nor the name of a port")]
    [InlineData("{" + Switch + ",\n\"actions\": \"push-mpls=1\"}", 2, "actions: 'push-mpls' is not an action of OpenFlow 1.0")]
    [InlineData("{" + Switch + ",\n\"actions\": \"set-vlan-id=4096\"}", 2, "actions: set-vlan-id: '4096' is larger than 4095")]
    [InlineData("{" + Switch + ",\n\"actions\": \"output=1,four\"}", 2, "actions: 'four' is not an action of OpenFlow 1.0")]
    [InlineData("{" + Switch + ",\n\"actions\": \"strip-vlan,4\"}", 2, "actions: '4' is not an action of OpenFlow 1.0")]
    [InlineData("{" + Switch + ",\n\"active\": \"perhaps\"}", 2, "active: 'perhaps' is neither true nor false")]
    [InlineData("{" + Switch + ",\n\"actions\": [\"output=1\"]}", 2, "actions: a text or a number is wanted")]
    [InlineData("{" + Switch + ",\n\"priority\": \"1\",\n\"priority\": \"2\"}", 3, "priority: is given twice")]
    [InlineData("{" + Switch + ",\n\"actions\": \"\\ud800\"}", 2, "holds text that is not valid UTF-8")]
    [InlineData("\n7", 2, "a flow is an object: {\"switch\": ..., \"name\": ..., ...}")]
    [InlineData("{" + Switch + ",", 1, "Expected ")]
    public void A_mistake_is_named_with_its_line(string text, int line, string error)
    {
        Assert.False(StaticFlowSyntax.TryParse(Encoding.UTF8.GetBytes(text), null, out _, out int where, out string reason));
        Assert.StartsWith(error, reason, StringComparison.Ordinal);
        Assert.Equal(line, where);
    }

    [Fact]
    public void What_is_not_looked_at_is_said()
    {
        StaticFlow flow = Assert.Single(Parse($"{{{Switch}, \"src-ip\": \"10.0.0.1\", \"wildcards\": \"0\"}}"));
        Assert.Equal(2, flow.Flow.Warnings.Count);
    }

    private static List<StaticFlow> Parse(string text)
    {
        Assert.True(StaticFlowSyntax.TryParse(Encoding.UTF8.GetBytes(text), null, out List<StaticFlow> flows, out _, out string error), error);
        return flows;
    }
}
