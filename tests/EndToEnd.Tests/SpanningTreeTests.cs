using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>Two switches joined twice, a host on each: with spanning tree the loop is none. The times are the shortest the standard allows.</summary>
public sealed class SpanningTreeTests
{
    private const string Listen = "ptcp:6654:127.0.0.1";

    [Fact]
    public void Two_parallel_links_carry_no_storm_and_the_second_takes_over_from_the_first()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using TestNamespace left = new("l");
        using TestNamespace right = new("r");
        using TestNamespace leftHost = AddHost(left, 1);
        using TestNamespace rightHost = AddHost(right, 2);
        TestNamespace.Join(left, "x1", right, "x1");
        TestNamespace.Join(left, "x2", right, "x2");
        using RunningCommand leftSwitch = Start(left, 1);
        using RunningCommand rightSwitch = Start(right, 2);
        // From the first moment on the hosts ask for each other by broadcast, which any loop would multiply.
        Eventually.True(() => Ping(leftHost), () => Show(left) + Show(right));
        Assert.Equal((3, 2), (Count(left, "STP_FORWARD"), Count(right, "STP_FORWARD")));
        Assert.Equal((0, 1), (Count(left, "STP_BLOCK"), Count(right, "STP_BLOCK")));
        Assert.True(Ping(leftHost, count: 5));
        // Some ARP, pings and 20 BPDUs; a storm would make it hundreds of thousands.
        Assert.InRange(Received(right), 5, 300);

        left.Execute("ip", "link", "set", "x1", "down").Checked();
        Eventually.True(() => Count(right, "LINK_DOWN") == 1, () => Show(right));
        Assert.False(Ping(leftHost));
        Eventually.True(() => Ping(leftHost), () => Show(left) + Show(right));
        Assert.Equal((2, 2), (Count(left, "STP_FORWARD"), Count(right, "STP_FORWARD")));
        Assert.InRange(Received(right), 5, 600);
    }

    private static TestNamespace AddHost(TestNamespace inside, int number)
    {
        TestNamespace host = new($"h{number}");
        TestNamespace.Join(inside, "host", host, "eth0");
        host.Execute("ip", "addr", "add", $"10.0.0.{number}/24", "dev", "eth0").Checked();
        return host;
    }

    private static RunningCommand Start(TestNamespace inside, int number)
    {
        RunningCommand command = inside.Start(
            SwitchProgram.Dotnet, SwitchProgram.Library, "run", "--port", "1=host", "--port", "2=x1", "--port", "3=x2", "--listen", Listen,
            "--datapath-id", $"{number}", "--stp", "--stp-hello", "1", "--stp-max-age", "6", "--stp-forward-delay", "4");
        command.WaitForText("\nready\n", SwitchProgram.Patience);
        Ofctl(inside, "add-flow", "actions=NORMAL");
        return command;
    }

    private static bool Ping(TestNamespace host, int count = 1) =>
        host.Execute("ping", "-n", "-c", $"{count}", "-i", "0.1", "-W", "1", "10.0.0.2").Output.Contains($" {count} received", StringComparison.Ordinal);

    private static string Show(TestNamespace inside) => Ofctl(inside, "show");

    private static int Count(TestNamespace inside, string word) => Show(inside).Split(word).Length - 1;

    /// <summary>Packets that came over the two links.</summary>
    private static long Received(TestNamespace inside)
    {
        string ports = Ofctl(inside, "dump-ports");
        return CabledHosts.Number(CabledHosts.Line(ports, "port", " 2: rx"), "pkts") + CabledHosts.Number(CabledHosts.Line(ports, "port", " 3: rx"), "pkts");
    }

    private static string Ofctl(TestNamespace inside, string command, params string[] arguments) =>
        inside.Execute("ovs-ofctl", ["-O", "OpenFlow10", command, CabledHosts.Target, .. arguments]).Checked().Output;
}
