using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Lab.Measures;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>Queues on real interfaces: within its guarantee nothing is lost while another host floods the port.</summary>
public sealed class QueueTests
{
    private const long Mega = 1_000_000;
    private const long Rate = 10 * Mega; // few packets: senders keep it up on a busy machine, and a queue holds what half a second brings
    private const long Guarantee = Rate / 5;
    private const int Payload = 1400;
    private const long Packets = 300;
    private const int Frame = UdpStream.HeaderLength + Payload;

    [Fact]
    public void A_queue_loses_nothing_within_its_guarantee_while_the_port_is_flooded()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts(hosts: 3);
        using HostedSwitch running = lab.StartRun(
            "--port", "1=s1", "--port", "2=s2,rate=10M", "--port", "3=s3", "--queue", "2:1,min-rate=2M", "--listen", CabledHosts.Listen);
        Assert.Contains("port 2: queue 1: 2Mbit/s guaranteed", running.Output, StringComparison.Ordinal);
        lab.Ofctl("add-flow", "in_port=3,actions=enqueue:2:1");
        lab.Ofctl("add-flow", "in_port=1,actions=output:2");
        using UdpStream flood = Start(1, 5002, 4 * Rate, mostUnderWay: int.MaxValue);
        Eventually.True(() => CabledHosts.Number(CabledHosts.Line(lab.Ofctl("dump-ports", "2"), "tx pkts"), "drop") > 100, () => $"the flood overruns the port: {lab.Ofctl("dump-ports", "2")}");
        using UdpStream guaranteed = Start(3, 5001, Guarantee, mostUnderWay: 16);
        Eventually.True(() => guaranteed.Record.Sent >= Packets, () => $"{guaranteed.Record.Sent} sent");
        CabledHosts.AssertAllCame(guaranteed, () => lab.Ofctl("queue-stats", "2"));
        string queue = CabledHosts.Line(lab.Ofctl("queue-stats", "2", "1"), "port 2 queue 1");
        Assert.Equal(guaranteed.Record.Sent * Frame, CabledHosts.Number(queue, "bytes"));
        Assert.Contains("queue 1: min_rate:20.0%\n", Ours("queue-get-config", "2"), StringComparison.Ordinal);
        Assert.Contains($"port 2 queue 1: bytes={guaranteed.Record.Sent * Frame}, ", Ours("queue-stats"), StringComparison.Ordinal);

        UdpStream Start(int from, ushort port, long bitsPerSecond, int mostUnderWay) =>
            lab.StartStream(from, to: 2, port, bitsPerSecond / 8.0 / Frame, Payload, mostUnderWay);

        string Ours(string command, params string[] arguments) =>
            lab.Start("ofctl", [command, CabledHosts.Target, .. arguments]).WaitForEnd(SwitchProgram.Patience).Checked().Output;
    }

    [Fact]
    public void A_flow_to_a_queue_that_is_not_there_works_and_the_log_says_so()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartRun("--port", "1=s1", "--port", "2=s2", "--listen", CabledHosts.Listen);
        lab.Ofctl("add-flow", "in_port=1,actions=enqueue:2:3");
        lab.Ofctl("add-flow", "in_port=2,actions=output:1");
        lab.Ping(1, 2);
        Eventually.True(() => running.Error.Contains("a queue that is not there", StringComparison.Ordinal), () => $"the log tells it: {running.Error}");
        Assert.Matches(@"queues: \d+ more packets asked for a queue that is not there \(port 2\)", running.Error);
    }
}
