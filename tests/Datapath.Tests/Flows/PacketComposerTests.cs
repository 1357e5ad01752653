using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Testing;

namespace Softswitch.Datapath.Tests.Flows;

/// <summary>A packet made of a match is one that the match takes, with right checksums.</summary>
public sealed class PacketComposerTests
{
    [Fact]
    public void Every_packet_that_is_made_of_a_match_matches_it()
    {
        RandomMatches random = new(3);
        for (int i = 0; i < 20_000; i++)
        {
            FlowMatch match = random.NextMatch();
            int least = PacketComposer.HeaderLength(match);
            byte[] packet = new byte[least + (i % 3 == 0 ? 0 : random.Random.Next(100))];
            PacketComposer.Compose(match, packet);
            MatchNormalizer.Normalize(match, out FlowKey key, out FlowKey mask);
            FlowKeyParser.Parse(packet, match.InPort, out FlowKey parsed, out HeaderOffsets layout);
            Assert.True(FlowKey.Equals(FlowKey.And(parsed, mask), key), $"{match}: {Convert.ToHexString(packet)}");
            if ((layout.Flags & HeaderFlags.Ipv4) == 0)
            {
                continue;
            }
            Span<byte> ip = packet.AsSpan(layout.NetworkOffset);
            Assert.Equal(0, TestPacket.TextbookChecksum(ip[..20]));
            if ((layout.Flags & (HeaderFlags.Tcp | HeaderFlags.Udp)) != 0)
            {
                Assert.Equal(0, TestPacket.TransportChecksum(ip));
            }
            else if (parsed.NwProto == IpProtocol.Icmp)
            {
                Assert.Equal(0, TestPacket.TextbookChecksum(ip[20..]));
            }
        }
    }

    [Fact]
    public void What_a_match_leaves_open_is_nought()
    {
        byte[] packet = new byte[PacketComposer.ShortestFrame];
        PacketComposer.Compose(FlowMatch.Any, packet);
        FlowKeyParser.Parse(packet, 1, out FlowKey key, out _);
        Assert.Equal(EtherType.NotEthernetII, key.DlType.Host); // a frame of 802.3: no type says more than it should
        Assert.Equal(new FlowKey { InPort = 1, DlType = key.DlType }, key);
    }
}
