using Softswitch.Lab.Linux;
using Softswitch.Lab.Measures;
using Softswitch.Testing;

namespace Softswitch.Lab.Tests.Measures;

/// <summary>Captured frames as filters see them, and checksums by which they are judged.</summary>
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

    [Fact]
    public void Tag_that_stands_in_its_place_is_as_one_that_the_kernel_took_out()
    {
        byte[] frame = TestPacket.Tcp();
        CapturedFrame inPlace = Capture([.. frame[..12], 0x81, 0x00, 0x00, 100, .. frame[12..]]);
        CapturedFrame takenOut = Capture(frame, tag: 100);
        CapturedFrame cut = Capture([.. frame[..12], 0x81, 0x00, 0x00, 100]);
        var tagged = new FrameView(inPlace);
        var known = new FrameView(takenOut);
        Assert.Equal((ushort)100, tagged.VlanTag);
        Assert.Equal((ushort)100, known.VlanTag);
        Assert.Equal(known.Type, tagged.Type);
        Assert.Equal(known.NetworkSource, tagged.NetworkSource);
        Assert.True(tagged.HasRightTransportChecksum);
        Assert.False(new FrameView(cut).IsIpv4);
    }

    private static bool? Verify(byte[] frame, bool unfinished = false)
    {
        CapturedFrame captured = Capture(frame, unfinished: unfinished);
        return new FrameView(captured).HasRightTransportChecksum;
    }

    private static CapturedFrame Capture(byte[] frame, ushort? tag = null, bool unfinished = false) => new()
    {
        Bytes = frame,
        Length = frame.Length,
        VlanTag = tag,
        HasPartialChecksum = unfinished,
        IsOutgoing = false,
        Timestamp = 0,
    };
}
