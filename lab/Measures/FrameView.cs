using System.Buffers.Binary;
using Softswitch.Datapath.Headers;
using Softswitch.Lab.Linux;

namespace Softswitch.Lab.Measures;

/// <summary>Whether a frame is one of those counted.</summary>
internal delegate bool FrameFilter(in FrameView frame);

/// <summary>A captured frame's headers, as a filter asks for them. Fields of protocols the frame does not have are 0.</summary>
internal readonly ref struct FrameView
{
    private const int EthernetLength = 14;
    private const int TagLength = 4;
    private const int Ipv4Length = 20;

    private readonly ReadOnlySpan<byte> _ip;

    public FrameView(in CapturedFrame frame)
    {
        Frame = frame;
        VlanTag = frame.VlanTag;
        int header = EthernetLength;
        Type = ReadType(frame.Bytes, header);
        if (Type == EtherType.Vlan && frame.Bytes.Length >= header + TagLength)
        {
            VlanTag ??= BinaryPrimitives.ReadUInt16BigEndian(frame.Bytes[header..]);
            header += TagLength;
            Type = ReadType(frame.Bytes, header);
        }
        _ip = Type == EtherType.Ipv4 && frame.Bytes.Length >= header + Ipv4Length ? frame.Bytes[header..] : default;
    }

    public CapturedFrame Frame { get; }

    /// <summary>Sent by the host whose interface it is; else it came from the wire.</summary>
    public bool IsOutgoing => Frame.IsOutgoing;

    /// <summary>VLAN tag (TCI), whether the kernel took it out or it stands in its place; null without.</summary>
    public ushort? VlanTag { get; }

    /// <summary>Ethernet type, of a tagged frame that behind the tag.</summary>
    public ushort Type { get; }

    public MacAddress Destination => Frame.Bytes.Length < EthernetLength ? default : new MacAddress(Frame.Bytes);

    public MacAddress Source => Frame.Bytes.Length < EthernetLength ? default : new MacAddress(Frame.Bytes[6..]);

    public bool IsIpv4 => !_ip.IsEmpty;

    public byte Protocol => IsIpv4 ? _ip[9] : (byte)0;

    public byte TimeToLive => IsIpv4 ? _ip[8] : (byte)0;

    public Be32 NetworkSource => IsIpv4 ? Be32.FromHost(BinaryPrimitives.ReadUInt32BigEndian(_ip[12..])) : default;

    public Be32 NetworkDestination => IsIpv4 ? Be32.FromHost(BinaryPrimitives.ReadUInt32BigEndian(_ip[16..])) : default;

    /// <summary>Of TCP or UDP; meaningless in later fragments.</summary>
    public ushort DestinationPort => Transport.Length >= 4 && Protocol is IpProtocol.Tcp or IpProtocol.Udp ? BinaryPrimitives.ReadUInt16BigEndian(Transport[2..]) : (ushort)0;

    /// <summary>Whether it is UDP with 0 in place of the checksum.</summary>
    public bool HasNoUdpChecksum => Protocol == IpProtocol.Udp && Transport.Length >= 8 && BinaryPrimitives.ReadUInt16BigEndian(Transport[6..]) == 0;

    /// <summary>Whether it is a ping; meaningless in later fragments, as the answer's.</summary>
    public bool IsEchoRequest => Protocol == IpProtocol.Icmp && Transport is [8, ..];

    /// <summary>Whether it is a ping's answer.</summary>
    public bool IsEchoReply => Protocol == IpProtocol.Icmp && Transport is [0, ..];

    /// <summary>Whether the IPv4 header's checksum fits.</summary>
    public bool HasRightHeaderChecksum => IsIpv4 && HeaderLength <= _ip.Length && InternetChecksum.Compute(_ip[..HeaderLength]) == 0;

    /// <summary>Whether it is TCP with the RST flag.</summary>
    public bool IsTcpReset => Protocol == IpProtocol.Tcp && Transport.Length > 13 && (Transport[13] & 0x04) != 0;

    /// <summary>Whether it is TCP's first packet of a connection: SYN without ACK.</summary>
    public bool IsTcpRequest => Protocol == IpProtocol.Tcp && Transport.Length > 13 && (Transport[13] & 0x12) == 0x02;

    /// <summary>Whether the checksum of TCP or UDP fits; null where that cannot be said: another protocol, a fragment, a part of a frame, UDP without one, a checksum not finished yet.</summary>
    public bool? HasRightTransportChecksum
    {
        get
        {
            if (Protocol is not (IpProtocol.Tcp or IpProtocol.Udp) || Frame.HasPartialChecksum || HasNoUdpChecksum)
            {
                return null;
            }
            int total = BinaryPrimitives.ReadUInt16BigEndian(_ip[2..]);
            bool isFragment = (BinaryPrimitives.ReadUInt16BigEndian(_ip[6..]) & 0x3fff) != 0; // MF or an offset
            if (isFragment || total < HeaderLength || total > _ip.Length)
            {
                return null;
            }
            ReadOnlySpan<byte> segment = _ip[HeaderLength..total];
            ulong pseudo = InternetChecksum.Add(_ip[12..20]) + Be16.FromHost(Protocol).Raw + Be16.FromHost((ushort)segment.Length).Raw;
            return InternetChecksum.Finish(InternetChecksum.Add(segment, pseudo)) == 0;
        }
    }

    private static ushort ReadType(ReadOnlySpan<byte> bytes, int header) =>
        bytes.Length < header ? (ushort)0 : BinaryPrimitives.ReadUInt16BigEndian(bytes[(header - 2)..]);

    private int HeaderLength => Math.Max(Ipv4Length, (_ip[0] & 0xf) * 4);

    private ReadOnlySpan<byte> Transport => IsIpv4 && HeaderLength <= _ip.Length ? _ip[HeaderLength..] : default;
}
