using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;

namespace Softswitch.OfAgent.Wire;

/// <summary>OFPT_FLOW_REMOVED (OpenFlow 1.0.0 §5.4.2).</summary>
/// <remarks>
/// <code>
/// 0        8       48       56         58       59    60             64              68             70     72             80           88
/// | header | match | cookie | priority | reason | pad | duration_sec | duration_nsec | idle_timeout | pad2 | packet_count | byte_count |
/// </code>
/// </remarks>
internal static class FlowRemovedMessage
{
    public const int Size = 88;

    public static void Write(OfBuffer buffer, uint xid, in FlowRemoved removed)
    {
        OfWriter writer = buffer.Message(OfType.FlowRemoved, xid, Size);
        OfMatch.Write(ref writer, removed.Match);
        writer.UInt64(removed.Cookie);
        writer.UInt16(removed.Priority);
        writer.UInt8((byte)removed.Reason);
        writer.Pad(1);
        OfMessage.WriteDuration(ref writer, removed.Duration);
        writer.UInt16(removed.IdleTimeoutSeconds);
        writer.Pad(2);
        writer.UInt64(removed.PacketCount);
        writer.UInt64(removed.ByteCount);
    }

    public static bool TryDecode(ReadOnlySpan<byte> message, out FlowRemoved removed, out OfError error)
    {
        OfReader reader = OfReader.Body(message);
        FlowMatch match = OfMatch.Read(ref reader);
        ulong cookie = reader.UInt64();
        ushort priority = reader.UInt16();
        FlowRemovedReason reason = (FlowRemovedReason)reader.UInt8();
        reader.Skip(1);
        TimeSpan duration = OfMessage.ReadDuration(ref reader);
        ushort idle = reader.UInt16();
        reader.Skip(2);
        removed = new FlowRemoved(match, cookie, priority, reason, duration, idle, reader.UInt64(), reader.UInt64());
        return OfMessage.HasLength(message, Size, out error);
    }
}
