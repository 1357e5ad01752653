using System.Net;
using System.Net.Sockets;
using System.Text;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests;

/// <summary>Packets of the kernel's own stacks through the switch, with tcpdump as witness of what comes out.</summary>
public sealed class TrafficTests
{
    [Fact]
    public void Hosts_talk_within_a_vlan()
    {
        Needs.Namespaces("ovs-ofctl", "ping", "tcpdump");
        using var lab = new CabledHosts();
        lab.AddVlan(7);
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        lab.Ofctl("add-flow", "dl_vlan=7,in_port=1,actions=output:2");
        lab.Ofctl("add-flow", "dl_vlan=7,in_port=2,actions=output:1");
        using Witness witness = Witness.At(lab.Host(2), "vlan 7 and icmp", packets: 2);
        Assert.Equal(2, lab.Ping(1, 2, count: 2, vlan: 7));
        Assert.Contains("vlan 7, p 0, ethertype IPv4", witness.WaitForEnd(), StringComparison.Ordinal);
        Assert.Equal(0, lab.Ping(1, 2, count: 1)); // the flows are for tagged frames only
    }

    [Fact]
    public void Rewritten_headers_arrive_with_right_checksums()
    {
        Needs.Namespaces("ovs-ofctl", "tcpdump", "ethtool");
        using var lab = new CabledHosts();
        // Checksums complete when they leave the host, so that the witness can judge what the switch made of them.
        lab.Host(1).Execute("ethtool", "-K", "eth0", "tx", "off").Checked();
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        lab.Ofctl(
            "add-flow",
            "in_port=1,udp,actions=mod_dl_src:02:00:00:00:00:aa,mod_dl_dst:02:00:00:00:00:bb,mod_nw_src:192.0.2.1,mod_nw_dst:192.0.2.2,"
            + "mod_nw_tos:184,mod_tp_src:1111,mod_tp_dst:2222,output:2");
        using Witness witness = Witness.At(lab.Host(2), "udp", packets: 1);
        SendUdp(lab, from: 1, "10.0.0.2", 5000);
        string seen = witness.WaitForEnd();
        Assert.Contains("02:00:00:00:00:aa > 02:00:00:00:00:bb", seen, StringComparison.Ordinal);
        Assert.Contains("tos 0xb8", seen, StringComparison.Ordinal);
        Assert.Contains("192.0.2.1.1111 > 192.0.2.2.2222: [udp sum ok]", seen, StringComparison.Ordinal);
        Assert.DoesNotContain("bad cksum", seen, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tcp_connection_goes_through_rewritten_addresses_with_the_hosts_default_offloads()
    {
        Needs.Namespaces("ovs-ofctl");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        // Host 1 talks to 10.0.0.200, which the switch turns into host 2, and back.
        lab.Host(1).Execute("ip", "neigh", "add", "10.0.0.200", "lladdr", "02:00:00:00:00:02", "dev", "eth0").Checked();
        lab.Host(2).Execute("ip", "neigh", "add", "10.0.0.1", "lladdr", "02:00:00:00:00:01", "dev", "eth0").Checked();
        lab.Ofctl("add-flow", "in_port=1,tcp,nw_dst=10.0.0.200,tp_dst=80,actions=mod_nw_dst:10.0.0.2,mod_tp_dst:8080,output:2");
        lab.Ofctl("add-flow", "in_port=2,tcp,nw_src=10.0.0.2,tp_src=8080,actions=mod_nw_src:10.0.0.200,mod_tp_src:80,output:1");
        const int Length = 4 << 20;
        Assert.Equal(Length, TransferTcp(lab, "10.0.0.200", 80, listenPort: 8080, Length));
    }

    [Fact]
    public void The_normal_action_forwards_as_a_learning_bridge()
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts(hosts: 3);
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        lab.Ofctl("add-flow", "actions=normal");
        Assert.Equal(3, lab.Ping(1, 2));
        // Once learned, host 3 hears nothing of it.
        long before = CabledHosts.Number(lab.Ofctl("dump-ports", "3"), "tx pkts");
        Assert.Equal(3, lab.Ping(1, 2));
        Assert.Equal(before, CabledHosts.Number(lab.Ofctl("dump-ports", "3"), "tx pkts"));
    }

    private static void SendUdp(CabledHosts lab, int from, string to, int port)
    {
        LabNode host = lab.Host(from);
        host.Execute("ip", "neigh", "replace", to, "lladdr", "02:00:00:00:00:02", "dev", "eth0").Checked();
        host.Run(() =>
        {
            using var client = new UdpClient();
            client.Send(Encoding.ASCII.GetBytes("softswitch"), new IPEndPoint(IPAddress.Parse(to), port));
        });
    }

    /// <summary>Sends bytes from host 1 to a listener at host 2; returns how many arrived as they were sent.</summary>
    private static int TransferTcp(CabledHosts lab, string address, int port, int listenPort, int length)
    {
        using TcpListener listener = lab.Host(2).Run(() =>
        {
            var opened = new TcpListener(IPAddress.Any, listenPort);
            opened.Start();
            return opened;
        });
        using Socket sender = lab.Host(1).Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        sender.SendTimeout = (int)SwitchProgram.Patience.TotalMilliseconds;
        int matching = 0;
        var receiver = new Thread(() => matching = Receive(listener, length));
        receiver.Start();
        sender.Connect(IPAddress.Parse(address), port);
        byte[] data = new byte[length];
        new Random(7).NextBytes(data);
        sender.Send(data);
        sender.Shutdown(SocketShutdown.Send);
        Eventually.Ended(receiver);
        return matching;
    }

    private static int Receive(TcpListener listener, int length)
    {
        byte[] expected = new byte[length];
        new Random(7).NextBytes(expected);
        byte[] received = new byte[length];
        using Socket socket = listener.AcceptSocket();
        socket.ReceiveTimeout = (int)SwitchProgram.Patience.TotalMilliseconds;
        int total = 0;
        while (total < length && socket.Receive(received, total, length - total, SocketFlags.None) is > 0 and int count)
        {
            total += count;
        }
        return expected.AsSpan().CommonPrefixLength(received.AsSpan(0, total));
    }
}
