using System.Buffers.Binary;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.Tunnels.NextHops;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Tunnels;

/// <summary>ICMP "fragmentation needed" from routers of the underlay (RFC 1191): believed if it is about a packet of a tunnel's, for a while.</summary>
public sealed class PathMtuTests
{
    private const string Ends = "local=10.0.0.1,remote=10.0.0.2,remote-mac=02:00:00:00:00:b2";
    private const ushort DontFragment = 0x4000;
    private static readonly byte[] Frame = TestPacket.Udp(src: 0xc0a80001, dst: 0xc0a80002, payload: 1300, fragment: DontFragment);

    [Theory]
    [InlineData("vxlan:key=42,", 50)]
    [InlineData("gre:key=42,", 42)]
    [InlineData("gre:key=42,csum=on,", 46)]
    [InlineData("gre:key=42,nvgre,", 42)]
    [InlineData("ipip:", 20)]
    [InlineData("capsulator:key=42,", 38)]
    public void A_router_lowers_what_fits(string kind, int overhead)
    {
        using var host = new TunnelHost(tunnels: [$"{kind}{Ends}"]);
        host.Send(Frame);
        host.Arrive(TooBig(Assert.Single(host.Sent()), 1200));
        Assert.Empty(host.Left);
        host.Send(Frame);
        Assert.Empty(host.Sent());
        Assert.Equal(1, host.Drops(DropReason.TooLong));
        byte[] answer = Assert.Single(host.Received());
        Assert.Equal(1200 - overhead, BinaryPrimitives.ReadUInt16BigEndian(answer.AsSpan(40)));
        host.Send(TestPacket.Udp(payload: 1200 - overhead - 28, fragment: DontFragment));
        Assert.Equal(1214, Assert.Single(host.Sent()).Length);
    }

    [Theory]
    [InlineData("fragment", 3)]
    [InlineData("drop", 0)]
    public void The_rule_for_what_is_too_long_holds_for_it_too(string rule, int fragments)
    {
        using var host = new TunnelHost(tunnels: [$"vxlan:{Ends},mtu={rule}"]);
        host.Send(Frame);
        host.Arrive(TooBig(Assert.Single(host.Sent()), 600));
        host.Send(Frame);
        List<byte[]> sent = host.Sent();
        Assert.Equal(fragments, sent.Count);
        Assert.All(sent, fragment => Assert.True(fragment.Length <= 614 && (fragment[20] & 0x40) == 0));
        Assert.Equal(fragments == 0 ? 1 : 0, host.Drops(DropReason.TooLong));
        Assert.Empty(host.Received());
    }

    [Fact]
    public void Only_the_peer_the_packet_went_to_is_concerned()
    {
        using var host = new TunnelHost(tunnels: [$"vxlan:{Ends}", "vxlan:local=10.0.0.1,remote=10.0.0.3,remote-mac=02:00:00:00:00:b3"]);
        host.Send(Frame);
        host.Arrive(TooBig(Assert.Single(host.Sent()), 1200));
        host.Send(Frame, tunnel: 1);
        Assert.Single(host.Sent());
    }

    [Fact]
    public void It_is_forgotten_after_ten_minutes()
    {
        using var host = new TunnelHost(tunnels: [$"vxlan:{Ends}"]);
        host.Send(Frame);
        byte[] outer = Assert.Single(host.Sent());
        host.Arrive(TooBig(outer, 1200));
        host.Advance(PathMtuTable.Lifetime - 1);
        host.Send(Frame);
        Assert.Empty(host.Sent());
        host.Advance(60_000);
        host.Send(Frame);
        Assert.Equal(outer.Length, Assert.Single(host.Sent()).Length);
    }

