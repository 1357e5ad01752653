using Softswitch.Lab.Measures;
using Softswitch.Ports.Linux;
using Softswitch.Testing;

namespace Softswitch.Lab.Tests.Measures;

/// <summary>Checksums as captured frames are judged by them.</summary>
public sealed class FrameViewTests
{
    [Fact]
    public void A_right_checksum_is_right_and_any_bit_wrong_makes_it_wrong()
    {
        foreach (byte[] frame in new[] { TestPacket.Tcp(), TestPacket.Udp() })
        {
            Assert.True(Verify(frame));
            for (int bit = 8 * (14 + 20); bit < 8 * frame.Length; bit++)
            {
                frame[bit / 8] ^= (byte)(1 << (bit % 8));
                Assert.False(Verify(frame));
                frame[bit / 8] ^= (byte)(1 << (bit % 8));
            }
        }
    }

    [Fact]
    public void A_changed_address_makes_it_wrong()
    {
        byte[] frame = TestPacket.Tcp();
        frame[14 + 12] ^= 1;
        Assert.False(Verify(frame));
    }

    [Fact]
    public void Padding_does_not_count()
    {
        byte[] frame = TestPacket.Tcp(payload: 1);
        Assert.True(Verify([.. frame, 0xaa, 0xbb, 0xcc]));
    }

    [Fact]
    public void What_cannot_be_verified_is_neither()
    {
        byte[] frame = TestPacket.Tcp();
        Assert.Null(Verify(frame, unfinished: true));
        Assert.Null(Verify(frame[..^1])); // not all of it was captured
        Assert.Null(Verify(TestPacket.Udp(checksum: false)));
        Assert.Null(Verify(TestPacket.Icmp()));
        Assert.Null(Verify(TestPacket.Arp()));
        frame[14 + 6] = 0x20; // more fragments
        Assert.Null(Verify(frame));
        Assert.Null(Verify([]));
    }

    private static bool? Verify(byte[] frame, bool unfinished = false) => new FrameView(new CapturedFrame
    {
        Bytes = frame,
        Length = frame.Length,
        VlanTag = null,
        HasPartialChecksum = unfinished,
        IsOutgoing = false,
        Timestamp = 0,
    }).HasRightTransportChecksum;
}
