using System.Net;
using System.Net.Sockets;
using Softswitch.EndToEnd.Tests.Harness;
using Softswitch.Testing;

namespace Softswitch.EndToEnd.Tests.Fragments;

/// <summary>Two hosts that send more than fits a frame, through a switch on real interfaces, in each mode of OFPC_FRAG_*.</summary>
public sealed class FragmentsThroughTheSwitchTests
{
    private const int UdpPort = 5000;
    private const int UdpBytes = 4000;

    [Theory]
    [InlineData("normal", 0L)]
    [InlineData("drop", null)]
    [InlineData("reassemble", 1L)]
    public void Long_packets_pass_or_are_lost_and_a_match_on_the_udp_port_meets_the_whole_datagram_only_if_it_is_reassembled(string mode, long? matched)
    {
        Needs.Namespaces("ovs-ofctl", "ping");
        using var lab = new CabledHosts();
        using HostedSwitch running = lab.StartSwitch("--listen", CabledHosts.Listen);
        lab.Ofctl("set-frags", mode);
        lab.Ofctl("add-flow", "priority=1,actions=normal");
        lab.Ofctl("add-flow", $"priority=2,udp,tp_dst={UdpPort},actions=output:2");
        Assert.Equal(3, lab.Ping(1, 2));
        int Answered(int bytes) => CabledHosts.Ping(lab.Host(1), "10.0.0.2", 1, "-s", $"{bytes}");
        if (matched == null)
        {
            Assert.All([UdpBytes, 20_000], bytes => Assert.Equal(0, Answered(bytes)));
        }
        else
        {
            Assert.All([UdpBytes, 20_000], bytes => Eventually.True(() => Answered(bytes) == 1, $"a ping of {bytes} bytes is answered"));
            byte[] sent = new byte[UdpBytes];
            new Random(5).NextBytes(sent);
            Assert.Equal(sent, SendUdp(lab, sent));
            lab.Ofctl("add-flow", "priority=3,arp,actions=normal"); // with a barrier: the pass that counted has ended
            string flow = CabledHosts.Line(lab.Ofctl("dump-flows"), $"tp_dst={UdpPort}");
            Assert.Equal(matched, CabledHosts.Number(flow, "n_packets"));
            Assert.Equal(matched * (14 + 20 + 8 + UdpBytes), CabledHosts.Number(flow, "n_bytes"));
        }
    }

    /// <summary>Sends one datagram from host 1 to host 2 and returns what arrives.</summary>
    private static byte[] SendUdp(CabledHosts lab, byte[] datagram)
    {
        using Socket receiver = lab.Host(2).Listen(ProtocolType.Udp, UdpPort);
        receiver.ReceiveTimeout = (int)SwitchProgram.Patience.TotalMilliseconds;
        using Socket sender = lab.Host(1).Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
        sender.SendTo(datagram, new IPEndPoint(lab.Host(2).IPAddress, UdpPort));
        byte[] buffer = new byte[65536];
        return buffer[..receiver.Receive(buffer)];
    }
}
