using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Pipeline;
using Softswitch.Datapath.Tracing;
using Softswitch.OfAgent.Text;
using Softswitch.Testing;

namespace Softswitch.OfAgent.Tests.Client;

/// <summary>The same entries and packets to a real Open vSwitch's <c>ofproto/trace</c>: the same ports, and the same packet.</summary>
[Trait("Ring", "peers")]
public sealed partial class OvsTraceTests
{
    private const int Tables = 12;
    private const int PacketsPerTable = 25;

    private static readonly ushort[] Ports = [1, 2];

    [Fact]
    public void Open_vswitch_gives_the_same_verdict()
    {
        using OvsSwitch ovs = OvsSwitch.Start();
        Random random = new(11);
        int[] seen = new int[4]; // forwarded, dropped, to the controller, rewritten
        for (int table = 0; table < Tables; table++)
        {
            using TestSwitch sut = new(ports: Ports.Length);
            sut.Control.Pipeline.MissBehaviour = MissBehaviour.Drop; // as its fail mode secure has it in a bridge of OpenFlow 1.0 that nobody controls
            string[] flows = [.. Enumerable.Range(0, 12).Select(i => NextFlow(random, i))];
            ovs.Ofctl("del-flows", "br0");
            string file = ovs.PathOf("flows");
            File.WriteAllLines(file, flows);
            ovs.Ofctl("add-flows", "br0", file);
            foreach (string flow in flows)
            {
                Assert.True(FlowSyntax.TryParseFlow(flow, FlowSyntaxMode.Add, PortNames.ReservedOnly, out ParsedFlow parsed, out string error), error);
                sut.Control.Apply(parsed.ToFlowMod());
            }
            for (int i = 0; i < PacketsPerTable; i++)
            {
                string packet = NextPacket(random);
                byte[] bytes = Compose(packet, out ushort inPort);
                Verdict theirs = Verdict.Of(ovs.Trace(inPort, bytes), packet);
                Verdict ours = Trace(sut, inPort, bytes);
                Assert.True(theirs == ours, $"{packet} in\n{string.Join('\n', flows)}\nOpen vSwitch: {theirs}\nours: {ours}");
                seen[0] += ours.Ports.Length > 0 ? 1 : 0;
                seen[1] += ours.Ports.Length == 0 && !ours.ToController ? 1 : 0;
                seen[2] += ours.ToController ? 1 : 0;
                seen[3] += ours.Final.Length > 0 && ours.Final != Fields(bytes) ? 1 : 0;
            }
        }
        Assert.All(seen, count => Assert.True(count > 5, string.Join(' ', seen)));
    }

    private static byte[] Compose(string packet, out ushort inPort)
    {
        Assert.True(PacketSyntax.TryParse(packet, PortNames.ReservedOnly, out FlowMatch match, out _, out string error), error);
        byte[] bytes = new byte[64];
        PacketComposer.Compose(match, bytes);
        inPort = match.InPort;
        return bytes;
    }

    private static Verdict Trace(TestSwitch sut, ushort inPort, byte[] bytes)
    {
        using PacketTracer tracer = sut.Control.CreateTracer();
        TraceStep[] steps = [.. tracer.Trace(inPort, bytes).Steps];
        TraceStep[] outputs = [.. steps.Where(step => step.Kind == TraceStepKind.Output)];
        // What actions behind the last output would still change nobody sees: there is no final packet to compare then.
        return new Verdict(
            string.Join(',', outputs.Select(step => step.Port)),
            Array.Exists(steps, step => step.Kind == TraceStepKind.PacketIn),
            outputs.Length == 0 ? "" : Fields(outputs[^1].Bytes));
    }

    /// <summary>What may be rewritten, in one form for both.</summary>
    private static string Fields(byte[] bytes)
    {
        FlowKeyParser.Parse(bytes, 0, out FlowKey key, out _);
        string vlan = (key.Vlan.Host & FlowKey.VlanPresent) == 0 ? "none" : $"{key.Vlan.Host & 0xfff} {key.Vlan.Host >> 13}";
        return $"{key.DlSrc} {key.DlDst} {vlan} {Ipv4Text.Format(key.NwSrc)} {Ipv4Text.Format(key.NwDst)} {key.NwTos} {key.TpSrc.Host} {key.TpDst.Host}";
    }

