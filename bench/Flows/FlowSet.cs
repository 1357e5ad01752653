using System.Buffers.Binary;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Flows;

/// <summary>A flow entry to install.</summary>
internal readonly record struct BenchEntry(FlowMatch Match, ushort Priority);

/// <summary>A table's content and traffic that matches it, both the same in every run.</summary>
internal abstract class FlowSet
{
    /// <summary>Source and destination of frames whose entries do not care.</summary>
    protected const ulong DlSrc = 0x0200_0000_0001;
    protected const ulong DlDst = 0x0200_0000_0002;

    private const uint SourceNet = 0x0a00_0000;
    private const uint DestinationNet = 0x0b00_0000;
    private const uint NetMask = 0x00ff_ffff;

    /// <summary>Bits of nw_src, nw_dst, tp_src and tp_dst that a flow's entry leaves open: twelve bytes, network order.</summary>
    private readonly byte[] _freeBits = new byte[12];

    protected FlowSet(int trafficFlows) => TrafficFlows = trafficFlows;

    /// <summary>Different flows in the traffic.</summary>
    public int TrafficFlows { get; }

    /// <summary>Entries of the table.</summary>
    public abstract IEnumerable<BenchEntry> Entries { get; }

    /// <summary>The headers of a flow's packets.</summary>
    /// <param name="flow">From 0 to <see cref="TrafficFlows"/> - 1.</param>
    public abstract FlowHeaders FieldsOf(int flow);

    /// <summary>The port a flow's packets come in by, of the ports 1 to <paramref name="inputs"/>.</summary>
    public static ushort InPortOf(int flow, int inputs) => (ushort)((flow % inputs) + 1);

    /// <summary>The match of the entry that is meant for a flow, to find the bits that it leaves open.</summary>
    public abstract FlowMatch MatchOf(int flow);

    /// <summary>Bits of nw_src, nw_dst, tp_src, tp_dst a flow's packets may have any value in; valid until the next call.</summary>
    public byte[] FreeBitsOf(int flow)
    {
        FlowMatch match = MatchOf(flow);
        byte protocol = FieldsOf(flow).NwProto;
        bool hasPorts = protocol is IpProtocol.Tcp or IpProtocol.Udp;
        BinaryPrimitives.WriteUInt32BigEndian(_freeBits, LowBits(match.NwSrcWildBits));
        BinaryPrimitives.WriteUInt32BigEndian(_freeBits.AsSpan(4), LowBits(match.NwDstWildBits));
        BinaryPrimitives.WriteUInt16BigEndian(_freeBits.AsSpan(8), OpenPort(match, hasPorts, FlowWildcards.TpSrc));
        BinaryPrimitives.WriteUInt16BigEndian(_freeBits.AsSpan(10), OpenPort(match, hasPorts, FlowWildcards.TpDst));
        return _freeBits;
    }

    /// <summary>A frame for each of these flows, in the same memory one after the other.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> FramesOf(IEnumerable<int> flows, int length)
    {
        byte[] frame = new byte[length];
        foreach (int flow in flows)
        {
            FieldsOf(flow).Write(frame);
            yield return frame;
        }
    }

    /// <summary>Fields that differ from flow to flow in addresses and source port, as those of many users of one service.</summary>
    protected static FlowHeaders Distinct(int flow)
    {
        ulong mixed = (ulong)(uint)flow * 0x9e37_79b9_7f4a_7c15;
        return new FlowHeaders(
            DlSrc, DlDst, IpProtocol.Udp, SourceNet | ((uint)flow & NetMask), DestinationNet | ((uint)(mixed >> 40) & NetMask),
            (ushort)(1024 + ((mixed >> 20) & 0x7fff)), 53);
    }

    private static uint LowBits(int count) => (uint)((1UL << count) - 1);

    private static ushort OpenPort(in FlowMatch match, bool hasPorts, FlowWildcards port) =>
        hasPorts && (match.Wildcards & port) != 0 ? ushort.MaxValue : (ushort)0;
}