    [Fact]
    public void Forged_messages_are_the_flow_tables_and_change_nothing()
    {
        using var host = new TunnelHost(tunnels: [$"vxlan:{Ends},key=42", $"gre:{Ends},key=42", $"capsulator:{Ends},key=42", $"ipip:{Ends}"]);
        List<byte[]> forged = [];
        for (int tunnel = 0; tunnel < 4; tunnel++)
        {
            host.Send(Frame, tunnel);
            byte[] outer = Assert.Single(host.Sent());
            Forge(outer, 26, 0x77); // from another address
            Forge(outer, 33, 0x77); // to somebody else
            Forge(outer, 23, 99); // another protocol
            Forge(outer, 20, 0); // without Don't Fragment
            Forge(outer, 14, 0x46); // with options, which we never write
            Forge(outer, 16, 0); // so short that it would have passed
            if (tunnel != 3)
            {
                Forge(outer, tunnel == 2 ? 37 : tunnel == 1 ? 41 : 37, 0x77); // another tag, key or UDP port
            }
            forged.Add(TooBig(outer, 1200)[..(14 + 20 + 8 + 27)]); // quotes too little
        }
        host.Arrive([.. forged]);
        Assert.Equal(forged, host.Left);
        for (int tunnel = 0; tunnel < 4; tunnel++)
        {
            host.Send(Frame, tunnel);
            Assert.Single(host.Sent());
        }

        void Forge(byte[] outer, int at, byte value)
        {
            byte[] other = [.. outer];
            other[at] = value;
            forged.Add(TooBig(other, 1200));
        }
    }

    [Fact]
    public void A_damaged_message_is_dropped_and_counted()
    {
        using var host = new TunnelHost(tunnels: [$"vxlan:{Ends}"]);
        host.Send(Frame);
        byte[] message = TooBig(Assert.Single(host.Sent()), 1200);
        message[^1] ^= 1;
        host.Arrive(message);
        Assert.Equal(1, host.Drops(DropReason.TunnelMalformed));
        host.Send(Frame);
        Assert.Single(host.Sent());
    }

    [Fact]
    public void It_only_gets_lower_and_never_lower_than_552()
    {
        var generation = new Generation();
        var table = new PathMtuTable(generation);
        Be32 peer = Be32.FromHost(TunnelHost.PeerAddress);
        Assert.Equal(PathMtuTable.Unlimited, table.Find(peer));
        int before = generation.Value;
        table.Lower(peer, 1500, 1300, now: 0);
        Assert.NotEqual(before, generation.Value);
        table.Lower(peer, 1500, 1400, now: 1);
        Assert.Equal(1300, table.Find(peer));
        table.Lower(peer, 1300, 0, now: 2); // a router that does not say: the next plateau
        Assert.Equal(1006, table.Find(peer));
        table.Lower(peer, 1500, 68, now: 3);
        Assert.Equal(PathMtuTable.Least, table.Find(peer));
    }

    [Fact]
    public void The_table_is_bounded_and_the_oldest_makes_room()
    {
        var table = new PathMtuTable(new Generation());
        for (uint i = 0; i <= PathMtuTable.Capacity; i++)
        {
            table.Lower(Be32.FromHost(i + 1), 1500, 1300, now: i);
        }
        Assert.Equal(PathMtuTable.Unlimited, table.Find(Be32.FromHost(1)));
        Assert.Equal(1300, table.Find(Be32.FromHost(2)));
        Assert.Equal(1300, table.Find(Be32.FromHost(PathMtuTable.Capacity + 1)));
    }

    /// <summary>What a router at 10.0.0.254 says about a packet that left.</summary>
    private static byte[] TooBig(byte[] outer, ushort mtu)
    {
        byte[] icmp = new byte[8 + 28];
        icmp[0] = 3;
        icmp[1] = 4;
        BinaryPrimitives.WriteUInt16BigEndian(icmp.AsSpan(6), mtu);
        outer.AsSpan(14, 28).CopyTo(icmp.AsSpan(8));
        BinaryPrimitives.WriteUInt16BigEndian(icmp.AsSpan(2), TestPacket.TextbookChecksum(icmp));
        return ReferenceTunnel.Outer(1, icmp, from: 0x0a0000fe);
    }
}