    private static string NextFlow(Random random, int priority)
    {
        StringBuilder flow = new($"priority={priority + 1}");
        AppendFields(flow, random, always: false);
        string[] rewrites = ["mod_dl_src:02:00:00:00:00:77", "mod_dl_dst:02:00:00:00:00:78", "mod_vlan_vid:9", "mod_vlan_pcp:3", "strip_vlan",
            "mod_nw_src:10.9.9.9", "mod_nw_dst:10.8.8.8", "mod_nw_tos:32", "mod_tp_src:99", "mod_tp_dst:98"];
        string[] outputs = ["output:1", "output:2", "FLOOD", "ALL", "IN_PORT", "CONTROLLER:65535", "CONTROLLER:65535"];
        List<string> actions = [];
        for (int i = random.Next(4); i > 0; i--)
        {
            // What changes a packet of TCP or UDP needs one: the match says so, or Open vSwitch refuses it.
            actions.Add(rewrites[random.Next(flow.ToString().Contains("tcp", StringComparison.Ordinal) ? rewrites.Length : 5)]);
        }
        for (int i = random.Next(3); i > 0; i--)
        {
            actions.Add(outputs[random.Next(outputs.Length)]);
        }
        return $"{flow},actions={(actions.Count == 0 ? "drop" : string.Join(',', actions))}";
    }

    private static string NextPacket(Random random)
    {
        StringBuilder packet = new($"in_port={random.Next(1, 3)}");
        AppendFields(packet, random, always: true);
        return packet.ToString();
    }

    private static void AppendFields(StringBuilder text, Random random, bool always)
    {
        string protocol = Pick("tcp", "tcp", "udp", "icmp", "arp");
        bool hasProtocol = always || random.Next(3) > 0;
        if (hasProtocol)
        {
            text.Append($",{protocol}");
        }
        Append(!always && random.Next(4) == 0, $"in_port={random.Next(1, 3)}");
        Append(always || random.Next(4) == 0, $"dl_src=02:00:00:00:00:0{random.Next(1, 3)}");
        Append(always || random.Next(4) == 0, $"dl_dst=02:00:00:00:00:0{random.Next(1, 3)}");
        Append(random.Next(5) == 0, $"dl_vlan={random.Next(1, 3)},dl_vlan_pcp={random.Next(2)}");
        if (hasProtocol)
        {
            Append(always || random.Next(3) == 0, $"{(protocol == "arp" ? "arp_spa" : "nw_src")}=10.0.0.{random.Next(1, 3)}");
            Append(always || random.Next(3) == 0, $"{(protocol == "arp" ? "arp_tpa" : "nw_dst")}=10.0.{random.Next(2)}.{random.Next(1, 3)}");
            Append(protocol is "tcp" or "udp" && (always || random.Next(3) == 0), $"tp_src={random.Next(1, 3)},tp_dst={random.Next(1, 3)}");
        }

        void Append(bool wanted, string field) => text.Append(wanted ? $",{field}" : "");
        string Pick(params string[] words) => words[random.Next(words.Length)];
    }

    /// <param name="Ports">In order.</param>
    /// <param name="ToController">Whether it gets a copy.</param>
    /// <param name="Final">The packet's fields at the last port; empty if it leaves by none.</param>
    private sealed partial record Verdict(string Ports, bool ToController, string Final)
    {
        // Its LOCAL, which a flood reaches too.
        private const string OwnPort = "100";

        /// <summary>Reads what <c>ofproto/trace</c> prints.</summary>
        public static Verdict Of(string trace, string packet)
        {
            string actions = DatapathActions().Match(trace).Groups[1].Value.Trim();
            Assert.NotEmpty(actions);
            // Ports stand alone between commas outside of parentheses.
            string bare = actions;
            for (string before = ""; before != bare;)
            {
                before = bare;
                bare = Parentheses().Replace(bare, "");
            }
            string[] words = bare.Split(',');
            string[] ports = [.. words.Where(word => ushort.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out _) && word != OwnPort)];
            string final = FinalFlow().Match(trace).Groups[1].Value.Trim();
            return new Verdict(
                string.Join(',', ports),
                words.Contains("userspace"),
                ports.Length == 0 ? "" : FieldsOf(final == "unchanged" ? packet : final));
        }

        private static string FieldsOf(string flow)
        {
            // Words that say nothing of the packet's headers: registers, masks of a later table, what OpenFlow 1.0 has no field for.
            string[] known = ["tcp", "udp", "icmp", "arp"];
            string[] keys = ["in_port", "dl_src", "dl_dst", "dl_vlan", "dl_vlan_pcp", "nw_src", "nw_dst", "nw_tos", "tp_src", "tp_dst", "arp_spa", "arp_tpa", "icmp_type", "icmp_code"];
            IEnumerable<string> words = flow.Split(',').Where(word => known.Contains(word) || keys.Contains(word.Split('=')[0]));
            return Fields(Compose(string.Join(',', words), out _));
        }

        [GeneratedRegex("Datapath actions: (.*)")]
        private static partial Regex DatapathActions();

        [GeneratedRegex("Final flow: (.*)")]
        private static partial Regex FinalFlow();

        [GeneratedRegex(@"\([^()]*\)")]
        private static partial Regex Parentheses();
    }
}
