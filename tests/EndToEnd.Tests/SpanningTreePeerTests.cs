using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>The kernel's own bridge as the other end of two parallel links: both must mean the same tree.</summary>
public sealed class SpanningTreePeerTests
{
    private const string Forwarding = "3"; // BR_STATE_FORWARDING, if_bridge.h
    private const string Blocking = "4";

    [Theory]
    [InlineData(4096, true)]
    [InlineData(61440, false)]
    public void A_linux_bridge_and_the_switch_agree_on_the_root_and_on_one_blocked_port(int priority, bool isRoot)
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts(hosts: 0);
        using LabNode peer = new("br");
        AddBridge(peer);
        for (int number = 1; number <= 2; number++)
        {
            VethCable.Lay(lab.Inside.Network, $"x{number}", peer.Network, $"y{number}");
            peer.Execute("ip", "link", "set", $"y{number}", "master", "br0").Checked();
        }
        using HostedSwitch running = lab.StartRun(
            "--port", "1=x1", "--port", "2=x2", "--listen", CabledHosts.Listen, "--datapath-id", "42", "--stp", "--stp-priority", $"{priority}",
            "--stp-hello", "1", "--stp-max-age", "6", "--stp-forward-delay", "4");
        string root = isRoot ? $"{priority:x4}.000000000042" : Read(peer, "br0/bridge/bridge_id");

        // Root, the kernel's two port states, the switch's two.
        string[] expected = isRoot
            ? [root, Forwarding, Blocking, "STP_FORWARD", "STP_FORWARD"]
            : [root, Forwarding, Forwarding, "STP_FORWARD", "STP_BLOCK"];
        Eventually.True(() => See(lab, peer).SequenceEqual(expected), () => string.Join(' ', See(lab, peer)));
    }

    private static void AddBridge(LabNode peer)
    {
        // Hundredths of a second.
        CommandResult made = peer.Execute(
            "ip", "link", "add", "br0", "type", "bridge", "stp_state", "1", "hello_time", "100", "max_age", "600", "forward_delay", "400");
        Assert.SkipWhen(made.Error.Contains("Unknown device type", StringComparison.Ordinal), "this kernel has no bridges");
        made.Checked();
        peer.BringUp("br0");
    }

    private static string[] See(CabledHosts lab, LabNode peer)
    {
        string shown = lab.Ofctl("show");
        return
        [
            Read(peer, "br0/bridge/root_id"),
            Read(peer, "y1/brport/state"),
            Read(peer, "y2/brport/state"),
            .. shown.Split('\n').Where(line => line.Contains("state:", StringComparison.Ordinal)).Select(line => line.Split(':')[1].Trim()),
        ];
    }

    // /sys shows the namespace in which it was mounted.
    private static string Read(LabNode peer, string file) =>
        peer.Execute("unshare", "--mount", "sh", "-c", $"mount -t sysfs sysfs /sys && cat /sys/class/net/{file}").Checked().Output.Trim();
}
