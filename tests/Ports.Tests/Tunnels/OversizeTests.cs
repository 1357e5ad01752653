using System.Buffers.Binary;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Tunnels;

/// <summary>Frames too long for the underlay: answered, cut, dropped; and outer fragments that come in.</summary>
public sealed class OversizeTests
{
    private const string Ends = "local=10.0.0.1,remote=10.0.0.2,remote-mac=02:00:00:00:00:b2";
    private const ushort DontFragment = 0x4000;

    [Theory]
    [InlineData("vxlan", 1450)]
    [InlineData("gre", 1462)]
    [InlineData("capsulator", 1462)]
    [InlineData("ipip", 1480)]
    public void The_longest_packet_that_fits_is_the_ports_mtu(string kind, int mtu)
    {
        using var host = new TunnelHost(tunnels: [$"{kind}:{Ends},mtu=drop"]);
        Assert.Equal(mtu, host[0].ReadLink().Mtu);
        host.Send(TestPacket.Udp(payload: mtu - 28));
        Assert.Equal(1514, Assert.Single(host.Sent()).Length);
        host.Send(TestPacket.Udp(payload: mtu - 27));
        Assert.Empty(host.Sent());
        Assert.Equal(1, host.Drops(DropReason.TooLong));
        Assert.Equal(1ul, host.Statistics(1).TransmitErrors);
    }

    [Theory]
    [InlineData(null, 1450)]
    [InlineData((ushort)7, 1446)]
    public void A_packet_not_to_be_fragmented_is_answered_with_what_would_fit(ushort? vlan, int fits)
    {
        using var host = new TunnelHost(tunnels: [$"vxlan:{Ends}"]);
        byte[] frame = TestPacket.Udp(payload: fits - 27, vlan: vlan, fragment: DontFragment, src: 0xc0a80001, dst: 0xc0a80002);
        host.Send(frame);
        Assert.Empty(host.Sent());
        Assert.Equal(1, host.Drops(DropReason.TooLong));
        byte[] answer = Assert.Single(host.Received());
        int network = vlan == null ? 14 : 18;
        Assert.Equal(TestPacket.DefaultSource, new MacAddress(answer).Value);
        Assert.Equal(TestPacket.DefaultDestination, new MacAddress(answer.AsSpan(6)).Value);
        Assert.Equal(frame[12..network], answer[12..network]);
        Span<byte> ip = answer.AsSpan(network);
        Assert.Equal(0, TestPacket.TextbookChecksum(ip[..20]));
        Assert.Equal((0xc0a80002, 0xc0a80001), (BinaryPrimitives.ReadUInt32BigEndian(ip[12..]), BinaryPrimitives.ReadUInt32BigEndian(ip[16..])));
        Span<byte> icmp = ip[20..];
        Assert.Equal((3, 4, 0), (icmp[0], icmp[1], TestPacket.TextbookChecksum(icmp)));
        Assert.Equal(fits, BinaryPrimitives.ReadUInt16BigEndian(icmp[6..]));
        Assert.Equal(frame.AsSpan(network, 548), icmp[8..]);
        host.Send(TestPacket.Udp(payload: fits - 28, vlan: vlan, fragment: DontFragment));
        Assert.Single(host.Sent());
    }

    [Fact]
    public void Errors_about_errors_and_groups_are_not_sent()
    {
        using var host = new TunnelHost(tunnels: [$"vxlan:{Ends}"]);
        byte[] error = TestPacket.Icmp(type: 3, payload: 1500);
        byte[] group = TestPacket.Udp(dst: 0xe0000001, payload: 1500);
        byte[] later = TestPacket.Udp(fragment: DontFragment | 5, payload: 1500);
        foreach (byte[] frame in (byte[][])[error, group, later])
        {
            frame[20] |= 0x40;
            host.Send(frame);
        }
        Assert.Empty(host.Received());
        Assert.Equal(3, host.Drops(DropReason.TooLong));
    }

    [Theory]
    [InlineData("vxlan:", "icmp", 0)]
    [InlineData("vxlan:", "fragment", DontFragment)]
    [InlineData("gre:key=1,csum=on,", "fragment", DontFragment)]
    [InlineData("ipip:", "icmp", 0)]
    [InlineData("capsulator:", "icmp", 0)]
    public void What_may_be_fragmented_is_cut_outside_and_put_together_at_the_far_end(string kind, string policy, ushort flags)
    {
        using var left = new TunnelHost(tunnels: [$"{kind}{Ends},mtu={policy}"]);
        using var right = new TunnelHost(
            "address=10.0.0.2/24", mac: 0x0200_0000_00b2, pool: left.Pool, tunnels: [$"{kind}local=10.0.0.2,remote=10.0.0.1"]);
        foreach (int payload in (int[])[1500, 1600, 4000, 9000])
        {
            byte[] frame = TestPacket.Udp(payload: payload, fragment: flags);
            left.Send(frame);
            List<byte[]> fragments = left.Sent();
            Assert.True(fragments.Count >= 2);
            Assert.All(fragments, fragment => Assert.True(fragment.Length <= 1514));
            Assert.Equal(0, left.Drops(DropReason.TooLong));
            fragments.Reverse();
            right.Arrive([.. fragments]);
            byte[] received = Assert.Single(right.Received());
            int from = kind == "ipip:" ? 14 : 0;
            Assert.Equal(frame[from..], received[from..]);
        }
    }

    [Fact]
    public void Outer_fragments_that_wait_are_bounded_in_number_and_time()
    {
        using var host = new TunnelHost(tunnels: [$"vxlan:{Ends}"]);
        for (ushort datagram = 0; datagram < 100; datagram++)
        {
            host.Arrive(First(ReferenceTunnel.Udp, TunnelHost.PeerAddress, datagram));
        }
        long full = host.Drops(DropReason.ReassemblyFull);
        Assert.True(full > 0);
        host.Advance(60_000);
        Assert.Equal(100, full + host.Drops(DropReason.ReassemblyTimeout));
    }

    [Fact]
    public void Strangers_fragments_take_no_place_from_the_peers()
    {
        const uint stranger = 0x0a000063;
        using var host = new TunnelHost(tunnels: [$"vxlan:{Ends}", $"gre:{Ends}"]);
        byte[] udp = First(ReferenceTunnel.Udp, stranger, 0);
        host.Arrive(udp);
        Assert.Equal(udp, Assert.Single(host.Left)); // of some other service, perhaps
        host.Arrive(First(ReferenceTunnel.Gre, stranger, 0));
        Assert.Equal(1, host.Drops(DropReason.TunnelPeer));
        for (ushort datagram = 0; datagram < 50; datagram++)
        {
            host.Arrive(First(protocol: 1, stranger, datagram)); // the beginnings of long echo requests
        }
        long full = host.Drops(DropReason.ReassemblyFull);
        Assert.True(full > 0);
        for (ushort datagram = 0; datagram < 16; datagram++)
        {
            host.Arrive(First(ReferenceTunnel.Udp, TunnelHost.PeerAddress, datagram));
        }
        Assert.Equal(full, host.Drops(DropReason.ReassemblyFull));
    }

    /// <summary>The first fragment of a datagram.</summary>
    private static byte[] First(byte protocol, uint from, ushort datagram)
    {
        byte[] fragment = ReferenceTunnel.Outer(protocol, [8, .. new byte[63]], from: from);
        return Ipv4Fragments.Write(fragment, offset: 0, more: true, identification: datagram);
    }
}
