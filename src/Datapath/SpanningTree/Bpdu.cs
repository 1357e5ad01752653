using System.Buffers.Binary;
using Softswitch.Datapath.Headers;

namespace Softswitch.Datapath.SpanningTree;

/// <summary>A bridge protocol data unit: a configuration, or the notice that the topology changed.</summary>
/// <remarks>
/// IEEE 802.1D-1998 §9.3, in an 802.3 frame with an 802.2 header (§7.12.3). Offsets from the start of the frame, all in network order:
/// <code>
///  0        6        12       14 15 16  17         19        20     21      22     30     34       42     44           46        48      50
/// | dl_dst | dl_src | length | 42 42 03 | protocol | version | type | flags | root | cost | bridge | port | message age | max age | hello | forward delay |
/// </code>
/// Times are 1/256 s on the wire and milliseconds here.
/// </remarks>
/// <param name="IsChangeNotice">A topology change notification, which has no other field.</param>
internal readonly record struct Bpdu(
    bool IsChangeNotice,
    BridgePriority Priority,
    int MessageAge,
    BridgeTimes Times,
    bool TopologyChange,
    bool ChangeAcknowledged)
{
    /// <summary>Bytes of every frame written: the shortest that Ethernet carries.</summary>
    public const int FrameLength = 60;

    private const int LengthOffset = 12;
    private const int LinkOffset = 14;
    private const int ProtocolOffset = 17;
    private const int TypeOffset = 20;
    private const int FlagsOffset = 21;

    private const int LinkSize = 3;
    private const int ConfigurationSize = 35;
    private const int ChangeNoticeSize = 4;

    private const byte SpanningTreeLsap = 0x42;
    private const byte UnnumberedInformation = 0x03;
    private const byte ConfigurationType = 0x00;
    private const byte ChangeNoticeType = 0x80;
    private const byte TopologyChangeFlag = 0x01;
    private const byte ChangeAcknowledgedFlag = 0x80;

    /// <summary>Reads a frame, which may have any content.</summary>
    /// <returns>False for everything that is no valid BPDU of these two types (§9.3.4), rapid spanning tree's included.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> frame, out Bpdu bpdu)
    {
        bpdu = default;
        if (frame.Length < LinkOffset + LinkSize + ChangeNoticeSize)
        {
            return false;
        }
        int length = BinaryPrimitives.ReadUInt16BigEndian(frame[LengthOffset..]);
        bool isSpanningTree = frame[LinkOffset] == SpanningTreeLsap
            && frame[LinkOffset + 1] == SpanningTreeLsap
            && frame[LinkOffset + 2] == UnnumberedInformation
            && BinaryPrimitives.ReadUInt16BigEndian(frame[ProtocolOffset..]) == 0;
        if (!isSpanningTree || length >= EtherType.FirstType || length > frame.Length - LinkOffset)
        {
            return false;
        }
        switch (frame[TypeOffset])
        {
            case ChangeNoticeType when length >= LinkSize + ChangeNoticeSize:
                bpdu = new Bpdu { IsChangeNotice = true };
                return true;
            case ConfigurationType when length >= LinkSize + ConfigurationSize:
                bpdu = DecodeConfiguration(frame);
                return bpdu.MessageAge < bpdu.Times.MaxAge; // §9.3.4: older than it may get is not heard
            default:
                return false;
        }
    }

    /// <summary>Writes the frame.</summary>
    /// <param name="frame"><see cref="FrameLength"/> bytes.</param>
    /// <param name="source">Address of the port it leaves.</param>
    public void Encode(Span<byte> frame, MacAddress source)
    {
        frame[..FrameLength].Clear();
        MacAddress.BridgeGroup.CopyTo(frame);
        source.CopyTo(frame[MacAddress.Size..]);
        int size = IsChangeNotice ? ChangeNoticeSize : ConfigurationSize;
        BinaryPrimitives.WriteUInt16BigEndian(frame[LengthOffset..], (ushort)(LinkSize + size));
        frame[LinkOffset] = SpanningTreeLsap;
        frame[LinkOffset + 1] = SpanningTreeLsap;
        frame[LinkOffset + 2] = UnnumberedInformation;
        frame[TypeOffset] = IsChangeNotice ? ChangeNoticeType : ConfigurationType;
        if (IsChangeNotice)
        {
            return;
        }
        frame[FlagsOffset] = (byte)((TopologyChange ? TopologyChangeFlag : 0) | (ChangeAcknowledged ? ChangeAcknowledgedFlag : 0));
        BinaryPrimitives.WriteUInt64BigEndian(frame[22..], Priority.Root);
        BinaryPrimitives.WriteUInt32BigEndian(frame[30..], Priority.Cost);
        BinaryPrimitives.WriteUInt64BigEndian(frame[34..], Priority.Bridge);
        BinaryPrimitives.WriteUInt16BigEndian(frame[42..], Priority.Port);
        WriteTime(frame[44..], MessageAge);
        WriteTime(frame[46..], Times.MaxAge);
        WriteTime(frame[48..], Times.Hello);
        WriteTime(frame[50..], Times.ForwardDelay);
    }

    private static Bpdu DecodeConfiguration(ReadOnlySpan<byte> frame)
    {
        byte flags = frame[FlagsOffset];
        BridgePriority priority = new(
            BinaryPrimitives.ReadUInt64BigEndian(frame[22..]),
            BinaryPrimitives.ReadUInt32BigEndian(frame[30..]),
            BinaryPrimitives.ReadUInt64BigEndian(frame[34..]),
            BinaryPrimitives.ReadUInt16BigEndian(frame[42..]));
        BridgeTimes times = new(ReadTime(frame[46..]), ReadTime(frame[48..]), ReadTime(frame[50..]));
        return new Bpdu(
            false, priority, ReadTime(frame[44..]), times, (flags & TopologyChangeFlag) != 0, (flags & ChangeAcknowledgedFlag) != 0);
    }

    private static int ReadTime(ReadOnlySpan<byte> field) => BinaryPrimitives.ReadUInt16BigEndian(field) * 1000 / 256;

    // Rounded up: a message never gets younger on its way.
    private static void WriteTime(Span<byte> field, int milliseconds) =>
        BinaryPrimitives.WriteUInt16BigEndian(field, (ushort)Math.Min(((milliseconds * 256) + 999) / 1000, ushort.MaxValue));
}

/// <summary>What a configuration BPDU claims, in the order of its weight: smaller is better (802.1D-1998 §8.6.2.2).</summary>
/// <param name="Root">Identifier of the bridge taken for the root: 16 bits of priority, then its address.</param>
/// <param name="Cost">Cost of the path to it.</param>
/// <param name="Bridge">Identifier of the bridge that speaks.</param>
/// <param name="Port">Identifier of the port it speaks on.</param>
internal readonly record struct BridgePriority(ulong Root, uint Cost, ulong Bridge, ushort Port) : IComparable<BridgePriority>
{
    public int CompareTo(BridgePriority other)
    {
        int order = Root.CompareTo(other.Root);
        order = order != 0 ? order : Cost.CompareTo(other.Cost);
        order = order != 0 ? order : Bridge.CompareTo(other.Bridge);
        return order != 0 ? order : Port.CompareTo(other.Port);
    }

    public static bool operator <(BridgePriority left, BridgePriority right) => left.CompareTo(right) < 0;

    public static bool operator >(BridgePriority left, BridgePriority right) => left.CompareTo(right) > 0;

    public static bool operator <=(BridgePriority left, BridgePriority right) => left.CompareTo(right) <= 0;

    public static bool operator >=(BridgePriority left, BridgePriority right) => left.CompareTo(right) >= 0;
}
