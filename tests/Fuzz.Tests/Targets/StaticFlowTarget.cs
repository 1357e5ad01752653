using System.Text;
using Softswitch.OfAgent.Text;

namespace Softswitch.Fuzz.Tests.Targets;

/// <summary>A file for Floodlight's Static Flow Pusher: an error with its line, or flows that print as flows that are the same.</summary>
internal sealed class StaticFlowTarget : IFuzzTarget
{
    private const string Letters = "{}[]\":,=\\ \n01fx";

    private static readonly string[] Fields =
    [
        "\"switch\": \"00:00:00:00:00:00:00:01\"", "\"name\": \"f\"", "\"priority\": \"32768\"", "\"active\": \"true\"", "\"active\": false", "\"cookie\": \"7\"", "\"idle-timeout\": 8",
        "\"hard_timeout\": \"9\"", "\"ingress-port\": \"2\"", "\"vlan-id\": \"-1\"", "\"vlan-priority\": \"3\"", "\"src-mac\": \"00:00:00:00:00:01\"", "\"ether-type\": \"0x0800\"",
        "\"ether-type\": 2054", "\"src-ip\": \"10.0.0.0/24\"", "\"dst-ip\": \"10.0.0.2\"", "\"ipv4_dst\": \"10.0.0.1\"", "\"protocol\": \"6\"", "\"tos-bits\": \"32\"", "\"src-port\": \"1\"",
        "\"dst-port\": \"0x50\"", "\"actions\": \"output=1,4,set-dst-mac=00:00:00:00:00:02,output=2\"", "\"actions\": \"strip-vlan,set-vlan-id=1,set-src-ip=1.2.3.4,enqueue=1:2\"",
        "\"actions\": \"output=all,output=controller,output=ingress-port\"", "\"wildcards\": \"0\"",
    ];

    private static readonly string[] Words = [.. Fields, "\\ud800", "\\u0000", "// end\n", "/*", "null", "true", "1e9", "}{", "],["];

    public string Name => "static-flow";

    public bool IsText => true;

    public byte[] Generate(Random random)
    {
        string text = string.Join('\n', Enumerable.Range(0, random.Next(1, 4)).Select(number =>
            $"{{{Fields[0]}, \"name\": \"f{number}\", {string.Join(", ", Enumerable.Range(0, random.Next(1, 8)).Select(_ => Fields[random.Next(2, Fields.Length)]).Distinct())}}}"));
        return Encoding.UTF8.GetBytes(random.Next(4) == 0 ? text : Mutation.Change(text, random, Letters, Words));
    }

    public void Check(byte[] input)
    {
        if (StaticFlowSyntax.TryParse(input, null, out List<StaticFlow> flows, out int line, out string error))
        {
            Assert.All(flows, flow => FlowTextTarget.AssertPrints(flow.Flow, FlowSyntaxMode.Add));
        }
        else
        {
            Assert.NotEmpty(error);
            Assert.InRange(line, 1, 1 + input.Count(b => b is (byte)'\n' or (byte)'\r'));
        }
    }
}
