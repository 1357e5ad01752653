using System.Buffers.Binary;

namespace Softswitch.Testing;

/// <summary>Cuts datagrams into fragments as a test wants them: where it likes, overlapping, lying. Offsets and lengths in bytes.</summary>
internal static class Ipv4Fragments
{
    private const int Ethernet = 14;

    /// <summary>One fragment of a frame made by <see cref="TestPacket"/> without a tag, with the datagram's whole header and a right checksum.</summary>
    public static byte[] Cut(ReadOnlySpan<byte> frame, int offset, int length, bool more, ushort? identification = null)
    {
        int header = (frame[Ethernet] & 0x0f) * 4;
        byte[] fragment = new byte[Ethernet + header + length];
        frame[..(Ethernet + header)].CopyTo(fragment);
        frame.Slice(Ethernet + header + offset, length).CopyTo(fragment.AsSpan(Ethernet + header));
        return Write(fragment, offset, more, identification);
    }

    /// <summary>Cuts a frame at every multiple of <paramref name="step"/> (itself one of 8).</summary>
    public static List<byte[]> CutAll(ReadOnlySpan<byte> frame, int step)
    {
        int payload = frame.Length - Ethernet - ((frame[Ethernet] & 0x0f) * 4);
        List<byte[]> fragments = [];
        for (int offset = 0; offset < payload; offset += step)
        {
            int length = Math.Min(step, payload - offset);
            fragments.Add(Cut(frame, offset, length, more: offset + length < payload));
        }
        return fragments;
    }

    /// <summary>Writes length, fragment field and checksum into an untagged IPv4 frame.</summary>
    public static byte[] Write(byte[] frame, int offset, bool more, ushort? identification = null)
    {
        Span<byte> ip = frame.AsSpan(Ethernet);
        int header = (ip[0] & 0x0f) * 4;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], identification ?? BinaryPrimitives.ReadUInt16BigEndian(ip[4..]));
        BinaryPrimitives.WriteUInt16BigEndian(ip[6..], (ushort)((offset / 8) | (more ? 0x2000 : 0)));
        return WriteChecksum(frame, header);
    }

    /// <summary>Makes the IPv4 header checksum of an untagged frame right.</summary>
    public static byte[] WriteChecksum(byte[] frame, int? headerLength = null)
    {
        Span<byte> ip = frame.AsSpan(Ethernet);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], TestPacket.TextbookChecksum(ip[..(headerLength ?? ((ip[0] & 0x0f) * 4))]));
        return frame;
    }
}
