using Softswitch.Datapath.Ports;

namespace Softswitch.OfAgent.Wire;

/// <summary>The rarer counters of struct ofp_port_stats; <see cref="Unsupported"/> where a switch does not count.</summary>
internal readonly record struct PortErrorCounters(ulong FrameErrors, ulong OverrunErrors, ulong CrcErrors, ulong Collisions)
{
    /// <summary>What a counter that is not kept reads as (OpenFlow 1.0.0 §5.3.5: all ones).</summary>
    public const ulong Unsupported = ulong.MaxValue;
}

/// <summary>OFPST_PORT (OpenFlow 1.0.0 §5.3.5).</summary>
/// <remarks>
/// <code>
/// request  0         2     8     entry  0         2     8
///          | port_no | pad |            | port_no | pad | twelve 64-bit counters | (104 bytes)
/// </code>
/// </remarks>
internal static class PortStatsMessage
{
    public const int RequestBodySize = 8;
    public const int EntrySize = 104;

    /// <param name="port">A port, or NONE for all.</param>
    public static void WriteRequest(OfBuffer buffer, uint xid, ushort port) =>
        StatsMessage.Request(buffer, xid, OfStatsType.Port, RequestBodySize).UInt16(port);

    /// <param name="body">A request's body.</param>
    public static bool TryDecodeRequest(ReadOnlySpan<byte> body, out ushort port, out OfError error)
    {
        port = new OfReader(body).UInt16();
        return OfMessage.HasLength(body, RequestBodySize, out error);
    }

    /// <summary>Adds an entry; the counters of <see cref="PortErrorCounters"/> say that they are not kept.</summary>
    public static void WriteEntry(OfBuffer buffer, in PortStatistics statistics)
    {
        OfWriter writer = new(buffer.Append(EntrySize));
        writer.UInt16(statistics.PortNumber);
        writer.Pad(6);
        writer.UInt64(statistics.ReceivedPackets);
        writer.UInt64(statistics.TransmittedPackets);
        writer.UInt64(statistics.ReceivedBytes);
        writer.UInt64(statistics.TransmittedBytes);
        writer.UInt64(statistics.ReceiveDropped);
        writer.UInt64(statistics.TransmitDropped);
        writer.UInt64(statistics.ReceiveErrors);
        writer.UInt64(statistics.TransmitErrors);
        writer.UInt64(PortErrorCounters.Unsupported);
        writer.UInt64(PortErrorCounters.Unsupported);
        writer.UInt64(PortErrorCounters.Unsupported);
        writer.UInt64(PortErrorCounters.Unsupported);
    }

    /// <summary>Takes one entry off a reply's body. Counters the switch does not keep are all ones.</summary>
    /// <returns>False at the end; also where less than an entry is left, and then <paramref name="body"/> is not empty.</returns>
    public static bool TryReadEntry(ref ReadOnlySpan<byte> body, out PortStatistics statistics, out PortErrorCounters errors)
    {
        statistics = default;
        errors = default;
        if (!StatsMessage.TryTake(ref body, EntrySize, out OfReader reader))
        {
            return false;
        }
        statistics.PortNumber = reader.UInt16();
        reader.Skip(6);
        statistics.ReceivedPackets = reader.UInt64();
        statistics.TransmittedPackets = reader.UInt64();
        statistics.ReceivedBytes = reader.UInt64();
        statistics.TransmittedBytes = reader.UInt64();
        statistics.ReceiveDropped = reader.UInt64();
        statistics.TransmitDropped = reader.UInt64();
        statistics.ReceiveErrors = reader.UInt64();
        statistics.TransmitErrors = reader.UInt64();
        errors = new PortErrorCounters(reader.UInt64(), reader.UInt64(), reader.UInt64(), reader.UInt64());
        return true;
    }
}
