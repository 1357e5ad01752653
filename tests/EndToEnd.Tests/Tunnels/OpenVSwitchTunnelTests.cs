using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Tunnels;

/// <summary>Tunnels whose other end is a userspace tunnel port of Open vSwitch.</summary>
public sealed class OpenVSwitchTunnelTests
{
    private const string Schema = "/usr/share/openvswitch/vswitch.ovsschema";

    [Theory]
    [InlineData("s2", "vxlan:key=42,", "vxlan", "options:key=42")]
    [InlineData("xdp:s2", "vxlan:key=42,csum=on,", "vxlan", "options:key=42 options:csum=true")]
    [InlineData("xdp:s2", "gre:", "gre", "")]
    [InlineData("s2", "gre:key=7,csum=on,", "gre", "options:key=7 options:csum=true")]
    public void Pings_and_tcp_go_to_a_port_of_open_vswitch_and_back(string underlay, string tunnel, string type, string options)
    {
        Needs.Namespaces("ovs-ofctl", "ping", "iperf3", "ovs-vswitchd", "ovsdb-server", "ovs-vsctl");
        Assert.SkipUnless(File.Exists(Schema), $"{Schema} is missing (apt-get install openvswitch-switch)");
        using var lab = new TunnelLab();
        LabNode peer = lab.CabledHosts.Host(2);
        string folder = Directory.CreateTempSubdirectory("softswitch-ovs-").FullName;
        try
        {
            StartOpenVSwitch(peer, folder);
            // eth0 becomes a port of a bridge whose own interface has the address: what OVS's userspace tunnels route by.
            Vsctl(peer, folder, "add-br", "phy", "--", "set", "bridge", "phy", "datapath_type=netdev", "--", "add-port", "phy", "eth0");
            peer.Execute("ip", "addr", "flush", "dev", "eth0").Checked();
            peer.Execute("ip", "addr", "add", "10.0.0.2/24", "dev", "phy").Checked();
            peer.BringUp("phy");
            Vsctl(
                peer, folder,
                ["add-br", "in", "--", "set", "bridge", "in", "datapath_type=netdev", "--", "add-port", "in", "tun", "--", "set", "interface", "tun", $"type={type}",
                    $"options:remote_ip={TunnelLab.Underlay}", "options:local_ip=10.0.0.2", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
            peer.Execute("ip", "addr", "add", $"{TunnelLab.Far}/24", "dev", "in").Checked();
            peer.Execute("ip", "link", "set", "in", "mtu", "1400").Checked();
            peer.BringUp("in");
            using HostedSwitch running = lab.StartOn("s1", underlay, tunnel);
            lab.CabledHosts.Host(1).Execute("ip", "link", "set", "eth0", "mtu", "1400").Checked();
            Eventually.True(() => lab.Ping(1, TunnelLab.Far, 1) == 1, () => "no answer from Open vSwitch's end");
            Assert.Equal(3, lab.Ping(1, TunnelLab.Far));
            Assert.Equal(3, lab.Ping(2, TunnelLab.Near));
            Assert.True(lab.Transfer() > 100_000);
            Assert.True(lab.Transfer("-R") > 100_000);
        }
        finally
        {
            lab.Dispose(); // ends the daemons
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void StartOpenVSwitch(LabNode space, string folder)
    {
        RunningCommand.Execute("ovsdb-tool", "create", $"{folder}/conf.db", Schema).Checked();
        string[] common = ["--no-chdir", "-vconsole:off", "-vsyslog:off"];
        space.Start("env", ["OVS_RUNDIR=" + folder, "/usr/sbin/ovsdb-server", $"{folder}/conf.db", $"--remote=punix:{folder}/db.sock", $"--unixctl={folder}/db.ctl", .. common]);
        Vsctl(space, folder, "--no-wait", "init");
        space.Start("env", ["OVS_RUNDIR=" + folder, "/usr/sbin/ovs-vswitchd", $"unix:{folder}/db.sock", $"--unixctl={folder}/vs.ctl", .. common]);
        Eventually.True(() => File.Exists($"{folder}/vs.ctl"), () => "ovs-vswitchd did not start");
    }

    private static void Vsctl(LabNode space, string folder, params string[] arguments) =>
        space.Execute("ovs-vsctl", [$"--db=unix:{folder}/db.sock", "--timeout=20", "--retry", .. arguments]).Checked();
}
