using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Tunnels;

/// <summary>A router of the kernel's on the way has a smaller MTU than the underlay, and says so.</summary>
public sealed class PathMtuTests
{
    private const int Narrow = 1300;
    private const int Fits = Narrow - 50; // inside of VXLAN

    [Theory]
    [InlineData("packet:u0,address=10.1.0.1/24,gateway=10.1.0.254")]
    [InlineData("xdp:u0,address=10.1.0.1/24,gateway=10.1.0.254")]
    [InlineData("packet:u0,address=10.1.0.1/24,neighbours=kernel")]
    public void The_sender_inside_is_told_what_the_narrowest_link_takes(string underlay)
    {
        Needs.Namespaces("ovs-ofctl", "ping", "iperf3");
        using RoutedLab lab = Make(underlay);
        using HostedSwitch running = lab.Start(underlay);
        Eventually.True(() => lab.Ping(1) == 1, () => "no answer through the tunnel");
        Eventually.True(
            () =>
            {
                CommandResult ping = lab.Near.Execute("ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-M", "do", "-s", "1400", RoutedLab.Inner);
                return $"{ping.Output}{ping.Error}".Replace("mtu=", "mtu = ", StringComparison.Ordinal).Contains($"mtu = {Fits}", StringComparison.Ordinal);
            },
            () => lab.Near.Execute("ip", "route", "get", RoutedLab.Inner).Output);
        Assert.Equal(3, lab.Ping(3, "-M", "do", "-s", $"{Fits - 28}"));
        lab.Near.Execute("ip", "route", "flush", "cache").Checked();
        Iperf.Run(lab.Near, lab.Far, RoutedLab.Inner, "-n", "2M");
    }

    [Fact]
    public void What_is_to_be_fragmented_is_cut_to_the_narrowest_link()
    {
        const string underlay = "u0,address=10.1.0.1/24,gateway=10.1.0.254";
        Needs.Namespaces("ovs-ofctl", "ping");
        using RoutedLab lab = Make(underlay);
        using HostedSwitch running = lab.Start(underlay, ",mtu=fragment");
        Eventually.True(() => lab.Ping(1, "-M", "do", "-s", "1400") == 1, () => "no answer through the tunnel");
        Assert.Equal(3, lab.Ping(3, "-M", "do", "-s", "1422"));
    }

    private static RoutedLab Make(string underlay)
    {
        var lab = new RoutedLab();
        try
        {
            lab.Router.Execute("ip", "link", "set", "rb", "mtu", $"{Narrow}").Checked();
            if (underlay.EndsWith("kernel", StringComparison.Ordinal))
            {
                lab.AddToKernel();
            }
            // What the far end sends back may be cut on the way.
            lab.Far.Execute("ip", "link", "set", "tun9", "mtu", $"{Fits}").Checked();
            return lab;
        }
        catch
        {
            lab.Dispose();
            throw;
        }
    }
}
