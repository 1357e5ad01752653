using Softswitch.Datapath.Packets;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Tunnels;

/// <summary>A local stack at the far end leaves the inner checksum partial and the outer one counting on it (LCO), and the underlay's backend does not say so.</summary>
public sealed class HiddenChecksumTests
{
    private const string Ends = "local=10.0.0.1,remote=10.0.0.2";
    private static readonly byte[] Finished = TestPacket.Tcp(src: 0xc0a80001, dst: 0xc0a80002, payload: 501);

    public static TheoryData<string, byte, bool> Kinds => new()
    {
        { "vxlan:key=42,", ReferenceTunnel.Udp, true },
        { "vxlan:key=42,", ReferenceTunnel.Udp, false },
        { "gre:", ReferenceTunnel.Gre, true },
        { "gre:", ReferenceTunnel.Gre, false },
        { "ipip:", ReferenceTunnel.Ipip, false },
        { "capsulator:key=42,", ReferenceTunnel.Capsulator, false },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_is_unfinished_inside_comes_out_marked_and_can_be_finished(string kind, byte protocol, bool checksum)
    {
        using var host = new TunnelHost(hidesPartialChecksums: true, tunnels: [$"{kind}{Ends}"]);
        Packet packet = Assert.Single(host.ReceivedPackets(Unfinished(protocol, checksum)));
        Assert.Equal(PacketFlags.NeedsChecksum, packet.Flags);
        Assert.True(ChecksumFinisher.TryFinish(ref packet, host.Frames));
        Assert.Equal(Finished[14..], packet.Bytes[14..].ToArray());
        host.Frames.Release(packet);
    }

    [Theory]
    [InlineData(ReferenceTunnel.Udp)]
    [InlineData(ReferenceTunnel.Gre)]
    public void What_is_wrong_is_dropped_all_the_same(byte protocol)
    {
        using var host = new TunnelHost(hidesPartialChecksums: true, tunnels: [$"vxlan:key=42,{Ends}", $"gre:{Ends}"]);
        byte[] unfinished = Unfinished(protocol, checksum: true);
        unfinished[^(Finished.Length - 3)] ^= 1; // what the outer sum covers and the inner one does not
        byte[] finished = ReferenceTunnel.Outer(protocol, Wrap(protocol, checksum: true));
        finished[^5] ^= 1;
        host.Arrive(unfinished, finished);
        Assert.Equal(2, host.Drops(DropReason.TunnelChecksum));
    }

    [Fact]
    public void Where_the_backend_tells_nothing_is_guessed()
    {
        using var host = new TunnelHost(tunnels: [$"vxlan:key=42,{Ends}"]);
        Packet packet = Assert.Single(host.ReceivedPackets(Unfinished(ReferenceTunnel.Udp, checksum: false)));
        Assert.Equal(PacketFlags.None, packet.Flags);
        host.Frames.Release(packet);
        host.Arrive(Unfinished(ReferenceTunnel.Udp, checksum: true));
        Assert.Equal(1, host.Drops(DropReason.TunnelChecksum));
    }

    private static byte[] Wrap(byte protocol, bool checksum) => protocol switch
    {
        ReferenceTunnel.Udp => ReferenceTunnel.Vxlan(42, Finished, checksum: checksum),
        ReferenceTunnel.Gre => ReferenceTunnel.GreHeader(Finished, checksum: checksum),
        ReferenceTunnel.Ipip => Finished[14..],
        _ => ReferenceTunnel.Tagged(42, Finished),
    };

    /// <summary>The outer checksum of the finished packet is what LCO writes over the unfinished one.</summary>
    private static byte[] Unfinished(byte protocol, bool checksum)
    {
        byte[] outer = ReferenceTunnel.Outer(protocol, Wrap(protocol, checksum));
        return TestPacket.Unfinish(outer, network: outer.Length - Finished.Length + 14, checksumOffset: 16);
    }
}
