using System.Buffers.Binary;
using Softswitch.Datapath.Packets;
using Softswitch.Ports.AfXdp;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.AfXdp;

public sealed class PartialChecksumDetectorTests : IDisposable
{
    private const int Seed = 1141;
    private const int Ipv4Start = 14;
    private const int TcpChecksum = 16;
    private const int UdpChecksum = 6;

    private readonly FramePool _pool = new(64, largeFrameCount: 1);
    private readonly FrameCache _frames;

    public PartialChecksumDetectorTests() => _frames = _pool.CreateCache();

    public void Dispose() => _pool.Dispose();

    /// <summary>Marks a copy of the frame; if it was taken for unfinished, finishes it.</summary>
    private (bool Marked, byte[] Bytes) Treat(byte[] frame)
    {
        Packet packet = _frames.Rent(frame);
        PartialChecksumDetector.Mark(ref packet, _frames);
        bool marked = packet.HasOffload;
        Assert.Equal(frame, packet.Bytes.ToArray()); // marking changes no byte
        Assert.True(ChecksumFinisher.TryFinish(ref packet, _frames));
        byte[] bytes = packet.Bytes.ToArray();
        _frames.Release(packet);
        return (marked, bytes);
    }

    [Fact]
    public void A_partial_checksum_is_recognised_and_finished_as_the_textbook_does()
    {
        var random = new Random(Seed);
        for (int i = 0; i < 2000; i++)
        {
            bool tcp = random.Next(2) == 0;
            ushort? vlan = random.Next(3) == 0 ? (ushort)random.Next(65536) : null;
            uint from = (uint)random.NextInt64(1L << 32);
            uint to = (uint)random.NextInt64(1L << 32);
            int options = random.Next(4) * 4;
            int payload = random.Next(1400);
            byte[] finished = tcp
                ? TestPacket.Tcp(from, to, payload: payload, vlan: vlan, options: options)
                : TestPacket.Udp(from, to, payload: payload, vlan: vlan, options: options);
            byte[] unfinished = TestPacket.Unfinish(finished, Ipv4Start + (vlan is null ? 0 : 4), tcp ? TcpChecksum : UdpChecksum);
            (bool marked, byte[] bytes) = Treat(unfinished);
            Assert.True(marked, $"seed {Seed}, packet {i}: not recognised");
            Assert.True(finished.AsSpan().SequenceEqual(bytes), $"seed {Seed}, packet {i}: finished wrongly");
        }
    }

    [Fact]
    public void A_finished_packet_leaves_as_it_came_even_if_it_looks_unfinished()
    {
        int looked = 0;
        for (int port = 0; port < 65536; port++)
        {
            byte[] finished = TestPacket.Tcp(srcPort: (ushort)port, payload: 6);
            (bool marked, byte[] bytes) = Treat(finished);
            looked += marked ? 1 : 0;
            Assert.True(finished.AsSpan().SequenceEqual(bytes), $"source port {port}");
        }
        Assert.InRange(looked, 1, 2); // the sources run through every value of the checksum
    }

    [Fact]
    public void What_has_no_transport_checksum_of_its_own_is_left_alone()
    {
        Assert.False(Treat(TestPacket.Udp(checksum: false)).Marked);
        Assert.False(Treat(TestPacket.Icmp()).Marked);
        Assert.False(Treat(TestPacket.Arp()).Marked);
        byte[] fragment = TestPacket.Tcp(fragment: 0x2000);
        Assert.False(Treat(TestPacket.Unfinish(fragment, Ipv4Start, TcpChecksum)).Marked);
        byte[] padded = [.. TestPacket.Unfinish(TestPacket.Tcp(payload: 0), Ipv4Start, TcpChecksum), 0, 0, 0, 0, 0, 0];
        Assert.False(Treat(padded).Marked);
    }

    [Fact]
    public void Whatever_bytes_come_nothing_outside_of_the_packet_is_touched()
    {
        var random = new Random(Seed);
        byte[] tcp = TestPacket.Tcp(payload: 40, vlan: 7);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] frame = tcp[..random.Next(tcp.Length + 1)];
            for (int change = 0; change < 3 && frame.Length > 12; change++)
            {
                frame[random.Next(12, frame.Length)] = (byte)random.Next(256);
            }
            Assert.Equal(frame.Length, Treat(frame).Bytes.Length);
        }
    }

    [Theory]
    [InlineData(6, TcpChecksum, 20)]
    [InlineData(17, UdpChecksum, 8)]
    public void Ipv6_is_recognised_behind_its_fixed_header(byte protocol, int checksumOffset, int header)
    {
        var random = new Random(Seed);
        byte[] ip = new byte[40 + header + 100];
        random.NextBytes(ip);
        ip[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(4), (ushort)(ip.Length - 40));
        ip[6] = protocol;
        byte[] pseudo = new byte[40];
        ip.AsSpan(8, 32).CopyTo(pseudo);
        BinaryPrimitives.WriteUInt32BigEndian(pseudo.AsSpan(32), (uint)(ip.Length - 40));
        pseudo[39] = protocol;
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(40 + checksumOffset), (ushort)~TestPacket.TextbookChecksum(pseudo));
        (bool marked, byte[] bytes) = Treat(TestPacket.Ethernet(0x86dd, ip));
        Assert.True(marked);
        // Pseudo-header and transport together sum to what a receiver expects.
        Assert.Equal(0, TestPacket.TextbookChecksum([.. pseudo, .. bytes.AsSpan(14 + 40)]));
    }
}
