namespace Softswitch.OfAgent.Wire;

/// <summary>enum ofp_stats_types (OpenFlow 1.0.0 §5.3.5).</summary>
public enum OfStatsType : ushort
{
    /// <summary>OFPST_DESC.</summary>
    Description = 0,

    /// <summary>OFPST_FLOW.</summary>
    Flow = 1,

    /// <summary>OFPST_AGGREGATE.</summary>
    Aggregate = 2,

    /// <summary>OFPST_TABLE.</summary>
    Table = 3,

    /// <summary>OFPST_PORT.</summary>
    Port = 4,

    /// <summary>OFPST_QUEUE.</summary>
    Queue = 5,

    /// <summary>OFPST_VENDOR.</summary>
    Vendor = 0xffff,
}

/// <summary>What surrounds every kind of statistics: OFPT_STATS_REQUEST and OFPT_STATS_REPLY (OpenFlow 1.0.0 §5.3.5).</summary>
/// <remarks>
/// <code>
/// 0        8      10      12
/// | header | type | flags | body ...
/// </code>
/// A reply is built with <see cref="BeginReply"/>, the kind's own WriteEntry as often as needed, and <see cref="EndReply"/>.
/// </remarks>
internal static class StatsMessage
{
    public const int HeaderSize = 12;

    /// <summary>OFPSF_REPLY_MORE: more replies follow with the same xid.</summary>
    public const ushort ReplyMore = 1;

    /// <summary>Writes a request that has no body: description and table statistics.</summary>
    public static void WriteRequest(OfBuffer buffer, uint xid, OfStatsType type) => Request(buffer, xid, type, 0);

    /// <summary>Decodes a request or a reply down to its body.</summary>
    public static bool TryDecode(
        ReadOnlySpan<byte> message, out OfStatsType type, out ushort flags, out ReadOnlySpan<byte> body, out OfError error)
    {
        OfReader reader = OfReader.Body(message);
        type = (OfStatsType)reader.UInt16();
        flags = reader.UInt16();
        body = reader.Rest;
        return OfMessage.HasAtLeast(message, HeaderSize, out error);
    }

    /// <summary>Starts a reply at the buffer's end.</summary>
    /// <returns>Where it starts, for <see cref="EndReply"/>.</returns>
    public static int BeginReply(OfBuffer buffer, uint xid, OfStatsType type)
    {
        int start = buffer.Length;
        buffer.Message(OfType.StatsReply, xid, HeaderSize).UInt16((ushort)type);
        return start;
    }

    /// <summary>Ends the reply that starts at <paramref name="start"/>.</summary>
    /// <param name="more">Whether OFPSF_REPLY_MORE is set.</param>
    /// <exception cref="ArgumentOutOfRangeException">More entries were written than a message can hold.</exception>
    public static void EndReply(OfBuffer buffer, int start, bool more = false)
    {
        buffer.PatchLength(start);
        buffer.PatchUInt16(start + 10, more ? ReplyMore : (ushort)0);
    }

    /// <summary>Starts a request with a body of <paramref name="bodyLength"/> bytes.</summary>
    internal static OfWriter Request(OfBuffer buffer, uint xid, OfStatsType type, int bodyLength)
    {
        OfWriter writer = buffer.Message(OfType.StatsRequest, xid, HeaderSize + bodyLength);
        writer.UInt16((ushort)type);
        writer.Pad(2);
        return writer;
    }

    /// <summary>Takes one entry of fixed size off <paramref name="body"/>.</summary>
    /// <returns>False at the end and where less than an entry is left; then <paramref name="body"/> is not empty.</returns>
    internal static bool TryTake(ref ReadOnlySpan<byte> body, int size, out OfReader entry)
    {
        if (body.Length < size)
        {
            entry = default;
            return false;
        }
        entry = new OfReader(body[..size]);
        body = body[size..];
        return true;
    }
}
