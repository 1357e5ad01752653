namespace Softswitch.OfAgent.Wire;

/// <summary>OFPST_VENDOR (OpenFlow 1.0.0 §5.3.5): a vendor's number, then what the vendor likes.</summary>
internal static class VendorStatsMessage
{
    public static void WriteRequest(OfBuffer buffer, uint xid, uint vendor, ReadOnlySpan<byte> body)
    {
        OfWriter writer = StatsMessage.Request(buffer, xid, OfStatsType.Vendor, 4 + body.Length);
        writer.UInt32(vendor);
        writer.Bytes(body);
    }

    /// <summary>Adds the body of a reply.</summary>
    public static void WriteEntry(OfBuffer buffer, uint vendor, ReadOnlySpan<byte> body)
    {
        OfWriter writer = new(buffer.Append(4 + body.Length));
        writer.UInt32(vendor);
        writer.Bytes(body);
    }

    /// <param name="statsBody">The body of a request or reply.</param>
    public static bool TryDecode(ReadOnlySpan<byte> statsBody, out uint vendor, out ReadOnlySpan<byte> body, out OfError error)
    {
        OfReader reader = new(statsBody);
        vendor = reader.UInt32();
        body = reader.Rest;
        return OfMessage.HasAtLeast(statsBody, 4, out error);
    }
}
