using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>Two switches joined twice, a host on each: with spanning tree the loop is none. The times are the shortest the standard allows.</summary>
public sealed class SpanningTreeTests
{
    [Fact]
    public void Two_parallel_links_carry_no_storm_and_the_second_takes_over_from_the_first()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using LabNode left = new("l");
        using LabNode right = new("r");
        using LabHost leftHost = AddHost(left, 1);
        using LabHost rightHost = AddHost(right, 2);
        VethCable.Lay(left.Network, "x1", right.Network, "x1");
        VethCable.Lay(left.Network, "x2", right.Network, "x2");
        using RunningCommand leftSwitch = Start(left, 1);
        using RunningCommand rightSwitch = Start(right, 2);
        // From the first moment on the hosts ask for each other by broadcast, which any loop would multiply.
        Eventually.True(() => Ping(leftHost), () => Show(left) + Show(right));
        Eventually.True(
            () => (Count(left, "STP_FORWARD"), Count(right, "STP_FORWARD")) == (3, 2) && (Count(left, "STP_BLOCK"), Count(right, "STP_BLOCK")) == (0, 1),
            () => Show(left) + Show(right));
        Assert.True(Ping(leftHost, count: 5));
        // Some ARP, pings and 20 BPDUs; a storm would make it hundreds of thousands.
        Assert.InRange(Received(right), 5, 300);

        left.Execute("ip", "link", "set", "x1", "down").Checked();
        Eventually.True(() => Count(right, "LINK_DOWN") == 1, () => Show(right));
        bool passed = Ping(leftHost);
        Assert.True(!passed || Count(right, "STP_FORWARD") == 2, "it passes before the second link forwards");
        Eventually.True(() => Ping(leftHost), () => Show(left) + Show(right));
        Eventually.True(() => (Count(left, "STP_FORWARD"), Count(right, "STP_FORWARD")) == (2, 2), () => Show(left) + Show(right));
        Assert.InRange(Received(right), 5, 600);
    }

    private static LabHost AddHost(LabNode inside, int number)
    {
        LabHost host = LabHost.Numbered(number);
        host.Connect(inside.Network, "host");
        return host;
    }

    private static RunningCommand Start(LabNode inside, int number)
    {
        RunningCommand command = inside.Start(
            SwitchProgram.Dotnet, SwitchProgram.Library, "run", "--port", "1=host", "--port", "2=x1", "--port", "3=x2", "--listen", CabledHosts.Listen,
            "--datapath-id", $"{number}", "--stp", "--stp-hello", "1", "--stp-max-age", "6", "--stp-forward-delay", "4");
        command.WaitForText("\nready\n", SwitchProgram.Patience);
        CabledHosts.Ofctl(inside, "add-flow", "actions=NORMAL");
        return command;
    }

    private static bool Ping(LabNode host, int count = 1) => CabledHosts.Ping(host, "10.0.0.2", count) == count;

    private static string Show(LabNode inside) => CabledHosts.Ofctl(inside, "show");

    private static int Count(LabNode inside, string word) => Show(inside).Split(word).Length - 1;

    /// <summary>Packets that came over the two links.</summary>
    private static long Received(LabNode inside)
    {
        string ports = CabledHosts.Ofctl(inside, "dump-ports");
        return CabledHosts.Number(CabledHosts.Line(ports, "port", " 2: rx"), "pkts") + CabledHosts.Number(CabledHosts.Line(ports, "port", " 3: rx"), "pkts");
    }
}
