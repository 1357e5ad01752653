using System.Text;
using Softswitch.OfAgent.Tests.Text;
using Softswitch.OfAgent.Text;

namespace Softswitch.Fuzz.Tests.Targets;

/// <summary>A flow in the words of ovs-ofctl: an error of one line, or a flow that prints as one that is the same.</summary>
internal sealed class FlowTextTarget : IFuzzTarget
{
    private const string Letters = "=,:/()#. \t0123456789abcdefx-";

    private static readonly string[] Words =
    [
        "in_port=", "dl_vlan=", "dl_vlan_pcp=", "vlan_tci=", "dl_src=", "dl_dst=", "dl_type=", "nw_src=", "nw_dst=", "nw_proto=", "nw_tos=", "ip_dscp=", "tp_src=", "tp_dst=",
        "icmp_type=", "icmp_code=", "arp_spa=", "arp_tpa=", "arp_op=", "ip,", "tcp,", "udp,", "icmp,", "arp,", "rarp,", "priority=", "cookie=", "idle_timeout=", "hard_timeout=",
        "buffer_id=", "out_port=", "table=", "send_flow_rem,", "check_overlap,", "emerg,", "actions=", "output:", "enqueue:", "mod_vlan_vid:", "mod_vlan_pcp:", "strip_vlan",
        "mod_dl_src:", "mod_nw_src:", "mod_nw_tos:", "mod_tp_src:", "set_tunnel:", "load:", "controller(max_len=", "drop", "LOCAL", "IN_PORT", "FLOOD", "ALL", "NONE", "0xffff",
        "10.0.0.0/8", "255.255.0.0", "02:00:00:00:00:01", "add ", "delete ", "modify_strict ",
    ];

    public string Name => "flow-text";

    public bool IsText => true;

    public byte[] Generate(Random random)
    {
        StringBuilder text = new();
        FlowText.AppendSyntax(text, new RandomFlows(random.Next()).Next());
        return Encoding.UTF8.GetBytes(random.Next(4) == 0 ? text.ToString() : Mutation.Change(text.ToString(), random, Letters, Words));
    }

    public void Check(byte[] input)
    {
        string text = Encoding.UTF8.GetString(input);
        foreach (FlowSyntaxMode mode in Enum.GetValues<FlowSyntaxMode>())
        {
            if (FlowSyntax.TryParseFlow(text, mode, null, out ParsedFlow flow, out string error))
            {
                AssertPrints(flow, mode);
            }
            else
            {
                Assert.NotEmpty(error);
                Assert.DoesNotContain('\n', text.Contains('\n', StringComparison.Ordinal) ? "" : error);
            }
        }
        _ = FlowSyntax.TryParseLine(text, null, out _, out _);
    }

    /// <summary>What it prints reads as the same flow.</summary>
    public static void AssertPrints(ParsedFlow flow, FlowSyntaxMode mode)
    {
        if (mode is FlowSyntaxMode.Filter or FlowSyntaxMode.Delete)
        {
            return; // of these, table and priority are not printed or not taken
        }
        StringBuilder printed = new();
        FlowText.AppendSyntax(printed, flow);
        Assert.True(FlowSyntax.TryParseFlow(printed.ToString(), mode, null, out ParsedFlow again, out string error), $"printed as '{printed}': {error}");
        Assert.True(
            (flow.Match, flow.Priority, flow.Cookie, flow.IdleTimeoutSeconds, flow.HardTimeoutSeconds, flow.BufferId, flow.OutPort, flow.Flags)
            == (again.Match, again.Priority, again.Cookie, again.IdleTimeoutSeconds, again.HardTimeoutSeconds, again.BufferId, again.OutPort, again.Flags),
            $"'{printed}' is another flow: {flow.Match} and {again.Match}");
        Assert.Equal(flow.Actions, again.Actions);
    }
}
