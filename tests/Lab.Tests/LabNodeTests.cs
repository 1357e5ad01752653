using Softswitch.Testing;

namespace Softswitch.Lab.Tests;

[Trait("Ring", "peers")]
public sealed class LabNodeTests
{
    [Fact]
    public void A_node_has_its_own_interfaces_and_commands_inside_see_them()
    {
        Needs.Namespaces();
        using var left = new LabNode("left");
        using var right = new LabNode("right");
        VethCable.Lay(left.Network, "near", right.Network, "far");
        Assert.Contains("near", left.Execute("ip", "-o", "link").Checked().Output, StringComparison.Ordinal);
        Assert.DoesNotContain("near", right.Execute("ip", "-o", "link").Checked().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cable_has_as_many_queues_as_asked_for()
    {
        Needs.Namespaces();
        using var node = new LabNode("wide");
        VethCable.Lay(node.Network, "near", node.Network, "far", queues: 3);
        string shown = node.Execute("ip", "-d", "link").Checked().Output;
        Assert.Equal(2, shown.Split("numtxqueues 3 ").Length - 1);
        Assert.Equal(2, shown.Split("numrxqueues 3 ").Length - 1);
    }

    [Fact]
    public void Code_run_inside_sees_the_namespace_and_the_caller_stays_outside()
    {
        Needs.Namespaces();
        using var node = new LabNode("t");
        node.Links.CreateVethPair("only-here", "peer");
        // /proc/net follows the process's first thread; thread-self follows the caller.
        Assert.Contains("only-here", node.Run(() => File.ReadAllText("/proc/thread-self/net/dev")), StringComparison.Ordinal);
        Assert.DoesNotContain("only-here", File.ReadAllText("/proc/thread-self/net/dev"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_node_takes_the_commands_it_started_with_it()
    {
        Needs.Namespaces();
        using var node = new LabNode("t");
        using var process = System.Diagnostics.Process.GetProcessById(node.Start("sleep", "600").ProcessId);
        node.Dispose();
        Eventually.True(() => process.HasExited, "the command has ended");
    }

    [Fact]
    public void Failures_inside_reach_the_caller()
    {
        Needs.Namespaces();
        using var node = new LabNode("t");
        Assert.Throws<TimeoutException>(() => node.Execute(TimeSpan.FromMilliseconds(50), "sleep", "600"));
        Assert.Throws<InvalidOperationException>(() => node.Execute("false").Checked());
    }

    [Fact]
    public void A_host_whose_cable_was_deleted_is_reached_again_by_a_new_one()
    {
        Needs.Namespaces("ping");
        using LabHost near = LabHost.Numbered(1);
        using LabHost far = LabHost.Numbered(2);
        near.Connect(far.Network, "eth0");
        far.AddAddress("eth0", far.Prefix);
        far.Links.Delete("eth0");
        near.Reconnect();
        far.AddAddress("eth0", far.Prefix);
        near.Execute("ping", "-c", "1", "-W", "5", "10.0.0.2").Checked();
        near.Announce();
    }
}
