using System.Buffers.Binary;
using Softswitch.NetFpga.Registers;

namespace Softswitch.NetFpga.Emulator;

/// <summary>What the card looks up for a frame, 32 bytes in the order of its memory, and what its parser learned on the way.</summary>
/// <remarks>
/// <code>
/// byte  0 tp_dst   2 tp_src   4 nw_proto  5 nw_dst  9 nw_src  13 dl_type  15 dl_dst  21 dl_src  27 source
///      28 nw_tos  29 vlan    31 pad, active in the highest bit                          (layout 1.0)
///      28 vlan    30 pad, active in the highest bit of byte 31                          (layout 0.9)
/// </code>
/// Numbers have their lowest byte first. A header that the frame ends in reads as zeros.
/// </remarks>
internal ref struct CardKey
{
    public const int Size = 32;
    public const ushort Untagged = 0xffff;

    private const int AddressesLength = 12;
    private const int EthernetLength = 14;
    private const int TagLength = 4;
    private const int ShortestIpv4Header = 20;
    private const int WordSize = 8;
    private const int ShortestFrame = 60; // of Ethernet, and as the driver pads it
    private const ushort TagType = 0x8100;
    private const ushort Ipv4 = 0x0800;
    private const ushort Arp = 0x0806;
    private const byte Icmp = 1;
    private const byte Tcp = 6;
    private const byte Udp = 17;

    private readonly Span<byte> _bytes;

    private CardKey(Span<byte> bytes) => _bytes = bytes;

    public readonly ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Of the frame as the key has it: a frame with a bad IPv4 header counts as port 0's.</summary>
    public readonly int Source => SourceOf(_bytes);

    public static int SourceOf(ReadOnlySpan<byte> key) => key[27];

    /// <summary>Whether one 802.1Q tag was lifted off.</summary>
    public bool IsTagged { get; private set; }

    /// <summary>The tag's 16 bits, bit 12 included.</summary>
    public ushort Tag { get; private set; }

    /// <summary>From the start of the frame without its tag; 0 if it is not IPv4.</summary>
    public int NetworkOffset { get; private set; }

    /// <summary>As for <see cref="NetworkOffset"/>; 0 unless it is TCP or UDP behind a header of a length that can be.</summary>
    public int TransportOffset { get; private set; }

    public bool IsUdp { get; private set; }

    /// <summary>Words behind the frame that the parser takes before it is done with it: 0 unless the header length says that ports are there (E9).</summary>
    public int MissingWords { get; private set; }

    /// <summary>What is looked up for a frame of which the parser missed the words in front: as of a frame with a bad header.</summary>
    public static CardKey Headless(CardLayout layout, Span<byte> bytes)
    {
        bytes.Clear();
        var key = new CardKey(bytes);
        key.WriteTag(layout, Untagged);
        return key;
    }

    /// <param name="bytes">The key's memory.</param>
    /// <param name="frame">At least an Ethernet header.</param>
    public static CardKey Parse(CardLayout layout, int source, ReadOnlySpan<byte> frame, Span<byte> bytes)
    {
        var key = new CardKey(bytes);
        bytes.Clear();
        key.IsTagged = Word(frame, AddressesLength) == TagType && frame.Length >= EthernetLength + TagLength;
        key.Tag = key.IsTagged ? Word(frame, EthernetLength) : (ushort)0;
        int lifted = key.IsTagged ? TagLength : 0;
        ushort type = Word(frame, AddressesLength + lifted);
        bool isBad = type == Ipv4 && (Byte(frame, EthernetLength + lifted) & 0x0f) * 4 < ShortestIpv4Header;
        // Bit 12 is not compared; in the key of an untagged frame it is 1.
        key.WriteTag(layout, key.IsTagged && !isBad ? (ushort)(key.Tag & ~0x1000) : Untagged);
        if (isBad)
        {
            key.NetworkOffset = EthernetLength; // rewrites know the header by its type alone (E11)
            return key; // the default key: as an untagged frame of port 0 with nothing in it
        }
        bytes[27] = (byte)source;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[13..], type);
        for (int i = 0; i < 6; i++)
        {
            bytes[20 - i] = frame[i];
            bytes[26 - i] = frame[6 + i];
        }
        key.ParseNetwork(layout, type, frame[(EthernetLength + lifted)..]);
        return key;
    }

    private readonly void WriteTag(CardLayout layout, ushort tag) => BinaryPrimitives.WriteUInt16LittleEndian(_bytes[(layout == CardLayout.V10 ? 29 : 28)..], tag);

    private void ParseNetwork(CardLayout layout, ushort type, ReadOnlySpan<byte> header)
    {
        if (type == Ipv4)
        {
            ParseIpv4(layout, header);
        }
        else if (type == Arp && layout == CardLayout.V10)
        {
            _bytes[4] = Byte(header, 7);
            Copy(header, 14, 9);
            Copy(header, 24, 5);
        }
    }

    private void ParseIpv4(CardLayout layout, ReadOnlySpan<byte> header)
    {
        int transport = (Byte(header, 0) & 0x0f) * 4;
        byte protocol = Byte(header, 9);
        if (layout == CardLayout.V10)
        {
            _bytes[28] = (byte)(Byte(header, 1) & 0xfc);
        }
        _bytes[4] = protocol;
        Copy(header, 12, 9);
        Copy(header, 16, 5);
        NetworkOffset = EthernetLength;
        if (protocol is Tcp or Udp or Icmp)
        {
            CountMissingWords(transport, header.Length);
        }
        // Fragments are not looked for: what stands here is taken as ports.
        if (protocol is Tcp or Udp)
        {
            TransportOffset = EthernetLength + transport;
            IsUdp = protocol == Udp;
            BinaryPrimitives.WriteUInt16LittleEndian(_bytes[2..], Word(header, transport));
            BinaryPrimitives.WriteUInt16LittleEndian(_bytes, Word(header, transport + 2));
        }
        else if (protocol == Icmp)
        {
            _bytes[2] = Byte(header, transport);
            _bytes[0] = Byte(header, transport + 1);
        }
    }

    /// <summary>The parser is done with the word of 8 bytes in which the ports end, and does not look for the end of the frame.</summary>
    private void CountMissingWords(int transport, int headerLength)
    {
        int shortest = ShortestFrame - (IsTagged ? TagLength : 0);
        int words = (Math.Max(EthernetLength + headerLength, shortest) + WordSize - 1) / WordSize;
        int lastOfPorts = (EthernetLength + transport + sizeof(uint) - 1) / WordSize;
        MissingWords = Math.Max(0, lastOfPorts + 1 - words);
    }

    /// <summary>An IPv4 address of the header, last byte first.</summary>
    private readonly void Copy(ReadOnlySpan<byte> header, int from, int to)
    {
        for (int i = 0; i < 4; i++)
        {
            _bytes[to + 3 - i] = Byte(header, from + i);
        }
    }

    private static byte Byte(ReadOnlySpan<byte> bytes, int at) => at < bytes.Length ? bytes[at] : (byte)0;

    private static ushort Word(ReadOnlySpan<byte> bytes, int at) => (ushort)((Byte(bytes, at) << 8) | Byte(bytes, at + 1));
}
