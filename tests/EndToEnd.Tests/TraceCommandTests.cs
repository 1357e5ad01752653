using System.Text.Json;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Hosting;
using Softswitch.Ports.Pcap;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary><c>softswitch trace</c> against a running switch on interfaces.</summary>
public sealed class TraceCommandTests : WithControlSocket
{
    [Fact]
    public void A_flow_bytes_and_each_packet_of_a_capture_are_traced()
    {
        using SwitchHost running = StartHost(("port", "1=null:"), ("port", "2=null:"), ("fail-mode", "standalone"));
        string file = PathOf("in.pcap");
        byte[][] frames = [TestPacket.Udp(payload: 60_000), TestPacket.Udp(payload: 61_000), TestPacket.Arp(), [1, 2, 3]];
        PcapFile.Write(file, frames.Select(frame => new ReadOnlyMemory<byte>(frame)));
        using JsonDocument json = JsonDocument.Parse(Trace("--pcap", file, "--in-port", "1", "--json"));
        JsonElement[] reports = [.. json.RootElement.EnumerateArray()];
        Assert.Equal(frames.Select(frame => frame.Length), reports.Select(report => report.GetProperty("length").GetInt32()));
        Assert.Equal(["forwarded", "forwarded", "forwarded", "dropped"], reports.Select(report => report.GetProperty("verdict").GetString()));
        Assert.Contains("in by port 2 (null2): icmp", Trace("in_port=2,icmp"), StringComparison.Ordinal);
        Assert.EndsWith("verdict: leaves by port 1 (null1)\n", Trace("--in-port", "null2", "--hex", "ffffffffffff 020000000001 0806 " + new string('0', 92)), StringComparison.Ordinal);

        Refused("trace: one of FLOW, --hex BYTES and --pcap FILE, and no more than a TARGET before it");
        Refused("--hex: packet: not bytes in hexadecimal", "--hex", "xyz", "--in-port", "1");
        Refused($"{file}.not", "--pcap", $"{file}.not", "--in-port", "1");
        Refused("in_port: there is no port 7; there are 1 (null1), 2 (null2)", "in_port=7,tcp");
        Refused("--length: is for a packet made of FLOW", "--hex", new string('0', 28), "--in-port", "1", "--length", "100");
    }

    [Fact]
    public void On_a_card_it_tells_which_row_or_slot_holds_the_entry_or_why_none_does()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts(hosts: 4);
        using HostedSwitch running = lab.StartRun("--netfpga", "emulator,wires=s1:s2:s3:s4,offload=on", "--listen", CabledHosts.Listen, "--control", Control);
        lab.Ofctl("add-flow", "priority=9,tcp,tp_dst=80,actions=output:2");
        lab.Ofctl("add-flow", "priority=8,udp,actions=output:CONTROLLER");
        lab.Ofctl("add-flow", "in_port=1,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,dl_vlan=0xffff,dl_type=0x0800,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=0,nw_proto=6,tp_src=5,tp_dst=6,actions=output:3");
        Assert.Matches("card nf2c0: forwards its packets: row [0-9, ]+ of the wildcard table", Trace("in_port=1,tcp,tp_dst=80"));
        Assert.Matches(
            "table 0, .*\n +card nf2c0: forwards its packets: slot 0x[0-9a-f]{4} of the exact table",
            Trace("in_port=1,tcp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,tp_src=5,tp_dst=6"));
        string toHost = Trace("in_port=1,udp");
        Assert.True(toHost.Contains("card nf2c0: gives its packets to the host: ", StringComparison.Ordinal), toHost);
    }

    private string Trace(params string[] words) => SwitchProgram.Execute(["trace", Target, .. words]).Checked().Output;

    private void Refused(string reason, params string[] words)
    {
        CommandResult result = SwitchProgram.Execute(["trace", Target, .. words]);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(reason, result.Error, StringComparison.Ordinal);
    }
}
