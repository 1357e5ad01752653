using System.Buffers.Binary;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Emulator;

/// <summary>What the card does to a frame that hit: rewrites once, for all copies, in an order of its own, whatever the order of a flow's actions.</summary>
/// <remarks>
/// Checksums change incrementally (RFC 1624 equation 3), by whatever stands where a checksum would be: in a later fragment that is payload, and a UDP
/// checksum of 0, which means none, becomes one that is wrong.
/// </remarks>
internal readonly ref struct ActionProcessor
{
    private const int AddressesLength = 12;
    private const int TagLength = 4;
    private const ushort TagType = 0x8100;
    private const ushort VidMask = 0x0fff;
    private const int PcpShift = 13;
    private const ushort PcpMask = 0xe000;

    private const uint SetVid = 0x0002;
    private const uint SetPcp = 0x0004;
    private const uint StripVlan = 0x0008;
    private const uint SetDlSrc = 0x0010;
    private const uint SetDlDst = 0x0020;
    private const uint SetNwSrc = 0x0040;
    private const uint SetNwDst = 0x0080;
    private const uint SetNwTos = 0x0100;
    private const uint SetTpSrc = 0x0200;
    private const uint SetTpDst = 0x0400;

    private readonly EmulatedCardOptions _options;
    private readonly ReadOnlySpan<uint> _words;
    private readonly uint _flags;

    public ActionProcessor(EmulatedCardOptions options, ReadOnlySpan<uint> words)
    {
        _options = options;
        _words = words;
        uint flags = words[0] >> 16;
        _flags = options.Layout == CardLayout.V10 ? flags : flags & (SetDlSrc | SetDlDst);
    }

    /// <summary>Bit n: a copy goes to destination n.</summary>
    public int Destinations => (int)(_words[0] & 0xffff);

    /// <summary>Writes the frame as it leaves the card.</summary>
    /// <param name="result">At least four bytes more than the frame has.</param>
    /// <returns>Its length.</returns>
    public int Apply(in CardKey key, ReadOnlySpan<byte> frame, Span<byte> result)
    {
        bool isTagged = TryMakeTag(key, out ushort tag);
        frame[..AddressesLength].CopyTo(result);
        ReadOnlySpan<byte> rest = frame[(AddressesLength + (key.IsTagged ? TagLength : 0))..];
        int moved = isTagged ? TagLength : 0;
        if (isTagged)
        {
            BinaryPrimitives.WriteUInt16BigEndian(result[AddressesLength..], TagType);
            BinaryPrimitives.WriteUInt16BigEndian(result[(AddressesLength + 2)..], tag);
        }
        rest.CopyTo(result[(AddressesLength + moved)..]);
        int length = AddressesLength + moved + rest.Length;
        if (_flags != 0)
        {
            RewriteAddresses(result);
            RewriteNetwork(key, result[..length], moved);
        }
        return length;
    }

    /// <summary>Stripping a tag overrides setting its parts; where there is no tag it does nothing.</summary>
    private bool TryMakeTag(in CardKey key, out ushort tag)
    {
        tag = key.Tag;
        if (Has(SetVid))
        {
            tag = (ushort)((tag & ~(uint)VidMask) | (Bits(32, 16) & VidMask));
        }
        if (Has(SetPcp))
        {
            tag = (ushort)((tag & ~(uint)PcpMask) | (Bits(48, 8) << PcpShift & PcpMask));
        }
        return key.IsTagged ? !Has(StripVlan) : Has(SetVid) || Has(SetPcp);
    }

    private void RewriteAddresses(Span<byte> frame)
    {
        for (int i = 0; i < 6; i++)
        {
            if (Has(SetDlSrc))
            {
                frame[6 + i] = (byte)Bits(56 + (8 * (5 - i)), 8);
            }
            if (Has(SetDlDst))
            {
                frame[i] = (byte)Bits(104 + (8 * (5 - i)), 8);
            }
        }
    }

    private void RewriteNetwork(in CardKey key, Span<byte> frame, int moved)
    {
        if (key.NetworkOffset == 0)
        {
            return;
        }
        Span<byte> network = frame[(key.NetworkOffset + moved)..];
        uint addresses = 0; // what the pseudo-header's sum changes by
        if (Has(SetNwSrc))
        {
            addresses += Replace(network, 12, (ushort)Bits(168, 16)) + Replace(network, 14, (ushort)Bits(152, 16));
        }
        if (Has(SetNwDst))
        {
            addresses += Replace(network, 16, (ushort)Bits(200, 16)) + Replace(network, 18, (ushort)Bits(184, 16));
        }
        uint header = addresses;
        if (Has(SetNwTos) && network.Length >= 2)
        {
            int tos = (network[1] & 0x03) | (int)(Bits(216, 8) & 0xfc);
            header += Replace(network, 0, (ushort)((network[0] << 8) | tos));
        }
        if (header != 0)
        {
            Add(network, 10, header);
        }
        if (key.TransportOffset != 0 && key.TransportOffset + moved < frame.Length)
        {
            RewriteTransport(frame[(key.TransportOffset + moved)..], key.IsUdp, addresses);
        }
    }

    private void RewriteTransport(Span<byte> transport, bool isUdp, uint change)
    {
        if (Has(SetTpSrc))
        {
            change += Replace(transport, 0, (ushort)Bits(224, 16));
        }
        if (Has(SetTpDst))
        {
            change += Replace(transport, 2, (ushort)Bits(240, 16));
        }
        if (change == 0)
        {
            return;
        }
        int field = isUdp ? 6 : 16;
        Add(transport, field, change);
        if (isUdp && !_options.UdpChecksumMayBecomeZero && field + 2 <= transport.Length && (transport[field] | transport[field + 1]) == 0)
        {
            transport.Slice(field, 2).Fill(0xff);
        }
    }

    /// <summary>Writes a word and returns what a sum over it changes by: the complement of the old one and the new one.</summary>
    private static uint Replace(Span<byte> bytes, int at, ushort value)
    {
        if (at + 2 > bytes.Length)
        {
            return 0;
        }
        ushort old = BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[at..], value);
        return (uint)(ushort)~old + value;
    }

    private static void Add(Span<byte> bytes, int at, uint change)
    {
        if (at + 2 > bytes.Length)
        {
            return;
        }
        uint sum = (ushort)~BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]) + change;
        while (sum >> 16 != 0)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        BinaryPrimitives.WriteUInt16BigEndian(bytes[at..], (ushort)~sum);
    }

    private bool Has(uint flag) => (_flags & flag) != 0;

    /// <summary>Bits of the action, counted from bit 0 of word 0.</summary>
    private uint Bits(int first, int count)
    {
        ulong both = _words[first / 32] | ((ulong)(first / 32 < ActionWords.Count - 1 ? _words[(first / 32) + 1] : 0) << 32);
        return (uint)((both >> (first % 32)) & ((1ul << count) - 1));
    }
}
